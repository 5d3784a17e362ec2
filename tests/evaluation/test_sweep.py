"""Thresholds of the six-zone score, swept over tables of zones."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hilum.cli.app import app
from hilum.errors import ReadError, SettingsError
from hilum.evaluation.sweep import (
    COLUMNS,
    MEASURES,
    THRESHOLDS,
    ZoneTable,
    put_on_card,
    read_zones,
    sweep,
    write_sweep,
    write_zones,
)
from hilum.evaluation.sweep_plot import as_html
from hilum.image import Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import Card, ImageInput, Output, read_card
from hilum.models.card_writer import write_card
from hilum.segmentation.zones import ZONES

metrics = pytest.importorskip("sklearn.metrics")


def films(count=23, seed=3):
    """Films whose readers count a zone from a ratio of 0.31 on, with some noise."""
    rng = np.random.default_rng(seed)
    ratios = rng.random((count, 6)) * (rng.random((count, 1)) > 0.3)
    noise = rng.choice([0.0, 0.5, -0.5], count)
    reference = np.clip((ratios > 0.31).sum(axis=1) + noise, 0, 6)
    names = tuple(f"film-{n}" for n in range(count))
    return ZoneTable(names, tuple(f"patient-{n // 2}" for n in range(count)), ("val",) * count, reference, ratios)


def test_every_measure_is_that_of_another_library_at_every_threshold() -> None:
    table = films()
    result = sweep(table)
    for place in range(0, 101, 7):
        score = np.array([sum(ratio > THRESHOLDS[place] for ratio in row) for row in table.ratios], dtype=float)
        expected = {
            "mae": metrics.mean_absolute_error(table.reference, score),
            "mse": metrics.mean_squared_error(table.reference, score),
            "rmse": metrics.mean_squared_error(table.reference, score) ** 0.5,
            "r2": metrics.r2_score(table.reference, score),
        }
        for name, value in expected.items():
            assert result.curves[name][place] == pytest.approx(value, abs=1e-12), (name, place)


def test_kappa_of_whole_scores_is_that_of_another_library() -> None:
    table = films()
    whole = replace(table, reference=np.floor(table.reference))
    result = sweep(whole)
    for place in (10, 31, 60):
        score = table.scores(float(THRESHOLDS[place]))
        expected = metrics.cohen_kappa_score(whole.reference, score, labels=range(7), weights="quadratic")
        assert result.curves["kappa"][place] == pytest.approx(expected, abs=1e-12)


def test_the_best_threshold_is_the_one_that_readers_used() -> None:
    table = films(101)
    exact = replace(table, reference=table.scores(0.31))
    result = sweep(exact)
    assert all(abs(chosen - 0.31) <= 0.01 for chosen in result.chosen.values())
    assert set(result.chosen) == set(MEASURES)
    found = result.at_best["mae"]
    assert (found.estimate, found.low, found.high, found.n_cases, found.n_patients) == (0, 0, 0, 101, 51)


def test_a_zone_at_the_threshold_does_not_count() -> None:
    table = ZoneTable(("a",), ("a",), ("val",), np.array([1.0]), np.array([[0.5, 0.51, 0, 0, 0, 0]]))
    assert table.scores(0.5).tolist() == [1.0]
    assert table.scores(0.0).tolist() == [2.0]


@given(st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=7))
def test_scores_never_rise_with_the_threshold(rows) -> None:
    table = ZoneTable(("a",) * len(rows), ("a",) * len(rows), ("val",) * len(rows), np.zeros(len(rows)), np.array(rows))
    scores = np.array([table.scores(float(threshold)) for threshold in THRESHOLDS])
    assert (np.diff(scores, axis=0) <= 0).all()
    assert (scores[-1] == 0).all()


def test_what_cannot_be_measured_is_not_chosen() -> None:
    table = ZoneTable(("a", "b"), ("a", "b"), ("val",) * 2, np.array([2.0, 2.0]), np.zeros((2, 6)))
    result = sweep(table)
    assert isinstance(result.curves["r2"][0], NotMeasured)
    assert "r2" not in result.chosen
    assert result.chosen["mae"] == 0.5  # all are equally good: the middle


def rows_of(table):
    for n, name in enumerate(table.cases):
        zones = {zone: f"{ratio:.6f}" for zone, ratio in zip(ZONES, table.ratios[n], strict=True)}
        yield {"case": name, "patient": table.patients[n], "split": "val", "reference": table.reference[n]} | zones


def test_a_table_comes_back_as_it_was_written(tmp_path) -> None:
    table = films()
    unmeasured = dict.fromkeys(ZONES, "") | {"case": "empty", "patient": "x", "split": "val", "reference": 3}
    write_zones(tmp_path / "zones.csv", [*rows_of(table), unmeasured])
    found = read_zones(tmp_path / "zones.csv")
    assert found.cases == table.cases
    assert np.allclose(found.ratios, table.ratios, atol=1e-6)
    assert found.unmeasured == ("empty",)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [("reference", "7", "expected 0 to 6"), ("left-lower", "1.2", "expected 0 to 1"), ("left-lower", "x", "'x'")],
)
def test_numbers_out_of_range_are_refused(tmp_path, column, value, told) -> None:
    rows = [row | {column: value} for row in rows_of(films(2))]
    write_zones(tmp_path / "zones.csv", rows)
    with pytest.raises(ReadError, match=told):
        read_zones(tmp_path / "zones.csv")


def test_a_missing_column_is_named(tmp_path) -> None:
    (tmp_path / "zones.csv").write_text(",".join(COLUMNS[:-1]) + "\n")
    with pytest.raises(ReadError, match="left-lower"):
        read_zones(tmp_path / "zones.csv")


def test_a_split_without_films_is_an_error() -> None:
    with pytest.raises(SettingsError, match="'train'; found: val"):
        films().of_split("train")


def test_curves_are_written_with_a_row_a_threshold(tmp_path) -> None:
    result = sweep(films())
    write_sweep(result, tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["threshold"] for row in rows] == [f"{n / 100:.2f}" for n in range(101)]
    assert float(rows[31]["mae"]) == pytest.approx(result.curves["mae"][31], abs=1e-6)


def test_the_page_has_a_curve_for_each_measure_and_the_mark() -> None:
    page = as_html(sweep(films()), "a <network>", 0.31)
    assert page.count('stroke-width="2"') == len(MEASURES)
    assert "a &lt;network&gt;" in page
    assert "stroke-dasharray" in page
    assert "stroke-dasharray" not in as_html(sweep(films()), "none")


def card_in(folder, task):
    folder.mkdir()
    spec = ImageInput("film", ("batch", 1, 8, 8), Quantity.RADIOGRAPH, (8, 8), (0.0,), (1.0,))
    outputs = {"lesions": Output(("batch", 1, 8, 8), "sigmoid", ("opacity",))}
    thresholds = {"disease": 0.4, "six-zone": 0.5}
    texts = ("1", task, "Test", "0" * 64, "Apache-2.0", "none", "Tests.", ())
    write_card(Card(folder.name, *texts, spec, outputs, thresholds=thresholds), folder / "card.toml")
    return folder


def test_the_chosen_threshold_goes_on_the_card_and_nothing_else_changes(tmp_path) -> None:
    folder = card_in(tmp_path / "net", "cxr-lesions")
    put_on_card(folder, 0.27)
    assert dict(read_card(folder / "card.toml").thresholds) == {"disease": 0.4, "six-zone": 0.27}


def test_a_lung_network_takes_no_such_threshold(tmp_path) -> None:
    with pytest.raises(SettingsError, match="cxr-lungs"):
        put_on_card(card_in(tmp_path / "net", "cxr-lungs"), 0.27)


def test_the_command_sweeps_writes_and_changes_the_card(tmp_path) -> None:
    write_zones(tmp_path / "zones.csv", list(rows_of(films())))
    folder = card_in(tmp_path / "net", "cxr-lesions")
    chosen = ["evaluate", "thresholds", str(tmp_path / "zones.csv"), "-o", str(tmp_path / "out"), "--card", str(folder)]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 0, told.output
    assert "23 films" in told.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"thresholds.csv", "thresholds.html"}
    assert read_card(folder / "card.toml").threshold("six-zone") == sweep(films()).chosen["mae"]


def test_the_command_needs_one_source() -> None:
    assert CliRunner().invoke(app, ["evaluate", "thresholds"]).exit_code == 2


def test_the_command_needs_films_that_readers_scored(tmp_path) -> None:
    columns = "case,source,patient,finding,view,lungs,lesions,aspect_w_over_h,width,height,licence,split"
    (tmp_path / "cases.csv").write_text(f"{columns}\na,x,p,No finding,PA,False,False,1,64,64,none,val\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    told = CliRunner().invoke(app, ["evaluate", "thresholds", "--data", str(tmp_path)])
    assert told.exit_code == 1
    assert "of 1 film in the split 'val' none has a six-zone score by a reader" in told.stderr

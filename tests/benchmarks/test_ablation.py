"""The ablation on phantoms: scans that differ, recipes that differ in nothing else, and a whole run of seconds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import ablation
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("default")  # lightning and the exporter of torch deprecate their own parts

TINY = {
    "network.filters": 2,
    "network.halvings": 2,
    "patches.size": [8, 16, 16],
    "patches.overlap": [2, 4, 4],
    "patches.spacing_mm": [40.0, 24.0, 24.0],
    "length.steps": 1,
}


def test_scans_differ_in_spacing_and_density_and_come_again_from_their_seeds() -> None:
    first, second = ablation.phantom(3, coarser=3.0), ablation.phantom(4, coarser=3.0)
    again = ablation.phantom(3, coarser=3.0)
    assert first[2].spacing_mm != second[2].spacing_mm
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    for density, classes, grid in (first, second):
        assert density.shape == classes.shape == grid.shape
        assert set(np.unique(classes)) == {0, 1, 2, 3}
        assert density[classes == 3].mean() > density[np.isin(classes, (1, 2))].mean()
    lungs = [float(density[np.isin(classes, (1, 2))].mean()) for density, classes, _ in (first, second)]
    assert abs(lungs[0] - lungs[1]) > 10


def test_the_left_lung_lies_at_the_higher_columns() -> None:
    _, classes, _ = ablation.phantom(5, coarser=3.0)
    left, right = (np.nonzero(classes == number)[2].mean() for number in (1, 2))
    assert left > right


def test_a_table_holds_means_intervals_and_medians() -> None:
    dices = {"a": "0.5", "b": "0.7", "c": "0.9"}
    rows = [{"recipe": "miscnn-3d", "case": case, "structure": "lungs", "dice": dice} for case, dice in dices.items()]
    (line,) = ablation.summary(rows, {"miscnn-3d": 11})
    assert line["steps"] == 11
    assert line["lungs"].startswith("0.700 (0.")
    assert line["lungs"].endswith("; 3), median 0.700")
    assert "infection" not in line


@pytest.mark.train
def test_recipes_differ_by_what_the_ablation_takes_away_and_by_nothing_else() -> None:
    pytest.importorskip("torch")
    from hilum.training.library import as_table

    full, *ablated = (as_table(ablation.recipe_of(name)) for name in ablation.RECIPES)
    unlike = [{key for key in full if full[key] != each.get(key)} - {"name"} for each in ablated]
    assert unlike == [{"augment"}, {"window_hu", "patches"}, {"augment", "window_hu", "patches"}]
    assert full["patches"]["size"] == ablated[-1]["patches"]["size"]
    assert full["patches"]["spacing_mm"] == ablation.COARSE_MM
    assert ablated[-1]["patches"]["spacing_mm"] == [0, 0, 0]


@pytest.mark.train
def test_a_training_ends_when_its_time_is_spent_and_knows_what_was_spent_before_it_was_killed() -> None:
    pytest.importorskip("lightning")
    from types import SimpleNamespace

    trainer = SimpleNamespace(should_stop=False, global_step=5)
    clock = ablation.clock(60.0)
    clock.on_train_start(trainer, None)
    clock.on_train_batch_end(trainer, None)
    assert not trainer.should_stop
    clock.load_state_dict({"spent": 61.0})
    clock.on_train_batch_end(trainer, None)
    assert trainer.should_stop
    assert clock.steps == 5
    assert clock.state_dict()["spent"] >= 61.0


@pytest.mark.train
def test_a_run_writes_cases_table_and_plot_and_is_not_done_twice(tmp_path: Path) -> None:
    for needed in ("torch", "monai", "matplotlib", "onnx"):
        pytest.importorskip(needed)
    how = [str(tmp_path), "--minutes", "0.01", "--volumes", "2", "--tests", "2", "--coarser", "3"]
    how += ["--only", "miscnn-3d-no-augmentation", "miscnn-3d-neither"]
    assert ablation.main(how, TINY) == 0
    with (tmp_path / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * len(ablation.STRUCTURES)
    assert all(0 <= float(row["dice"]) <= 1 for row in rows)
    told = json.loads((tmp_path / "ablation.json").read_text(encoding="utf-8"))
    assert [each["steps"] for each in told["recipes"].values()] == [1, 1]
    assert (tmp_path / "ablation.svg").read_bytes().lstrip().startswith(b"<?xml")
    weights = tmp_path / "miscnn-3d-neither" / "weights.pt"
    written = weights.stat().st_mtime_ns
    assert ablation.main(how, TINY) == 0
    assert weights.stat().st_mtime_ns == written
    with pytest.raises(SystemExit, match="other conditions"):
        ablation.main([*how, "--minutes", "0.02"], TINY)

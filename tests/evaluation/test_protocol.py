"""The evaluation of films, on a made-up folder and a made-up analysis."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.case import Case
from hilum.datasets.films import BrixiaReading, FilmCase
from hilum.errors import NotAnImage, ReadError
from hilum.evaluation.figures import FIGURES, Figure, is_of_use, observe
from hilum.evaluation.protocol import evaluate_films
from hilum.evaluation.table import as_json, as_markdown, as_text
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.provenance import ModelRef, Source, Step
from hilum.scoring import score
from hilum.segmentation.zones import ZONES

SHAPE = (12, 11)
NETWORK = ModelRef("a-network", "1.0", "0" * 64)


def chest():
    """Each lung 9 rows by 4 columns."""
    lungs = np.zeros(SHAPE, dtype=np.uint8)
    lungs[1:10, 1:5] = 1
    lungs[1:10, 6:10] = 2
    return lungs


def lesion(zones):
    """Ground-glass in so many zones, from the right upper one downwards, then on the left."""
    made = np.zeros(SHAPE, dtype=np.uint8)
    for number in range(zones):
        side, third = divmod(number, 3)
        made[1 + 3 * third : 4 + 3 * third, 1 + 5 * side : 5 + 5 * side] = 1
    return made


def made_case(path, lungs=None, lesions=None, brixia=1.0, fields=None):
    grid = PlaneGrid(SHAPE)
    origin = Step("analyse", {}, (Source(path.name, "0" * 64),), NETWORK)
    lungs = LabelMap(chest() if lungs is None else lungs, grid, LUNGS, origin)
    lesions = LabelMap(lesion(0) if lesions is None else lesions, grid, LESIONS, origin)
    return Case(
        name=path.stem,
        image=Image(np.zeros(SHAPE, np.uint8), grid, Quantity.RADIOGRAPH, origin),
        lungs=lungs,
        lesions=lesions,
        disease=NotMeasured("not asked for"),
        scores=score(lungs, lesions, brixia=dict.fromkeys(ZONES, brixia)),
        findings=(),
        provenance=origin,
        lung_fields=None if fields is None else LabelMap(fields, grid, LUNGS, origin),
    )


def film(name="one", **known):
    known = {"patient": name, "split": "test", "layout": "scored", "source": "made", "finding": "COVID-19"} | known
    return FilmCase(case=name, view="", image=Path(f"{name}.jpg"), **known)


@pytest.fixture
def mask(tmp_path):
    """Write a mask and give its path."""

    def write(labels, name="mask"):
        path = tmp_path / f"{name}.png"
        Picture.fromarray(labels).save(path)
        return path

    return write


def values(film, result):
    return {item.figure: item.value for item in observe(film, result)}


def failures(film, result):
    return {item.figure: item.failure for item in observe(film, result)}


class TestObserve:
    def test_lungs(self, mask):
        one = film(lungs=mask(chest()), lungs_union=mask((chest() > 0).astype(np.uint8), "union"))
        assert values(one, made_case(one.image)) == dict.fromkeys(
            ("lungs-union", "lungs-right", "lungs-left", "lungs-union-v7"), 1.0
        )

    def test_exchanged_sides_have_the_union_right_and_no_side(self, mask):
        one = film(lungs=mask(chest()))
        swapped = made_case(one.image, lungs=np.array([0, 2, 1], np.uint8)[chest()])
        assert values(one, swapped) == {"lungs-union": 1, "lungs-right": 0, "lungs-left": 0}
        assert set(failures(one, swapped).values()) == {""}

    def test_lung_fields_are_compared_with_lung_fields_only(self, mask):
        one = film(layout="fields", lung_fields=mask(chest()))
        whole = made_case(one.image, fields=chest())
        assert values(one, whole) == dict.fromkeys(("fields-union", "fields-right", "fields-left"), 1.0)
        assert {item.group for item in observe(one, whole)} == {"made"}
        without = made_case(one.image)
        assert set(values(one, without).values()) == {0}
        assert set(failures(one, without).values()) == {"no such mask was made"}

    def test_lesions_are_ground_glass_and_consolidation_together(self, mask):
        reference = lesion(2)
        reference[1:4, 1:5] = 2
        reference[9, 6:10] = 3
        reference[8, 6:10] = 4
        one = film(lesions=mask(reference))
        assert values(one, made_case(one.image, lesions=lesion(2))) == {"lesions-opacity": 1}
        assert values(one, made_case(one.image, lesions=lesion(1))) == {"lesions-opacity": pytest.approx(2 / 3)}
        assert values(one, made_case(one.image, lesions=lesion(0))) == {"lesions-opacity": 0}

    @pytest.mark.parametrize("label", [0, 3, 4])
    def test_a_reference_without_opacity_does_not_count(self, mask, label):
        one = film(lesions=mask(np.full(SHAPE, label, np.uint8)))
        assert values(one, made_case(one.image, lesions=lesion(2))) == {}

    @pytest.mark.parametrize(("zones", "value"), [(0, 1), (1, 0), (6, 0)])
    @pytest.mark.parametrize("layout", ["scored", "fields"])
    def test_healthy_films(self, zones, value, layout):
        one = film(finding="No finding", layout=layout)
        (made,) = observe(one, made_case(one.image, lesions=lesion(zones)))
        assert (made.figure, made.group, made.value, made.failure) == ("healthy-zero", layout, value, "")

    def test_scores_against_readers(self):
        one = film(
            six_zone_r=4.0,
            six_zone_d=5.0,
            brixia_senior=BrixiaReading((1,) * 6, 6),
            brixia_junior=BrixiaReading((0,) * 6, 0),
            geographic_extent=2.3,
        )
        assert values(one, made_case(one.image, lesions=lesion(3), brixia=2.0)) == {
            "six-zone-error": 1.5,
            "six-zone-readers": 1,
            "brixia-error": 6,
            "brixia-readers": 6,
            "geographic-extent-error": pytest.approx(1.7),
        }

    def test_one_reader_is_a_reference_and_no_pair(self):
        one = film(six_zone_d=1.0, brixia_senior=BrixiaReading((1,) * 6, 6))
        assert set(values(one, made_case(one.image))) == {"six-zone-error", "brixia-error"}

    def test_scores_of_healthy_films_are_no_diseased_ones(self):
        one = film(finding="No finding", six_zone_r=0.0, six_zone_d=1.0)
        assert set(values(one, made_case(one.image))) == {"healthy-zero"}

    def test_a_failed_film_has_the_worst_of_everything(self, mask):
        error = NotAnImage("no pixels")
        diseased = film(
            lungs=mask(chest()),
            lungs_union=mask(chest(), "union"),
            lung_fields=mask(chest(), "fields"),
            lesions=mask(lesion(3), "lesions"),
            six_zone_r=2.0,
            brixia_senior=BrixiaReading((2,) * 6, 12),
            geographic_extent=4.0,
        )
        worst = {"six-zone-error": 4, "brixia-error": 12, "geographic-extent-error": 4}
        made = values(diseased, error)
        assert {name: made.pop(name) for name in worst} == worst
        assert set(made.values()) == {0}
        assert set(failures(diseased, error).values()) == {"no pixels"}
        assert values(film(finding="No finding"), error) == {"healthy-zero": 0}

    def test_a_score_that_was_not_measured_is_a_failure(self):
        one_lung = made_case(Path("x.jpg"), lungs=chest() * (chest() == 1))
        reason = "the left lung was not found"
        assert failures(film(six_zone_r=5.0), one_lung) == {"six-zone-error": reason}
        assert values(film(six_zone_r=5.0), one_lung) == {"six-zone-error": 5}
        assert failures(film(finding="No finding"), one_lung) == {"healthy-zero": reason}
        assert values(film(finding="No finding"), one_lung) == {"healthy-zero": 0}

    def test_a_score_that_is_not_there_is_a_failure(self):
        bare = replace(made_case(Path("x.jpg")), scores={})
        assert failures(film(geographic_extent=1.0), bare) == {
            "geographic-extent-error": "there is no score 'geographic-extent'"
        }

    def test_a_mask_of_another_shape_is_a_failure(self, mask):
        one = film(lungs_union=mask(chest()[:7]))
        made = failures(one, made_case(one.image))
        assert made == {"lungs-union-v7": "the mask has the shape (12, 11) and the reference (7, 11)"}

    def test_a_side_that_neither_has_is_a_failure_to_look_into(self, mask):
        right = chest() * (chest() == 1)
        one = film(lungs=mask(right))
        assert failures(one, made_case(one.image, lungs=right)) == {
            "lungs-union": "",
            "lungs-right": "",
            "lungs-left": "both masks are empty",
        }

    def test_a_broken_reference_is_the_fault_of_the_data(self, tmp_path):
        with pytest.raises(ReadError, match="Cannot read the mask"):
            list(observe(film(lungs=tmp_path / "none.png"), made_case(Path("x.jpg"))))

    def test_only_films_with_a_reference_are_of_use(self):
        assert not is_of_use(film())
        assert not is_of_use(film(opacity=3.0, infection=Path("coarse.png")))
        assert is_of_use(film(finding="No Finding"))
        assert is_of_use(film(six_zone_r=0.0))
        assert is_of_use(film(geographic_extent=0.0))


class TestFigures:
    def test_ids_are_stable_and_goals_are_those_set(self):
        assert {name: FIGURES[name].goal for name in FIGURES if FIGURES[name].goal} == {
            "lungs-union": 0.955,
            "lungs-right": 0.945,
            "lungs-left": 0.945,
            "lungs-union-v7": 0.955,
            "lesions-opacity": 0.75,
            "healthy-zero": 0.95,
            "six-zone-error": 0.70,
            "brixia-error": 2.4,
        }

    def test_a_goal_is_reached_at_its_edge_from_the_right_side(self):
        dice, error = Figure("a", "", 0.75), Figure("b", "", 0.7, is_error=True)
        assert [dice.is_reached(value) for value in (0.74, 0.75, 0.76)] == [False, True, True]
        assert [error.is_reached(value) for value in (0.69, 0.7, 0.71)] == [True, True, False]
        assert Figure("c", "").is_reached(1.0) is None


def diseased(*, patients, zones):
    return [film(f"d{n}", patient=p, six_zone_r=float(z)) for n, (p, z) in enumerate(zip(patients, zones, strict=True))]


class TestEvaluate:
    def test_means_counts_and_intervals(self):
        films = diseased(patients="aabc", zones=(0, 1, 2, 3))
        made = evaluate_films(films, lambda path: made_case(path, lesions=lesion(1)))
        row = next(row for row in made.rows if row.figure.id == "six-zone-error")
        assert row.value.estimate == 1
        assert (row.value.n_cases, row.value.n_patients) == (4, 3)
        assert row.value.low == 0.5
        assert row.value.high == 2
        assert row.is_reached is False
        assert (made.n_films, made.splits, made.models, made.failures) == (4, ("test",), (NETWORK,), ())

    def test_it_is_repeatable(self):
        films = diseased(patients="abcde", zones=(0, 1, 2, 3, 6))
        one, again = (evaluate_films(films, made_case) for _ in range(2))
        assert one == again

    def test_every_figure_has_a_row_even_without_a_film(self):
        made = evaluate_films([], made_case)
        assert [row.figure.id for row in made.rows] == list(FIGURES)
        assert {row.value for row in made.rows} == {NotMeasured("no film has a reference for it")}
        assert all(row.is_reached is None for row in made.rows)

    def test_groups_follow_their_figure_if_there_is_more_than_one(self):
        films = [film(f"h{n}", finding="No finding", layout=layout) for n, layout in enumerate(("scored", "fields"))]
        both, one = (evaluate_films(chosen, made_case).rows for chosen in (films, films[:1]))
        assert [(row.group, row.value.n_cases) for row in both if row.figure.id == "healthy-zero"] == [
            ("", 2),
            ("fields", 1),
            ("scored", 1),
        ]
        assert [row.group for row in one if row.figure.id == "healthy-zero"] == [""]

    def test_films_of_no_use_are_not_analysed(self):
        made = evaluate_films([film()], lambda path: pytest.fail(f"analysed {path}"))
        assert made.n_films == 0

    def test_a_failure_is_listed_and_counts(self):
        def analyse(path):
            if path.stem == "d1":
                raise NotAnImage("no pixels", path=path)
            return made_case(path, lesions=lesion(2))

        made = evaluate_films(diseased(patients="abc", zones=(2, 2, 2)), analyse)
        row = next(row for row in made.rows if row.figure.id == "six-zone-error")
        assert (row.value.estimate, row.n_failed, row.value.n_cases) == (pytest.approx(4 / 3), 1, 3)
        (failure,) = made.failures
        assert (failure.film, failure.figures, failure.reason) == ("d1", ("six-zone-error",), "no pixels")

    def test_an_error_that_is_not_ours_stops_it(self):
        def analyse(path):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            evaluate_films(diseased(patients="a", zones=(1,)), analyse)


class TestTable:
    @pytest.fixture
    def evaluation(self):
        def analyse(path):
            if path.stem == "h1":
                raise NotAnImage("no pixels")
            return made_case(path, lesions=lesion(1 if path.stem.startswith("d") else 0))

        healthy = [film(f"h{n}", finding="No finding", layout=layout) for n, layout in enumerate(("scored", "fields"))]
        return evaluate_films([*diseased(patients="ab", zones=(1, 2)), *healthy], analyse)

    def test_text(self, evaluation):
        lines = as_text(evaluation).splitlines()
        error = next(line for line in lines if line.startswith("Six-zone score, mean absolute error"))
        assert error.split()[-10:] == ["0.500", "0.000", "to", "1.000", "2", "2", "0", "<=", "0.7", "yes"]
        healthy = [line.split() for line in lines if line.startswith(("Healthy", "- "))]
        assert [cells[-1] for cells in healthy] == ["no", "no", "yes"]
        assert any("no film has a reference for it" in line for line in lines)
        assert lines[-4:] == [
            "Films analysed: 4, of test.",
            "Networks: a-network 1.0.",
            "Results missing: 1. Each counts with the worst value there is.",
            "h1: no pixels (healthy-zero)",
        ]

    def test_markdown(self, evaluation):
        lines = as_markdown(evaluation).splitlines()
        table = [line for line in lines if line.startswith("|")]
        assert len({line.count("|") for line in table}) == 1
        assert len(table) == 2 + len(evaluation.rows)
        assert "| - scored | 1.000 | 1.000 to 1.000 | 1 | 1 | 0 | >= 0.95 | yes |" in table

    def test_json(self, evaluation):
        made = json.loads(json.dumps(as_json(evaluation), allow_nan=False))
        figures = {(item["id"], item["group"]): item for item in made["figures"]}
        assert made["schema"] == "hilum-evaluation-1"
        assert (made["films"], made["splits"]) == (4, ["test"])
        assert made["models"] == [{"name": "a-network", "version": "1.0", "sha256": "0" * 64}]
        assert made["failures"] == [{"film": "h1", "figures": ["healthy-zero"], "reason": "no pixels"}]
        assert figures["six-zone-error", ""] | {"title": ""} == {
            "id": "six-zone-error",
            "group": "",
            "title": "",
            "mean": 0.5,
            "low": 0.0,
            "high": 1.0,
            "films": 2,
            "patients": 2,
            "failed": 0,
            "goal": 0.7,
            "goal_is": "at most",
            "reached": True,
        }
        assert figures["lungs-union", ""]["not_measured"] == "no film has a reference for it"
        assert figures["healthy-zero", ""]["failed"] == 1

    def test_nothing_missing_is_said(self):
        assert as_text(evaluate_films([], made_case)).endswith(
            "Films analysed: 0, of no split.\nResults missing: none.\n"
        )

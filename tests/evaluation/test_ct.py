"""The evaluation of CT, on scans and methods small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.datasets.volumes import SliceLabel
from hilum.errors import ModelError
from hilum.evaluation.bootstrap import Interval
from hilum.evaluation.cards import metrics_of
from hilum.evaluation.ct import evaluate_ct
from hilum.evaluation.ct_figures import BANDS, CLASSICAL
from hilum.evaluation.ct_methods import Method, Methods
from hilum.evaluation.ct_scans import Scan
from hilum.evaluation.table import as_json, as_markdown, as_text
from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.provenance import Step

SHAPE = (3, 7, 11)


def image(shape=SHAPE, quantity=Quantity.WINDOWED_CT) -> Image:
    dtype = np.uint8 if quantity is Quantity.WINDOWED_CT else np.int16
    return Image(np.zeros(shape, dtype), VolumeGrid.of_spacing(shape, (5, 10, 10)), quantity, Step("made"))


def lungs(shape=SHAPE) -> np.ndarray:
    made = np.zeros(shape, np.uint8)
    made[:, 1:6, 1:5], made[:, 1:6, 6:10] = 1, 2
    return made


def lesions(rows: int, shape=SHAPE) -> np.ndarray:
    """Ground-glass in so many rows of the right lung."""
    made = np.zeros(shape, np.uint8)
    made[:, 1 : 1 + rows, 1:5] = 1
    return made


def finds(array):
    """A method that always finds the same."""
    return lambda given: LabelMap(array, given.grid, LUNGS, Step("found"))


def finds_lesions(array):
    return lambda given, inside: LabelMap(array, given.grid, LESIONS, Step("found"))


def judged(found_lungs, found_lesions=None, **more) -> Methods:
    made = None if found_lesions is None else finds_lesions(found_lesions)
    return Methods((Method("", finds(found_lungs), made, **more),))


def scan(source="ma20-slices", patient="p", **more) -> Scan:
    given = {"lungs": lungs(), "lungs_hold": "union", "lesions": lesions(2), "lesions_hold": "infection"} | more
    return Scan(source, f"{patient} scan", patient, given.pop("image", image()), **given)


def evaluate(scans, methods):
    return evaluate_ct([lambda made=made: made for made in scans], methods, split="test")


def rows(evaluation):
    return {(row.figure.id, row.group): row for row in evaluation.rows}


def value(evaluation, figure, group="") -> Interval:
    made = rows(evaluation)[figure, group].value
    assert isinstance(made, Interval)
    return made


class TestDice:
    def test_slices_and_volumes_are_different_means(self):
        found = lesions(2)
        found[0] = 0
        made = evaluate([scan()], judged(lungs(), found))
        assert value(made, "lesions-ma20-slices").estimate == pytest.approx(2 / 3)
        assert value(made, "lesions-ma20-volumes").estimate == pytest.approx(2 * 16 / (16 + 24))
        assert value(made, "lungs-ma20-slices").estimate == 1
        assert value(made, "lungs-ma20-volumes").n_cases == 3

    def test_patients_count_alike_whatever_their_slices(self):
        short = scan(patient="short", image=image((1, 7, 11)), lungs=lungs((1, 7, 11)), lesions=lesions(2, (1, 7, 11)))
        missing = Method("", lambda given: finds(lungs(given.grid.shape))(given),
                         lambda given, _: finds_lesions(lesions(2 if given.grid.shape[0] > 1 else 0,
                                                                given.grid.shape))(given, None))  # fmt: skip
        made = value(evaluate([scan(), short], Methods((missing,))), "lesions-ma20-slices")
        assert (made.estimate, made.n_cases, made.n_patients) == (0.5, 4, 2)
        assert (made.low, made.high) == (0, 1)

    def test_slices_without_the_structure_count_by_their_voxels_only(self):
        healthy = lesions(2)
        healthy[1:] = 0
        case = scan("medseg-slices", lungs=None, lungs_hold="none", lesions=healthy, lesions_hold="classes")
        made = evaluate([case], judged(lungs(), lesions(2)))
        assert value(made, "lesions-medseg").estimate == 1
        assert value(made, "lesions-medseg").n_cases == 1
        assert value(made, "lesions-medseg-voxels").estimate == pytest.approx(2 * 8 / (8 + 24))
        assert value(made, "ground-glass-medseg").estimate == 1
        assert isinstance(rows(made)["consolidation-medseg", ""].value, NotMeasured)
        assert ("lungs-ma20-slices", "") not in rows(made)

    def test_sides_are_told_apart_and_effusion_is_no_opacity(self):
        swapped = np.where(lungs() > 0, 3 - lungs(), 0).astype(np.uint8)
        made = evaluate([scan("ma2020-slices", lungs_hold="sides")], judged(swapped))
        assert value(made, "lungs-ma2020").estimate == 1
        assert value(made, "lungs-ma2020-right").estimate == value(made, "lungs-ma2020-left").estimate == 0
        fluid = scan("phantom", lesions=lesions(2) * 3, lesions_hold="classes")
        found = evaluate([fluid], judged(lungs(), lesions(2) * 3))
        assert isinstance(rows(found)["lesions-phantom", ""].value, NotMeasured)

    def test_goals_are_those_of_the_tables(self):
        made = rows(evaluate([scan()], judged(lungs(), lesions(2))))
        assert made["lesions-ma20-volumes", ""].is_reached is True
        assert made["lungs-ma20-slices", ""].figure.goal == 0.96


class TestVolume:
    def test_too_much_and_too_little_are_alike_wrong(self):
        image_hu = image(quantity=Quantity.HOUNSFIELD)
        small, large = (scan("phantom", name, image=image_hu, lesions=lesions(rows), lesions_hold="classes")
                        for name, rows in (("small", 1), ("large", 4)))  # fmt: skip
        made = evaluate([small, large], judged(lungs(), lesions(2)))
        assert value(made, "volume-phantom").estimate == pytest.approx((1.0 + 0.5) / 2)
        assert value(made, "volume-phantom").n_patients == 2

    def test_the_place_does_not_count_and_a_missing_result_is_all_wrong(self):
        elsewhere = np.roll(lesions(2), 5, axis=2)
        case = scan("phantom", image=image(quantity=Quantity.HOUNSFIELD), lesions_hold="classes")
        assert value(evaluate([case], judged(lungs(), elsewhere)), "volume-phantom").estimate == 0

        def fail(*_):
            raise ModelError("No such network.")

        failing = Methods((Method("", finds(lungs()), fail),))
        assert value(evaluate([case], failing), "volume-phantom").estimate == 1


class TestMethods:
    def test_methods_stand_beside_each_other_where_they_can(self):
        bands = Method(BANDS, finds(lungs()), finds_lesions(lesions(1)), is_of_lungs=False, needs_hounsfield=True)
        classical = Method(CLASSICAL, finds(lungs() * 0), None, needs_hounsfield=True)
        methods = Methods((*judged(lungs(), lesions(2)).methods, classical, bands))
        in_grey = rows(evaluate([scan("phantom")], methods))
        assert {group for _, group in in_grey} == {""}
        in_hu = evaluate([scan("phantom", image=image(quantity=Quantity.HOUNSFIELD))], methods)
        assert value(in_hu, "lesions-phantom").estimate == 1
        assert value(in_hu, "lesions-phantom", BANDS).estimate == pytest.approx(2 * 12 / (12 + 24))
        assert not any(group == BANDS for figure, group in rows(in_hu) if figure.startswith("lungs"))
        dense = evaluate([scan("phantom-dense", image=image(quantity=Quantity.HOUNSFIELD))], methods)
        assert value(dense, "lungs-dense", CLASSICAL).estimate == 0

    def test_lungs_are_found_once_for_methods_that_share_them(self):
        calls = []

        def find(given):
            calls.append(given)
            return finds(lungs())(given)

        shared = (Method("", find, finds_lesions(lesions(2))), Method(BANDS, find, finds_lesions(lesions(1))))
        evaluate([scan()], Methods(shared))
        assert len(calls) == 1

    def test_ways_of_entering_a_scan_are_groups(self):
        other = scan(group="another way")
        made = rows(evaluate([scan(), other], judged(lungs(), lesions(2))))
        assert {group for figure, group in made if figure == "lesions-ma20-slices"} == {"", "another way"}

    def test_given_lungs_are_used_and_not_judged(self):
        seen = []

        def find_lesions(given, inside):
            seen.append(inside.pixels("left-lung"))
            return finds_lesions(lesions(2))(given, inside)

        own = LabelMap(np.full(SHAPE, 2, np.uint8), image().grid, LUNGS, Step("given"))
        methods = Methods((Method("", finds(lungs() * 0), find_lesions),))
        made = rows(evaluate([scan(given_lungs=own)], methods))
        assert seen == [3 * 7 * 11]
        assert not any(figure.startswith("lungs") for figure, _ in made)
        assert made["lesions-ma20-slices", ""].n_failed == 0


class TestFailures:
    def test_a_failure_counts_as_nothing_found(self):
        def fails(given):
            raise ModelError("No such network.")

        made = evaluate([scan()], Methods((Method("", fails, finds_lesions(lesions(2))),)))
        assert value(made, "lungs-ma20-slices").estimate == value(made, "lesions-ma20-slices").estimate == 0
        assert rows(made)["lungs-ma20-slices", ""].n_failed == 1
        (failure,) = made.failures
        assert failure.reason == "No such network."
        assert "lesions-ma20-volumes" in failure.figures

    def test_without_lungs_no_lesions_are_looked_for(self):
        def never(given, inside):
            raise AssertionError

        made = evaluate([scan()], Methods((Method("", finds(lungs() * 0), never),)))
        assert value(made, "lesions-ma20-slices").estimate == 0
        assert [failure.reason for failure in made.failures] == ["no lungs were found"]


def weak(patient: str, infected: list[bool], lobes=frozenset(), *, is_healthy: bool = False) -> Scan:
    labels = tuple(SliceLabel(n, said, lobes if said else frozenset()) for n, said in enumerate(infected))
    hounsfield = image(quantity=Quantity.HOUNSFIELD)
    return Scan("covid-ct-md", patient, patient, hounsfield, labels=labels, is_healthy=is_healthy)


class TestWeakLabels:
    def test_the_share_of_opacity_tells_infected_slices(self):
        found = lesions(1)
        found[2, :, :] = lesions(4)[2]
        found[0] = 0
        made = evaluate([weak("a", [False, True, True])], judged(lungs(), found))
        assert value(made, "weak-auc").estimate == value(made, "weak-auc", "a").estimate == 1
        assert (value(made, "weak-auc").n_cases, value(made, "weak-auc").n_patients) == (3, 1)
        assert rows(made)["weak-auc", "a"].figure.goal is None
        wrong = evaluate([weak("a", [True, True, False])], judged(lungs(), found))
        assert value(wrong, "weak-auc").estimate == 0

    def test_slices_without_lung_can_be_left_out(self):
        half = lungs()
        half[0] = 0
        made = evaluate([weak("a", [False, True, False])], judged(half, lesions(1)))
        assert value(made, "weak-auc").n_cases == 3
        assert value(made, "weak-auc-lungs").n_cases == 2
        assert value(made, "weak-auc-lungs").estimate == 0.5

    def test_healthy_lungs_are_judged_by_their_opacity(self):
        made = evaluate([weak("n", [False] * 3, is_healthy=True)], judged(lungs(), lesions(1)))
        assert value(made, "weak-normal").estimate == pytest.approx(4 / 40)
        assert rows(made)["weak-normal", ""].is_reached is False
        assert isinstance(rows(made)["weak-auc", ""].value, NotMeasured)
        clean = evaluate([weak("n", [False] * 3, is_healthy=True)], judged(lungs(), lesions(0)))
        assert rows(clean)["weak-normal", ""].is_reached is True
        assert value(clean, "weak-lobes").estimate == 1

    def test_a_missing_result_is_the_worst_there_is(self):
        scans = [
            weak("a", [False, True, True], frozenset({"left-upper-lobe"})),
            weak("n", [False] * 3, is_healthy=True),
        ]
        made = evaluate(scans, judged(lungs() * 0, lesions(1)))
        for figure, worst in (
            ("weak-auc", 0), ("weak-auc-lungs", 0), ("weak-lobes", 0), ("weak-main-lobe", 0), ("weak-normal", 1),
        ):  # fmt: skip
            assert value(made, figure).estimate == worst
            assert rows(made)[figure, ""].n_failed > 0
        assert rows(made)["weak-normal", ""].is_reached is False
        failed = {failure.film: failure.figures for failure in made.failures}
        assert "weak-normal" in failed["n"]
        assert "weak-normal" not in failed["a"]

    def test_lobes_are_right_where_labels_and_opacity_agree(self):
        found = np.zeros(SHAPE, np.uint8)
        found[0, 3:6, 1:5] = 2  # low and behind, on the right
        right = evaluate([weak("a", [True, True, True], frozenset({"right-lower-lobe"}))], judged(lungs(), found))
        assert value(right, "weak-lobes").estimate == 1
        assert value(right, "weak-main-lobe").estimate == 1
        wrong = evaluate([weak("a", [True, True, True], frozenset({"left-upper-lobe"}))], judged(lungs(), found))
        assert value(wrong, "weak-lobes").estimate == pytest.approx(3 / 5)
        assert value(wrong, "weak-main-lobe").estimate == 0


class TestOutputs:
    def test_a_figure_has_its_title_even_if_it_has_groups_only(self):
        entered = evaluate([scan(group="another way")], judged(lungs(), lesions(2)))
        assert "\nOpacity, ma20, mean of slices, another way " in as_text(entered)
        both = as_text(evaluate([scan(), scan(group="another way")], judged(lungs(), lesions(2))))
        assert "\n- another way " in both
        assert "Opacity, ma20, mean of slices, another way" not in both

    def test_tables_speak_of_scans(self):
        made = evaluate([scan()], judged(lungs(), lesions(2)))
        assert as_text(made).splitlines()[0].split()[:6] == ["figure", "mean", "95", "%", "interval", "n"]
        assert "Scans analysed: 1, of test." in as_markdown(made)
        json = as_json(made)
        assert json["scans"] == 1
        assert "films" not in json
        assert {"n", "patients"} <= set(json["figures"][0])

    def test_cards_get_the_figures_of_their_network_only(self):
        bands = Method(BANDS, finds(lungs()), finds_lesions(lesions(1)), needs_hounsfield=True, is_of_lungs=False)
        methods = Methods((*judged(lungs(), lesions(2)).methods, bands))
        made = evaluate([scan("phantom", image=image(quantity=Quantity.HOUNSFIELD)), scan()], methods)
        of_lungs = {metric.figure for metric in metrics_of(made, "ct-lungs")}
        of_lesions = {metric.figure for metric in metrics_of(made, "ct-lesions")}
        assert of_lungs == {"lungs-ma20-volumes", "lungs-ma20-slices"}
        assert of_lesions == {"lesions-ma20-volumes", "lesions-ma20-slices", "lesions-phantom", "volume-phantom"}
        assert metrics_of(made, "cxr-lungs") == metrics_of(made, "cxr-lesions") == ()

"""All scores of a film at once, and their definitions."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import hilum.scoring
from hilum.errors import GridMismatch, UnknownName
from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation
from hilum.image import LESIONS, LUNGS, LabelMap
from hilum.measurement import NotMeasured
from hilum.provenance import Step
from hilum.scoring import DEFINITIONS, NO_ESTIMATE, SIX_ZONE_THRESHOLD, score
from hilum.segmentation.zones import ZONES

IDS = ("six-zone", "brixia", "geographic-extent", "opacity-percent")
"""Scores of a film."""

IDS_OF_CT = (
    "high-opacity-percent",
    "ct-severity-25",
    "total-severity-20",
    "lung-severity-score",
    "lung-high-opacity-score",
    "zonal-24",
    "mosmed",
    "mosmed-whole",
)
ABSENT = NotMeasured("the left lung was not found")


def labels(array, names, orientation=UPRIGHT):
    turned = np.ascontiguousarray(orientation.from_upright(np.asarray(array, dtype=np.uint8)))
    return LabelMap(turned, PlaneGrid(turned.shape, orientation=orientation), names, Step("draw"))


def scores_of(lungs, lesions, **more):
    return score(labels(lungs, LUNGS), labels(lesions, LESIONS), **more)


def chest():
    """12 x 11; each lung 9 rows by 4 columns, so that a zone has 12 pixels."""
    lungs = np.zeros((12, 11), dtype=np.uint8)
    lungs[1:10, 1:5] = 1
    lungs[2:11, 6:10] = 2
    return lungs


def one_lung():
    return chest() * (chest() == 1)


class TestDefinitions:
    def test_ids_are_stable(self):
        assert DEFINITIONS.names() == (*IDS, *IDS_OF_CT)

    @pytest.mark.parametrize("name", [*IDS, *IDS_OF_CT])
    def test_each_says_what_it_is(self, name):
        definition = DEFINITIONS[name]
        assert definition.id == name
        assert definition.range[0] == 0 < definition.range[1]
        assert definition.unit in {"points", "%"}
        assert "doi:10." in definition.source
        assert all((definition.title, definition.definition, definition.inputs, definition.limits))

    def test_only_the_learned_one_is_an_estimate(self):
        assert [name for name in DEFINITIONS if DEFINITIONS[name].is_estimate] == ["brixia"]

    def test_a_miss_names_the_nearest(self):
        with pytest.raises(UnknownName, match="Did you mean 'six-zone'"):
            DEFINITIONS["six-zones"]


def test_every_score_of_a_film():
    lesions = np.zeros((12, 11), dtype=np.uint8)
    lesions[1:4, 1:3] = 1  # half of the right upper zone
    lesions[8:11, 6:10] = 2  # all of the left lower zone
    made = scores_of(chest(), lesions, brixia=dict.fromkeys(ZONES, 1.2))
    assert {name: item.value for name, item in made.items()} == {
        "six-zone": 2,
        "brixia": 6,
        "geographic-extent": 1 + 2,
        "opacity-percent": 25,
    }
    assert tuple(made) == IDS
    assert all(item.definition is DEFINITIONS[name] for name, item in made.items())
    assert made["six-zone"].settings == {"threshold": SIX_ZONE_THRESHOLD}


def test_masks_alone_give_no_brixia():
    assert scores_of(chest(), chest())["brixia"].value == NO_ESTIMATE


def test_the_threshold_decides():
    lesions = np.zeros((12, 11), dtype=np.uint8)
    lesions[1:4, 1:3] = 1
    assert scores_of(chest(), lesions, six_zone_threshold=0.49)["six-zone"].value == 1
    assert scores_of(chest(), lesions, six_zone_threshold=0.5)["six-zone"].value == 0


def test_evidence_takes_the_place_of_the_share_in_the_six_zone_score_only():
    evidence = dict(zip(ZONES, (0.9, 0.9, 0.1, 0.1, 0.1, 0.1), strict=True))
    plain = scores_of(chest(), np.zeros((12, 11)))
    fused = scores_of(chest(), np.zeros((12, 11)), zone_evidence=evidence, six_zone_threshold=0.5)
    assert (plain["six-zone"].value, plain["six-zone"].method) == (0, "opacity-share")
    assert (fused["six-zone"].value, fused["six-zone"].method) == (2, "zone-evidence")
    assert fused["opacity-percent"] == plain["opacity-percent"]
    assert fused["geographic-extent"] == plain["geographic-extent"]


def test_one_lung_makes_every_total_absent_estimates_included():
    made = scores_of(one_lung(), one_lung(), brixia=dict.fromkeys(ZONES, 2.0), zone_evidence=dict.fromkeys(ZONES, 1.0))
    assert {item.value for item in made.values()} == {ABSENT}
    assert made["six-zone"].parts == {zone: 1.0 if zone.startswith("right") else ABSENT for zone in ZONES}
    assert made["brixia"].parts == {zone: 2.0 if zone.startswith("right") else ABSENT for zone in ZONES}
    assert made["geographic-extent"].parts == {"right": 4.0, "left": ABSENT}
    assert made["opacity-percent"].parts["right"] == 100


def test_no_lungs_make_everything_absent():
    for item in scores_of(np.zeros((7, 13)), np.ones((7, 13)), brixia=dict.fromkeys(ZONES, 2.0)).values():
        assert isinstance(item.value, NotMeasured)
        assert all(isinstance(part, NotMeasured) for part in item.parts.values())


def test_evidence_for_a_zone_too_few_is_a_slip():
    with pytest.raises(ValueError, match="lacks left-lower"):
        scores_of(chest(), chest(), zone_evidence=dict.fromkeys(ZONES[:5], 0.5))


def test_masks_on_two_grids_are_refused():
    with pytest.raises(GridMismatch):
        score(labels(chest(), LUNGS), labels(np.zeros((11, 12)), LESIONS))


@given(arrays.arrays(np.uint8, (12, 11), elements=st.integers(0, 3)), arrays.arrays(bool, (12, 11)), st.floats(0, 1))
def test_no_score_falls_as_the_lesion_grows(lesions, growth, threshold):
    small = scores_of(chest(), lesions, six_zone_threshold=threshold)
    large = scores_of(chest(), np.where(growth, 1, lesions), six_zone_threshold=threshold)
    for name in ("six-zone", "geographic-extent", "opacity-percent"):
        low, high = DEFINITIONS[name].range
        assert low <= small[name].value <= large[name].value <= high


@given(arrays.arrays(np.uint8, (12, 11), elements=st.integers(0, 3)))
def test_a_mirrored_patient_has_mirrored_scores(lesions):
    swapped = np.array([0, 2, 1], dtype=np.uint8)[chest()[:, ::-1]]
    plain, mirrored = scores_of(chest(), lesions), scores_of(swapped, lesions[:, ::-1])
    other = {"right": "left", "left": "right"}
    for name in ("six-zone", "geographic-extent", "opacity-percent"):
        assert mirrored[name].value == pytest.approx(plain[name].value)
        for region, value in plain[name].parts.items():
            side, dash, third = region.partition("-")
            assert mirrored[name].parts[other[side] + dash + third] == value


def test_the_orientation_of_the_film_does_not_matter():
    lesions = np.zeros((12, 11), dtype=np.uint8)
    lesions[2:7, 2:8] = 1
    turned = PlaneOrientation("H", "R")
    made = score(labels(chest(), LUNGS, turned), labels(lesions, LESIONS, turned))
    assert made == scores_of(chest(), lesions)


def test_the_example_runs():
    assert doctest.testmod(hilum.scoring).failed == 0
    assert doctest.testmod(hilum.scoring).attempted > 0

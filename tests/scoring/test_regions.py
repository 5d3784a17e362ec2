"""Shares of lungs and zones with opacity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation, Side, VolumeGrid
from hilum.image import LESIONS, LUNGS, LabelMap
from hilum.measurement import NotMeasured
from hilum.provenance import Step
from hilum.scoring.regions import MIN_REGION_SHARE, involvement, side_of, why_absent
from hilum.segmentation.zones import ZONES

DRAWN = Step("draw")
ORIENTATIONS = [PlaneOrientation(c, r) for c, r in ("LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR")]

films = st.tuples(st.integers(1, 13), st.integers(1, 11)).flatmap(
    lambda shape: st.tuples(
        arrays.arrays(np.uint8, shape, elements=st.integers(0, 2)),
        arrays.arrays(np.uint8, shape, elements=st.integers(0, 3)),
    )
)


def labels(array, names, orientation=UPRIGHT):
    turned = np.ascontiguousarray(orientation.from_upright(np.asarray(array, dtype=np.uint8)))
    return LabelMap(turned, PlaneGrid(turned.shape, orientation=orientation), names, DRAWN)


def shares_of(lungs, lesions, **more):
    return involvement(labels(lungs, LUNGS), labels(lesions, LESIONS), **more)


def chest():
    """12 x 11; each lung 9 rows by 4 columns, so that a zone has 12 pixels."""
    lungs = np.zeros((12, 11), dtype=np.uint8)
    lungs[1:10, 1:5] = 1
    lungs[2:11, 6:10] = 2
    return lungs


def test_shares_by_hand():
    lesions = np.zeros((12, 11), dtype=np.uint8)
    lesions[1:4, 1:3] = 1  # half of the right upper zone
    lesions[8:11, 6:10] = 2  # all of the left lower zone
    assert shares_of(chest(), lesions) == {
        "both": 18 / 72,
        "right": 6 / 36,
        "left": 12 / 36,
        "right-upper": 0.5,
        "right-middle": 0.0,
        "right-lower": 0.0,
        "left-upper": 0.0,
        "left-middle": 0.0,
        "left-lower": 1.0,
    }


def test_no_lesion_is_zero_and_not_absent():
    assert set(shares_of(chest(), np.zeros((12, 11))).values()) == {0.0}


def test_effusion_and_what_lies_outside_the_lungs_do_not_count():
    lungs = chest()
    effusion, outside = np.full(lungs.shape, 3), np.where(lungs == 0, 2, 0)
    assert set(shares_of(lungs, effusion).values()) == {0.0}
    assert set(shares_of(lungs, outside).values()) == {0.0}
    assert set(shares_of(lungs, np.where(lungs > 0, 1, 0)).values()) == {1.0}


@pytest.mark.parametrize("side", [Side.RIGHT, Side.LEFT])
def test_one_lung_is_measured_and_the_other_is_absent(side):
    lungs = chest() * (chest() == (1 if side is Side.RIGHT else 2))
    missing = "left" if side is Side.RIGHT else "right"
    shares = shares_of(lungs, np.ones(lungs.shape))
    absent = NotMeasured(f"the {missing} lung was not found")
    assert shares[side.value] == 1.0
    assert shares["both"] == shares[missing] == absent
    assert all(shares[zone] == (1.0 if side_of(zone) is side else absent) for zone in ZONES)


def test_an_empty_film_has_no_shares():
    shares = shares_of(np.zeros((7, 11)), np.ones((7, 11)))
    assert all(isinstance(share, NotMeasured) for share in shares.values())
    assert shares["both"] == NotMeasured("the right lung was not found and the left lung was not found")


def test_a_scrap_of_lung_is_too_small():
    lungs = np.zeros((300, 200), dtype=np.uint8)
    smallest = int(MIN_REGION_SHARE * lungs.size)  # 30 pixels
    lungs[100:200, 20:80] = 1
    lungs[0 : 3 * (smallest - 1), 150] = 2  # each zone one pixel short
    shares = shares_of(lungs, np.zeros(lungs.shape))
    assert shares["left"] == 0.0
    assert shares["left-middle"] == NotMeasured("the left middle zone is too small to be measured")
    lungs[0 : 3 * smallest, 150] = 2
    assert shares_of(lungs, np.zeros(lungs.shape))["left-middle"] == 0.0
    lungs[smallest - 1 :, 150] = 0
    assert shares_of(lungs, np.zeros(lungs.shape))["both"] == NotMeasured("the left lung is too small to be measured")


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: o.columns + o.rows)
def test_the_orientation_of_the_film_does_not_matter(orientation):
    lungs, lesions = chest(), np.zeros((12, 11), dtype=np.uint8)
    lesions[1:5, 1:4], lesions[7:, 7] = 1, 2
    turned = involvement(labels(lungs, LUNGS, orientation), labels(lesions, LESIONS, orientation))
    assert turned == shares_of(lungs, lesions)


@given(films)
def test_shares_are_shares_and_those_of_the_zones_make_those_of_the_lungs(film):
    lungs, lesions = film
    shares = shares_of(lungs, lesions)
    assert list(shares) == ["both", "right", *ZONES[:3], "left", *ZONES[3:]]
    assert all(isinstance(share, NotMeasured) or 0 <= share <= 1 for share in shares.values())
    for side, number in (("right", 1), ("left", 2)):
        inside = lungs == number
        if inside.any():
            assert shares[side] == np.isin(lesions[inside], (1, 2)).mean()
        else:
            assert isinstance(shares[side], NotMeasured)


@given(films)
def test_a_mirrored_patient_has_mirrored_shares(film):
    lungs, lesions = film
    swapped = np.array([0, 2, 1], dtype=np.uint8)[lungs[:, ::-1]]
    other = {"right": "left", "left": "right"}
    plain, mirrored = shares_of(lungs, lesions), shares_of(swapped, lesions[:, ::-1])
    for region, share in plain.items():
        side, dash, third = region.partition("-")
        twin = mirrored[other.get(side, side) + dash + third]
        assert twin == share or (isinstance(twin, NotMeasured) and isinstance(share, NotMeasured))


@given(films, st.data())
def test_shares_never_fall_as_the_lesion_grows(film, data):
    lungs, lesions = film
    grown = np.where(data.draw(arrays.arrays(bool, lungs.shape)), np.uint8(2), lesions)
    for region, share in shares_of(lungs, lesions).items():
        if not isinstance(share, NotMeasured):
            assert shares_of(lungs, grown)[region] >= share


@pytest.mark.parametrize("rule", ["area", "height", "brixia"])
def test_zones_follow_the_rule(rule):
    lungs = np.zeros((12, 4), dtype=np.uint8)
    lungs[0:12, 0], lungs[6:12, 2:] = 1, 2
    lesions = np.zeros(lungs.shape, dtype=np.uint8)
    lesions[6:8] = 1
    left = [shares_of(lungs, lesions, rule=rule)[zone] for zone in ZONES[3:]]
    if rule == "brixia":  # the common lines leave nothing of a low lung above the middle
        assert left == [NotMeasured("the left upper zone was not found"), 1.0, 0.0]
    else:
        assert left == [1.0, 0.0, 0.0]


def test_masks_on_two_grids_are_refused():
    lungs = labels(chest(), LUNGS)
    with pytest.raises(GridMismatch, match="12x11 against 12x10 pixels"):
        involvement(lungs, labels(np.zeros((12, 10)), LESIONS))
    turned = LabelMap(
        np.zeros((12, 11), np.uint8), PlaneGrid((12, 11), orientation=PlaneOrientation("R")), LESIONS, DRAWN
    )
    with pytest.raises(GridMismatch, match="orientation"):
        involvement(lungs, turned)


def test_masks_of_a_volume_are_refused():
    volume = LabelMap(np.zeros((2, 3, 4), np.uint8), VolumeGrid.of_spacing((2, 3, 4), (1, 1, 1)), LUNGS, DRAWN)
    with pytest.raises(WrongQuantity, match="a volume's"):
        involvement(volume, volume)


def test_reasons_are_gathered_once_each():
    first, second = NotMeasured("a"), NotMeasured("b")
    assert why_absent([0.5, 1.0]) is None
    assert why_absent([first, 0.5, second, first]) == NotMeasured("a and b")

"""Zones of the lungs: by area, by height, by the Brixia lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.segmentation.zones import ZONES, zones

RULES = ("area", "height", "brixia")

lung_masks = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 17), st.integers(1, 13)), elements=st.integers(0, 2), fill=st.just(0)
)


def two_lungs(shape=(19, 13), right=(3, 15), left=(5, 13)):
    """Right lung in the columns left of the middle, left lung right of it, each over its rows."""
    made = np.zeros(shape, dtype=np.uint8)
    made[slice(*right), 1:5] = 1
    made[slice(*left), 8:12] = 2
    return made


def mirrored(lungs):
    """The mask of a patient whose two sides are exchanged."""
    return np.array([0, 2, 1], dtype=np.uint8)[lungs[:, ::-1]]


def test_zone_names_run_from_the_patients_right_upper_to_the_left_lower():
    assert ZONES == ("right-upper", "right-middle", "right-lower", "left-upper", "left-middle", "left-lower")


@pytest.mark.parametrize("rule", RULES)
def test_zones_of_a_rectangle_are_thirds(rule):
    lungs = two_lungs(right=(3, 15), left=(3, 15))
    made = zones(lungs, rule)
    assert [np.unique(made[rows, 1:5]).tolist() for rows in (slice(3, 7), slice(7, 11), slice(11, 15))] == [
        [1],
        [2],
        [3],
    ]
    assert [np.unique(made[rows, 8:12]).tolist() for rows in (slice(3, 7), slice(7, 11), slice(11, 15))] == [
        [4],
        [5],
        [6],
    ]


def test_height_cuts_each_lung_by_its_own_extent_and_brixia_both_by_the_common_one():
    lungs = two_lungs(shape=(24, 13), right=(0, 18), left=(6, 12))
    own, common = zones(lungs, "height")[:, 9], zones(lungs, "brixia")[:, 9]
    assert own[6:12].tolist() == [4, 4, 5, 5, 6, 6]
    assert common[6:12].tolist() == [5, 5, 5, 5, 5, 5]


def test_area_follows_the_outline_and_not_the_height():
    lungs = np.tril(np.ones((30, 30), dtype=np.uint8))
    areas = np.bincount(zones(lungs, "area").ravel())[1:4]
    heights = np.bincount(zones(lungs, "height").ravel())[1:4]
    assert np.ptp(areas) <= 30
    assert heights[0] * 3 < heights[2]


@pytest.mark.parametrize("rule", RULES)
def test_a_lung_that_is_not_there_has_no_zones(rule):
    one = two_lungs() * (two_lungs() == 2)
    assert np.unique(zones(one, rule)).tolist() == [0, 4, 5, 6]
    assert not zones(np.zeros((7, 11), dtype=np.uint8), rule).any()


@given(lung_masks, st.sampled_from(RULES))
def test_every_lung_pixel_has_one_zone_of_its_side_and_nothing_else_has(lungs, rule):
    made = zones(lungs, rule)
    assert made.dtype == np.uint8
    assert np.array_equal(made > 0, lungs > 0)
    assert np.array_equal((made + 2) // 3, lungs)


@given(lung_masks, st.sampled_from(RULES))
def test_zones_go_down(lungs, rule):
    made = zones(lungs, rule).astype(int)
    for side in (1, 2):
        by_row = [np.unique(row[mask]) for row, mask in zip(made, lungs == side, strict=True) if mask.any()]
        assert all(len(numbers) == 1 for numbers in by_row)
        assert np.all(np.diff([numbers[0] for numbers in by_row]) >= 0)


@given(lung_masks)
def test_equal_areas_differ_by_a_row_at_most(lungs):
    made = zones(lungs, "area")
    for side in (1, 2):
        rows = (lungs == side).sum(axis=1)
        areas = [np.count_nonzero(made == number + 3 * (side - 1)) for number in (1, 2, 3)]
        assert np.abs(np.cumsum(areas) - rows.sum() * np.array([1, 2, 3]) / 3).max() <= max(rows.max() / 2, 1e-9)


@given(lung_masks, st.sampled_from(RULES))
def test_a_mirrored_patient_has_mirrored_zones(lungs, rule):
    swap = np.array([0, 4, 5, 6, 1, 2, 3], dtype=np.uint8)
    assert np.array_equal(zones(mirrored(lungs), rule), swap[zones(lungs, rule)[:, ::-1]])


@given(lung_masks, st.sampled_from(RULES), st.integers(0, 5), st.integers(0, 5))
def test_an_empty_border_changes_nothing(lungs, rule, above, beside):
    padded = np.pad(lungs, ((above, 2), (beside, 3)))
    rows, columns = lungs.shape
    assert np.array_equal(zones(padded, rule)[above : above + rows, beside : beside + columns], zones(lungs, rule))


def test_a_view_and_a_read_only_array_will_do():
    lungs = two_lungs()
    turned = np.ascontiguousarray(lungs.T).T
    turned.setflags(write=False)
    assert np.array_equal(zones(turned), zones(lungs))
    assert np.array_equal(zones(lungs[::2, ::2]), zones(lungs[::2, ::2].copy()))

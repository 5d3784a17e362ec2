"""Thirds of a lung in a volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.scoring.thirds import THIRDS, thirds

quick = settings(max_examples=50, deadline=None)
areas = st.lists(st.integers(0, 50), min_size=1, max_size=40).map(np.array)


def sizes(made):
    return tuple(len(range(*made[third].indices(10**6))) for third in THIRDS)


def test_by_height_the_extent_of_the_lung_is_divided_and_not_the_volume():
    voxels = np.array([0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 90, 0, 0])
    assert thirds(voxels) == {"lower": slice(2, 5), "middle": slice(5, 8), "upper": slice(8, 11)}


def test_by_volume_the_voxels_are():
    voxels = np.array([0, 30, 1, 1, 1, 1, 1, 1, 24, 30, 0])
    made = thirds(voxels, "volume")
    assert [int(voxels[made[third]].sum()) for third in ("lower", "middle", "upper")] == [30, 30, 30]


@pytest.mark.parametrize(
    ("height", "expected"),
    [(1, (0, 1, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (4, (1, 2, 1)), (7, (2, 3, 2)), (8, (3, 2, 3))],
)
def test_few_slices(height, expected):
    assert sizes(thirds(np.ones(height, dtype=int))) == expected


def test_no_lung_has_no_thirds():
    assert sizes(thirds(np.zeros(5, dtype=int))) == (0, 0, 0)


@quick
@given(areas, st.sampled_from(["height", "volume"]))
def test_thirds_join_and_together_are_the_lung(voxels, rule):
    made = thirds(voxels, rule)
    assert sum(int(voxels[made[third]].sum()) for third in THIRDS) == voxels.sum()
    assert made["lower"].stop == made["middle"].start or not voxels.any()
    assert made["middle"].stop == made["upper"].start or not voxels.any()


@quick
@given(areas)
def test_thirds_by_height_turn_with_the_lung(voxels):
    upright, inverted = thirds(voxels), thirds(voxels[::-1])
    for one, other in zip(THIRDS, THIRDS[::-1], strict=True):
        assert np.array_equal(voxels[upright[one]], voxels[::-1][inverted[other]][::-1])


@quick
@given(areas.filter(lambda voxels: voxels.sum() > 0))
def test_thirds_by_volume_are_off_by_less_than_a_slice(voxels):
    made = thirds(voxels, "volume")
    for third in THIRDS:
        assert abs(int(voxels[made[third]].sum()) - voxels.sum() / 3) <= voxels.max()

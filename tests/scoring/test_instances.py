"""The single lesions of a volume."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, LabelMap
from hilum.scoring import find_instances

from .volumes import DRAWN, chest, grid, labels, lobes_of, maps, turned


def lesions_of(lungs):
    """In the right lung 8 voxels with 3 of consolidation, and one by itself; in the left 4; effusion beside it."""
    made = np.zeros_like(lungs)
    made[8:10, 2:4, 3:5] = 1
    made[8, 2, 3:5] = made[9, 2, 3] = 2
    made[2, 5, 2] = 1
    made[3, 2, 8:12] = 1
    made[1:3, 6, 8:11] = 3
    return made


def found(lungs, lesions, lobes=None, **more):
    made = maps(lungs, lesions, lobes)
    return find_instances(*made, **more)


def test_the_largest_come_first_and_each_knows_what_it_is():
    first, second, third, fourth = found(chest(), lesions_of(chest()))
    assert [each.number for each in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert (first.structure, first.region) == ("opacity", "right")
    assert first.volume_ml == pytest.approx(8)
    assert first.consolidation_ml == pytest.approx(3)
    assert (second.structure, second.region, second.consolidation_ml) == ("effusion", "left", 0)
    assert second.volume_ml == pytest.approx(6)
    assert (third.structure, third.region, third.volume_ml) == ("opacity", "left", pytest.approx(4))
    assert (fourth.region, fourth.volume_ml) == ("right", pytest.approx(1))


def test_the_centre_is_where_it_is_in_the_patient():
    first = found(chest(), lesions_of(chest()))[0]
    assert first.centroid_mm == pytest.approx((-70 + 35, 20 + 25, 5 + 85))


def test_the_centre_does_not_depend_on_the_order_of_axes():
    straight = found(chest(), lesions_of(chest()))
    (lungs, on), (lesions, _) = turned(chest(), (2, 0, 1), (1, 0, 1)), turned(lesions_of(chest()), (2, 0, 1), (1, 0, 1))
    other = find_instances(labels(lungs, LUNGS, on), labels(lesions, LESIONS, on))
    assert [(each.region, each.structure) for each in other] == [(each.region, each.structure) for each in straight]
    for one, two in zip(straight, other, strict=True):
        assert two.centroid_mm == pytest.approx(one.centroid_mm)


def test_the_lobe_that_holds_most_names_it():
    first, second, *_ = found(chest(), lesions_of(chest()), lobes_of(chest()))
    assert first.region == "right-upper-lobe"
    assert second.region == "left"


def test_the_least_volume_is_kept_and_less_is_not():
    assert len(found(chest(), lesions_of(chest()), least_ml=4.0)) == 3
    assert len(found(chest(), lesions_of(chest()), least_ml=4.001)) == 2


def test_corners_connect_but_lungs_do_not():
    lungs = np.ones((4, 4, 4), np.uint8)
    lungs[..., 2:] = 2
    lesions = np.zeros_like(lungs)
    lesions[0, 0, 0] = lesions[1, 1, 1] = lesions[2, 2, 2] = lesions[3, 3, 3] = 1
    made = found(lungs, lesions)
    assert [(each.region, each.volume_ml) for each in made] == [("right", pytest.approx(2)), ("left", pytest.approx(2))]


def test_opacity_and_effusion_that_touch_are_two():
    lungs = np.ones((3, 3, 3), np.uint8)
    lesions = np.full((3, 3, 3), 3)
    lesions[0] = 1
    assert [each.structure for each in found(lungs, lesions)] == ["effusion", "opacity"]


def test_opacity_outside_the_lungs_is_none():
    assert found(chest(), chest() == 0) == ()


def test_nothing():
    assert found(chest(), chest() * 0) == ()


def test_grids_have_to_be_one():
    lungs, lesions, _ = maps(chest(), lesions_of(chest()))
    with pytest.raises(GridMismatch):
        find_instances(lungs, labels(lesions.array, LESIONS, grid(lesions.array.shape, (9, 10, 10))))
    with pytest.raises(WrongQuantity):
        find_instances(LabelMap(chest()[3], PlaneGrid((7, 13)), LUNGS, DRAWN), lesions)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_with_no_least_volume_nothing_is_lost(seed):
    lesions = np.random.default_rng(seed).choice([0, 0, 1, 2, 3], (4, 5, 7))
    lungs = np.ones((4, 5, 7), np.uint8)
    lungs[..., 4:] = 2
    made = found(lungs, lesions, least_ml=0.0)
    assert sum(each.volume_ml for each in made) == pytest.approx(np.count_nonzero(lesions))
    assert sum(each.consolidation_ml for each in made) == pytest.approx(np.count_nonzero(lesions == 2))
    assert list(made) == sorted(made, key=lambda each: each.number)
    assert all(one.volume_ml >= other.volume_ml for one, other in pairwise(made))

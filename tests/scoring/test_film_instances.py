import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from hilum.scoring.film_instances import connected_instances, film_instance, parts_of

SHAPE = (31, 37)


def _lungs():
    made = np.zeros(SHAPE, np.uint8)
    made[2:29, 3:15], made[2:29, 22:34] = 1, 2
    return made


def _square(top, left, side=4):
    made = np.zeros(SHAPE, bool)
    made[top : top + side, left : left + side] = True
    return made


def test_two_lesions_are_told_with_box_area_certainty_side_and_zone():
    opacity = _square(3, 5) | _square(23, 25, 5)
    chance = np.where(_square(3, 5), 0.8, 0.6)
    large, small = connected_instances(opacity, chance=chance, lungs=_lungs())
    assert (large.box, large.area_px, large.side, large.zone) == ((23, 25, 28, 30), 25, "left", "left-lower")
    assert (small.box, small.area_px, small.side, small.zone) == ((3, 5, 7, 9), 16, "right", "right-upper")
    assert (large.score, small.score) == (pytest.approx(0.6), pytest.approx(0.8))
    assert connected_instances(opacity)[0].score == 1


def test_what_lies_in_no_lung_has_no_side_and_neither_has_a_film_without_lungs():
    assert film_instance(_square(2, 16), 0.5, _lungs()).zone is None
    assert film_instance(_square(2, 5), 0.5).side is None


def test_the_zone_is_the_one_that_holds_most():
    assert film_instance(_square(8, 11, 8), 1.0, _lungs()).zone == "right-middle"


def test_small_parts_are_left_out_and_corners_connect():
    opacity = _square(3, 5) | _square(20, 20, 1)
    assert len(connected_instances(opacity, least_share=2 / opacity.size)) == 1
    assert len(connected_instances(np.eye(7, 11, dtype=bool), least_share=0)) == 1


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.bool_, (7, 11)))
def test_parts_cover_the_mask_and_do_not_meet(mask):
    parts = list(parts_of(mask))
    assert np.array_equal(sum((part.astype(int) for part in parts), np.zeros(mask.shape, int)), mask.astype(int))


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="one pixel"):
        film_instance(np.zeros(SHAPE, bool), 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        film_instance(_square(1, 1), 1.5)
    with pytest.raises(ValueError, match="do not lie"):
        film_instance(_square(1, 1), 0.5, _lungs()[1:])

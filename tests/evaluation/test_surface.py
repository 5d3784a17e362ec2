"""Surface distances: by hand, and against scipy's distance transform over shapes and spacings."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from hilum.evaluation.surface import surface_distances
from hilum.measurement import NotMeasured

SPACINGS = {2: [None, (2.5, 0.7), (0.14, 0.14)], 3: [None, (2.5, 0.7, 0.8)]}


def reference_distances(reference, predicted, spacing):
    """Both directions, with scipy."""
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (reference, predicted)]
    to = [ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces]
    return to[1][surfaces[0]], to[0][surfaces[1]]


masks = st.one_of(st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 6)] * 3)).flatmap(
    lambda shape: st.tuples(
        arrays.arrays(bool, shape), arrays.arrays(bool, shape), st.sampled_from(SPACINGS[len(shape)])
    )
)


@settings(deadline=None)  # the first call loads SimpleITK
@given(masks)
def test_it_is_what_scipy_makes_of_it(drawn):
    reference, predicted, spacing = drawn
    assume(reference.any() and predicted.any())
    made = surface_distances(reference, predicted, spacing)
    there, back = reference_distances(reference, predicted, spacing)
    assert np.sort(made.to_predicted) == pytest.approx(np.sort(there), abs=1e-5)
    assert np.sort(made.to_reference) == pytest.approx(np.sort(back), abs=1e-5)
    assert made.hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-5)
    assert made.mean == pytest.approx((there.sum() + back.sum()) / (there.size + back.size), abs=1e-5)


def squares(offset):
    """Two 5 x 5 squares, the second so many columns further."""
    one, other = np.zeros((2, 13, 20), dtype=bool)
    one[4:9, 3:8] = True
    other[4:9, 3 + offset : 8 + offset] = True
    return one, other


def test_a_mask_lies_on_itself():
    one, _ = squares(0)
    made = surface_distances(one, one)
    assert len(made.to_predicted) == 16
    assert (made.hd95, made.hausdorff, made.mean, made.nsd(0)) == (0, 0, 0, 1)


@pytest.mark.parametrize(("spacing", "unit"), [(None, 1.0), ((9.0, 0.5), 0.5)])
def test_a_shifted_square(spacing, unit):
    made = surface_distances(*squares(3), spacing)
    assert made.hausdorff == pytest.approx(3 * unit)
    assert made.hd95 == pytest.approx(3 * unit)
    assert made.nsd(2.9 * unit) < 1
    assert made.nsd(3 * unit) == 1


def test_one_far_pixel_moves_the_largest_distance_and_not_the_95th_percentile():
    one = np.zeros((20, 30), dtype=bool)
    one[6:16, 5:15] = True
    other = one.copy()
    other[2, 26] = True
    made = surface_distances(one, other)
    assert made.hausdorff == pytest.approx(np.hypot(4, 12))
    assert made.hd95 == 0
    assert made.nsd(0) == pytest.approx(72 / 73)


def test_a_mask_that_fills_the_image_has_its_surface_at_the_border():
    full, hole = np.ones((7, 11), dtype=bool), np.ones((7, 11), dtype=bool)
    hole[3, 5] = False
    made = surface_distances(full, hole)
    assert len(made.to_predicted) == 32
    assert made.to_predicted.max() == 0
    assert np.unique(made.to_reference).tolist() == [0, 2, 3]  # above and below the hole, and beside it


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (0, 1, "the reference mask is empty"),
        (1, 0, "the predicted mask is empty"),
        (0, 0, "the reference and the predicted mask is empty"),
    ],
)
def test_there_is_no_distance_to_nothing(first, second, reason):
    masks = [np.full((3, 4), value, dtype=bool) for value in (first, second)]
    assert surface_distances(*masks) == NotMeasured(reason)


def test_input_is_checked():
    one, other = squares(1)
    with pytest.raises(ValueError, match="cannot be compared"):
        surface_distances(one, other[1:])
    with pytest.raises(ValueError, match="boolean"):
        surface_distances(one, other.astype(np.uint8))
    for spacing in ((1.0,), (1.0, 0.0)):
        with pytest.raises(ValueError, match="does not fit"):
            surface_distances(one, other, spacing)

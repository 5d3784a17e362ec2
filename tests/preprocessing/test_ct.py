"""How a network looks at a slice of a CT, and how its answer comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.geometry import VolumeGrid
from hilum.preprocessing.ct import (
    SliceWindow,
    grey,
    look_at_labels,
    look_at_slice,
    lung_slice_window,
    put_back_slice,
    whole_slice_window,
)

HU = (-1000.0, 300.0)
shapes = st.tuples(st.integers(7, 61), st.integers(7, 61))
spacings = st.tuples(st.floats(0.4, 3.0), st.floats(0.4, 3.0))


def of_plane(shape, spacing):
    return VolumeGrid.of_spacing((1, *shape), (5.0, *spacing))


def bump(shape):
    rows, columns = (np.sin(np.linspace(0, np.pi, side)) for side in shape)
    return np.rint(rows[:, None] * columns[None] * 1000 - 900).astype(np.int16)


@given(shapes, spacings)
def test_the_window_of_whole_slices_holds_them_and_is_no_larger_than_need_be(shape, spacing):
    window = whole_slice_window(of_plane(shape, spacing))
    height, width = shape[0] * spacing[0], shape[1] * spacing[1]
    assert window.side_mm == pytest.approx(max(height, width))
    assert window.top_mm + window.side_mm / 2 == pytest.approx(height / 2)
    assert window.left_mm + window.side_mm / 2 == pytest.approx(width / 2)


@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 13), st.integers(1, 11), spacings)
def test_the_lungs_of_all_slices_lie_in_the_middle_of_their_window(top, left, height, width, spacing):
    lungs = np.zeros((3, 47, 59), dtype=np.uint8)
    lungs[0, top, left : left + width] = 1
    lungs[2, top : top + height, left] = 2
    window = lung_slice_window(lungs, VolumeGrid.of_spacing(lungs.shape, (2.0, *spacing)), margin=0.25)
    assert window is not None
    assert window.side_mm == pytest.approx(1.5 * max(height * spacing[0], width * spacing[1]))
    assert window.top_mm + window.side_mm / 2 == pytest.approx((top + height / 2) * spacing[0])
    assert window.left_mm + window.side_mm / 2 == pytest.approx((left + width / 2) * spacing[1])


def test_no_lungs_have_no_window():
    assert lung_slice_window(np.zeros((3, 7, 11), np.uint8), VolumeGrid.of_spacing((3, 7, 11), (1, 1, 1))) is None


def test_a_window_has_a_size():
    with pytest.raises(ValueError, match="0 mm wide"):
        SliceWindow(1.0, 1.0, 0)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50), st.floats(-1500, 0), st.floats(1, 3000))
def test_whole_and_broken_hounsfield_units_have_one_grey(values, low, high):
    whole = np.array(values, dtype=np.int16)
    np.testing.assert_array_equal(grey(whole, (low, high)), grey(whole.astype(np.float32), (low, high)))


def test_the_window_in_hounsfield_units_becomes_0_to_255():
    array = np.array([-3024.0, -1000.0, -350.0, 300.0, 3000.0, np.nan], dtype=np.float32)
    assert grey(array, HU).tolist() == [0, 0, 128, 255, 255, 0]


def test_8_bit_pictures_keep_their_grey():
    array = np.arange(256, dtype=np.uint8).reshape(16, 16)
    seen = look_at_slice(array, (1.0, 1.0), SliceWindow(0, 0, 16), 16, None)
    np.testing.assert_allclose(seen, array / 255, atol=1e-6)


@pytest.mark.parametrize("window", [SliceWindow(0, 0, 7), SliceWindow(-3.3, 2.1, 13), SliceWindow(100, 100, 11)])
def test_a_look_is_grey_from_0_to_1_wherever_the_window_lies(window):
    seen = look_at_slice(bump((13, 11)), (0.7, 0.9), window, 16, HU)
    assert seen.shape == (16, 16)
    assert seen.dtype == np.float32
    assert 0.0 <= seen.min() <= seen.max() <= 1.0


def test_beyond_the_slice_there_is_air():
    seen = look_at_slice(np.full((8, 8), 300, np.int16), (1.0, 1.0), SliceWindow(-8.0, 0.0, 16.0), 16, HU)
    np.testing.assert_array_equal(seen[:8], 0.0)
    np.testing.assert_array_equal(seen[8:, :8], 1.0)
    np.testing.assert_array_equal(seen[8:, 8:], 0.0)


@settings(max_examples=30, deadline=None)
@given(shapes, spacings)
def test_a_slice_that_goes_out_through_a_fine_window_comes_back_where_it_was(shape, spacing):
    array = bump(shape)
    window = whole_slice_window(of_plane(shape, spacing))
    size = 4 * max(shape)
    seen = look_at_slice(array, spacing, window, size, HU)
    back = put_back_slice(np.rint(seen * 255).astype(np.uint8), window, shape, spacing)
    assert back.shape == shape
    assert np.abs(back.astype(int) - grey(array, HU)).max() <= 30


def test_voxels_that_reach_out_of_the_window_stay_empty():
    back = put_back_slice(np.full((4, 4), 200, np.uint8), SliceWindow(1.5, 2.0, 4.0), (9, 9), (1.0, 1.0))
    expected = np.zeros((9, 9), np.uint8)
    expected[2:5, 2:6] = 200
    np.testing.assert_array_equal(back, expected)
    outside = put_back_slice(np.full((4, 4), 200, np.uint8), SliceWindow(50.0, 2.0, 4.0), (9, 9), (1.0, 1.0))
    np.testing.assert_array_equal(outside, 0)


def test_labels_stay_labels():
    labels = np.zeros((11, 13), np.uint8)
    labels[2:6, 3:9] = 3
    labels[6:9, 3:9] = 1
    seen = look_at_labels(labels, (1.0, 1.0), SliceWindow(-1.0, -1.0, 15.0), 45)
    assert set(np.unique(seen).tolist()) == {0, 1, 3}
    assert np.count_nonzero(seen == 3) == 9 * np.count_nonzero(labels == 3)

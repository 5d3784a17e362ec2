"""Films for the screen: window, size, orientation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.geometry import PlaneOrientation
from hilum.writers.display import MAX_SIDE, MIN_SIDE, display, windowed


class TestWindow:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
    def test_fills_the_range_whatever_the_type(self, dtype):
        ramp = np.linspace(10, 120, 77 * 131).reshape(77, 131).astype(dtype)
        shown = windowed(ramp)
        assert shown.dtype == np.uint8
        assert (shown.min(), shown.max()) == (0, 255)
        assert np.all(np.diff(shown.ravel().astype(int)) >= 0)

    def test_a_burnt_in_letter_does_not_set_the_range(self):
        pixels = np.tile(np.arange(1000, 2000, dtype=np.uint16), (1000, 1))
        pixels[:10, :10] = 65535
        shown = windowed(pixels)
        assert int(shown[500, 500]) == pytest.approx(127, abs=2)
        assert shown[0, 0] == 255

    def test_a_constant_film_is_black(self):
        assert not windowed(np.full((7, 11), 9, np.uint8)).any()

    def test_what_is_no_number_is_black(self):
        pixels = np.linspace(1, 2, 7 * 11).reshape(7, 11)
        pixels[3, 4:6] = np.nan, -np.inf
        shown = windowed(pixels)
        assert shown[3, 4:6].tolist() == [0, 0]
        assert shown[6, 10] == 255
        assert not windowed(np.full((7, 11), np.nan)).any()


class TestSize:
    @settings(max_examples=12, deadline=None)
    @given(st.integers(8, 2300), st.integers(8, 2300))
    def test_bounds_and_shapes(self, make_case, rows, columns):
        case = make_case(shape=(rows, columns))
        shown = display(case)
        assert shown.film.shape == shown.lungs.shape == shown.lesions.shape
        longer, shown_longer = max(rows, columns), max(shown.film.shape)
        if longer > MAX_SIDE:
            assert shown_longer == MAX_SIDE
        elif longer >= MIN_SIDE:
            assert shown.film.shape == (rows, columns)
        else:
            assert MIN_SIDE <= shown_longer < 2 * MIN_SIDE
            assert shown.film.shape == (rows * shown.scale, columns * shown.scale)

    def test_masks_of_a_display_at_the_films_size_are_the_masks(self, make_case):
        case = make_case(shape=(600, 523))
        shown = display(case)
        assert shown.scale == 1
        assert np.array_equal(shown.lungs, case.lungs.array)
        assert np.array_equal(shown.lesions, case.lesions.array)

    def test_masks_of_a_smaller_display_keep_their_share(self, make_case):
        case = make_case(shape=(2100, 1900))
        shown = display(case)
        assert np.mean(shown.lungs > 0) == pytest.approx(np.mean(case.lungs.array > 0), abs=1e-3)
        assert set(np.unique(shown.lesions)) == {0, 1, 2}

    @pytest.mark.parametrize("pair", ["LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR"])
    def test_always_upright(self, make_case, pair):
        upright = display(make_case(shape=(520, 430)))
        turned = display(make_case(shape=(520, 430), orientation=PlaneOrientation(*pair)))
        for name in ("film", "lungs", "lesions"):
            assert np.array_equal(getattr(turned, name), getattr(upright, name))

"""How a network looks at a film, and how its answer comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.preprocessing.radiograph import (
    Window,
    film_window,
    look,
    look_labels,
    lung_window,
    put_back,
    stretch_grey,
)

shapes = st.tuples(st.integers(7, 61), st.integers(7, 61))


def smooth(shape):
    rows, columns = (np.linspace(0, np.pi, side) for side in shape)
    return (np.sin(rows)[:, None] * np.sin(columns)[None]).astype(np.float32)


@given(shapes)
def test_the_window_of_a_film_holds_all_of_it_and_is_no_larger_than_need_be(shape):
    window = film_window(shape)
    assert window.side == max(shape)
    assert window.top <= 0
    assert window.left <= 0
    assert window.top + window.side >= shape[0]
    assert window.left + window.side >= shape[1]


@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 13), st.integers(1, 11))
def test_the_lungs_lie_in_the_middle_of_their_window(top, left, height, width):
    lungs = np.zeros((47, 59), dtype=np.uint8)
    lungs[top : top + height, left : left + width] = 2
    window = lung_window(lungs)
    assert window is not None
    assert window.side >= max(height, width)
    assert abs(window.top + window.side / 2 - (top + height / 2)) <= 1
    assert abs(window.left + window.side / 2 - (left + width / 2)) <= 1


def test_no_lungs_have_no_window():
    assert lung_window(np.zeros((7, 11), dtype=np.uint8)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("window", [Window(0, 0, 7), Window(-3, 2, 13), Window(100, 100, 11)])
def test_a_look_is_grey_from_0_to_1_wherever_the_window_lies(dtype, window):
    seen = look((smooth((13, 11)) * 200).astype(dtype), window, 16)
    assert seen.shape == (16, 16)
    assert seen.dtype == np.float32
    assert seen.min() >= 0.0
    assert seen.max() <= 1.0


def test_a_look_does_not_depend_on_the_scale_of_the_grey_values():
    film = np.rint(smooth((61, 47)) * 255).astype(np.uint8)
    seen = look(film, film_window(film.shape), 32)
    wide = look(film.astype(np.uint16) * 257, film_window(film.shape), 32)
    assert np.abs(seen - wide).max() < 0.02


def test_a_constant_picture_becomes_zero():
    assert not stretch_grey(np.full((7, 11), 3.0, dtype=np.float32)).any()


def test_labels_keep_their_numbers_and_are_none_outside_the_film():
    labels = np.full((7, 11), 2, dtype=np.uint8)
    assert np.unique(look_labels(labels, Window(1, 1, 5), 13)).tolist() == [2]
    assert np.unique(look_labels(labels, Window(-5, -5, 13), 26)).tolist() == [0, 2]
    assert not look_labels(labels, Window(50, 50, 8), 13).any()


@settings(deadline=None)
@given(shapes, st.sampled_from([32, 64]))
def test_what_is_seen_comes_back_to_its_place(shape, size):
    film = smooth((shape[0] + 20, shape[1] + 20))
    window = film_window(film.shape)
    scaled = look((film * 255).astype(np.uint8), window, size)
    back = put_back(scaled, window, film.shape) / 255.0
    assert back.shape == film.shape
    assert np.abs(back[3:-3, 3:-3] - film[3:-3, 3:-3]).max() < 0.12


@settings(deadline=None)
@given(st.integers(-20, 40), st.integers(-20, 40), st.integers(8, 70), st.integers(0, 2**31))
def test_nothing_comes_back_outside_the_window_and_empty_borders_change_nothing(top, left, side, seed):
    window, shape = Window(top, left, side), (37, 29)
    share = np.zeros((32, 32), dtype=np.float32)
    share[5:19, 11:20] = np.random.default_rng(seed).random((14, 9))
    back = put_back(share, window, shape)
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    inside = ((rows >= top) & (rows < top + side))[:, None] & ((columns >= left) & (columns < left + side))[None]
    assert not back[~inside].any()
    # A map that is nowhere zero takes no short cut: the two differ by their rounding only.
    raised = put_back(np.maximum(share, 1 / 255), window, shape)
    assert (np.abs(raised.astype(int) - back)[inside] <= 2).all()


@pytest.mark.parametrize("window", [Window(40, 0, 8), Window(0, -9, 8), Window(-8, -8, 8)])
def test_a_window_beside_the_film_brings_nothing_back(window):
    assert not put_back(np.ones((16, 16), dtype=np.float32), window, (13, 11)).any()

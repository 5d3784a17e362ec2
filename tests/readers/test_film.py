"""Films from arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.geometry import SpacingAt
from hilum.readers import from_array


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.float32]), hnp.array_shapes(min_dims=2, max_dims=2)))
def test_pixels_are_kept(array):
    film = from_array(array)
    assert film.array.dtype == array.dtype
    assert np.array_equal(film.array, np.nan_to_num(array, nan=film.array.min(), posinf=0, neginf=0)) or (
        not np.isfinite(array).all()
    )


def test_a_later_change_of_the_array_does_not_reach_the_film():
    array = np.zeros((7, 11), np.uint8)
    film = from_array(array)
    array[:] = 9
    assert not film.array.any()


@pytest.mark.parametrize(("given", "held"), [(0.2, (0.2, 0.2)), (1, (1, 1)), ((0.1, 0.3), (0.1, 0.3)), (None, None)])
def test_spacing(given, held):
    film = from_array(np.zeros((7, 11)), spacing_mm=given)
    assert film.plane.spacing_mm == held
    assert film.plane.spacing_at is SpacingAt.UNKNOWN


def test_the_name_and_a_hash_that_tells_arrays_apart():
    zeros = np.zeros((6, 4), np.uint8)
    first = from_array(zeros, name="mine").origin
    assert first.name == "mine"
    others = [zeros.reshape(4, 6), zeros.astype(np.uint16), zeros + 1]
    assert len({first.sha256, *(from_array(other).origin.sha256 for other in others)}) == 4
    assert from_array(np.asfortranarray(zeros)).origin.sha256 == first.sha256


def test_colours_are_judged_as_in_a_file():
    array = np.zeros((64, 64, 3), np.uint8)
    array[:32] = (200, 30, 30)
    array[32:] = (30, 30, 200)
    array += np.arange(64, dtype=np.uint8)[:, None]
    assert [finding.code for finding in from_array(array).findings] == ["not-a-film"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5,)), r"not \(5,\)"),
        (np.zeros((0, 5)), r"not \(0, 5\)"),
        (np.zeros((5, 5, 2)), r"not \(5, 5, 2\)"),
        (np.zeros((5, 5, 5, 3)), "a film is an array of shape"),
        (np.zeros((5, 5), complex), "real numbers, not complex128"),
        (np.full((5, 5), "a"), "real numbers, not <U1"),
    ],
)
def test_what_is_no_film_is_the_callers_mistake(array, message):
    with pytest.raises(ValueError, match=message):
        from_array(array)


def test_a_spacing_that_cannot_be_is_the_callers_mistake():
    with pytest.raises(ValueError, match=r"spacing must be positive"):
        from_array(np.zeros((5, 5)), spacing_mm=-1)

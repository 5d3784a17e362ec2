"""Stray parts go, holes are filled."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.segmentation.postprocess import filled, grown, largest_parts, parts_of_at_least

masks = arrays.arrays(bool, st.tuples(st.integers(1, 13), st.integers(1, 11)))


def drawn(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_small_parts_go_and_corners_connect():
    mask = drawn("##..#", "##...", "..#..")
    assert np.array_equal(largest_parts(mask, share=0.5), drawn("##...", "##...", "..#.."))
    assert np.array_equal(largest_parts(mask, share=0.2), mask)
    assert np.array_equal(parts_of_at_least(mask, 2), drawn("##...", "##...", "..#.."))
    assert not parts_of_at_least(mask, 6).any()


def test_holes_are_filled_and_bays_are_not():
    assert np.array_equal(filled(drawn(".###.", ".#.#.", ".###.")), drawn(".###.", ".###.", ".###."))
    bay = drawn(".###.", ".#.#.", ".#.#.")
    assert np.array_equal(filled(bay), bay)


def test_a_mask_grows_to_four_sides():
    assert np.array_equal(grown(drawn("...", ".#.", "...")), drawn(".#.", "###", ".#."))


@given(masks, st.floats(0, 1), st.integers(0, 20))
def test_cleaning_only_takes_and_filling_only_adds(mask, share, pixels):
    assert not (largest_parts(mask, share=share) & ~mask).any()
    assert not (parts_of_at_least(mask, pixels) & ~mask).any()
    assert not (mask & ~filled(mask)).any()
    assert np.array_equal(filled(filled(mask)), filled(mask))


@given(masks)
def test_some_part_stays_if_there_was_one(mask):
    assert largest_parts(mask, share=1.0).any() == mask.any()

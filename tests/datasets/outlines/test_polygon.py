"""Outlines and run lengths: the way there and back changes nothing, and a slow reference agrees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.datasets.outlines.polygon import filled, keyholed, outlines
from hilum.datasets.outlines.rle import mask_of_runs, packed, runs_of, unpacked

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 11), st.integers(1, 7)))
RING = np.pad(np.zeros((1, 2), bool), 1, constant_values=True)
TARGET = np.pad(np.pad(np.ones((1, 1), bool), 1), 1, constant_values=True)
CHECKS = np.indices((7, 11)).sum(axis=0) % 2 == 0


def slow_runs(mask) -> list[int]:
    runs, before = [0], False
    for column in mask.T.tolist():
        for pixel in column:
            if pixel != before:
                runs.append(0)
                before = pixel
            runs[-1] += 1
    return runs


def slow_inside(polygon, row, column) -> bool:
    """Even-odd, by the crossings of a ray from the middle of a pixel to the left."""
    x, y, crossings = column + 0.5, row + 0.5, 0
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
            crossings += 1
    return crossings % 2 == 1


@settings(deadline=None, max_examples=100)
@given(MASKS)
@example(TARGET)
@example(CHECKS)
def test_outlines_give_the_mask_back(mask):
    loops = outlines(mask)
    back = np.zeros(mask.shape, bool)
    for loop in loops:
        back ^= filled([loop], mask.shape)
    assert np.array_equal(back, mask)
    assert np.array_equal(filled(keyholed(loops), mask.shape), mask)


def test_a_ring_has_two_outlines_and_one_with_a_keyhole():
    assert len(outlines(RING)) == 2
    (joined,) = keyholed(outlines(RING))
    assert len(joined) == 4 + 4 + 2
    assert len(outlines(np.eye(3, dtype=bool))) == 1  # corners connect
    assert outlines(np.zeros((3, 4), bool)) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(-3, 12, width=16), st.floats(-3, 12, width=16)), min_size=3, max_size=7))
def test_a_polygon_holds_the_pixels_whose_middle_it_holds(polygon):
    shape = (7, 11)
    wanted = [[slow_inside(polygon, row, column) for column in range(shape[1])] for row in range(shape[0])]
    assert np.array_equal(filled([polygon], shape), wanted)


@pytest.mark.parametrize("polygon", [[(0, 0), (1, 1)], [(0, 0), (1, 1), (float("nan"), 2)]])
def test_what_is_no_polygon(polygon):
    with pytest.raises(ValueError, match="three points"):
        filled([polygon], (7, 11))


@settings(deadline=None, max_examples=100)
@given(MASKS, st.integers(1, 40))
def test_runs_are_those_of_the_reference_and_give_the_mask_back(mask, times):
    mask = np.repeat(mask, times, axis=0)
    runs = runs_of(mask)
    assert runs == slow_runs(mask)
    assert np.array_equal(mask_of_runs(runs, mask.shape), mask)
    assert unpacked(packed(runs)) == runs


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@settings(deadline=None, max_examples=60)
@given(MASKS, st.integers(1, 40))
def test_they_are_packed_as_the_coco_api_packs_them(mask, times):
    coco = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    mask = np.repeat(mask, times, axis=0)
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encoded["counts"].decode() == packed(runs_of(mask))
    assert np.array_equal(coco.decode({"size": list(mask.shape), "counts": packed(runs_of(mask))}), mask)


def test_what_are_no_runs():
    with pytest.raises(ValueError, match="do not fill"):
        mask_of_runs([3, 4], (2, 3))
    with pytest.raises(ValueError, match="do not fill"):
        mask_of_runs([-1, 7], (2, 3))
    with pytest.raises(ValueError, match="cut short"):
        unpacked(packed([1000])[:-1])
    with pytest.raises(ValueError, match="does not stand"):
        unpacked("1 1")

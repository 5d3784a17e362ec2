"""The sides of a mask that holds both lungs as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.geometry import PlaneGrid
from hilum.image import LUNGS, LabelMap
from hilum.phantom import thorax
from hilum.phantom.thorax import default_grid
from hilum.provenance import Step
from hilum.segmentation.told_apart import told_apart


@pytest.fixture(scope="module")
def lungs():
    return thorax(3, grid=default_grid(3, spacing_mm=(7.0, 1.9, 3.1))).lungs


def joined(lungs, array=None):
    return replace(lungs, array=((lungs.array if array is None else array) > 0).astype(np.uint8))


def test_the_lungs_of_a_phantom(lungs):
    made = told_apart(joined(lungs))
    assert np.array_equal(made.array, lungs.array)
    assert made.grid is lungs.grid
    assert made.origin == Step("tell-lungs-apart", {}, (lungs.origin,))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sides_stay_the_patients_in_any_order_of_axes(lungs, axis):
    turned = replace(lungs, array=np.flip(lungs.array, axis).copy(), grid=lungs.volume.flipped(axis))
    assert np.array_equal(told_apart(joined(turned)).array, turned.array)


def test_lungs_that_touch_are_cut(lungs):
    array = lungs.array.copy()
    columns = np.flatnonzero((array == 2).any(axis=(0, 1)))
    where = int(np.argmax((array == 1).sum(axis=(1, 2))))
    rows = np.flatnonzero((array[where] == 1).any(axis=1))
    array[where, rows[5] : rows[5] + 2, columns[0] - 12 : columns[0] + 12] |= 1  # a bridge in front of the heart
    made = told_apart(joined(lungs, array)).array
    assert np.mean(made[lungs.array > 0] == lungs.array[lungs.array > 0]) > 0.99


def test_one_lung_is_all_there_is(lungs):
    nothing = told_apart(joined(lungs, 0 * lungs.array))
    assert not nothing.array.any()


def test_a_film():
    array = np.zeros((31, 41), np.uint8)
    array[2:29, 3:17], array[4:27, 24:38] = 1, 2
    film = LabelMap((array > 0).astype(np.uint8), PlaneGrid((31, 41)), LUNGS, Step("draw"))
    assert np.array_equal(told_apart(film).array, array)

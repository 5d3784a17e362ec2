"""Lobes by height and depth: right where they are named at all."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.evaluation.ct_lobes import opacity_ml, probable_lobes
from hilum.geometry import VolumeGrid
from hilum.image import LOBES, LUNGS, LabelMap
from hilum.phantom import default_grid, thorax
from hilum.provenance import Step

NUMBER = {label.name: number for number, label in LOBES.items()}


@pytest.fixture(scope="module")
def body():
    return thorax(5003, grid=default_grid(5003, spacing_mm=(12, 9, 9)))


def test_lobes_that_are_named_are_the_phantoms(body):
    made = probable_lobes(body.lungs)
    named = made > 0
    assert np.array_equal(named & body.lungs.mask(), named)
    assert named.sum() > 0.7 * body.lungs.mask().sum()
    assert (made == body.lobes.array)[named].mean() > 0.9  # its fissures are those of surface markings
    assert set(np.unique(made)) == {0, *LOBES}


def test_the_left_lower_lobe_reaches_higher_than_the_right_one():
    grid = VolumeGrid.of_spacing((40, 20, 24), (5, 5, 5))
    array = np.zeros(grid.shape, np.uint8)
    array[:, :, :10], array[:, :, 14:] = 1, 2
    made = probable_lobes(LabelMap(array, grid, LUNGS, Step("made")))
    highest = {side: np.argwhere(made == NUMBER[f"{side}-lower-lobe"])[:, 0].max() for side in ("right", "left")}
    assert highest["left"] > highest["right"] > 20
    assert (made[:, -1] == NUMBER["left-lower-lobe"]).any()
    assert not (made[0] == NUMBER["left-upper-lobe"]).any()


def test_one_slice_and_one_lung_and_none():
    grid = VolumeGrid.of_spacing((1, 7, 11), (5, 1, 1))
    array = np.zeros(grid.shape, np.uint8)
    assert not probable_lobes(LabelMap(array, grid, LUNGS, Step("made"))).any()
    array[0, 1:6, 1:5] = 1
    assert set(np.unique(probable_lobes(LabelMap(array, grid, LUNGS, Step("made"))))) <= {0, 1, 2, 3}


def test_millilitres_by_lobe():
    lobes = np.array([[[1, 1, 5, 0]]], np.uint8)
    made = opacity_ml(lobes, np.array([[[True, False, True, True]]]), voxel_ml=0.5)
    assert made == {
        "right-upper-lobe": 0.5, "right-middle-lobe": 0.0, "right-lower-lobe": 0.0,
        "left-upper-lobe": 0.0, "left-lower-lobe": 0.5,
    }  # fmt: skip

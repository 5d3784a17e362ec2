"""Small volumes with masks, drawn by hand; what the tests of CT scoring share."""

from __future__ import annotations

import numpy as np

from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LOBES, LUNGS, Image, LabelMap, Quantity
from hilum.provenance import Step

DRAWN = Step("draw")
SPACING = (10.0, 10.0, 10.0)
"""A voxel of 1 ml."""


def grid(shape, spacing=SPACING):
    return VolumeGrid.of_spacing(shape, spacing, (-70.0, 20.0, 5.0))


def labels(array, names, on=None):
    array = np.ascontiguousarray(array, dtype=np.uint8)
    return LabelMap(array, on or grid(array.shape), names, DRAWN)


def hounsfield(array, on=None, quantity=Quantity.HOUNSFIELD):
    array = np.ascontiguousarray(array)
    return Image(array, on or grid(array.shape), quantity, DRAWN)


def chest(slices=12):
    """Two lungs, (slices, 7, 13): each 5 rows by 4 columns in all slices but the lowest and the highest."""
    made = np.zeros((slices, 7, 13), dtype=np.uint8)
    made[1:-1, 1:6, 2:6] = 1
    made[1:-1, 1:6, 8:12] = 2
    return made


def lobes_of(lungs):
    """Upper lobes in the upper half; on the right the front of the lower half is the middle lobe."""
    made = np.zeros_like(lungs)
    middle = len(lungs) // 2
    upper = np.arange(len(lungs))[:, None, None] >= middle
    front = np.arange(lungs.shape[1])[:, None] < 3
    made[(lungs == 1) & upper] = 1
    made[(lungs == 1) & ~upper & front] = 2
    made[(lungs == 1) & ~upper & ~front] = 3
    made[(lungs == 2) & upper] = 4
    made[(lungs == 2) & ~upper] = 5
    return made


def maps(lungs, lesions, lobes=None, on=None):
    made = [labels(lungs, LUNGS, on), labels(lesions, LESIONS, on)]
    return (*made, None if lobes is None else labels(lobes, LOBES, on))


def turned(array, axes, flips):
    """An array in another order of its axes, and the grid of its voxels in the same places."""
    on = grid(array.shape)
    affine = np.column_stack([on.affine[:, list(axes)], on.affine[:, 3]])
    made = array.transpose(axes)
    new = VolumeGrid(made.shape, affine)
    for axis, flip in enumerate(flips):
        if flip:
            made, new = np.flip(made, axis), new.flipped(axis)
    return np.ascontiguousarray(made), new

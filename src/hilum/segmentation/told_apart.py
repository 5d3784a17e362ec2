"""The right and the left lung of a mask that holds both as one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid
from hilum.image import LUNGS, LabelMap
from hilum.provenance import Step

from .ct_classical import PIXEL_MM, split_in_two
from .one_mask import sides

RIGHT, LEFT = 1, 2
"""Numbers of :data:`hilum.image.LUNGS`."""


def told_apart(lungs: LabelMap) -> LabelMap:
    """The patient's right and left lung of one mask of both: parts go to the side on which they lie, and parts that
    touch are cut where they are narrowest.

    Parameters
    ----------
    lungs : whatever is not 0 is lung, of a film or a CT, in any orientation; the two lungs lie about the middle of what
        they take up together

    Returns
    -------
    1 the right lung, 2 the left, on the same grid; all of it lung that was.
    """
    if isinstance(lungs.grid, PlaneGrid):
        upright = lungs.upright().array != 0
        spacing = lungs.plane.upright.spacing_mm or (1.0, 1.0)
        right, left = sides(upright, spacing[1] / spacing[0])
        array = lungs.plane.orientation.from_upright(_numbered(right, left))
    else:
        grid = lungs.volume
        right = _right_half(lungs.axial().array != 0, grid.axial.spacing_mm)
        array = grid.orientation.from_axial(_numbered(right, (lungs.axial().array != 0) & ~right))
    origin = Step("tell-lungs-apart", {}, (lungs.origin,))
    return replace(lungs, array=np.ascontiguousarray(array), labels=LUNGS, origin=origin)


def _numbered(right: NDArray[np.bool_], left: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return (RIGHT * right + LEFT * left).astype(np.uint8)


def _right_half(lung: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """The right lung of an axial mask, decided on cells of about :data:`PIXEL_MM`."""
    if not lung.any():
        return lung
    steps = [max(1, math.floor(PIXEL_MM / step)) for step in spacing_mm]
    coarse = _in_cells(lung, steps)
    columns = np.flatnonzero(lung.any(axis=(0, 1))) / steps[2]
    middle = float(columns[0] + columns[-1] + 1 / steps[2]) / 2
    spacing = tuple(step * count for step, count in zip(spacing_mm, steps, strict=True))
    right, left = split_in_two(coarse, (spacing[0], spacing[1], spacing[2]), middle)
    stray = coarse & ~right & ~left
    right |= stray & (np.arange(coarse.shape[2]) + 0.5 < middle)
    for axis, step in enumerate(steps):
        right = np.repeat(right, step, axis=axis)
    return lung & right[: lung.shape[0], : lung.shape[1], : lung.shape[2]]


def _in_cells(mask: NDArray[np.bool_], steps: list[int]) -> NDArray[np.bool_]:
    """The cells of so many voxels along each axis that hold any of the mask."""
    for axis, step in enumerate(steps):
        starts = np.arange(0, mask.shape[axis], step)
        mask = np.logical_or.reduceat(mask, starts, axis=axis)
    return mask

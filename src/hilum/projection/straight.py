"""Volumes along the patient's axes: turned as they are where that suffices, resampled where they are tilted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap
from hilum.provenance import Step

from .beam import require_straight

_OUTSIDE_HU = -1000.0


def straightened(image: Image, masks: Mapping[str, LabelMap]) -> tuple[Image, dict[str, LabelMap]]:
    """A volume and its masks, axial, with axes along the patient's.

    Only a volume that is tilted against these, as one of a tilted gantry, is resampled: densities linearly with air
    outside, masks by the nearest voxel, onto the box that holds the volume at its own spacing.
    """
    axial, beside = image.axial(), {name: mask.axial() for name, mask in masks.items()}
    try:
        require_straight(axial.volume)
    except GridMismatch:
        pass
    else:
        return axial, beside
    grid = _box(axial.volume)
    step = Step("straighten", {"spacing_mm": list(grid.spacing_mm)}, (axial.origin,))
    made = np.empty(grid.shape, dtype=np.float32)
    numbers = {name: np.empty(grid.shape, dtype=np.uint8) for name in beside}
    for place in range(grid.shape[0]):
        position = _positions(grid, axial.volume, place)
        made[place] = _linear(axial.array, position)
        for name, mask in beside.items():
            numbers[name][place] = _nearest(mask.array, position)
    straight = {
        name: replace(mask, array=numbers[name], grid=grid, origin=Step("straighten", step.settings, (mask.origin,)))
        for name, mask in beside.items()
    }
    return replace(axial, array=made, grid=grid, origin=step), straight


def _box(grid: VolumeGrid) -> VolumeGrid:
    """The straight grid of the same spacing about all voxels of an axial one."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T
    positions = grid.position_mm(corners.astype(np.float64))
    low, high = positions.min(axis=0), positions.max(axis=0)
    spacing = grid.spacing_mm
    shape = tuple(int(np.ceil((high[2 - axis] - low[2 - axis]) / spacing[axis] - 1e-6)) + 1 for axis in range(3))
    made = VolumeGrid.of_spacing((shape[0], shape[1], shape[2]), spacing, tuple(low))
    return VolumeGrid(made.shape, made.affine, grid.frame)


def _positions(grid: VolumeGrid, source: VolumeGrid, place: int) -> NDArray[np.float64]:
    """Where the voxels of a slice of ``grid`` lie in ``source``, in its voxels: (3, rows, columns)."""
    change = np.linalg.inv(source.affine) @ grid.affine
    rows, columns = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij")
    start = change[:3, 0] * place + change[:3, 3]
    return start[:, None, None] + change[:3, 1, None, None] * rows + change[:3, 2, None, None] * columns


def _linear(array: NDArray[Any], position: NDArray[np.float64]) -> NDArray[np.float32]:
    base = np.floor(position).astype(np.intp)
    part = (position - base).astype(np.float32)
    made = np.zeros(position.shape[1:], dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        index = base + np.array(corner)[:, None, None]
        inside, safe = _inside(index, array.shape)
        weight = np.prod([p if c else 1 - p for p, c in zip(part, corner, strict=True)], axis=0)
        made += weight * np.where(inside, array[tuple(safe)].astype(np.float32), np.float32(_OUTSIDE_HU))
    return made


def _nearest(array: NDArray[np.uint8], position: NDArray[np.float64]) -> NDArray[np.uint8]:
    inside, safe = _inside(np.rint(position).astype(np.intp), array.shape)
    return np.where(inside, array[tuple(safe)], np.uint8(0))


def _inside(index: NDArray[np.intp], shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which indices lie in an array, and all of them moved into it."""
    last = np.array(shape)[:, None, None] - 1
    return np.all((index >= 0) & (index <= last), axis=0), np.clip(index, 0, last)

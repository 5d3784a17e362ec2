"""The patient's body on a CT, without table, blankets, tubes and the air about it."""

from __future__ import annotations

from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from hilum.image import Image, Quantity

Solid = NDArray[np.bool_]

BLOCK_MM = 4.0
"""The body is found in voxels of about this size."""

TISSUE_HU = -300.0
"""Voxels of that size that are denser belong to something solid."""

SKIN_HU = -500.0
"""At the body's surface, voxels of the scan that are denser belong to it: half skin, half air."""

SHELL_BLOCKS = 2
"""What is thinner than twice as many blocks is a table's shell, a blanket or a tube, unless it hangs on the body."""

REGROWN_BLOCKS = 3
"""Thin parts of the chest wall up to as many blocks from its thick ones belong to the body."""


def body_of(image: Image) -> Solid:
    """Where the body is, lungs and all, on the voxels of a CT: of the shape of its array.

    The largest solid of tissue and of what that encloses in axial slices, once what is thin has been taken away; where
    the edge of the field of view cuts it, the edge encloses. An image without any has no body.

    Raises
    ------
    WrongQuantity
        The image does not hold Hounsfield units.
    """
    image.require(Quantity.HOUNSFIELD)
    axial = image.axial()
    spacing = axial.volume.spacing_mm
    steps = tuple(max(1, round(BLOCK_MM / length)) for length in spacing)
    blocks = _blocks(axial.array, (steps[0], steps[1], steps[2]))
    core = _enclosed(_largest(_enclosed(blocks > TISSUE_HU, is_cut=False)), is_cut=True)
    made = np.zeros(axial.array.shape, dtype=bool)
    near = _grown(core)
    for place in range(len(made)):
        block = min(place // steps[0], len(core) - 1)
        if core[block].any():
            sure, maybe = (_spread(part[block], made.shape[1:], steps[1:]) for part in (core, near))
            made[place] = maybe & (sure | (axial.array[place] > SKIN_HU))
    orientation = image.volume.orientation
    return np.ascontiguousarray(orientation.from_axial(made))


def _blocks(array: NDArray[Any], steps: tuple[int, int, int]) -> NDArray[np.float32]:
    """Means of blocks of voxels; what is left over at the ends goes to the last block of each axis."""
    count = [max(1, n // step) for n, step in zip(array.shape, steps, strict=True)]
    edges = [np.arange(n) * step for n, step in zip(count, steps, strict=True)]
    made = np.empty(count, dtype=np.float32)
    size = [np.diff(np.append(edge, n)) for edge, n in zip(edges, array.shape, strict=True)]
    for block in range(count[0]):
        start = edges[0][block]
        mean = np.fmax(array[start : start + size[0][block]], -1000).mean(axis=0, dtype=np.float32)
        sums = np.add.reduceat(np.add.reduceat(mean, edges[1], axis=0), edges[2], axis=1)
        made[block] = sums / (size[1][:, None] * size[2][None])
    return made


def _largest(tissue: Solid) -> Solid:
    """The largest connected solid of what is thick, with what is thin near it."""
    thick = tissue
    for _ in range(SHELL_BLOCKS):
        thick = ~_grown(~thick)
    numbers = np.asarray(cc3d.connected_components(np.ascontiguousarray(thick).view(np.uint8), connectivity=6))
    counts = np.bincount(numbers.ravel())
    if len(counts) < 2:
        return np.zeros(tissue.shape, dtype=bool)
    made = numbers == counts[1:].argmax() + 1
    for _ in range(SHELL_BLOCKS + REGROWN_BLOCKS):
        made = _grown(made, axes=(0, 1, 2)) & tissue
    return made


def _grown(solid: Solid, axes: tuple[int, ...] = (1, 2)) -> Solid:
    """The solid and its neighbours along some axes; by default within each slice."""
    made = solid.copy()
    for axis in axes:
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        made[tuple(ahead)] |= solid[tuple(behind)]
        made[tuple(behind)] |= solid[tuple(ahead)]
    return made


def _enclosed(solid: Solid, *, is_cut: bool) -> Solid:
    """The solid with what it encloses in each slice; ``is_cut`` has the slice's edge close what it cuts."""
    made = solid.copy()
    for place in np.flatnonzero(solid.any(axis=(1, 2))):
        plane = made[place]
        for edge in (plane[0], plane[-1], plane[:, 0], plane[:, -1]) if is_cut else ():
            touched = np.flatnonzero(edge)
            if len(touched):
                edge[touched[0] : touched[-1] + 1] = True
        free = np.pad(~plane, 1, constant_values=True)
        numbers = np.asarray(cc3d.connected_components(free.view(np.uint8), connectivity=4))
        made[place] = numbers[1:-1, 1:-1] != numbers[0, 0]
    return made


def _spread(plane: Solid, shape: tuple[int, ...], steps: tuple[int, ...]) -> Solid:
    """Blocks of a slice on its pixels; the last of each axis reaches to its end."""
    rows, columns = (
        np.minimum(np.arange(n) // step, blocks - 1) for n, step, blocks in zip(shape, steps, plane.shape, strict=True)
    )
    return plane[rows[:, None], columns[None]]

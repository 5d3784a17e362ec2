"""A volume that shapes are painted into, each in its own box, with edges as sharp as the grid allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid

from .noise import Field

Slices = tuple[slice, slice, slice]
Shape = Callable[[Field, Field, Field], Field]
"""A function of positions in mm that is negative inside a body; any slope will do."""

SLAB_VOXELS = 1_500_000
"""Voxels that are worked on at a time: a dozen float32 arrays of them stay under 100 MB."""

AIR_HU = -1000

_CORNERS = np.array(list(np.ndindex(2, 2, 2)), dtype=bool)


@dataclass(slots=True, eq=False)
class Canvas:
    """A CT volume in the making.

    Attributes
    ----------
    grid : where the voxels lie; world coordinates are LPS millimetres
    hu : int16, of the grid's shape
    lungs : uint8, 1 the patient's right, 2 the left; organs painted with ``clears_lungs`` take their voxels away
    """

    grid: VolumeGrid
    hu: NDArray[np.int16] = field(init=False)
    lungs: NDArray[np.uint8] = field(init=False)
    _inverse: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.hu = np.full(self.grid.shape, AIR_HU, dtype=np.int16)
        self.lungs = np.zeros(self.grid.shape, dtype=np.uint8)
        self._inverse = np.linalg.inv(self.grid.affine).astype(np.float64)

    @property
    def whole(self) -> Slices:
        """The box of the whole volume."""
        return _box((0, 0, 0), self.grid.shape)

    def box(self, low_mm: NDArray[np.float64], high_mm: NDArray[np.float64]) -> Slices | None:
        """The voxels that a world box may touch, None if it lies outside the volume."""
        indices = self.index(np.where(_CORNERS, high_mm, low_mm))
        start = np.maximum(np.floor(indices.min(axis=0)).astype(int), 0)
        stop = np.minimum(np.ceil(indices.max(axis=0)).astype(int) + 1, self.grid.shape)
        return None if np.any(start >= stop) else _box(start, stop)

    def index(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fractional (slice, row, column) of world points, shape (..., 3)."""
        return points_mm @ self._inverse[:3, :3].T + self._inverse[:3, 3]

    def coordinates(self, box: Slices) -> tuple[Field, Field, Field]:
        """World x, y, z of a box's voxels, arrays that broadcast to its shape.

        An axis along which a coordinate does not change has length 1, so that on grids along the body's axes a
        function of one coordinate costs almost nothing.
        """
        affine = self.grid.affine
        made: list[Field] = []
        for world in range(3):
            total = np.full((1, 1, 1), affine[world, 3])
            for axis in range(3):
                if affine[world, axis]:
                    steps = np.arange(box[axis].start, box[axis].stop) * affine[world, axis]
                    total = total + np.expand_dims(steps, [other for other in range(3) if other != axis])
            made.append(total.astype(np.float32))
        return made[0], made[1], made[2]

    def slabs(self, box: Slices) -> Iterator[Slices]:
        """A box in pieces of at most about SLAB_VOXELS voxels along its first axis."""
        plane = (box[1].stop - box[1].start) * (box[2].stop - box[2].start)
        step = max(2, SLAB_VOXELS // plane)
        for start in range(box[0].start, box[0].stop, step):
            yield slice(start, min(start + step, box[0].stop)), box[1], box[2]

    def fill(
        self,
        shape: Shape,
        hu: float,
        *,
        low_mm: NDArray[np.float64],
        high_mm: NDArray[np.float64],
        clears_lungs: bool = False,
    ) -> None:
        """Paint a body of one density; ``low_mm`` and ``high_mm`` are opposite corners of a world box round it."""
        box = self.box(low_mm, high_mm)
        if box is None:
            return
        for slab in self.slabs(box):
            share = coverage(np.broadcast_to(shape(*self.coordinates(slab)), extent(slab)))
            self.paint(slab, share, hu, clears_lungs=clears_lungs)

    def paint(self, box: Slices, share: Field, hu: float, *, clears_lungs: bool = False) -> None:
        """Mix a density into a box by the share of each voxel; lungs lose what is covered by more than half."""
        blend(self.hu[box], share, hu)
        if clears_lungs:
            self.lungs[box][share > 0.5] = 0


def coverage(f: Field, change: Field | None = None) -> Field:
    """Share of each voxel on the negative side of a function, 0 to 1.

    The value is divided by its change across the voxel, which gives the share where the function is linear,
    whatever its slope and the voxel's shape. ``change`` is :func:`change_across` of the same slope, if at hand.
    """
    share = f / (change_across(f) if change is None else change)
    np.subtract(np.float32(0.5), share, out=share)
    return np.clip(share, 0, 1, out=share)


def change_across(f: Field) -> Field:
    """How much a function changes from one side of each voxel to the other, summed over the axes."""
    change = np.full(f.shape, 1e-6, dtype=np.float32)
    for axis in range(f.ndim):
        if f.shape[axis] > 1:
            slope = _slope(f, axis)
            change += np.abs(slope, out=slope)
    return change


def blend(hu: NDArray[np.int16], share: Field, value: float | Field) -> None:
    """Mix a density into voxels in place, by share."""
    hu += np.rint(share * (value - hu)).astype(np.int16)


def _slope(f: Field, axis: int) -> Field:
    """Central differences, one-sided at both ends."""
    f = np.moveaxis(f, axis, 0)
    made = np.empty(f.shape, dtype=np.float32)
    made[0] = f[1] - f[0]
    made[-1] = f[-1] - f[-2]
    np.subtract(f[2:], f[:-2], out=made[1:-1])
    made[1:-1] *= np.float32(0.5)
    return np.moveaxis(made, 0, axis)


def _box(start: tuple[int, ...] | NDArray[np.int_], stop: tuple[int, ...] | NDArray[np.int_]) -> Slices:
    made = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return made[0], made[1], made[2]


def extent(box: Slices) -> tuple[int, int, int]:
    """Voxels of a box along each axis."""
    return box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start

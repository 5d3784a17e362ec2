"""The voxels of a harmonised volume, counted in those of its source: each axis by itself, nothing is turned.

The lattice of a whole volume has the source's middle as its middle and reaches over all of it. A crop takes whole
voxels of that lattice away or adds such. So a volume that has the wanted spacing already keeps its very voxels, and
at a finer spacing every source voxel has one of the new voxels nearer to its centre than its own border.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch
from hilum.geometry import VolumeGrid

SLACK = 0.01
"""Voxels by which the ends of an axis may be off through the rounding of spacings in files."""

_TURNED = 1e-4
"""Largest share of another axis in an axis' direction that still counts as the same direction."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Voxels along one axis.

    Attributes
    ----------
    length : voxels of the source
    start : where the centre of the first voxel lies, in source voxels from the centre of their first
    step : source voxels from one voxel to the next, above 0
    count : voxels, at least 1
    """

    length: int
    start: float
    step: float
    count: int

    @classmethod
    def over(cls, length: int, step: float) -> Axis:
        """The axis about the source's middle that reaches over all of it."""
        if abs(step - 1) * length < SLACK:
            return cls(length, 0.0, 1.0, length)
        count = max(1, math.ceil(length / step - SLACK))
        return cls(length, (length - 1 - (count - 1) * step) / 2, step, count)

    @classmethod
    def fitted(cls, length: int, count: int) -> Axis:
        """So many voxels over exactly the source's extent."""
        step = length / count
        return cls(length, (step - 1) / 2, step, count)

    def cropped(self, first: int, count: int) -> Axis:
        """From voxel ``first`` on; a negative one, or too large a count, adds voxels."""
        return Axis(self.length, self.start + first * self.step, self.step, count)

    @property
    def places(self) -> NDArray[np.float64]:
        """Where the centres lie, in source voxels."""
        return self.start + np.arange(self.count, dtype=np.float64) * np.float64(self.step)

    @property
    def inside(self) -> slice:
        """The voxels whose centres lie within the source; empty if none does."""
        within = np.flatnonzero((self.places >= -0.5) & (self.places < self.length - 0.5))
        return slice(int(within[0]), int(within[-1]) + 1) if len(within) else slice(0, 0)

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The source voxel in which the centre of each voxel of :attr:`inside` lies."""
        return np.floor(self.places[self.inside] + 0.5).astype(np.intp)

    @property
    def reach(self) -> slice:
        """The source voxels that bear on those of :attr:`inside`."""
        places = self.places[self.inside]
        if not len(places):
            return slice(0, 0)
        support = max(self.step, 1.0)
        first, last = math.floor(places[0] - support), math.ceil(places[-1] + support)
        return slice(max(0, first), min(self.length, last + 1))

    def within(self, part: slice) -> Axis:
        """The same voxels, counted in a part of the source."""
        return replace(self, length=part.stop - part.start, start=self.start - part.start)

    def weights(self, place: float) -> list[tuple[int, float]]:
        """Source voxels and their weights at a place: a triangle as wide as the coarser of both steps; sum 1."""
        support = max(self.step, 1.0)
        near = range(max(0, math.ceil(place - support)), min(self.length - 1, math.floor(place + support)) + 1)
        raw = [(index, 1.0 - abs(index - place) / support) for index in near]
        raw = [(index, weight) for index, weight in raw if weight > 1e-9]
        total = sum(weight for _, weight in raw)
        return [(index, weight / total) for index, weight in raw]

    def box(self, marked: slice) -> tuple[int, int]:
        """The first voxel that touches a stretch of source voxels, and the one after the last."""
        low, high = marked.start - 0.5, marked.stop - 0.5
        first = math.floor((low - self.start) / self.step + 0.5 + SLACK)
        last = math.ceil((high - self.start) / self.step + 0.5 - SLACK)
        return first, max(last, first + 1)


@dataclass(frozen=True, slots=True)
class Lattice:
    """The axes along slices, rows and columns of an axial source."""

    slices: Axis
    rows: Axis
    columns: Axis

    @classmethod
    def over(cls, grid: VolumeGrid, spacing_mm: tuple[float, float, float] | None) -> Lattice:
        """The lattice over a whole axial volume; its own voxels if no spacing is asked for.

        A single slice keeps its thickness: there is nothing to interpolate between.
        """
        wanted = spacing_mm or grid.spacing_mm
        steps = [new / old for new, old in zip(wanted, grid.spacing_mm, strict=True)]
        if grid.shape[0] == 1:
            steps[0] = 1.0
        return cls(*(Axis.over(length, step) for length, step in zip(grid.shape, steps, strict=True)))

    @classmethod
    def picture(cls, shape: tuple[int, int, int], longer_px: int | None) -> Lattice:
        """Slices whose longer side has so many pixels; the other side's are rounded, so they stay nearly square."""
        longer = max(shape[1:])
        sides = [side if longer_px is None else max(1, round(side * longer_px / longer)) for side in shape[1:]]
        return cls(Axis(shape[0], 0.0, 1.0, shape[0]), Axis.fitted(shape[1], sides[0]), Axis.fitted(shape[2], sides[1]))

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """Slices, rows, columns."""
        return self.slices, self.rows, self.columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        return self.slices.count, self.rows.count, self.columns.count

    @property
    def is_source(self) -> bool:
        """The voxels are the source's own, all of them."""
        return all((axis.start, axis.step, axis.count) == (0.0, 1.0, axis.length) for axis in self.axes)

    def cropped(self, first: tuple[int, int, int], shape: tuple[int, int, int]) -> Lattice:
        """Whole voxels off, or on where ``first`` is negative or ``shape`` larger."""
        cut = [axis.cropped(at, count) for axis, at, count in zip(self.axes, first, shape, strict=True)]
        return Lattice(*cut)

    def grid(self, source: VolumeGrid) -> VolumeGrid:
        """Where the voxels lie in the patient, given the axial grid of the source."""
        affine = source.affine.copy()
        affine[:3, 3] = source.position_mm(np.array([axis.start for axis in self.axes]))
        affine[:3, :3] *= [axis.step for axis in self.axes]
        return VolumeGrid(self.shape, affine, source.frame)


def between(source: VolumeGrid, target: VolumeGrid) -> Lattice:
    """The voxels of one axial grid, counted in those of another.

    Raises
    ------
    GridMismatch
        Their axes do not run the same way.
    """
    turn = np.linalg.solve(source.affine[:3, :3], target.affine[:3, :3])
    steps = np.diag(turn)
    if (steps <= 0).any() or np.abs(turn - np.diag(steps)).max() > _TURNED * steps.max():
        raise GridMismatch("Two volumes do not lie along the same axes, so neither is a resampling of the other.")
    start = np.linalg.solve(source.affine[:3, :3], target.affine[:3, 3] - source.affine[:3, 3])
    return Lattice(
        *(
            Axis(length, float(at), float(step), count)
            for length, at, step, count in zip(source.shape, start, steps, target.shape, strict=True)
        )
    )

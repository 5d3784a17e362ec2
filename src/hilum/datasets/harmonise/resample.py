"""Volumes on another lattice, one slice at a time.

Images are interpolated linearly; where the new voxels are the coarser, the triangle is as wide as they are, so that
they average what they cover instead of picking voxels out of it. Masks take the source voxel in which each new centre
lies, or, if asked for, the structure with the largest share by the image's own weights where all structures together
have at least half.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.geometry import VolumeGrid
from hilum.image import LabelMap
from hilum.provenance import Step

from .lattice import Axis, Lattice, between

Plane = NDArray[np.float32]
Numbers = NDArray[np.uint8]


def planes(
    array: NDArray[Any],
    lattice: Lattice,
    outside: float = 0.0,
    of: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> Iterator[Plane]:
    """The slices of a volume on another lattice, in their order; a yielded slice is not to be kept.

    Parameters
    ----------
    array : (slices, rows, columns), axial, any real type
    lattice : counted in the voxels of ``array``
    outside : value beyond the volume
    of : what to interpolate, made of each plane; None for the values themselves
    """
    rows, columns = lattice.rows.reach, lattice.columns.reach
    part = array[:, rows, columns]
    in_plane = _InPlane(lattice.rows.within(rows), lattice.columns.within(columns), outside)
    slices, inside = lattice.slices, lattice.slices.inside
    blank = np.full(lattice.shape[1:], outside, np.float32)

    def stored(index: int) -> NDArray[Any]:
        return part[index] if of is None else of(part[index])

    recent: dict[int, Plane] = {}

    def resized(index: int) -> Plane:
        if index not in recent:
            for old in [old for old in recent if old < index - 1]:
                del recent[old]
            recent[index] = in_plane(stored(index).astype(np.float32))
        return recent[index]

    for place, position in enumerate(slices.places):
        if not inside.start <= place < inside.stop or not part.size:
            yield blank
        elif slices.step < 1:
            yield _blended(resized, slices.weights(position))
        else:
            yield in_plane(_blended(stored, slices.weights(position)))


def mask_on(labels: Numbers, lattice: Lattice, *, is_smooth: bool = False) -> Numbers:
    """Label numbers on another lattice; 0 beyond the volume.

    Parameters
    ----------
    labels : (slices, rows, columns), axial
    lattice : counted in their voxels
    is_smooth : by shares, and not by the nearest voxel
    """
    if lattice.is_source:
        return np.ascontiguousarray(labels)
    return _by_shares(labels, lattice) if is_smooth else _by_nearest(labels, lattice)


def bring_back(labels: LabelMap, grid: VolumeGrid) -> LabelMap:
    """A harmonised mask on the grid of its source, by the nearest voxel.

    Parameters
    ----------
    labels : on the harmonised grid
    grid : of the source, in any of the 48 orders of its axes

    Raises
    ------
    GridMismatch
        The two do not lie along the same axes.
    """
    axial = labels.axial()
    array = _by_nearest(axial.array, between(axial.volume, grid.axial))
    turned = np.ascontiguousarray(grid.orientation.from_axial(array))
    return replace(labels, array=turned, grid=grid, origin=Step("bring-back", {}, (labels.origin,)))


def _by_nearest(labels: Numbers, lattice: Lattice) -> Numbers:
    made = np.zeros(lattice.shape, np.uint8)
    slices, rows, columns = lattice.axes
    in_rows, in_columns = rows.nearest, columns.nearest
    before, plane = -1, made[0, :0, :0]
    for place, index in zip(range(slices.count)[slices.inside], slices.nearest.tolist(), strict=True):
        if index != before:
            before, plane = index, labels[index].take(in_columns, axis=1).take(in_rows, axis=0)
        made[place, rows.inside, columns.inside] = plane
    return made


def _by_shares(labels: Numbers, lattice: Lattice) -> Numbers:
    made = np.zeros(lattice.shape, np.uint8)
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:]) + 1
    shares = [planes(labels, lattice, of=_share_of(number)) for number in present.tolist()]
    for out, *each in zip(made, *shares, strict=True):
        stack = np.stack(each) if each else np.zeros((1, *out.shape), np.float32)
        numbers = present[stack.argmax(axis=0)] if each else out
        out[:] = np.where(stack.sum(axis=0) >= np.float32(0.5 - 1e-5), numbers, 0)
    return made


def _share_of(number: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda plane: plane == number


def _blended(plane_of: Callable[[int], NDArray[Any]], weights: list[tuple[int, float]]) -> Plane:
    """Planes by their weights, added up; a new array unless there is but one."""
    (index, weight), *rest = weights
    made = plane_of(index)
    if not rest:
        return made.astype(np.float32, copy=False)
    made = np.multiply(made, np.float32(weight), dtype=np.float32)
    for index, weight in rest:
        made += np.multiply(plane_of(index), np.float32(weight), dtype=np.float32)
    return made


@dataclass(slots=True)
class _InPlane:
    """Resamples planes along rows and columns."""

    rows: Axis
    columns: Axis
    outside: float

    def __call__(self, plane: Plane) -> Plane:
        rows, columns = self.rows.inside, self.columns.inside
        seen = self._seen(plane)
        if seen.shape == (self.rows.count, self.columns.count):
            return seen
        made = np.full((self.rows.count, self.columns.count), self.outside, np.float32)
        made[rows, columns] = seen
        return made

    def _seen(self, plane: Plane) -> Plane:
        """What of the result lies within the source."""
        if self.rows.step == self.columns.step == 1:
            return plane[np.ix_(self.rows.nearest, self.columns.nearest)]
        # Half a new voxel may reach over the source's edge, and Pillow wants its box within the picture.
        margin = math.ceil(max(self.rows.step, self.columns.step) / 2) + 1
        top, bottom = self._edges(self.rows, margin)
        left, right = self._edges(self.columns, margin)
        size = len(range(self.columns.count)[self.columns.inside]), len(range(self.rows.count)[self.rows.inside])
        picture = Picture.fromarray(_widened(plane, margin))
        return np.asarray(picture.resize(size, Picture.Resampling.BILINEAR, box=(left, top, right, bottom)))

    @staticmethod
    def _edges(axis: Axis, margin: int) -> tuple[float, float]:
        """Where the inside begins and ends, from the outer edge of a plane widened by ``margin``."""
        places = axis.places[axis.inside]
        half = axis.step / 2
        return float(places[0] + 0.5 - half + margin), float(places[-1] + 0.5 + half + margin)


def _widened(plane: Plane, margin: int) -> Plane:
    """The plane with its outermost values repeated; ``np.pad`` takes ten times as long."""
    made = np.empty((plane.shape[0] + 2 * margin, plane.shape[1] + 2 * margin), np.float32)
    made[margin:-margin, margin:-margin] = plane
    made[margin:-margin, :margin], made[margin:-margin, -margin:] = plane[:, :1], plane[:, -1:]
    made[:margin], made[-margin:] = made[margin], made[-margin - 1]
    return made

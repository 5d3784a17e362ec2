"""Integrals along rays through planes of voxels: sums for parallel rays, small matrix products for a point source.

A point source magnifies each plane across the rays by a factor of its own. What a row of pixels sees of a plane is
then a weighted sum of its rows of voxels, and the same holds for columns: two narrow matrices a plane. All planes are
laid side by side, so that the sum over them is part of the product; no ray is ever followed. Sampling each plane that
a ray crosses, with linear interpolation within it, is Joseph's method.

References
----------
.. [1] P. M. Joseph, An improved algorithm for reprojecting rays through pixel images, IEEE Trans. Med. Imaging 1(3),
   192-196, 1982, doi:10.1109/TMI.1982.4307572
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .attenuation import Curve, Field
from .beam import Layout

Pixel = Literal["area", "point"]
"""A pixel holds its mean over its area, as a detector's does, or the value at its centre."""

Values = Callable[[NDArray[Any]], Field]
"""From stored voxels to what is integrated, per mm, float32: a curve of attenuation, or a mask's 0 and 1."""

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""From where to where along (rays, down, across)."""

_BLOCK_ROWS, _BLOCK_COLUMNS = 128, 64
"""Pixels that are made in one product: the weights of neighbours overlap, and those of distant ones do not."""


class Rays:
    """The rays of a film, through as many volumes as there are on one grid.

    Parameters
    ----------
    layout : of the volumes and the film
    pixel : what a pixel of the film holds
    """

    def __init__(self, layout: Layout, pixel: Pixel = "area") -> None:
        self.layout = layout
        self._is_parallel = bool(np.isinf(layout.source_mm))
        magnification = np.ones(1) if self._is_parallel else layout.magnification
        self._down = Weights(layout.down_mm, magnification, layout.shape[1], layout.spacing_mm[1], pixel)
        self._across = Weights(layout.across_mm, magnification, layout.shape[2], layout.spacing_mm[2], pixel)
        self._columns: dict[int, tuple[int, Field]] = {}

    def integrals(self, axial: NDArray[Any], values: Values, *, repeat: bool = False) -> Field:
        """Line integrals of a volume on the pixels of the film: float32, of the film's shape.

        Parameters
        ----------
        axial : (slices, rows, columns), axial
        values : what a voxel contributes per mm
        repeat : rays that leave the volume over its first or last slice go on through that slice; otherwise through
            nothing. Beyond the sides there is always nothing.
        """
        if self._is_parallel:
            return self._seen(column_sums(axial, self.layout, values)[None], _as_it_is, repeat)
        made = self._seen(self.layout.turned(axial), values, repeat)
        made *= np.float32(self.layout.spacing_mm[0])
        made *= self.layout.obliquity()
        return made

    def way(self, axial: NDArray[Any], number: int) -> Field:
        """Length of the rays' way through the voxels that hold a number, in mm: float32, of the film's shape."""
        made = np.zeros(self.layout.grid.shape, dtype=np.float32)
        inside = self.layout.turned(axial) == number
        if self._is_parallel or not inside.any():
            return self.integrals(axial, lambda voxels: (voxels == number).astype(np.float32)) if inside.any() else made
        seen = inside.any(axis=0)
        box = tuple(_extent(line) for line in (inside.any(axis=(1, 2)), seen.any(axis=1), seen.any(axis=0)))
        made = self._seen(inside, _as_it_is, False, (box[0], box[1], box[2]))
        made *= np.float32(self.layout.spacing_mm[0])
        made *= self.layout.obliquity()
        return made

    def _seen(self, planes: NDArray[Any], values: Values, repeat: bool, box: Box | None = None) -> Field:
        """Sums over planes of (planes, down, across), each seen through its own magnification, of the film's shape.

        All outside ``box`` counts for nothing.
        """
        (near, far), high, wide = box or ((0, len(planes)), (0, planes.shape[1]), (0, planes.shape[2]))
        shape = self.layout.grid.shape
        made = np.zeros(shape, dtype=np.float32)
        for top in range(0, shape[0], _BLOCK_ROWS):
            first, weights = self._down.block(top, top + _BLOCK_ROWS, repeat=repeat)
            if first >= high[1] or first + weights.shape[1] <= high[0]:
                continue
            slab = values(planes[near:far, first : first + weights.shape[1]])
            rows = np.empty((planes.shape[2], far - near, weights.shape[2]), dtype=np.float32)
            np.matmul(slab.transpose(0, 2, 1), weights[near:far], out=rows.transpose(1, 0, 2))
            for at in range(0, shape[1], _BLOCK_COLUMNS):
                left, factors = self._column(at)
                if left < wide[1] and left + len(factors) > wide[0]:
                    seen = rows[left : left + len(factors)].reshape(-1, rows.shape[2])
                    flat = factors[:, near:far].reshape(-1, factors.shape[2])
                    made[top : top + _BLOCK_ROWS, at : at + _BLOCK_COLUMNS] = seen.T @ flat
        return made

    def _column(self, at: int) -> tuple[int, Field]:
        """First voxel that a block of columns sees, and weights (voxels, planes, pixels), made once."""
        if at not in self._columns:
            first, weights = self._across.block(at, at + _BLOCK_COLUMNS)
            self._columns[at] = first, np.ascontiguousarray(weights.transpose(1, 0, 2))
        return self._columns[at]


def _as_it_is(voxels: NDArray[Any]) -> Field:
    return voxels.astype(np.float32, copy=False)


def _extent(line: NDArray[np.bool_]) -> tuple[int, int]:
    """First place that is true, and the one after the last."""
    found = np.flatnonzero(line)
    return int(found[0]), int(found[-1]) + 1


def column_sums(axial: NDArray[Any], layout: Layout, values: Values) -> Field:
    """Integrals along straight columns of voxels, float32, (voxels down, voxels across) in the axes of the film.

    Slice by slice, so that what is worked on stays in the processor's cache.

    Parameters
    ----------
    axial : (slices, rows, columns), as the patient lies axially
    layout : which axes the rays and the film run along, with its spacings in mm
    values : what a voxel's number counts for on a ray, per mm
    """
    along = layout.order[0] - 1
    made = np.empty((axial.shape[0], axial.shape[2 - along]), dtype=np.float32)
    ones = np.ones(axial.shape[layout.order[0]], dtype=np.float32)
    bent = _Bent(values, ones) if isinstance(values, Curve) else None
    for place, plane in enumerate(axial):
        across = plane if along == 0 else plane.T
        made[place] = bent(across) if bent is not None else ones @ values(across)
    made *= np.float32(layout.spacing_mm[0])
    return made[:: -1 if layout.flips[1] else 1, :: -1 if layout.flips[2] else 1]


class _Bent:
    """Sums of a curve of two lines, from the sums of the clipped densities: a pass less than the curve itself."""

    def __init__(self, curve: Curve, ones: Field) -> None:
        self._curve, self._ones = curve, ones
        self._work = np.empty(0, dtype=np.float32)

    def __call__(self, plane: NDArray[Any]) -> Field:
        """Sums of (along, across) over the first axis."""
        curve, count = self._curve, len(self._ones)
        if self._work.shape != plane.shape:
            self._work = np.empty(plane.shape, dtype=np.float32)
        work = self._work
        np.copyto(work, plane, casting="unsafe")
        np.fmax(work, np.float32(-1000), out=work)
        thin = self._ones @ work + np.float32(1000 * count)
        np.maximum(work, np.float32(curve.bend_hu), out=work)
        dense = self._ones @ work - np.float32(curve.bend_hu * count)
        return np.float32(curve.slope) * thin + np.float32(curve.more) * dense


class Weights:
    """What pixels along one axis of a film see of the voxels along that axis, plane by plane.

    Between voxels a volume is a straight line; a pixel holds its mean over the pixel's width, or its value there.

    Parameters
    ----------
    detector_mm : centres of the pixels on the detector, from the central ray
    magnification : of each plane
    count : voxels along the axis
    spacing_mm : of the voxels
    pixel : what a pixel holds
    """

    def __init__(
        self,
        detector_mm: NDArray[np.float64],
        magnification: NDArray[np.float64],
        count: int,
        spacing_mm: float,
        pixel: Pixel,
    ) -> None:
        self._count = count
        pitch = float(detector_mm[1] - detector_mm[0]) if len(detector_mm) > 1 else spacing_mm
        self._widths = (pitch if pixel == "area" else 0.0) / magnification[:, None] / spacing_mm
        self._lows = detector_mm[None] / magnification[:, None] / spacing_mm + (count - 1) / 2 - self._widths / 2

    def block(self, start: int, stop: int, *, repeat: bool = False) -> tuple[int, Field]:
        """First voxel that the pixels from ``start`` to ``stop`` see, and weights (planes, voxels, pixels), float32.

        ``repeat`` has the voxels at both ends stand for all that lie beyond them.
        """
        lows, widths = self._lows[:, start:stop], self._widths
        base = np.floor(lows).astype(np.intp)
        taps = int(np.ceil(widths.max())) + 2
        first = min(max(int(base.min()), 0), self._count - 1)
        last = min(max(int(base.max()) + taps, first + 1), self._count)
        made = np.zeros((len(lows), last - first, lows.shape[1]), dtype=np.float32)
        planes, pixels = np.arange(len(lows))[:, None], np.arange(lows.shape[1])[None]
        part, widths = (lows - base).astype(np.float32), widths.astype(np.float32)
        for tap in range(taps):
            share = _share(part - tap, widths)
            voxel = base + tap
            if not repeat:
                share *= (voxel >= 0) & (voxel < self._count)
            made[planes, np.clip(voxel, first, last - 1) - first, pixels] += share
        return first, made


def _share(low: Field, width: Field) -> Field:
    """What a pixel from ``low`` on, so far from a voxel in voxels, sees of the voxel's value."""
    if not width.any():
        return np.maximum(1 - np.abs(low), 0)
    return (_below(low + width) - _below(low)) / width


def _below(position: Field) -> Field:
    """Integral of a voxel's hat, which linear interpolation gives it, from its left foot to a position."""
    inside = np.clip(position, -1, 1)
    return np.float32(0.5) + inside - np.abs(inside) * inside * np.float32(0.5)

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

_BLOCK_ROWS, _BLOCK_COLUMNS = 128, 64
"""Pixels that are made in one product: the weights of neighbours overlap, and those of distant ones do not."""


def integrals(
    axial: NDArray[Any], layout: Layout, values: Values, *, pixel: Pixel = "area", repeat: bool = False
) -> Field:
    """Line integrals of a volume on the pixels of a film.

    Parameters
    ----------
    axial : (slices, rows, columns), axial
    layout : of the rays
    values : what a voxel contributes per mm
    pixel : what a pixel holds
    repeat : rays that leave the volume over its first or last slice go on through that slice; otherwise through
        nothing. The sides are always followed by nothing.

    Returns
    -------
    float32, of the film's shape
    """
    turned = layout.turned(axial)
    if np.isinf(layout.source_mm):
        plane = column_sums(axial, layout, values)
        return _from_planes(plane[None], layout, lambda part: part, pixel, repeat)
    made = _from_planes(turned, layout, values, pixel, repeat)
    made *= np.float32(layout.spacing_mm[0])
    made *= layout.obliquity()
    return made


def column_sums(axial: NDArray[Any], layout: Layout, values: Values) -> Field:
    """Integrals along straight columns of voxels, float32, (voxels down, voxels across) in the axes of the film.

    Slice by slice, so that what is worked on stays in the processor's cache.
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


def _from_planes(planes: NDArray[Any], layout: Layout, values: Values, pixel: Pixel, repeat: bool) -> Field:
    """Sums over planes of (planes, down, across), each seen through its own magnification, of the film's shape."""
    magnification = layout.magnification if len(planes) > 1 else np.ones(1)
    down = _Weights(layout.down_mm, magnification, planes.shape[1], layout.spacing_mm[1], pixel)
    across = _Weights(layout.across_mm, magnification, planes.shape[2], layout.spacing_mm[2], pixel)
    columns = [across.block(at, at + _BLOCK_COLUMNS) for at in range(0, len(layout.across_mm), _BLOCK_COLUMNS)]
    made = np.empty((len(layout.down_mm), len(layout.across_mm)), dtype=np.float32)
    for top in range(0, len(made), _BLOCK_ROWS):
        first, weights = down.block(top, top + _BLOCK_ROWS, repeat=repeat)
        slab = values(planes[:, first : first + weights.shape[1]])
        rows = np.matmul(slab.transpose(0, 2, 1), weights)
        rows = np.ascontiguousarray(rows.transpose(1, 0, 2))
        for number, (left, factors) in enumerate(columns):
            seen = rows[left : left + factors.shape[1]].reshape(-1, rows.shape[2])
            at = number * _BLOCK_COLUMNS
            flat = factors.transpose(1, 0, 2).reshape(-1, factors.shape[2])
            made[top : top + _BLOCK_ROWS, at : at + _BLOCK_COLUMNS] = seen.T @ flat
    return made


class _Weights:
    """What pixels along one axis of a film see of the voxels along that axis, plane by plane.

    Parameters
    ----------
    detector_mm : centres of the pixels on the detector, from the central ray
    magnification : of each plane
    count : voxels along the axis
    spacing_mm : of the voxels
    pixel : what a pixel holds
    """

    def __init__(
        self, detector_mm: Field, magnification: Field, count: int, spacing_mm: float, pixel: Pixel
    ) -> None:
        self._count = count
        self._centres = detector_mm[None] / magnification[:, None] / spacing_mm + (count - 1) / 2
        pitch = float(detector_mm[1] - detector_mm[0]) if len(detector_mm) > 1 else 0.0
        self._widths = (pitch if pixel == "area" else 0.0) / magnification / spacing_mm

    def block(self, start: int, stop: int, *, repeat: bool = False) -> tuple[int, Field]:
        """First voxel that the pixels from ``start`` to ``stop`` see, and weights (planes, voxels, pixels).

        ``repeat`` has the voxels at both ends stand for all that lie beyond them.
        """
        centres = self._centres[:, start:stop]
        half = self._widths[:, None] / 2
        low = int(np.floor((centres - half).min())) - 1
        high = int(np.ceil((centres + half).max())) + 2
        first, last = (min(max(edge, 0), self._count) for edge in (low, high))
        if first == last:
            first, last = (0, 1) if high <= 0 else (self._count - 1, self._count)
        voxels = np.arange(low, high)[None, :, None]
        offset = (centres[:, None] - voxels).astype(np.float32)
        weights = _seen(offset, self._widths.astype(np.float32)[:, None, None])
        inside = weights[:, max(first - low, 0) : max(last - low, 0)]
        if inside.shape[1] < last - first:
            inside = np.zeros((len(weights), last - first, weights.shape[2]), dtype=np.float32)
        inside = np.ascontiguousarray(inside)
        if repeat:
            inside[:, 0] += weights[:, : max(first - low, 0)].sum(axis=1) if first == 0 else 0
            inside[:, -1] += weights[:, max(last - low, 0) :].sum(axis=1) if last == self._count else 0
        return first, inside


def _seen(offset: Field, width: Field) -> Field:
    """Share of a voxel's value in a pixel of a width at an offset, both in voxels: linear interpolation, averaged."""
    if not width.any():
        return np.maximum(1 - np.abs(offset), 0)
    return (_below(offset + width / 2) - _below(offset - width / 2)) / width


def _below(position: Field) -> Field:
    """Integral of linear interpolation's hat from its left foot to a position."""
    inside = np.clip(position, -1, 1)
    return np.where(inside < 0, (1 + inside) ** 2 / 2, 1 - (1 - inside) ** 2 / 2)

"""How a network looks at a CT: one axial slice at a time, through a square that has one size in millimetres.

Training and inference share these functions, so that a network meets the same pictures in both. Slices are axial
(rows towards the back, columns towards the patient's left); lengths are measured from the outer corner of the
first voxel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.geometry import VolumeGrid

LUNG_MARGIN = 0.06
"""Share of the lungs' longer side that is added on each of its sides: the masks end before the pleura does."""

EDGE_TOLERANCE = 1e-6
"""Voxels by which an edge may be off through rounding of millimetres."""

SliceMap = NDArray[np.uint8]

Pixel = TypeVar("Pixel", np.uint8, np.float32)
"""What Pillow resizes."""


@dataclass(frozen=True, slots=True)
class SliceWindow:
    """A square in the plane of a volume's axial slices; it may reach beyond their edges.

    Attributes
    ----------
    top_mm, left_mm : its first row and column
    side_mm : its length, above 0
    """

    top_mm: float
    left_mm: float
    side_mm: float

    def __post_init__(self) -> None:
        if not self.side_mm > 0:
            raise ValueError(f"a window cannot be {self.side_mm} mm wide")


def whole_slice_window(grid: VolumeGrid) -> SliceWindow:
    """The smallest square about whole slices of an axial grid."""
    height, width = grid.shape[1] * grid.spacing_mm[1], grid.shape[2] * grid.spacing_mm[2]
    side = max(height, width)
    return SliceWindow((height - side) / 2, (width - side) / 2, side)


def lung_slice_window(lungs: NDArray[Any], grid: VolumeGrid, margin: float = LUNG_MARGIN) -> SliceWindow | None:
    """The square about all lungs of a volume, seen along its slices; None if there are none.

    Parameters
    ----------
    lungs : (slices, rows, columns), axial, non-zero in the lungs
    grid : axial, of the same shape
    margin : share of the longer side that is added on each side
    """
    seen = np.zeros(lungs.shape[1:], dtype=bool)
    for plane in lungs:
        seen |= plane > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    _, high, wide = grid.spacing_mm
    top, bottom, left, right = rows[0] * high, (rows[-1] + 1) * high, columns[0] * wide, (columns[-1] + 1) * wide
    side = max(bottom - top, right - left) * (1 + 2 * margin)
    return SliceWindow(float(top + bottom - side) / 2, float(left + right - side) / 2, float(side))


def grey(array: NDArray[Any], window_hu: tuple[float, float] | None) -> SliceMap:
    """Hounsfield units as 8-bit grey.

    Parameters
    ----------
    array : any shape, any real type; NaN counts as air
    window_hu : what becomes 0 and 255; None leaves 8-bit pictures as they are

    Returns
    -------
    The same shape, uint8. A step is 5 HU of the window -1000 to 300: below the noise of any CT.
    """
    if window_hu is None:
        return np.asarray(array, dtype=np.uint8)
    low, high = window_hu
    if array.dtype == np.int16 and math.floor(low) >= -32768 and math.ceil(high) <= 32767:
        first, last = math.floor(low), math.ceil(high)
        table = _grey_of(np.arange(first, last + 1, dtype=np.float32), low, high)
        return table[np.clip(array, np.int16(first), np.int16(last)).astype(np.int32) - first]
    return _grey_of(np.asarray(array, dtype=np.float32), low, high)


def _grey_of(hounsfield: NDArray[np.float32], low: float, high: float) -> SliceMap:
    inside = np.fmin(np.fmax(hounsfield, np.float32(low)), np.float32(high))
    return np.rint((inside - np.float32(low)) * np.float32(255.0 / (high - low))).astype(np.uint8)


def look_at_slice(
    array: NDArray[Any],
    spacing_mm: tuple[float, float],
    window: SliceWindow,
    size: int,
    window_hu: tuple[float, float] | None,
) -> NDArray[np.float32]:
    """What a network sees of one slice.

    Parameters
    ----------
    array : (rows, columns), axial; Hounsfield units, or 8-bit grey if ``window_hu`` is None
    spacing_mm : of (rows, columns)
    window : where to look; beyond the slice's edges there is air
    size : side of the result in pixels
    window_hu : what becomes 0 and 1; None for 8-bit pictures of CT, whose 0 and 255 do

    Returns
    -------
    (size, size) float32 in [0, 1], averaged where the pixels are larger than the voxels
    """
    return look_at_grey(array, spacing_mm, window, size, window_hu).astype(np.float32) / np.float32(255)


def look_at_grey(
    array: NDArray[Any],
    spacing_mm: tuple[float, float],
    window: SliceWindow,
    size: int,
    window_hu: tuple[float, float] | None,
) -> SliceMap:
    """The look of :func:`look_at_slice` in 8 bits, 0 to 255.

    Parameters
    ----------
    array : (rows, columns), axial
    spacing_mm : of rows and columns
    window : the square of the slice that is looked at
    size : rows and columns of the look
    window_hu : what becomes black and white; None for pictures of 8 bits, which stay as they are
    """
    return _resized(grey(array, window_hu), spacing_mm, window, size, Picture.Resampling.BILINEAR)


def look_at_density(
    array: NDArray[np.float32], spacing_mm: tuple[float, float], window: SliceWindow, size: int
) -> NDArray[np.float32]:
    """A slice of densities above 0 through a window, unrounded; 0 beyond the slice. Shape (size, size), float32."""
    return _resized(array, spacing_mm, window, size, Picture.Resampling.BILINEAR)


def look_at_labels(labels: SliceMap, spacing_mm: tuple[float, float], window: SliceWindow, size: int) -> SliceMap:
    """Label numbers of one slice through a window, by nearest neighbour; 0 beyond the slice. Shape (size, size)."""
    return _resized(labels, spacing_mm, window, size, Picture.Resampling.NEAREST)


def put_back_slice(
    map8: SliceMap, window: SliceWindow, shape: tuple[int, int], spacing_mm: tuple[float, float]
) -> SliceMap:
    """A network's map on the slice's own voxels.

    Parameters
    ----------
    map8 : (size, size), as seen through ``window``
    window : where the network looked
    shape : (rows, columns) of the slice
    spacing_mm : of (rows, columns)

    Returns
    -------
    ``shape``, uint8; 0 in voxels that are not wholly inside the window
    """
    made = np.zeros(shape, dtype=np.uint8)
    top, bottom = _covered(window.top_mm, window.side_mm, spacing_mm[0], shape[0])
    left, right = _covered(window.left_mm, window.side_mm, spacing_mm[1], shape[1])
    if bottom <= top or right <= left:
        return made
    scale, size = len(map8) / window.side_mm, float(len(map8))
    edges = [
        (edge * spacing_mm[axis] - start) * scale
        for edge, axis, start in (
            (left, 1, window.left_mm),
            (top, 0, window.top_mm),
            (right, 1, window.left_mm),
            (bottom, 0, window.top_mm),
        )
    ]
    box = tuple(min(max(edge, 0.0), size) for edge in edges)
    picture = Picture.fromarray(map8)
    made[top:bottom, left:right] = np.asarray(
        picture.resize((right - left, bottom - top), Picture.Resampling.BILINEAR, box=(box[0], box[1], box[2], box[3]))
    )
    return made


def _covered(start_mm: float, side_mm: float, spacing_mm: float, length: int) -> tuple[int, int]:
    """First voxel along an axis that lies wholly inside the window, and the one after the last."""
    first = math.ceil(start_mm / spacing_mm - EDGE_TOLERANCE)
    last = math.floor((start_mm + side_mm) / spacing_mm + EDGE_TOLERANCE)
    return max(first, 0), min(last, length)


def _resized(
    array: NDArray[Pixel], spacing_mm: tuple[float, float], window: SliceWindow, size: int, how: Picture.Resampling
) -> NDArray[Pixel]:
    """A slice through a window, with 0 beyond its edges. Shape (size, size)."""
    top, left = window.top_mm / spacing_mm[0], window.left_mm / spacing_mm[1]
    bottom, right = top + window.side_mm / spacing_mm[0], left + window.side_mm / spacing_mm[1]
    before = _outside(-top), _outside(-left)
    after = _outside(bottom - array.shape[0]), _outside(right - array.shape[1])
    if any((*before, *after)):
        array = np.pad(array, ((before[0], after[0]), (before[1], after[1])))
    rows, columns = array.shape
    box = (
        max(left + before[1], 0.0),
        max(top + before[0], 0.0),
        min(right + before[1], columns),
        min(bottom + before[0], rows),
    )
    return np.asarray(Picture.fromarray(np.ascontiguousarray(array)).resize((size, size), how, box=box))


def _outside(voxels: float) -> int:
    """Whole voxels to add so that an edge so far beyond the slice comes to lie on it."""
    return max(0, math.ceil(voxels - EDGE_TOLERANCE))

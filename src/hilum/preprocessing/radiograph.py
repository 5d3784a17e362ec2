"""How a network looks at a film: through a square window, at its own size, in grey from 0 to 1.

Training and inference share these functions, so that a network meets the same pictures in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0
"""Grey values at these percentiles of the look become 0 and 1: letters and collimation borders are outside."""

LUNG_MARGIN = 0.06
"""Share of the lung box's longer side that is added on each of its sides: the masks end before the pleura does."""


Box = tuple[slice, slice]
"""Rows and columns of a film."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square on a film, in its upright pixels; it may reach beyond the film's edges.

    Attributes
    ----------
    top, left : first row and column
    side : length in pixels
    """

    top: int
    left: int
    side: int


def film_window(shape: tuple[int, int]) -> Window:
    """The smallest square about a whole film of ``shape`` (rows, columns)."""
    side = max(shape)
    return Window((shape[0] - side) // 2, (shape[1] - side) // 2, side)


def lung_window(lungs: NDArray[np.uint8], margin: float = LUNG_MARGIN) -> Window | None:
    """The square about everything non-zero, with a margin; None if there is nothing."""
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(8, round(max(bottom - top, right - left) * (1 + 2 * margin)))
    return Window(int(top + bottom - side) // 2, int(left + right - side) // 2, side)


def look(array: NDArray[Any], window: Window, size: int) -> NDArray[np.float32]:
    """What a network sees of a film through a window.

    Parameters
    ----------
    array : (rows, columns), any real type, upright; larger is denser tissue
    window : where to look; beyond the film's edges there is the film's darkest value
    size : side of the result in pixels

    Returns
    -------
    (size, size) float32 in [0, 1]
    """
    picture = Picture.fromarray(array if array.dtype == np.uint8 else np.asarray(array, dtype=np.float32))
    low = float(array.min()) if array.dtype != np.uint8 else 0.0
    seen = _through(picture, window, size, outside=low)
    return stretch_grey(np.asarray(seen, dtype=np.float32))


def stretch_grey(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey values between the two percentiles to [0, 1]; a constant picture becomes 0."""
    low, high = np.percentile(array, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        return np.zeros_like(array)
    return np.clip((array - low) / (high - low), 0.0, 1.0).astype(np.float32)


def look_labels(labels: NDArray[np.uint8], window: Window, size: int) -> NDArray[np.uint8]:
    """Label numbers through a window, by nearest neighbour; 0 beyond the film. Shape (size, size)."""
    box = (window.left, window.top, window.left + window.side, window.top + window.side)
    seen = Picture.fromarray(labels).crop(box).resize((size, size), Picture.Resampling.NEAREST)
    return np.asarray(seen, dtype=np.uint8)


def put_back(share: NDArray[np.float32], window: Window, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A network's map on the film's own pixels.

    Parameters
    ----------
    share : (size, size), values in [0, 1] as seen through ``window``
    window : where the network looked
    shape : (rows, columns) of the film

    Returns
    -------
    ``shape``, uint8: the value times 255, rounded; 0 outside the window. Eight bits are ample for a threshold,
    and a quarter of the memory of a float.
    """
    made = np.zeros(shape, dtype=np.uint8)
    small = in_eight_bits(share)
    box = reach(small, window, shape)
    if box is not None:
        made[box] = enlarged(small, window, box)
    return made


def in_eight_bits(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values in [0, 1] times 255, rounded; of the same shape."""
    return np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)


def reach(small: NDArray[np.uint8], window: Window, shape: tuple[int, int]) -> Box | None:
    """The part of a film of ``shape`` (rows, columns) that a map seen through a window bears on; None if it is 0."""
    scale = len(small) / window.side
    top, bottom = _reach(small.max(axis=1), scale, window.top, shape[0])
    left, right = _reach(small.max(axis=0), scale, window.left, shape[1])
    return (slice(top, bottom), slice(left, right)) if bottom > top and right > left else None


def enlarged(small: NDArray[np.uint8], window: Window, box: Box, *, smooth: bool = True) -> NDArray[np.uint8]:
    """A part of a film, of the box's shape, from a map seen through a window.

    Parameters
    ----------
    small : (size, size)
    window : through which it was seen
    box : the part of the film
    smooth : bilinear; False for the nearest neighbour, which is quicker
    """
    scale = len(small) / window.side
    rows, columns = box
    edges = (columns.start - window.left, rows.start - window.top, columns.stop - window.left, rows.stop - window.top)
    part = (edges[0] * scale, edges[1] * scale, edges[2] * scale, edges[3] * scale)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    how = Picture.Resampling.BILINEAR if smooth else Picture.Resampling.NEAREST
    return np.asarray(Picture.fromarray(small).resize(size, how, box=part))


def _reach(lines: NDArray[np.uint8], scale: float, start: int, length: int) -> tuple[int, int]:
    """First film pixel along an axis that the map's non-zero ``lines`` bear on, and the one after the last.

    Parameters
    ----------
    lines : largest value of each row (or column) of the map
    scale : map pixels a film pixel
    start : film pixel at which the window begins
    length : of the film along the axis
    """
    found = np.flatnonzero(lines)
    if not len(found):
        return 0, 0
    support = max(1.0, scale)
    first = start + int(np.floor((found[0] - support) / scale))
    last = start + int(np.ceil((found[-1] + 1 + support) / scale))
    end = start + round(len(lines) / scale)
    return max(first, start, 0), min(last, end, length)


def _through(picture: Picture.Image, window: Window, size: int, *, outside: float) -> Picture.Image:
    right, bottom = window.left + window.side, window.top + window.side
    if window.left >= 0 and window.top >= 0 and right <= picture.width and bottom <= picture.height:
        return picture.resize((size, size), Picture.Resampling.BILINEAR, box=(window.left, window.top, right, bottom))
    canvas = Picture.new(picture.mode, (window.side, window.side), int(outside) if picture.mode == "L" else outside)
    canvas.paste(picture, (-window.left, -window.top))
    return canvas.resize((size, size), Picture.Resampling.BILINEAR)

"""Contours and fills of structures, drawn over a picture without tracing any border."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.image import Label

FILL = 52
"""Opacity of a lesion's fill, of 255: the texture beneath must stay readable."""

_REACH = 2
"""How far the contour's soft edge reaches beyond a structure, in pixels."""

_KERNEL = (1, 2, 3, 2, 1)
_FULL = sum(_KERNEL) ** 2

Stroke = tuple[tuple[int, int, int], tuple[int, int], Picture.Image]
"""A colour, the left and top of where it goes (which may be negative), and how opaque it is there, 0 to 255."""


def draw_structures(canvas: Picture.Image, labels: NDArray[np.uint8], named: Mapping[int, Label], *, fill: int) -> None:
    """Draw contours, and fills of an opacity of ``fill``, on an RGB picture of the size of ``labels``."""
    for colour, place, opacity in strokes(labels, named, fill=fill):
        canvas.paste(colour, place, opacity)


def layer(
    lungs: NDArray[np.uint8], lesions: NDArray[np.uint8], named: tuple[Mapping[int, Label], ...]
) -> Picture.Image:
    """Contours of lungs and filled lesions on a transparent RGBA picture of their size."""
    size = lungs.shape[::-1]
    made = Picture.new("RGBA", size)
    for labels, names, fill in ((lungs, named[0], 0), (lesions, named[1], FILL)):
        for colour, place, opacity in strokes(labels, names, fill=fill):
            alpha = Picture.new("L", size)
            alpha.paste(opacity, place)
            drawn = Picture.new("RGBA", size, colour)
            drawn.putalpha(alpha)
            made.alpha_composite(drawn)
    return made


def strokes(labels: NDArray[np.uint8], named: Mapping[int, Label], *, fill: int) -> Iterator[Stroke]:
    """What to draw of each structure that is there, in the order of their numbers."""
    box = Picture.fromarray(labels).getbbox()
    if box is None:
        return
    inner = labels[box[1] : box[3], box[0] : box[2]]
    for number, label in named.items():
        mask = (inner == number).view(np.uint8)
        near = Picture.fromarray(mask).getbbox()
        if near is None:
            continue
        mask = mask[near[1] : near[3], near[0] : near[2]]
        yield label.colour, (box[0] + near[0] - _REACH, box[1] + near[1] - _REACH), _stroke(mask, fill)


def _stroke(mask: NDArray[np.uint8], fill: int) -> Picture.Image:
    """Opacity 0 to 255 of a structure's contour and fill, ``_REACH`` pixels larger on every side than the mask.

    The mask is blurred by a small tent; where it comes out half full runs the border, and a table turns the
    distance from one half into an opacity. That gives a line two pixels wide with soft edges, without any
    tracing of borders.
    """
    blurred = np.pad(mask, _REACH)
    for axis in (0, 1):
        blurred = _tent(blurred, axis)
    return Picture.fromarray(blurred).point(_stroke_table(fill))


def _tent(array: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """Sums under ``_KERNEL`` along an axis, of the same shape; beyond the edge is nothing."""
    made = array * np.uint8(_KERNEL[_REACH])
    moved, source = np.swapaxes(made, 0, axis), np.swapaxes(array, 0, axis)
    for step in range(1, _REACH + 1):
        weighted = source * np.uint8(_KERNEL[_REACH + step])
        moved[step:] += weighted[:-step]
        moved[:-step] += weighted[step:]
    return made


@lru_cache(maxsize=4)
def _stroke_table(fill: int) -> tuple[int, ...]:
    """Opacity by the blurred value, 256 of them: a line at one half of ``_FULL``, the fill from there on."""
    share = np.minimum(np.arange(256) / _FULL, 1.0)
    line = np.clip(1.9 - 4.6 * np.abs(share - 0.5), 0.0, 1.0) * 240
    return tuple(np.maximum(line, fill * np.clip(2 * share - 0.5, 0, 1)).astype(int).tolist())

"""The film with what was found drawn on it: contours, fills, zones, sides of the patient, scores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.image import Label
from hilum.segmentation.zones import zones

from .display import Display, display
from .legend import draw_legend, draw_sides

FILL = 52
"""Opacity of a lesion's fill, of 255: the texture beneath must stay readable."""

_REACH = 2
"""How far the contour's soft edge reaches beyond a structure, in pixels."""

_KERNEL = (1, 2, 3, 2, 1)
_FULL = sum(_KERNEL) ** 2

_ZONE_COLOUR, _ZONE_OPACITY = (255, 255, 255), 200
_DASH, _GAP = 7, 6


def render(case: Case) -> NDArray[np.uint8]:
    """The overlay of a film, uint8, (rows, columns, 3), upright: the patient's right is at the left edge.

    A film of 512 to 1600 pixels is drawn at its own size, a larger or smaller one at the size of
    :func:`~hilum.writers.display.display`: it is a picture to look at; the masks hold the measured pixels.
    """
    return draw(case, display(case))


def draw(case: Case, shown: Display) -> NDArray[np.uint8]:
    """The overlay on a display that is there already; see :func:`render`."""
    canvas = Picture.fromarray(shown.film).convert("RGB")
    _draw_structures(canvas, shown.lungs, case.lungs.labels, fill=0)
    _draw_structures(canvas, shown.lesions, case.lesions.labels, fill=FILL)
    _draw_zones(canvas, shown.lungs)
    draw_sides(canvas)
    draw_legend(canvas, case, shown.lungs)
    return np.asarray(canvas)


def _draw_structures(
    canvas: Picture.Image, labels: NDArray[np.uint8], named: Mapping[int, Label], *, fill: int
) -> None:
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
        canvas.paste(label.colour, (box[0] + near[0] - _REACH, box[1] + near[1] - _REACH), _stroke(mask, fill))


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


def _draw_zones(canvas: Picture.Image, lungs: NDArray[np.uint8]) -> None:
    """Thin dashed lines between the thirds of each lung."""
    box = Picture.fromarray(lungs).getbbox()
    if box is None:
        return
    zoned = zones(lungs[box[1] : box[3], box[0] : box[2]])
    for number in (2, 3, 5, 6):
        row = int((zoned == number).any(axis=1).argmax())
        columns = np.flatnonzero(zoned[row] == number)
        if not columns.size:
            continue
        left, right = int(columns[0]), int(columns[-1]) + 1
        dashes = np.zeros((1, right - left), dtype=np.uint8)
        dashes[0, columns - left] = _ZONE_OPACITY
        dashes[0, np.arange(right - left) % (_DASH + _GAP) >= _DASH] = 0
        canvas.paste(_ZONE_COLOUR, (box[0] + left, box[1] + row), Picture.fromarray(dashes))

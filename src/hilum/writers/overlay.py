"""The film with what was found drawn on it: contours, fills, zones, sides of the patient, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from hilum.case import Case
from hilum.image import Label
from hilum.segmentation.zones import zones

from .captions import caption, score_line
from .display import Display, display

if TYPE_CHECKING:
    Box = tuple[int, int, int, int]
    """Left, top, right, bottom, in pixels; the last two are outside."""

FILL = 62
"""Opacity of a lesion's fill, of 255: the texture beneath must stay readable."""

_REACH = 2
"""How far the contour's soft edge reaches beyond a structure, in pixels."""

_KERNEL = (1, 2, 3, 2, 1)
_FULL = sum(_KERNEL) ** 2

_INK, _PANEL, _ZONE = (236, 239, 243), (10, 13, 18), (255, 255, 255)
_PANEL_OPACITY, _ZONE_OPACITY = 165, 150
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
    _draw_sides(canvas)
    _draw_legend(canvas, case)
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
        stamp = Picture.fromarray(_stroke(mask, fill))
        canvas.paste(label.colour, (box[0] + near[0] - _REACH, box[1] + near[1] - _REACH), stamp)


def _stroke(mask: NDArray[np.uint8], fill: int) -> NDArray[np.uint8]:
    """Opacity 0 to 255 of a structure's contour and fill, ``_REACH`` pixels larger on every side than the mask.

    The mask is blurred by a small tent; where it comes out half full runs the border, and a table turns the
    distance from one half into an opacity. That gives a line two pixels wide with soft edges, without any
    tracing of borders.
    """
    blurred = np.pad(mask, _REACH)
    for axis in (0, 1):
        blurred = _tent(blurred, axis)
    opacity = _stroke_table(fill)[blurred]
    return opacity


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
def _stroke_table(fill: int) -> NDArray[np.uint8]:
    """Opacity by the blurred value 0 to ``_FULL``: a line at one half, the fill from there on."""
    share = np.arange(_FULL + 1) / _FULL
    line = np.clip(1.9 - 4.6 * np.abs(share - 0.5), 0.0, 1.0) * 240
    return np.maximum(line, fill * np.clip(2 * share - 0.5, 0, 1)).astype(np.uint8)


def _draw_zones(canvas: Picture.Image, lungs: NDArray[np.uint8]) -> None:
    """Thin dashed lines between the thirds of each lung."""
    zoned = zones(lungs)
    for number in (2, 3, 5, 6):
        row = int((zoned == number).any(axis=1).argmax())
        columns = np.flatnonzero(zoned[row] == number)
        if not columns.size:
            continue
        left, right = int(columns[0]), int(columns[-1]) + 1
        dashes = np.zeros((1, right - left), dtype=np.uint8)
        dashes[0, columns - left] = _ZONE_OPACITY
        dashes[0, np.arange(right - left) % (_DASH + _GAP) >= _DASH] = 0
        canvas.paste(_ZONE, (left, row), Picture.fromarray(dashes))


def _draw_sides(canvas: Picture.Image) -> None:
    """The letters R and L in the upper corners: the patient's sides."""
    size = 2 * _text_size(canvas)
    font, margin = _font(size), size // 2
    pen = ImageDraw.Draw(canvas)
    for letter, x, anchor in (("R", margin, "lt"), ("L", canvas.width - margin, "rt")):
        pen.text((x, margin), letter, _INK, font, anchor, stroke_width=2, stroke_fill=_PANEL)


def _draw_legend(canvas: Picture.Image, case: Case) -> None:
    """Colours and scores on a dark panel in the lower left corner."""
    size = _text_size(canvas)
    pad = size // 2
    lines = list(_wrapped(case, size, canvas.width - 4 * pad))
    width = max(sum(w for _, _, w in line) for line in lines) + 2 * pad
    height = len(lines) * round(1.45 * size) + pad
    left, top = pad, canvas.height - height - pad
    canvas.paste(_PANEL, (left, top), Picture.new("L", (width, height), _PANEL_OPACITY))
    pen = ImageDraw.Draw(canvas)
    for row, line in enumerate(lines):
        x, middle = left + pad, top + pad // 2 + round((row + 0.5) * 1.45 * size)
        for text, colour, advance in line:
            start = x
            if colour is not None:
                pen.rectangle((x, middle - size // 3, x + size // 1.5, middle + size // 3), colour)
                start += size
            pen.text((start, middle), text, _INK, _font(size), "lm")
            x += advance


_Item = tuple[str, tuple[int, int, int] | None, int]


def _wrapped(case: Case, size: int, width: int) -> Iterator[list[_Item]]:
    """The legend's lines: (text, colour or None, advance in pixels) from left to right, none wider than ``width``."""
    for entries in (_colours(case), [(text, None) for text in score_line(case)]):
        line: list[_Item] = []
        for text, colour in entries:
            advance = round(_font(size).getlength(text)) + size + (size if colour else 0)
            if line and sum(w for _, _, w in line) + advance > width:
                yield line
                line = []
            line.append((text, colour, advance))
        if line:
            yield line


def _colours(case: Case) -> list[tuple[str, tuple[int, int, int] | None]]:
    """Name and colour of every structure that is there."""
    there = [
        (caption(label.name), label.colour)
        for labels in (case.lungs, case.lesions)
        for label in labels.labels.values()
        if labels.pixels(label.name)
    ]
    return list(there) or [("No lung found", None)]


def _text_size(canvas: Picture.Image) -> int:
    return max(11, round(max(canvas.size) / 62))


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

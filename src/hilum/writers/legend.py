"""What is written on an overlay: the sides of the patient, the colours, the scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from hilum.case import Case

from .captions import Colour, colours, score_line

_INK: Colour = (240, 242, 245)
_PANEL: Colour = (8, 11, 16)
_PANEL_OPACITY = 205
_LEADING = 1.5


def draw_sides(canvas: Picture.Image) -> None:
    """The letters R and L in the upper corners: the patient's sides, on a ground that covers burnt-in letters."""
    size = round(1.6 * text_size(canvas))
    edge, margin = round(1.5 * size), size // 2
    for letter, left in (("R", margin), ("L", canvas.width - margin - edge)):
        _draw_panel(canvas, (left, margin), (edge, edge))
        middle = (left + edge / 2, margin + edge / 2)
        ImageDraw.Draw(canvas).text(middle, letter, _INK, _font(size), "mm")


def draw_legend(canvas: Picture.Image, case: Case, lungs: NDArray[np.uint8]) -> None:
    """Colours and scores on a dark panel, at the edge of the picture where it hides the least of the lungs.

    Parameters
    ----------
    canvas : RGB, drawn on
    case : whose structures and scores are named
    lungs : labels on the canvas, (rows, columns)
    """
    size = text_size(canvas)
    pad = size // 2
    lines = list(_lines(_entries(case), size, canvas.width - 4 * pad))
    width = max(sum(advance for _, _, advance in line) for line in lines) - size + 2 * pad
    height = len(lines) * _step(size) + pad
    left, top = _place((width, height), lungs, margin=pad)
    _draw_panel(canvas, (left, top), (width, height))
    _write_lines(canvas, lines, (left + pad, top + pad // 2), size)


def legend_strip(case: Case, width: int, size: int, remarks: Sequence[str] = ()) -> Picture.Image:
    """Colours, scores and remarks on a dark strip of a width, as high as they need.

    Parameters
    ----------
    case : whose structures and scores are named
    width : in pixels
    size : height of the letters in pixels
    remarks : written below, each where there is room
    """
    entries = [*_entries(case), [(text, None) for text in remarks]]
    lines = list(_lines(entries, size, width - 2 * size))
    made = Picture.new("RGB", (width, (len(lines)) * _step(size) + size), _PANEL)
    _write_lines(made, lines, (size, size // 2), size)
    return made


def write_text(canvas: Picture.Image, at: tuple[float, float], text: str, size: int, anchor: str) -> None:
    """Write light letters of a height in pixels, with a dark rim; ``anchor`` is that of Pillow."""
    ImageDraw.Draw(canvas).text(at, text, _INK, _font(size), anchor, stroke_width=2, stroke_fill=_PANEL)


def draw_bar(canvas: Picture.Image, end: tuple[int, int], length: int) -> None:
    """A thin scale bar with a dark rim, whose right end is at a point (x, y)."""
    pen, (right, bottom) = ImageDraw.Draw(canvas), end
    left = right - length + 1
    for colour, width in ((_PANEL, 4), (_INK, 2)):
        pen.line([(left, bottom - 6), (left, bottom), (right, bottom), (right, bottom - 6)], colour, width)


def _write_lines(canvas: Picture.Image, lines: Sequence[list[_Item]], at: tuple[int, int], size: int) -> None:
    pen, font, (left, top) = ImageDraw.Draw(canvas), _font(size), at
    for place, line in enumerate(lines):
        x, middle = left, top + round((place + 0.5) * _step(size))
        for text, colour, advance in line:
            start = x
            if colour is not None:
                pen.rectangle((x, middle - size // 3, x + 2 * size // 3, middle + size // 3), colour)
                start += size
            pen.text((start, middle), text, _INK, font, "lm")
            x += advance


def _step(size: int) -> int:
    """From line to line, for letters of a size."""
    return round(_LEADING * size)


def text_size(canvas: Picture.Image) -> int:
    """Height of the legend's letters in pixels."""
    return max(11, round(math.sqrt(canvas.width * canvas.height) / 64))


def _place(size: tuple[int, int], lungs: NDArray[np.uint8], *, margin: int) -> tuple[int, int]:
    """Left and top of a panel (width, height): below if it can be, else wherever the lungs reach least."""
    (width, height), (rows, columns) = size, lungs.shape
    right, bottom = max(0, columns - width - margin), max(0, rows - height - margin)
    centre = max(0, (columns - width) // 2)
    places = [(margin, bottom), (right, bottom), (centre, bottom), (centre, margin)]
    return min(places, key=lambda at: np.count_nonzero(lungs[at[1] : at[1] + height, at[0] : at[0] + width]))


def _draw_panel(canvas: Picture.Image, at: tuple[int, int], size: tuple[int, int]) -> None:
    canvas.paste(_PANEL, at, Picture.new("L", size, _PANEL_OPACITY))


_Item = tuple[str, Colour | None, int]
"""Text, the colour before it if there is one, and how far the next item is, in pixels."""


_Entry = tuple[str, Colour | None]
"""Text, and the colour before it if there is one."""


def _entries(case: Case) -> list[list[_Entry]]:
    """What the legend says: first the colours, then the scores."""
    structures: list[_Entry] = [*colours(case)]
    return [structures or [("No lung found", None)], [(text, None) for text in score_line(case)]]


def _lines(entries: Sequence[Sequence[_Entry]], size: int, width: int) -> Iterator[list[_Item]]:
    """The legend's lines, a new one for each group of entries, none wider than ``width`` unless one item is."""
    for group in entries:
        line: list[_Item] = []
        for text, colour in group:
            advance = round(_font(size).getlength(text)) + size + (size if colour else 0)
            if line and sum(taken for _, _, taken in line) + advance > width:
                yield line
                line = []
            line.append((text, colour, advance))
        if line:
            yield line


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

"""What is written on an overlay: the sides of the patient, the colours, the scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    pad, step = size // 2, round(_LEADING * size)
    lines = list(_lines(case, size, canvas.width - 4 * pad))
    width = max(sum(advance for _, _, advance in line) for line in lines) - size + 2 * pad
    height = len(lines) * step + pad
    left, top = _place((width, height), lungs, margin=pad)
    _draw_panel(canvas, (left, top), (width, height))
    pen, font = ImageDraw.Draw(canvas), _font(size)
    for place, line in enumerate(lines):
        x, middle = left + pad, top + pad // 2 + round((place + 0.5) * step)
        for text, colour, advance in line:
            start = x
            if colour is not None:
                pen.rectangle((x, middle - size // 3, x + 2 * size // 3, middle + size // 3), colour)
                start += size
            pen.text((start, middle), text, _INK, font, "lm")
            x += advance


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


def _lines(case: Case, size: int, width: int) -> Iterator[list[_Item]]:
    """The legend's lines: first the colours, then the scores, none wider than ``width`` unless one item is."""
    structures: list[tuple[str, Colour | None]] = [*colours(case)] or [("No lung found", None)]
    for entries in (structures, [(text, None) for text in score_line(case)]):
        line: list[_Item] = []
        for text, colour in entries:
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

"""``overlay.png`` of a volume: a contact sheet that shows at a glance what was found and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.image import Quantity

from .captions import millimetres
from .cuts import WINDOW_HU, Cut, Cutter, Plane
from .legend import draw_bar, legend_strip, write_text

WIDTH = 1600
"""Width of the sheet in pixels."""

AXIAL, PER_ROW = 12, 4
"""How many axial cuts there are at most, and how many in a row."""

CORONAL_PARTS = (0.2, 0.9)
"""The share of the lungs' depth, from the front, over which the two coronal cuts are spread: between the breastbone
and the spine there is most lung."""

BAR_MM = 50.0
"""Length of the scale bars."""

_GAP, _LETTERS = 8, 17
_CAPTION = 26


def render(case: Case) -> NDArray[np.uint8]:
    """The contact sheet of a volume, uint8, (rows, ``WIDTH``, 3): all pictures at one scale, patient's right at left.

    Twelve axial cuts at equal distances, head first; two coronal ones, front first; and through each lung that was
    found the sagittal one with the most lesion.

    Raises
    ------
    WrongQuantity
        The case is of a film.
    """
    cutter = Cutter(case)
    scale = _mm_per_pixel(cutter)
    axial = [_tile(cut, scale) for cut in _cuts(cutter, "axial", cutter.spread("axial", AXIAL), scale)]
    others = [
        *_cuts(cutter, "coronal", cutter.spread("coronal", 2, CORONAL_PARTS), scale),
        *_cuts(cutter, "sagittal", _sagittal(case, cutter), scale),
    ]
    rows = [axial[start : start + PER_ROW] for start in range(0, len(axial), PER_ROW)]
    rows.append([_tile(cut, scale) for cut in others])
    strip = legend_strip(case, WIDTH, _LETTERS, _remarks(case))
    return np.asarray(_sheet([*(_row(row) for row in rows), strip]))


def _mm_per_pixel(cutter: Cutter) -> float:
    """The scale at which a row of axial cuts, and the row of the others, fits."""
    frames = cutter.frames
    axial = PER_ROW * frames["axial"].size_mm[0]
    others = 2 * (frames["coronal"].size_mm[0] + frames["sagittal"].size_mm[0])
    return max(axial, others) / (WIDTH - (PER_ROW + 1) * _GAP - PER_ROW)


def _sagittal(case: Case, cutter: Cutter) -> tuple[int, ...]:
    """Through each lung that was found; without any, through both halves of the volume."""
    found = [number for number, label in case.lungs.labels.items() if case.lungs.pixels(label.name)]
    return tuple(map(cutter.worst, found)) or cutter.spread("sagittal", 2)


def _cuts(cutter: Cutter, plane: Plane, places: Sequence[int], scale: float) -> Iterator[Cut]:
    return (cutter.cut(plane, place, scale) for place in places)


def _tile(cut: Cut, mm_per_pixel: float) -> Picture.Image:
    """A cut with a scale bar and the letters of its edges, and its place below."""
    drawn = cut.drawn
    tile = Picture.new("RGB", (drawn.width, drawn.height + _CAPTION))
    tile.paste(drawn, (0, 0))
    for letter, x, anchor in ((cut.edges[0], 6, "lt"), (cut.edges[1], drawn.width - 6, "rt")):
        write_text(tile, (x, 6), letter, _LETTERS + 3, anchor)
    draw_bar(tile, (drawn.width - 8, drawn.height - 6), round(BAR_MM / mm_per_pixel))
    write_text(tile, (6, drawn.height + _CAPTION / 2), f"{cut.place}, {millimetres(cut.at_mm)}", _LETTERS - 2, "lm")
    return tile


def _row(tiles: Sequence[Picture.Image]) -> Picture.Image:
    """Tiles side by side, at equal distances over the width."""
    row = Picture.new("RGB", (WIDTH, max((tile.height for tile in tiles), default=0)))
    room = (WIDTH - sum(tile.width for tile in tiles)) / (len(tiles) + 1)
    x = room
    for tile in tiles:
        row.paste(tile, (round(x), 0))
        x += tile.width + room
    return row


def _sheet(parts: Sequence[Picture.Image]) -> Picture.Image:
    """Rows below each other."""
    sheet = Picture.new("RGB", (WIDTH, sum(part.height + _GAP for part in parts)))
    top = _GAP
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + _GAP
    return sheet


def _remarks(case: Case) -> list[str]:
    low, high = WINDOW_HU
    window = f"Lung window {low:.0f} to {high:.0f} HU"
    is_hu = case.image.quantity is Quantity.HOUNSFIELD
    return [
        window if is_hu else "Windowed pictures, not Hounsfield units",
        f"All pictures at one scale; bars {BAR_MM / 10:.0f} cm",
        "R, L: the patient's right and left; A, P: front and back",
        "For research use only",
    ]

"""The film with what was found drawn on it: contours, fills, zones, sides of the patient, scores, boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.case import Case
from hilum.measurement import NotMeasured
from hilum.scoring.film_lesions import FilmLesion, box_on_upright
from hilum.segmentation.zones import zones

from .display import Display, display
from .legend import draw_legend, draw_sides, text_size, write_text
from .strokes import FILL, draw_structures

_ZONE_COLOUR, _ZONE_OPACITY = (255, 255, 255), 200
_DASH, _GAP = 7, 6

_THICK_FROM_PX = 700
"""From this side on lines between zones are two pixels thick: a page shows such a film at half its size, and a browser
leaves out every second row."""

BOX_COLOUR, BOX_RIM = (240, 242, 245), (8, 11, 16)
"""Of the boxes about single lesions, and of the dark line about each."""


def render(case: Case, *, boxes: bool = False) -> NDArray[np.uint8]:
    """The overlay of a film, uint8, (rows, columns, 3), upright: the patient's right is at the left edge.

    A film of 512 to 1600 pixels is drawn at its own size, a larger or smaller one at the size of
    :func:`~hilum.writers.display.display`: it is a picture to look at; the masks hold the measured pixels.
    """
    return draw(case, display(case), boxes=boxes)


def draw(case: Case, shown: Display, *, boxes: bool = False) -> NDArray[np.uint8]:
    """The overlay on a display that is there already; see :func:`render`."""
    canvas = Picture.fromarray(shown.film).convert("RGB")
    draw_structures(canvas, shown.lungs, case.lungs.labels, fill=0)
    draw_structures(canvas, shown.lesions, case.lesions.labels, fill=FILL)
    _draw_zones(canvas, shown.lungs)
    if boxes:
        _draw_boxes(canvas, case, shown.scale)
    draw_sides(canvas)
    draw_legend(canvas, case, shown.lungs)
    return np.asarray(canvas)


def _draw_zones(canvas: Picture.Image, lungs: NDArray[np.uint8]) -> None:
    """Thin dashed lines between the thirds of each lung."""
    box = Picture.fromarray(lungs).getbbox()
    if box is None:
        return
    zoned = zones(lungs[box[1] : box[3], box[0] : box[2]])
    thick = 2 if max(lungs.shape) >= _THICK_FROM_PX else 1
    for number in (2, 3, 5, 6):
        row = int((zoned == number).any(axis=1).argmax())
        columns = np.flatnonzero(zoned[row] == number)
        if not columns.size:
            continue
        left, right = int(columns[0]), int(columns[-1]) + 1
        dashes = np.zeros((thick, right - left), dtype=np.uint8)
        dashes[:, columns - left] = _ZONE_OPACITY
        dashes[:, np.arange(right - left) % (_DASH + _GAP) >= _DASH] = 0
        canvas.paste(_ZONE_COLOUR, (box[0] + left, box[1] + row), Picture.fromarray(dashes))


def _draw_boxes(canvas: Picture.Image, case: Case, scale: float) -> None:
    """A box about each lesion, with its number and how certain it is."""
    pen, size = ImageDraw.Draw(canvas), text_size(canvas)
    for each in case.instances:
        top, left, rows, columns = (side * scale for side in box_on_upright(each.box, case.image.plane))
        corners = (round(left), round(top), round(left + columns) - 1, round(top + rows) - 1)
        for colour, width in ((BOX_RIM, 4), (BOX_COLOUR, 2)):
            pen.rectangle(corners, outline=colour, width=width)
        is_room_above = corners[1] > 1.5 * size
        at = (corners[0] + 2, corners[1] - 2 if is_room_above else corners[1] + 4)
        write_text(canvas, at, _words(each), size, "ls" if is_room_above else "lt")


def _words(each: FilmLesion) -> str:
    return f"{each.number}" if isinstance(each.score, NotMeasured) else f"{each.number}: {100 * each.score:.0f} %"

"""The film with what was found drawn on it: contours, fills, zones, sides of the patient, scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.segmentation.zones import zones

from .display import Display, display
from .legend import draw_legend, draw_sides
from .strokes import FILL, draw_structures

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
    draw_structures(canvas, shown.lungs, case.lungs.labels, fill=0)
    draw_structures(canvas, shown.lesions, case.lesions.labels, fill=FILL)
    _draw_zones(canvas, shown.lungs)
    draw_sides(canvas)
    draw_legend(canvas, case, shown.lungs)
    return np.asarray(canvas)


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

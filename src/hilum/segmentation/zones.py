"""Six zones of the two lungs of a film, by the three conventions in use.

Every function takes an upright lung mask (head up, patient's right at the left edge) as an array and gives
numbers 1 to 6 in the order of the Brixia letters A to F: the patient's right upper, middle, lower, then the
left. A lung that is not there has no zones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

ZONES = ("right-upper", "right-middle", "right-lower", "left-upper", "left-middle", "left-lower")
"""Zone names; the number of a zone in a zone map is its index here plus one."""

ZoneRule = Literal["area", "height", "brixia"]
"""How a lung is cut: thirds of equal area, thirds of equal height, or two lines common to both lungs."""


def zones(lungs: NDArray[np.uint8], rule: ZoneRule = "area") -> NDArray[np.uint8]:
    """Zone numbers 1 to 6 on the lungs, 0 elsewhere.

    Parameters
    ----------
    lungs : (rows, columns), upright; 1 the patient's right lung, 2 the left, 0 elsewhere
    rule : ``area`` cuts each lung by horizontal lines into thirds of equal area, as the published six-zone
        score does; ``height`` into thirds of its own height; ``brixia`` cuts both lungs by the same two lines,
        at thirds of their common height. The Brixia lines are the lower walls of the aortic arch and of the
        right inferior pulmonary vein; thirds of the common height stand in for these landmarks.

    References
    ----------
    .. [1] Danilov et al., Scientific Reports 2022;12:12791 (equal-area thirds)
    .. [2] Borghesi and Maroldi, Radiologia Medica 2020;125:509-513 (Brixia lines)
    """
    made = np.zeros(lungs.shape, dtype=np.uint8)
    sides = [lungs == side for side in (1, 2)]
    counts = [_row_areas(lung) for lung in sides]
    for side, (lung, rows) in enumerate(zip(sides, counts, strict=True)):
        if not rows.any():
            continue
        if rule == "area":
            cuts = _equal_area_cuts(rows)
        else:
            top, bottom = _extent(counts[0] + counts[1] if rule == "brixia" else rows)
            height = bottom - top
            cuts = (top + round(height / 3), top + round(2 * height / 3))
        third = np.searchsorted(cuts, np.arange(len(rows)), side="right")
        numbers = (third + 1 + 3 * side).astype(np.uint8)
        np.copyto(made, numbers[:, None], where=lung)
    return made


def _row_areas(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pixels of a mask in each row."""
    return mask.view(np.uint8).sum(axis=1, dtype=np.uint32).astype(np.intp)


def _extent(rows: NDArray[np.intp]) -> tuple[int, int]:
    """First row with any pixel, and the one after the last."""
    filled = np.flatnonzero(rows)
    return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)


def _equal_area_cuts(rows: NDArray[np.intp]) -> tuple[int, int]:
    """First rows of the middle and the lower third: the cuts nearest to a third and two thirds of the area."""
    above = np.concatenate([[0], np.cumsum(rows)])
    upper, lower = (int(np.argmin(np.abs(3 * above - thirds * above[-1]))) for thirds in (1, 2))
    return upper, lower

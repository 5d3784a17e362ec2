"""Masks as polygons and back: outlines along the edges of pixels, so that the way there and back changes nothing.

A polygon is a list of points (x, y), x to the right and y down; the first pixel is the square from (0, 0) to (1, 1). A
pixel is within a polygon if its middle is, by the even-odd rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Polygon = Sequence[Point]

_LEFT = {(1, 0): (0, -1), (0, -1): (-1, 0), (-1, 0): (0, 1), (0, 1): (1, 0)}
"""What is a turn to the left, for each direction (x, y)."""

_Corner = tuple[int, int]


def outlines(mask: NDArray[np.bool_]) -> list[list[Point]]:
    """The outlines of a mask (rows, columns): those about it clockwise, those of its holes the other way.

    Pixels that touch at a corner are within one outline.

    Examples
    --------
    >>> outlines(np.array([[0, 1, 1], [0, 1, 1]], dtype=bool))
    [[(1.0, 0.0), (3.0, 0.0), (3.0, 2.0), (1.0, 2.0)]]
    """
    ways = _edges(mask)
    made: list[list[Point]] = []
    while ways:
        start = min(ways, key=lambda corner: (corner[1], corner[0]))
        made.append(_loop(ways, start))
    return made


def keyholed(loops: Sequence[Polygon]) -> list[list[Point]]:
    """Outlines without holes: each hole is joined, by a way there and back, to an outline about it.

    Parameters
    ----------
    loops : of :func:`outlines`
    """
    outer = [list(loop) for loop in loops if _area(loop) > 0]
    for hole in sorted((list(loop) for loop in loops if _area(loop) < 0), key=lambda loop: loop[0][::-1]):
        at = hole[0]
        around = min((loop for loop in outer if _is_within(at, loop)), key=_area)
        place = min(range(len(around)), key=lambda number: _far(around[number], at))
        around[place + 1 : place + 1] = [*hole, at, around[place]]
    return outer


def filled(polygons: Iterable[Polygon], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """What is within any of some polygons, (rows, columns); what leaves the picture is cut off.

    Raises
    ------
    ValueError
        A polygon has fewer than three points, or one that is no number.
    """
    made = np.zeros(shape, dtype=bool)
    for polygon in polygons:
        points = np.array(polygon, dtype=np.float64).reshape(-1, 2)
        if len(points) < 3 or not np.isfinite(points).all():
            raise ValueError("a polygon has three points or more, each of two numbers")
        made |= _within(points, shape)
    return made


def _edges(mask: NDArray[np.bool_]) -> dict[_Corner, list[_Corner]]:
    """From each corner (x, y) on the border, where the border goes on, the mask on its right."""
    inside = np.pad(mask, 1)
    core = inside[1:-1, 1:-1]
    made: dict[_Corner, list[_Corner]] = {}
    for is_open, start, end in (
        (inside[:-2, 1:-1], (0, 0), (1, 0)),
        (inside[1:-1, 2:], (1, 0), (1, 1)),
        (inside[2:, 1:-1], (1, 1), (0, 1)),
        (inside[1:-1, :-2], (0, 1), (0, 0)),
    ):
        for y, x in np.argwhere(core & ~is_open).tolist():
            made.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    return made


def _loop(ways: dict[_Corner, list[_Corner]], start: _Corner) -> list[Point]:
    """Follow the border once round, and take it out of ``ways``; corners where it goes straight on are left out."""
    corners: list[_Corner] = []
    here, direction = start, (0, 0)
    while True:
        onward = ways[here]
        left = _LEFT.get(direction)
        place = next((n for n, (x, y) in enumerate(onward) if (x - here[0], y - here[1]) == left), 0)
        there = onward.pop(place)
        if not onward:
            del ways[here]
        turn = (there[0] - here[0], there[1] - here[1])
        if turn != direction:
            corners.append(here)
        here, direction = there, turn
        if here == start:
            return [(float(x), float(y)) for x, y in corners]


def _within(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose middle is within one polygon, (n, 2): those with an odd number of crossings to their left."""
    rows, columns = shape
    crossings = np.zeros((rows, columns + 1), dtype=np.int32)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        first, last = (int(np.ceil(y - 0.5)) for y in sorted((y0, y1)))
        at = np.arange(max(first, 0), min(last, rows))
        x = x0 + (at + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(crossings, (at, np.clip(np.ceil(x - 0.5), 0, columns).astype(np.intp)), 1)
    return np.asarray(np.cumsum(crossings, axis=1)[:, :columns] % 2 == 1)


def _area(loop: Polygon) -> float:
    """Twice the area, positive for a loop that runs clockwise on the screen."""
    points = np.array(loop)
    after = np.roll(points, -1, axis=0)
    return float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum())


def _is_within(corner: Point, loop: Polygon) -> bool:
    """Whether the pixel above a corner, to its right, is within a loop."""
    return bool(_within(np.array(loop) - (corner[0], corner[1] - 1), (1, 1))[0, 0])


def _far(one: Point, other: Point) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2

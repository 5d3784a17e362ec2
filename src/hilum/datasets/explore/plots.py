"""Plots as the numbers that an SVG drawing takes: bars, lines and points in a box of fixed size."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .intensity import HU_HIGH, HU_LOW

WIDTH, HEIGHT = 520.0, 190.0
"""Of the inner box, in the drawing's own units."""

SERIES = 8
"""Colours that a plot tells apart."""

SMALLEST, LARGEST = 3.0, 14.0
"""Radius of a point that is one case, and of one that is all of them."""


_EDGE = 60.0
"""Room beside the first and the last step of a course, where the levels are written."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing.

    Attributes
    ----------
    title : what is shown
    across : name of the horizontal axis, with its unit
    bars : left, top, width, height of each
    lines : name and SVG path of each, the first in the first colour
    points : left, top and radius of each
    spans : left, top, bottom of each upright bar, and the number of the line whose colour it has
    ticks : text and left of each
    levels : text and top of each
    """

    title: str
    across: str
    bars: tuple[tuple[float, float, float, float], ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    points: tuple[tuple[float, float, float], ...] = ()
    spans: tuple[tuple[float, float, float, int], ...] = ()
    ticks: tuple[tuple[str, float], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()


def bars(title: str, across: str, values: Sequence[float], *, steps: int = 30) -> Plot | None:
    """A histogram of some values; None if fewer than two are known."""
    known = np.array([value for value in values if np.isfinite(value)])
    if known.size < 2:
        return None
    low, high = float(known.min()), float(known.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    low = 0.0 if 0 < low < 0.1 * high else low
    counts, edges = np.histogram(known, bins=steps, range=(low, high))
    highest = float(counts.max())
    width = WIDTH / steps
    drawn = tuple(
        (
            round(n * width, 1),
            round(HEIGHT * (1 - count / highest), 1),
            round(width - 1, 1),
            round(HEIGHT * count / highest, 1),
        )
        for n, count in enumerate(counts)
        if count
    )
    return Plot(
        title,
        across,
        bars=drawn,
        ticks=_ticks(float(edges[0]), float(edges[-1])),
        levels=((f"{highest:g} case{'s' if highest > 1 else ''}", 0.0),),
    )


def densities(title: str, series: Mapping[str, NDArray[np.float64]], *, is_hounsfield: bool) -> Plot | None:
    """Histograms over intensity as lines, each as a share of its own; None if all are empty."""
    shown = {name: shares for name, shares in series.items() if shares.any()}
    if not shown:
        return None
    highest = max(float(_cut(shares).max()) for shares in shown.values())
    lines = tuple((name, _path(_cut(shares) / highest)) for name, shares in list(shown.items())[:SERIES])
    if is_hounsfield:
        ticks = tuple(
            (f"{hu}".replace("-", "−"), (hu - HU_LOW) / (HU_HIGH - HU_LOW) * WIDTH) for hu in (-1000, -500, 0, 450)
        )
        return Plot(title, "Hounsfield units", lines=lines, ticks=ticks)
    ticks = tuple((f"{share} %", share / 100 * WIDTH) for share in (0, 25, 50, 75, 100))
    return Plot(title, "grey level, share of full white", lines=lines, ticks=ticks)


def scatter(title: str, across: str, up: str, pairs: Sequence[tuple[float, float]]) -> Plot | None:
    """A point for each place, the larger the more cases lie there; None if there is no pair."""
    if not pairs:
        return None
    x, y = (np.array(values, dtype=np.float64) for values in zip(*pairs, strict=True))
    right, top = 1.05 * float(x.max()), 1.05 * float(y.max())
    places = Counter((round(WIDTH * a / right, 1), round(HEIGHT * (1 - b / top), 1)) for a, b in zip(x, y, strict=True))
    return Plot(
        title,
        across,
        points=tuple((*place, _radius(count, len(pairs))) for place, count in sorted(places.items())),
        ticks=_ticks(0.0, right),
        levels=tuple((f"{text} {up}", HEIGHT - y / WIDTH * HEIGHT) for text, y in _ticks(0.0, top)[1:]),
    )


Step = tuple[float, float, float | None]
"""Where a value stands across, the value, and half the width of the interval in which it lies, if that is known."""


def course(
    title: str,
    across: str,
    up: str,
    lines: Mapping[str, Sequence[Step]],
    marks: Sequence[tuple[str, float]] = (),
    *,
    most: float = math.inf,
) -> Plot | None:
    """Values over time as lines, with their intervals; None if there is no value.

    Parameters
    ----------
    title : what is shown
    across, up : names or units of the axes
    lines : the steps of each, from the left to the right; at most SERIES are shown
    marks : text and place across of each tick; none gives round numbers
    most : the greatest value that there can be; intervals end there
    """
    shown = {name: steps for name, steps in list(lines.items())[:SERIES] if steps}
    every = [step for steps in shown.values() for step in steps]
    if not every:
        return None
    at = [step[0] for step in every] + [place for _, place in marks]
    left, right = min(at), max(at)
    left, right = (left - 0.5, right + 0.5) if left == right else (left, right)
    top = min(1.05 * max(value + (half or 0) for _, value, half in every), most)
    low = 1.05 * min(0.0, *(value for _, value, _ in every))
    top = top if top > low else low + 1.0

    def x(place: float) -> float:
        return round(_EDGE + (WIDTH - 2 * _EDGE) * (place - left) / (right - left), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (1 - (min(max(value, low), top) - low) / (top - low)), 1)

    return Plot(
        title,
        across,
        lines=tuple(
            (name, "M" + "L".join(f"{x(a)} {y(value)}" for a, value, _ in steps)) for name, steps in shown.items()
        ),
        points=tuple((x(a), y(value), SMALLEST) for a, value, _ in every),
        spans=tuple(
            (x(a), y(value + half), y(value - half), number)
            for number, steps in enumerate(shown.values())
            for a, value, half in steps
            if half
        ),
        ticks=tuple((text, x(place)) for text, place in marks)
        or tuple((text, x(left + place / WIDTH * (right - left))) for text, place in _ticks(left, right)),
        levels=tuple((f"{text} {up}", HEIGHT - place / WIDTH * HEIGHT) for text, place in _ticks(low, top)[1:]),
    )


def _radius(count: int, total: int) -> float:
    return round(SMALLEST + (LARGEST - SMALLEST) * math.sqrt((count - 1) / total), 1)


def _ticks(low: float, high: float) -> tuple[tuple[str, float], ...]:
    """Three to six round numbers from low to high, and how far along the axis they are."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    numbers = (n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))
    return tuple((_short(number), round(WIDTH * (number - low) / (high - low), 1)) for number in numbers)


def _cut(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares without the first and last step, where all that is beyond the scale is heaped."""
    made = shares.copy()
    made[[0, -1]] = 0
    return made if made.any() else shares


def _path(heights: NDArray[np.float64]) -> str:
    x = (np.arange(len(heights)) + 0.5) * WIDTH / len(heights)
    y = HEIGHT * (1 - np.clip(heights, 0, 1))
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _short(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")

"""The curves of a sweep as one HTML page with drawings inside; it fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from hilum.measurement import NotMeasured

from .sweep import MEASURES, THRESHOLDS, Sweep, as_text

WIDTH, HEIGHT, LEFT, TOP = 520, 240, 48, 16
"""Of the drawing's inner box, and where it lies, in the drawing's own units."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
"""Of the curves."""

DRAWINGS: Mapping[str, tuple[str, ...]] = {
    "Errors, in points": ("mae", "rmse"),
    "Mean square error, in points squared": ("mse",),
    "Agreement; what is below -1 is drawn there": ("r2", "kappa"),
}
"""Measures that share a scale, by the heading of their drawing."""

_STYLE = (
    "body{font:15px sans-serif;max-width:44em;margin:2em auto}svg{width:100%}text{font-size:12px}pre{font-size:13px}"
)


def as_html(result: Sweep, title: str, threshold: float | None = None) -> str:
    """Errors and agreement against the threshold, with the chosen one marked.

    Parameters
    ----------
    result : of a sweep
    title : of the page, such as the network's name
    threshold : to mark; None for none
    """
    drawings = "".join(
        f"<h2>{escape(heading)}</h2>{_drawing(result, names, threshold)}" for heading, names in DRAWINGS.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>Six-zone score: {escape(title)}</h1><pre>{escape(as_text(result))}</pre>{drawings}</html>\n"
    )


def _drawing(result: Sweep, names: Sequence[str], threshold: float | None) -> str:
    known = [value for name in names for value in result.curves[name] if not isinstance(value, NotMeasured)]
    low, high = min([0.0, *known]), max([*known, 0.0])
    low = max(low, -1.0)  # a curve may fall without end; what counts is near its top
    high = high if high > low else low + 1
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = LEFT + WIDTH * share, TOP + HEIGHT * (1 - share)
        parts.append(f'<text x="{x:.0f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{share:g}</text>')
        value = low + share * (high - low)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{value:.2f}</text>')
    for number, name in enumerate(names):
        colour = COLOURS[number]
        parts += [
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for line in _lines(result.curves[name], low, high)
        ]
        label = escape(MEASURES[name].title)
        parts.append(f'<text x="{LEFT + 200 * number}" y="{TOP + HEIGHT + 52}" fill="{colour}">{label}</text>')
    if threshold is not None:
        x = LEFT + WIDTH * threshold
        parts.append(f'<path d="M{x:.1f} {TOP}v{HEIGHT}" stroke="#333" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{LEFT + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 34}" text-anchor="middle">threshold</text>')
    return f'<svg viewBox="0 0 {WIDTH + LEFT + 16} {HEIGHT + TOP + 58}" role="img">{"".join(parts)}</svg>'


def _lines(curve: Sequence[float | NotMeasured], low: float, high: float) -> list[str]:
    """SVG paths of a curve, broken where it is not measured."""
    lines: list[list[str]] = [[]]
    for threshold, value in zip(THRESHOLDS, curve, strict=True):
        if isinstance(value, NotMeasured):
            lines.append([])
            continue
        share = float(np.clip((value - low) / (high - low), 0.0, 1.0))
        lines[-1].append(f"{LEFT + WIDTH * float(threshold):.1f} {TOP + HEIGHT * (1 - share):.1f}")
    return ["M" + "L".join(points) for points in lines if points]

"""Curves: how trainings went, and what a threshold does."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError

from .canvas import COLOURS, canvas, label, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps and values of one length."""

WIDTH = 0.02
"""Standard deviation of the smoothing, as a share of a curve's length."""

_SCALES = ("step", "epoch")
_NO_CURVES = frozenset({"step", "epoch", "share", "threshold"})


def read_curves(path: Path) -> dict[str, Curve]:
    """The curves of a log in CSV, such as Lightning writes: each column with numbers against ``step``, else ``epoch``.

    Raises
    ------
    ReadError
        It cannot be read, has neither column, or holds what is no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is no log in CSV ({error}).", path=path) from error
    along = next((name for name in _SCALES if rows and name in rows[0]), None)
    if along is None:
        raise ReadError(f"{str(path)!r} is no log of a training: it has no column 'step' or 'epoch'.", path=path)
    found: dict[str, list[tuple[float, float]]] = {}
    try:
        for row in rows:
            for name, cell in row.items():
                if name and name not in _NO_CURVES and cell and row[along]:
                    found.setdefault(name, []).append((float(row[along]), float(cell)))
    except ValueError as error:
        raise ReadError(f"{str(path)!r} holds what is no number: {error}.", path=path) from error
    return {
        name: (np.array([x for x, _ in points]), np.array([y for _, y in points])) for name, points in found.items()
    }


def smoothed(curve: Curve, width: float = WIDTH) -> Curve:
    """A curve's values as means of their neighbours, weighted by a Gaussian of that share of its length.

    At the ends, where there are neighbours on one side only, the weights are those of the neighbours there are.
    """
    steps, values = curve
    spread = width * (steps.max() - steps.min()) if len(steps) > 2 else 0.0
    if spread <= 0:
        return curve
    weights = np.exp(-0.5 * ((steps[:, None] - steps[None, :]) / spread) ** 2)
    return steps, np.asarray((weights @ values) / weights.sum(axis=1))


def fitting_curves(logs: Mapping[str, Mapping[str, Curve]], names: Sequence[str], *, width: float = WIDTH) -> Figure:
    """A panel for each name of a curve, and in it a smooth line for each training, the raw values pale behind it.

    Parameters
    ----------
    logs : what :func:`read_curves` gave, by the name of the training
    names : of curves, such as ``train/total`` and ``val/score``
    width : of the smoothing, as a share of a curve's length; 0 for none
    """
    made, panels = canvas(tuple(names))
    for panel, name in zip(panels, names, strict=True):
        label(panel, "step", name)
        for number, (training, curves) in enumerate(logs.items()):
            if name not in curves:
                continue
            colour = COLOURS[number % len(COLOURS)]
            panel.plot(*curves[name], color=colour, alpha=0.25, linewidth=0.7)
            panel.plot(*smoothed(curves[name], width), color=colour, linewidth=1.5, label=training)
        legend(panel)
    return made


def threshold_curves(path: Path, *, chosen: float | None = None) -> Figure:
    """Each measure of a sweep against the threshold: errors in one panel, agreement in the other.

    Parameters
    ----------
    path : the ``thresholds.csv`` of ``hilum evaluate thresholds``
    chosen : a threshold to mark

    Raises
    ------
    ReadError
        It is no such table.
    """
    from hilum.evaluation.predictions import read_rows

    rows = read_rows(path, ("threshold",))
    names = [name for name in (rows[0] if rows else {}) if name != "threshold"]
    errors = [name for name in names if name in ("mae", "mse", "rmse")]
    panels_of = [("Errors", errors), ("Agreement", [name for name in names if name not in errors])]
    shown = [(title, which) for title, which in panels_of if which]
    if not shown:
        raise ReadError(f"{str(path)!r} has no curves beside its thresholds.", path=path)
    made, panels = canvas(tuple(title for title, _ in shown))
    for panel, (_, which) in zip(panels, shown, strict=True):
        label(panel, "threshold", "")
        for number, name in enumerate(which):
            points = [(float(row["threshold"]), float(row[name])) for row in rows if row[name]]
            if points:
                panel.plot(*zip(*points, strict=True), color=COLOURS[number % len(COLOURS)], linewidth=1.5, label=name)
        if chosen is not None:
            panel.axvline(chosen, color=COLOURS[-1], linewidth=0.8, linestyle="--")
        legend(panel)
    return made

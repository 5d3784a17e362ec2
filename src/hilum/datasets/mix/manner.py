"""The manner of a film, apart from what it shows: its grey levels, its detail, its noise, its margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.projection.exposure import blur

Field = NDArray[np.floating[Any]]

SHARES = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
"""Of a film's pixels, at which its grey levels are noted: more would make steps of its own out of smooth grey."""

ENDS = (1, 7)
"""Of these, the two between which a straight line is laid."""

BENT = 0.5
"""How far grey levels leave that line for the other film's own levels: wholly, they would tear lungs into islands."""

SHARPER = (0.6, 2.2)
"""Least and most by which fine structure is weakened or strengthened."""

_FINE, _COARSE = 0.8, 3.0
"""Widths of blurs in pixels, between which structure is fine but no noise."""

MARGIN_LEVELS = 3.0
"""Rows and columns at the edge that vary less belong to an unexposed margin, on a scale of 255."""

MOST_MARGIN = 0.15
"""No margin is wider than this share of the film."""

_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Manner:
    """How a film looks, whoever is on it. Grey levels are 0 to 255.

    Attributes
    ----------
    levels : grey below which :data:`SHARES` of the pixels inside the margins lie
    detail : middle size of fine structure that is coarser than noise
    noise : standard deviation of neighbouring pixels against each other, robust to edges
    margins : share of the film's side at its top, bottom, left and right
    margin_level : grey of the margins
    """

    levels: tuple[float, ...]
    detail: float
    noise: float
    margins: tuple[float, float, float, float]
    margin_level: float


def manner_of(grey: Field) -> Manner:
    """The manner of a film, shape (rows, columns), grey levels 0 to 255."""
    top, bottom, left, right = _margins(grey)
    rows, columns = grey.shape
    inside = grey[top : rows - bottom, left : columns - right]
    outside = np.ones(grey.shape, dtype=bool)
    outside[top : rows - bottom, left : columns - right] = False
    return Manner(
        levels=tuple(float(level) for level in np.quantile(inside, SHARES)),
        detail=_detail_of(inside),
        noise=noise_of(inside),
        margins=(top / rows, bottom / rows, left / columns, right / columns),
        margin_level=float(np.median(grey[outside])) if outside.any() else 0.0,
    )


def noise_of(grey: Field) -> float:
    """Standard deviation of the noise: the middle difference of a pixel to the mean of its four neighbours."""
    if min(grey.shape) < 3:
        return 0.0
    values = np.asarray(grey, dtype=np.float32)
    around = (values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]) / 4
    apart = np.abs(values[1:-1, 1:-1] - around)
    lit = apart[(values[1:-1, 1:-1] > 2) & (values[1:-1, 1:-1] < 253)]
    return float(np.median(lit) * _MAD / np.sqrt(1.25)) if lit.size else 0.0


def _detail_of(grey: Field) -> float:
    values = np.asarray(grey, dtype=np.float32)
    return float(np.quantile(np.abs(blur(values, _FINE) - blur(values, _COARSE)), 0.75))


def in_manner(grey: Field, manner: Manner, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A film in the manner of another: noise, grey levels and margins are brought to that film's.

    Parameters
    ----------
    grey : (rows, columns), 0 to 255
    manner : of the other film
    rng : for noise that is added
    """
    made = _levelled(np.asarray(grey, dtype=np.float32), manner)
    coarse = blur(made, _COARSE)
    stronger = np.clip(manner.detail / max(_detail_of(made), 1e-3), *SHARPER)
    made = coarse + np.float32(stronger) * (made - coarse)
    for _ in range(3):
        if noise_of(made) <= manner.noise * 1.1:
            break
        made = blur(made, 0.45)
    missing = manner.noise**2 - noise_of(made) ** 2
    if missing > 0:
        made = made + rng.normal(0, np.sqrt(missing), made.shape).astype(np.float32)
    rows, columns = made.shape
    top, bottom = (round(share * rows) for share in manner.margins[:2])
    left, right = (round(share * columns) for share in manner.margins[2:])
    inside = np.zeros(made.shape, dtype=bool)
    inside[top : rows - bottom, left : columns - right] = True
    made = np.where(inside, made, np.float32(manner.margin_level))
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8)


def _levelled(grey: Field, manner: Manner) -> Field:
    """Grey levels between a straight line to another film's and that film's own, rising all the way."""
    own = np.quantile(grey, SHARES) + np.arange(len(SHARES)) * 1e-3
    low, high = ENDS
    theirs = np.array(manner.levels)
    slope = (theirs[high] - theirs[low]) / max(own[high] - own[low], 1.0)
    line = theirs[low] + slope * (own - own[low])
    wanted = line + BENT * (theirs - line)
    made = np.interp(grey, own, wanted)
    made += np.where(grey < own[0], slope * (grey - own[0]), 0) + np.where(grey > own[-1], slope * (grey - own[-1]), 0)
    return np.asarray(made, dtype=np.float32)


def _margins(grey: Field) -> tuple[int, int, int, int]:
    """Pixels at the top, bottom, left and right that hold nothing."""
    return (
        _flat(grey, grey.shape[0]),
        _flat(grey[::-1], grey.shape[0]),
        _flat(grey.T, grey.shape[1]),
        _flat(grey.T[::-1], grey.shape[1]),
    )


def _flat(lines: Field, length: int) -> int:
    most = int(length * MOST_MARGIN)
    spread = np.std(lines[:most], axis=1)
    varied = np.flatnonzero(spread > MARGIN_LEVELS)
    return int(varied[0]) if len(varied) else most

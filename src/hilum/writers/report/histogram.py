"""How dense the lungs are: a histogram of their Hounsfield units, and its picture as SVG paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.case import Case
from hilum.image import Quantity
from hilum.measurement import NotMeasured
from hilum.scoring.volumes import BANDS
from hilum.writers.captions import number

LOW_HU, HIGH_HU, STEP_HU = -1050, 200, 10
"""What is drawn: from the lightest lung that there is to enhanced vessels, in steps that the eye still tells apart."""

WIDTH, HEIGHT = 1000.0, 260.0
"""Of the drawing's inner part, in its own units."""


@dataclass(frozen=True, slots=True)
class Band:
    """A band of densities as it is marked.

    Attributes
    ----------
    name : such as ``inflated``
    range : in HU, as text
    left, width : where it is drawn
    share : of the lungs' volume, as text
    """

    name: str
    range: str
    left: float
    width: float
    share: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line or an area of the drawing: a key such as ``right``, and its SVG path."""

    key: str
    path: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Everything that the drawing shows.

    Attributes
    ----------
    bands : marked behind the curves
    curves : ``opacity`` as an area, ``right`` and ``left`` as lines
    ticks : HU values, and where each is across
    levels : volume in a step of ``STEP_HU``, and how far down each is
    """

    bands: tuple[Band, ...]
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[str, float], ...]
    levels: tuple[tuple[str, float], ...]


def density_histogram(case: Case) -> Histogram | NotMeasured:
    """The densities of each lung, and of the opacity in them; or why there are none."""
    if case.image.quantity is not Quantity.HOUNSFIELD:
        return NotMeasured("densities take Hounsfield units, which pictures of a CT do not hold")
    counts = _counts(case)
    if not counts[:2].any():
        return NotMeasured("no lung was found")
    shown = counts * case.image.volume.voxel_ml
    highest = _nice(float(shown.max()))
    return Histogram(
        bands=tuple(_bands(case)),
        curves=(
            Curve("opacity", f"{_path(shown[2], highest)}V{HEIGHT:g}H0Z"),
            Curve("right", _path(shown[0], highest)),
            Curve("left", _path(shown[1], highest)),
        ),
        ticks=tuple((f"{hu}".replace("-", "−"), _across(hu)) for hu in (-950, -750, -400, 0, HIGH_HU)),
        levels=tuple((f"{highest * part:g} ml", HEIGHT * (1 - part)) for part in (0.5, 1.0)),
    )


def _counts(case: Case) -> NDArray[np.int64]:
    """Voxels by series (right lung, left lung, opacity in either) and step of ``STEP_HU``; taken slice by slice."""
    steps = (HIGH_HU - LOW_HU) // STEP_HU
    made = np.zeros((3, steps + 2), dtype=np.int64)
    sides = [case.lungs.number(name) for name in ("right-lung", "left-lung")]
    dense = [case.lesions.number(name) for name in ("ground-glass", "consolidation")]
    for hu, lungs, lesions in zip(case.image.array, case.lungs.array, case.lesions.array, strict=True):
        inside = lungs > 0
        side, is_dense = lungs[inside], np.isin(lesions[inside], dense)
        values = np.clip(np.nan_to_num(hu[inside]), LOW_HU - STEP_HU, HIGH_HU).astype(np.int32)
        step = (values - LOW_HU) // STEP_HU + 1
        for place, chosen in enumerate((side == sides[0], side == sides[1], is_dense)):
            made[place] += np.bincount(step[chosen], minlength=steps + 2)
    return made[:, 1:-1]


def _bands(case: Case) -> Iterator[Band]:
    shares = {row.structure: row.value for row in case.measures.table if (row.id, row.region) == ("hu-band", "both")}
    for name, (low, high) in BANDS.items():
        left, right = _across(low), _across(min(high, HIGH_HU))
        ends = f"over {low}" if high > HIGH_HU else f"{low} to {high}"
        share = number(shares.get(name, NotMeasured("it is not part of this result")), "%")
        yield Band(name, ends.replace("-", "−"), left, round(right - left, 1), share)


def _path(volumes: NDArray[np.float64], highest: float) -> str:
    """A line through the middles of the steps, (steps,) in ml."""
    x = (np.arange(len(volumes)) + 0.5) * WIDTH / len(volumes)
    y = HEIGHT * (1 - volumes / highest)
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _across(hu: float) -> float:
    return round((hu - LOW_HU) / (HIGH_HU - LOW_HU) * WIDTH, 1)


def _nice(value: float) -> float:
    """The next number above that is 1, 2, 4, 6 or 10 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value)) if value > 0 else 1.0
    return float(next(power * factor for factor in (1, 2, 4, 6, 10) if power * factor >= value))

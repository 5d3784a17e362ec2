"""Ranges and histograms of values, on two scales: Hounsfield units, and grey levels as a share of full white."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 64
"""Steps of every histogram: each holds as many of 256 grey levels as the next."""

HU_LOW, HU_HIGH = -1100.0, 500.0
"""Ends of the histograms of Hounsfield units: steps of 25 HU; what is beyond counts in the last steps."""

WHITES = (256.0, 1024.0, 4096.0, 65536.0)
"""Grey levels of the depths that pictures have; the lowest that holds all values is taken."""

MOST = 1 << 20
"""Values from which quantiles are taken; of more, every n-th."""

Scale = tuple[float, float]
"""The values at the ends of a histogram."""

Histogram = NDArray[np.int64]
"""Counts, shape (STEPS,)."""


@dataclass(frozen=True, slots=True)
class Range:
    """Quantiles of some values; all not a number if there are none.

    Attributes
    ----------
    lowest, p5, median, p95, highest : in the values' own unit
    """

    lowest: float
    p5: float
    median: float
    p95: float
    highest: float


def range_of(values: NDArray[Any]) -> Range:
    """The range of an array of any shape."""
    flat = values.reshape(-1)
    if not flat.size:
        return Range(*[float("nan")] * 5)
    thinned = flat[:: max(1, flat.size // MOST)]
    p5, median, p95 = (float(value) for value in np.percentile(thinned, (5, 50, 95)))
    return Range(float(flat.min()), p5, median, p95, float(flat.max()))


def scale_of(image: NDArray[Any], *, is_hounsfield: bool) -> Scale:
    """The scale on which an image's histograms stand."""
    if is_hounsfield:
        return HU_LOW, HU_HIGH
    highest = float(image.max()) if image.size else 0.0
    return 0.0, next((white for white in WHITES if highest < white), highest)


def histogram(values: NDArray[Any], scale: Scale) -> Histogram:
    """How many values lie in each step of a scale; what is beyond counts in the last steps."""
    flat = values.reshape(-1)
    if not flat.size:
        return np.zeros(STEPS, np.int64)
    low, high = scale
    thinned = flat[:: max(1, flat.size // MOST)].astype(np.float32)
    step = np.clip((thinned - low) * (STEPS / (high - low)), 0, STEPS - 1)
    return np.bincount(np.nan_to_num(step).astype(np.int64), minlength=STEPS)


def pooled(histograms: Iterable[Histogram]) -> NDArray[np.float64]:
    """The mean of histograms, each as shares of its own total, so that every case has one voice; shape (STEPS,)."""
    shares = [each / each.sum() for each in histograms if each.sum()]
    return np.mean(shares, axis=0) if shares else np.zeros(STEPS)

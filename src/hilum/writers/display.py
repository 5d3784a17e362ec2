"""A film and its label maps as they are shown: upright, 8-bit, of a size for a screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.geometry import PlaneGrid
from hilum.image import LabelMap

MAX_SIDE = 1600
"""Pixels of a display's longer side at most: more than a report or a web page shows, and quick to encode."""

MIN_SIDE = 512
"""Pixels of a display's longer side at least: below, letters would be too small to read."""

WINDOW = (0.5, 99.5)
"""Percentiles of a film that become black and white: burnt-in letters and collimated edges must not set the range."""

_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """What is drawn on, and from.

    Attributes
    ----------
    film : uint8, (rows, columns); the film upright, windowed
    lungs : uint8, of the same shape; 1 the patient's right, 2 the left
    lesions : uint8, of the same shape
    scale : pixels of the display per pixel of the film
    """

    film: NDArray[np.uint8]
    lungs: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    scale: float


def display(case: Case) -> Display:
    """The film and masks of a case for the screen.

    The longer side is brought down to ``MAX_SIDE``, or up to ``MIN_SIDE`` by a whole factor; else the display
    has the film's own pixels. Masks are resampled by nearest neighbour.
    """
    plane = case.image.plane
    rows, columns = plane.upright.shape
    longer = max(rows, columns)
    scale = MAX_SIDE / longer if longer > MAX_SIDE else float(math.ceil(MIN_SIDE / longer))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    film = Picture.fromarray(windowed(np.ascontiguousarray(plane.orientation.to_upright(case.image.array))))
    if scale != 1.0:
        film = film.resize(size, Picture.Resampling.BOX if scale < 1.0 else Picture.Resampling.BICUBIC)
    return Display(np.asarray(film), _shown(case.lungs, plane, size), _shown(case.lesions, plane, size), scale)


def windowed(film: NDArray[Any]) -> NDArray[np.uint8]:
    """A film's values between two percentiles as 0 to 255, of the same shape; values that are no numbers are black."""
    step = max(1, math.isqrt(film.size // _SAMPLES))
    sample = np.asarray(film[::step, ::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, WINDOW) if sample.size else (0.0, 1.0)
    if film.dtype == np.uint8:
        return np.asarray(Picture.fromarray(film).point(_stretched(np.arange(256), low, high).tolist()))
    if film.dtype == np.uint16:
        return _stretched(np.arange(1 << 16), low, high)[film]
    return _stretched(film, low, high)


def _stretched(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    gain = 255.0 / (high - low) if high > low else 0.0
    stretched = (values.astype(np.float32) - np.float32(low)) * np.float32(gain)
    return np.rint(np.clip(np.nan_to_num(stretched, nan=0.0), 0, 255)).astype(np.uint8)


def _shown(labels: LabelMap, plane: PlaneGrid, size: tuple[int, int]) -> NDArray[np.uint8]:
    array = np.ascontiguousarray(plane.orientation.to_upright(labels.array))
    if array.shape == size[::-1]:
        return array
    return np.asarray(Picture.fromarray(array).resize(size, Picture.Resampling.NEAREST))

"""What tells one picture from another, whatever its size, contrast, file format, mirroring or inversion.

A film is cut to what is not a plain border, made small, and its grey levels are replaced by their ranks, so that
windows and equalisation do not matter. The signs of its low frequencies are the hash; mirroring changes the signs of
the odd ones and inversion changes all, so that one hash answers for four pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Pixels along a side of the small picture: the finest detail that two copies of a film are sure to share."""

FREQUENCIES = 16
"""Waves along each side that are heard, from one half on; a plain gradient or a level is not."""

BITS = FREQUENCIES * FREQUENCIES
"""Bits of a hash."""

PLAIN = 2.0
"""A border whose grey levels, of 255, vary less than this from line to line and along a line is cut off."""

Bits = NDArray[np.bool_]
"""A hash, shape (BITS,)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A picture, for comparison.

    Attributes
    ----------
    bits : hash, shape (BITS,)
    small : the ranks of its grey levels, uint8, shape (SIDE, SIDE)
    """

    bits: Bits
    small: NDArray[np.uint8]


def fingerprint(picture: NDArray[Any], *, is_framed: bool) -> Fingerprint | None:
    """The fingerprint of a picture, shape (rows, columns); None if nothing is to be seen on it.

    Parameters
    ----------
    picture : of any numbers
    is_framed : it may have plain borders, which are cut off; not so for slices of CT, whose air is noise in one copy
        and black in the other
    """
    grey = _as_grey(_thinned(picture))
    if grey is None:
        return None
    kept = _without_border(grey) if is_framed else grey
    if min(kept.shape) < 8:
        return None
    small = ranks(_resized(kept))
    return Fingerprint(hash_bits(small), small)


def hash_bits(small: NDArray[np.uint8]) -> Bits:
    """Signs of the low frequencies of a square picture of ``SIDE`` pixels: its type II cosine transform."""
    waves = _waves()
    return ((waves @ small.astype(np.float64) @ waves.T) > 0).reshape(-1)


def variants(bits: Bits) -> dict[str, Bits]:
    """The hashes of the picture itself, mirrored, inverted, and both."""
    mirrored = bits ^ _odd_columns()
    return {"": bits, "mirrored": mirrored, "inverted": ~bits, "mirrored and inverted": ~mirrored}


def varied(small: NDArray[np.uint8], variant: str) -> NDArray[np.uint8]:
    """The small picture as a variant has it."""
    made = small[:, ::-1] if "mirrored" in variant else small
    return 255 - made if "inverted" in variant else made


def likeness(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Correlation of the detail of two small pictures, -1 to 1; what all chests share is taken away first."""
    x, y = _detail(a), _detail(b)
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / norm if norm else 0.0


def ranks(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each grey level as the share of pixels that are darker, half of its own included, 0 to 255."""
    counts = np.bincount(grey.reshape(-1), minlength=256)
    below = np.cumsum(counts) - counts / 2
    return np.rint(below * (255 / grey.size)).astype(np.uint8)[grey]


def _thinned(picture: NDArray[Any]) -> NDArray[Any]:
    """Means of squares of pixels, as few as may be and still four times the small picture's detail."""
    step = min(picture.shape) // (4 * SIDE)
    if step < 2:
        return picture
    rows, columns = (length // step * step for length in picture.shape)
    cut = picture[:rows, :columns].astype(np.float32, copy=False)
    return cut.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))


def _as_grey(picture: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Its 1st to 99th percentile as 0 to 255."""
    values = np.nan_to_num(picture.astype(np.float32), copy=False)
    low, high = np.percentile(values[:: max(1, len(values) // 512)], (1, 99))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return None
    return np.clip((values - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def _without_border(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows = np.flatnonzero(grey.std(axis=1) > PLAIN)
    columns = np.flatnonzero(grey.std(axis=0) > PLAIN)
    if not rows.size or not columns.size:
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resized(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BOX))


def _detail(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The picture less its own blur over 9 pixels, (SIDE, SIDE)."""
    values = small.astype(np.float64)
    padded = np.pad(values, 5, mode="edge").cumsum(axis=0).cumsum(axis=1)
    blurred = (padded[9:, 9:] - padded[:-9, 9:] - padded[9:, :-9] + padded[:-9, :-9]) / 81
    return values - blurred[:SIDE, :SIDE]


@lru_cache(maxsize=1)
def _waves() -> NDArray[np.float64]:
    """Shape (FREQUENCIES, SIDE)."""
    number = np.arange(1, FREQUENCIES + 1)[:, None]
    return np.cos(np.pi * number * (np.arange(SIDE)[None] + 0.5) / SIDE)


@lru_cache(maxsize=1)
def _odd_columns() -> Bits:
    number = np.arange(1, FREQUENCIES + 1)
    return np.broadcast_to(number % 2 == 1, (FREQUENCIES, FREQUENCIES)).reshape(-1)

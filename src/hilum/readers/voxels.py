"""From the numbers that a file holds to Hounsfield units: whole numbers of 16 bits wherever nothing is lost by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import Finding, Gravity

UNUSABLE_SHARE = 0.5
"""Share of values that are not numbers from which an image is refused: what is left is not the picture of a chest."""

_INT16 = np.iinfo(np.int16)


def hounsfield(
    samples: NDArray[Any], slope: float = 1.0, intercept: float = 0.0
) -> tuple[NDArray[Any], tuple[Finding, ...]]:
    """``samples * slope + intercept``, slice by slice, and what was noticed.

    Parameters
    ----------
    samples : shape (slices, rows, columns), whole numbers or floating point, as stored
    slope, intercept : finite

    Returns
    -------
    int16 where every value is a whole number that fits, float32 elsewhere. Numbers that are not finite become the
    least of the others, with the finding ``not-finite``. int16 that needs no rescaling comes back without a copy.
    """
    if samples.dtype == np.int16 and samples.dtype.isnative and (slope, intercept) == (1.0, 0.0):
        return samples, ()
    if samples.dtype.kind != "f" and slope.is_integer() and intercept.is_integer():
        low, high = sorted(int(value) * int(slope) + int(intercept) for value in (samples.min(), samples.max()))
        if _INT16.min <= low and high <= _INT16.max:
            return _rescaled(samples, slope, intercept, np.int16), ()
    elif all(_is_whole(plane * np.float64(slope) + np.float64(intercept)) for plane in samples):
        return _rescaled(samples, slope, intercept, np.int16), ()
    return finite(_rescaled(samples, slope, intercept, np.float32))


def finite(array: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[Finding, ...]]:
    """The same array with what is not finite replaced, in place, by the least of the rest; a finding, if any was."""
    bad = sum(plane.size - int(np.count_nonzero(np.isfinite(plane))) for plane in array)
    if not bad:
        return array, ()
    lows = [float(plane[np.isfinite(plane)].min(initial=np.inf)) for plane in array]
    low = min(lows) if np.isfinite(min(lows)) else 0.0
    for plane in array:
        plane[~np.isfinite(plane)] = low
    share = bad / array.size
    message = "None of its voxels is a number: all are NaN or infinite. Check how it was converted."
    if bad < array.size:
        message = (
            f"{share:.1%} of its voxels ({bad:,}) are not numbers (NaN or infinite); they were taken for air "
            f"({low:g}). Check how it was converted."
        )
    gravity = Gravity.ERROR if share > UNUSABLE_SHARE else Gravity.WARNING
    return array, (Finding("not-finite", gravity, message),)


def _is_whole(values: NDArray[np.float64]) -> bool:
    """Whether all are whole numbers of 16 bits."""
    with np.errstate(invalid="ignore"):
        return bool(((values >= _INT16.min) & (values <= _INT16.max) & (values == np.rint(values))).all())


def _rescaled(samples: NDArray[Any], slope: float, intercept: float, kind: Any) -> NDArray[Any]:
    """Rescaled one slice at a time, so that no wide copy of the whole is made."""
    made = np.empty(samples.shape, dtype=kind)
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for 32 bits counts as infinite
        for out, plane in zip(made, samples, strict=True):
            np.copyto(out, plane.astype(np.float64) * slope + intercept, casting="unsafe")
    return made

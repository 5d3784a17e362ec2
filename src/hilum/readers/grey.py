"""From the samples that a file holds to the one grey value a pixel that a film has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import Finding, Gravity

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601, as in JPEG)."""

COLOUR_STEP = 24
"""A pixel is of another colour than the picture's tint from this distance on, of 255: three times what JPEG adds."""

COLOUR_SHARE = 0.10
"""More than this share of such pixels makes a colour picture; letters and arrows drawn on a film stay well below."""

_SAMPLE_SIDE = 192
"""Colour is judged on about this many pixels along each side."""


def usable(samples: NDArray[Any]) -> NDArray[Any]:
    """The same numbers as uint8, uint16 or float32, whichever holds them; numbers that are not finite become the least.

    uint8 and uint16 come back as they are, without a copy.
    """
    kind = samples.dtype.newbyteorder("=")
    if kind == np.uint8 or kind == np.uint16:  # noqa: PLR1714 - a dtype has no hash in common with a type
        return samples.astype(kind, copy=False)
    if kind == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(kind, np.integer):
        fits = samples.min() >= 0 and samples.max() <= 65535
        return samples.astype(np.uint16 if fits else np.float32)
    with np.errstate(over="ignore"):  # what is too large for 32 bits counts as infinite
        made = samples.astype(np.float32)
    finite = np.isfinite(made)
    if not finite.all():
        made[~finite] = made[finite].min() if finite.any() else 0.0
    return made


def grey(samples: NDArray[Any], *, has_alpha: bool = False) -> tuple[NDArray[Any], tuple[Finding, ...]]:
    """One grey value a pixel, and what was noticed on the way.

    Parameters
    ----------
    samples : shape (rows, columns) or (rows, columns, 1 to 4); larger is brighter
    has_alpha : the last sample is opacity, not yet multiplied in; what shows through is black

    Returns
    -------
    Shape (rows, columns), of type uint8, uint16 or float32: the first channel where all are equal, their luma
    where they are not. A picture whose colours are more than a tint carries the finding ``not-a-film``.
    """
    samples = usable(samples)
    if samples.ndim == 2:
        return samples, ()
    if has_alpha:
        samples = _on_black(samples)
    if samples.shape[2] < 3:
        return np.ascontiguousarray(samples[..., 0]), ()
    red, green, blue = (samples[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(red), ()
    luma = sum(weight * channel.astype(np.float32) for weight, channel in zip(LUMA, (red, green, blue), strict=True))
    made = luma if samples.dtype == np.float32 else np.rint(luma).astype(samples.dtype)
    return np.asarray(made), _colour_findings(samples)


def _on_black(samples: NDArray[Any]) -> NDArray[Any]:
    """The colour samples as they look in front of black."""
    colours, alpha = samples[..., :-1], samples[..., -1:]
    opaque = 1.0 if samples.dtype == np.float32 else float(np.iinfo(samples.dtype).max)
    if (alpha == opaque).all():
        return colours
    return (colours * (alpha / np.float32(opaque))).astype(samples.dtype)


def _colour_findings(samples: NDArray[Any]) -> tuple[Finding, ...]:
    share = coloured_share(samples)
    if share <= COLOUR_SHARE:
        return ()
    return (
        Finding(
            "not-a-film",
            Gravity.ERROR,
            f"It is a colour picture: {share:.0%} of its pixels have a colour of their own. A film is grey, or grey "
            "with one tint. Give the film itself, without colour overlays.",
        ),
    )


def coloured_share(samples: NDArray[Any]) -> float:
    """Share of pixels, 0 to 1, whose colour is not explained by one tint that depends on brightness alone.

    A scanned or photographed film has a cast (bluish, brownish) that is a smooth function of brightness. That
    function is fitted, as a cubic, to red minus green and to blue minus green, a second time without the quarter of
    the pixels that fits worst; what is left over is colour.

    Parameters
    ----------
    samples : shape (rows, columns, 3 or more), red, green, blue
    """
    steps = [max(1, side // _SAMPLE_SIDE) for side in samples.shape[:2]]
    few = samples[:: steps[0], :: steps[1], :3].reshape(-1, 3).astype(np.float64)
    span = float(few.max())
    if span <= 0:
        return 0.0
    red, green, blue = (few * (255.0 / span)).T
    brightness = (red + green + blue) / 765.0
    powers = brightness[:, None] ** np.arange(4)
    casts = np.stack([red - green, blue - green], axis=1)
    left = _left_over(powers, casts, np.ones(len(few), dtype=bool))
    left = _left_over(powers, casts, left <= np.quantile(left, 0.75))
    return float((left > COLOUR_STEP).mean())


def _left_over(powers: NDArray[np.float64], casts: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each pixel's cast is from the one that fits the used pixels, 0 to 360."""
    explained = powers @ np.linalg.lstsq(powers[used], casts[used], rcond=None)[0]
    return np.hypot(*(casts - explained).T)

"""Distances between the surfaces of two masks, in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import MissingExtra
from hilum.measurement import NotMeasured


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceDistances:
    """How far each surface pixel of one mask lies from the nearest of the other, in the unit of the spacing.

    A surface pixel is one of the mask that shares a side with a pixel, or an edge of the image, outside it.

    Attributes
    ----------
    to_predicted : from each surface pixel of the reference, float64
    to_reference : from each surface pixel of the prediction, float64

    References
    ----------
    .. [1] Nikolov et al., Clinically Applicable Segmentation of Head and Neck Anatomy for Radiotherapy, Journal of
       Medical Internet Research 2021;23:e26151, doi:10.2196/26151 (the surface Dice, here ``nsd``)
    .. [2] Maier-Hein et al., Metrics reloaded, Nature Methods 2024;21:195-212, doi:10.1038/s41592-023-02151-z
    """

    to_predicted: NDArray[np.float64]
    to_reference: NDArray[np.float64]

    @property
    def hd95(self) -> float:
        """The larger of the 95th percentiles of both directions."""
        return float(max(np.percentile(self.to_predicted, 95), np.percentile(self.to_reference, 95)))

    @property
    def hausdorff(self) -> float:
        """The largest distance in either direction."""
        return float(max(self.to_predicted.max(), self.to_reference.max()))

    @property
    def mean(self) -> float:
        """The mean over the surface pixels of both masks."""
        return float(np.concatenate([self.to_predicted, self.to_reference]).mean())

    def nsd(self, tolerance: float) -> float:
        """The share of both surfaces that lies within ``tolerance`` of the other, 0 to 1."""
        return float((np.concatenate([self.to_predicted, self.to_reference]) <= tolerance).mean())


def surface_distances(
    reference: NDArray[np.bool_], predicted: NDArray[np.bool_], spacing: Sequence[float] | None = None
) -> SurfaceDistances | NotMeasured:
    """Distances between the surfaces of two masks of one shape.

    Parameters
    ----------
    reference, predicted : (rows, columns) or (slices, rows, columns)
    spacing : between the centres of neighbouring pixels along each axis, in millimetres as a rule; None for pixels

    Returns
    -------
    SurfaceDistances or NotMeasured
        Nothing can be measured if a mask is empty: there is no distance to what is not there.

    Raises
    ------
    ValueError
        The shapes differ, a mask is not boolean, or the spacing does not fit.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"a mask of shape {reference.shape} cannot be compared with one of {predicted.shape}")
    if reference.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError(f"masks are boolean, not {reference.dtype} and {predicted.dtype}")
    steps = tuple(float(step) for step in (spacing or (1.0,) * reference.ndim))
    if len(steps) != reference.ndim or min(steps) <= 0:
        raise ValueError(f"a spacing of {steps} does not fit a mask of shape {reference.shape}")
    empty = [name for name, mask in (("reference", reference), ("predicted", predicted)) if not mask.any()]
    if empty:
        return NotMeasured(f"the {' and the '.join(empty)} mask is empty")
    box = _box(reference | predicted)
    surfaces = [_surface(np.pad(mask[box], 1)) for mask in (reference, predicted)]
    of_reference, of_predicted = surfaces
    return SurfaceDistances(
        _distance_to(of_predicted, steps)[of_reference], _distance_to(of_reference, steps)[of_predicted]
    )


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest box round a mask."""
    return tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(mask))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask with a neighbour outside it; the mask has an empty border."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return mask & ~inner


def _distance_to(surface: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Euclidean distance of every pixel to the nearest pixel of a surface."""
    try:
        import SimpleITK
    except ModuleNotFoundError as error:
        raise MissingExtra("A distance between surfaces", "ct") from error
    image = SimpleITK.GetImageFromArray(surface.view(np.uint8))
    image.SetSpacing(spacing[::-1])
    signed = SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    # Maurer's distances are negative within an object; a surface pixel is at no distance from its own surface.
    return np.maximum(SimpleITK.GetArrayFromImage(signed), 0.0).astype(np.float64)

"""How many single lesions were found: connected parts of two masks, and not their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured
from hilum.segmentation.postprocess import numbered_parts
from hilum.segmentation.solids import parts_of

LEAST_SHARE = 0.1
"""Share of a lesion that the other mask has to cover for it to count: touching it somewhere is not finding it."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Lesions of a reference and of a prediction, and how many of each the other one covers.

    Attributes
    ----------
    lesions : connected parts of the reference
    found : of these, covered by the prediction
    predicted : connected parts of the prediction
    true : of these, covered by the reference

    References
    ----------
    .. [1] Commowick et al., Objective evaluation of multiple sclerosis lesion segmentation, Scientific Reports
       2018;8:13650, doi:10.1038/s41598-018-31911-7 (lesions count from a tenth of their volume on)
    """

    lesions: int
    found: int
    predicted: int
    true: int

    @property
    def sensitivity(self) -> float | NotMeasured:
        """Share of the lesions that were found, 0 to 1."""
        return self.found / self.lesions if self.lesions else NotMeasured("the reference mask is empty")

    @property
    def precision(self) -> float | NotMeasured:
        """Share of the predicted lesions that are true, 0 to 1."""
        return self.true / self.predicted if self.predicted else NotMeasured("the predicted mask is empty")

    @property
    def f1(self) -> float | NotMeasured:
        """The harmonic mean of both; 0 where one mask is empty, or nothing was found."""
        if not self.lesions and not self.predicted:
            return NotMeasured("both masks are empty")
        sensitivity, precision = self.sensitivity, self.precision
        if isinstance(sensitivity, NotMeasured) or isinstance(precision, NotMeasured) or not sensitivity + precision:
            return 0.0
        return 2 * sensitivity * precision / (sensitivity + precision)


def detection(
    reference: NDArray[np.bool_], predicted: NDArray[np.bool_], *, least_share: float = LEAST_SHARE
) -> Detection:
    """Find the lesions of one mask in another, and the other way round.

    Parameters
    ----------
    reference, predicted : (rows, columns), where 8 neighbours are connected, or (slices, rows, columns), where 26 are
    least_share : of a lesion's pixels that the other mask has to hold, 0 to 1

    Raises
    ------
    ValueError
        The shapes differ, or a mask is not boolean.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"a mask of shape {reference.shape} cannot be compared with one of {predicted.shape}")
    if reference.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError(f"masks are boolean, not {reference.dtype} and {predicted.dtype}")
    return Detection(*_covered(reference, predicted, least_share), *_covered(predicted, reference, least_share))


def _covered(mask: NDArray[np.bool_], other: NDArray[np.bool_], least_share: float) -> tuple[int, int]:
    """How many parts a mask has, and of how many the other holds at least that share."""
    if not mask.any():
        return 0, 0
    parts = numbered_parts(mask, connectivity=8) if mask.ndim == 2 else parts_of(mask, connectivity=26)[0]
    sizes = np.bincount(parts.ravel())[1:]
    held = np.bincount(parts[other], minlength=len(sizes) + 1)[1:]
    return len(sizes), int(np.count_nonzero((held > 0) & (held >= least_share * sizes)))

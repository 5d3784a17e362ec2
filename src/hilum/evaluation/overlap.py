"""Overlap of two masks, exactly: no smoothing, and nothing against nothing is not perfect but not measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured

_NOT_COUNTED = "the pixels outside both masks were not counted"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels of a predicted mask and its reference, and the measures made of them.

    A measure whose denominator is 0 is ``NotMeasured``.

    Attributes
    ----------
    both : pixels in both masks
    only_reference : pixels that were missed
    only_predicted : pixels that were added
    neither : pixels outside both; None if nobody counted them

    References
    ----------
    .. [1] Maier-Hein et al., Metrics reloaded, Nature Methods 2024;21:195-212, doi:10.1038/s41592-023-02151-z
    """

    both: int
    only_reference: int
    only_predicted: int
    neither: int | None = None

    @property
    def dice(self) -> float | NotMeasured:
        """Twice the common part over the sum of both, 0 to 1."""
        return _ratio(2 * self.both, 2 * self.both + self.only_reference + self.only_predicted, "both masks are empty")

    @property
    def iou(self) -> float | NotMeasured:
        """The common part over the union, 0 to 1."""
        return _ratio(self.both, self.both + self.only_reference + self.only_predicted, "both masks are empty")

    @property
    def sensitivity(self) -> float | NotMeasured:
        """How much of the reference was found, 0 to 1."""
        return _ratio(self.both, self.both + self.only_reference, "the reference mask is empty")

    @property
    def precision(self) -> float | NotMeasured:
        """How much of what was found is in the reference, 0 to 1."""
        return _ratio(self.both, self.both + self.only_predicted, "the predicted mask is empty")

    @property
    def specificity(self) -> float | NotMeasured:
        """How much of what lies outside the reference was left out, 0 to 1; near 1 where an image is mostly empty."""
        if self.neither is None:
            return NotMeasured(_NOT_COUNTED)
        return _ratio(self.neither, self.neither + self.only_predicted, "the reference mask fills the image")

    @property
    def accuracy(self) -> float | NotMeasured:
        """How many pixels are right, 0 to 1; near 1 wherever an image is mostly empty."""
        if self.neither is None:
            return NotMeasured(_NOT_COUNTED)
        total = self.both + self.only_reference + self.only_predicted + self.neither
        return _ratio(self.both + self.neither, total, "there is no pixel")


def overlap(reference: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Overlap:
    """Pixels that two masks of one shape have in common and apart.

    Raises
    ------
    ValueError
        The shapes differ, or a mask is not boolean.

    Examples
    --------
    >>> made = overlap(np.array([[True, True], [False, False]]), np.array([[True, False], [True, False]]))
    >>> made.dice, made.sensitivity
    (0.5, 0.5)
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"a mask of shape {reference.shape} cannot be compared with one of {predicted.shape}")
    if reference.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError(f"masks are boolean, not {reference.dtype} and {predicted.dtype}")
    both = int(np.count_nonzero(reference & predicted))
    missed, added = int(np.count_nonzero(reference)) - both, int(np.count_nonzero(predicted)) - both
    return Overlap(both, missed, added, reference.size - both - missed - added)


def _ratio(part: int, whole: int, reason: str) -> float | NotMeasured:
    return part / whole if whole else NotMeasured(reason)

"""How well single lesions of films are found: average precision of masks, and what the predecessor called agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which precision is averaged, as the COCO challenge does."""

THRESHOLDS = tuple(float(each) for each in np.linspace(0.5, 0.95, 10))
"""Overlaps over which the challenge averages once more."""

Masks = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The found instances of one film against the drawn ones.

    Attributes
    ----------
    scores : (found,), how certain each is
    iou : (found, drawn), intersection over union of their masks
    """

    scores: NDArray[np.float64]
    iou: NDArray[np.float64]


def overlaps(found: Masks, scores: Sequence[float], drawn: Masks) -> Overlaps:
    """Every found mask of a film against every drawn one.

    Raises
    ------
    ValueError
        There are more or fewer scores than found masks, or the masks differ in shape.
    """
    if len(found) != len(scores):
        raise ValueError(f"{len(found)} masks do not fit {len(scores)} scores")
    if len({mask.shape for mask in (*found, *drawn)}) > 1:
        raise ValueError("the masks of a film have one shape")
    iou = np.zeros((len(found), len(drawn)))
    for row, first in enumerate(found):
        for column, second in enumerate(drawn):
            union = np.count_nonzero(first | second)
            iou[row, column] = np.count_nonzero(first & second) / union if union else 0.0
    return Overlaps(np.asarray(scores, dtype=np.float64), iou)


def average_precision(films: Sequence[Overlaps], threshold: float = 0.5) -> float | NotMeasured:
    """Area under precision over recall, 0 to 1, of all instances of all films.

    On each film the found instances, the most certain first, take the drawn one that they overlap most and that nobody
    has taken, if they overlap it by at least the threshold. Precision at a recall is the best at that recall or higher.

    Parameters
    ----------
    films : of each
    threshold : intersection over union from which on an instance counts as found

    References
    ----------
    .. [1] Lin et al., Microsoft COCO: Common objects in context, ECCV 2014, doi:10.1007/978-3-319-10602-1_48
    """
    drawn = sum(film.iou.shape[1] for film in films)
    if not drawn:
        return NotMeasured("no film has a drawn instance")
    scores = np.concatenate([film.scores for film in films])
    if not len(scores):
        return 0.0
    is_true = np.concatenate([_matched(film, threshold) for film in films])
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(is_true[order])
    precision = true / np.arange(1, len(true) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(true / drawn, RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())


def mean_average_precision(films: Sequence[Overlaps]) -> float | NotMeasured:
    """:func:`average_precision`, averaged over the overlaps 0.5, 0.55, ... 0.95."""
    values = [average_precision(films, each) for each in THRESHOLDS]
    known = [value for value in values if not isinstance(value, NotMeasured)]
    return float(np.mean(known)) if known else values[0]


@dataclass(frozen=True, slots=True)
class WholeImageAgreement:
    """What the predecessor reported as Dice and IoU: equal pixels of the whole image, background and all.

    It is near 1 wherever most of an image is empty, and says little of lesions: an empty mask does well. For comparison
    with published figures only; :class:`hilum.evaluation.overlap.Overlap` has the real ones.

    Attributes
    ----------
    inflated_dice : equal pixels n over all pixels N, written there as 2n / 2N
    inflated_iou : n / (2N - n)
    """

    inflated_dice: float
    inflated_iou: float


def whole_image_agreement(reference: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> WholeImageAgreement:
    """The predecessor's figures of two masks of one shape; ValueError if the shapes differ.

    Examples
    --------
    >>> drawn = np.zeros((10, 10), dtype=bool)
    >>> drawn[0] = True
    >>> whole_image_agreement(drawn, np.zeros_like(drawn)).inflated_dice  # nothing was found
    0.9
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"a mask of shape {reference.shape} cannot be compared with one of {predicted.shape}")
    equal, total = int(np.count_nonzero(reference == predicted)), reference.size
    return WholeImageAgreement(equal / total, equal / (2 * total - equal))


def _matched(film: Overlaps, threshold: float) -> NDArray[np.bool_]:
    """Which found instances are true, in their own order."""
    made = np.zeros(len(film.scores), dtype=bool)
    free: NDArray[Any] = np.ones(film.iou.shape[1], dtype=bool)
    for number in np.argsort(-film.scores, kind="stable"):
        open_iou = np.where(free, film.iou[number], -1.0)
        if not len(open_iou):
            break
        best = int(np.argmax(open_iou))
        if open_iou[best] >= threshold:
            made[number], free[best] = True, False
    return made

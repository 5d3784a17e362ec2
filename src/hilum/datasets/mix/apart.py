"""Whether films of two origins can be told apart by what they look like, and not by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .manner import manner_of

FOLDS = 5
"""Parts of which each is judged by what the others teach."""

RIDGE = 0.3
"""Added to the diagonal of the shared covariance of standardised features."""


def features(grey: NDArray[Any]) -> NDArray[np.float64]:
    """What says nothing of the patient: grey levels, noise, margins, how steep edges are, the shape of the film."""
    values = np.asarray(grey, dtype=np.float32)
    manner = manner_of(values)
    steep = np.hypot(np.diff(values, axis=0)[:, :-1], np.diff(values, axis=1)[:-1])
    return np.array(
        [*manner.levels, manner.noise, *manner.margins, *np.quantile(steep, (0.5, 0.9, 0.99)),
         grey.shape[1] / grey.shape[0]]
    )  # fmt: skip


def told_apart(first: Sequence[NDArray[np.float64]], second: Sequence[NDArray[np.float64]]) -> float | None:
    """Area under the ROC curve of a linear discriminant on two groups' features, in cross-validation.

    0.5: the groups cannot be told apart this way; 1: they always can. None if a group has fewer films than
    :data:`FOLDS`.
    """
    if min(len(first), len(second)) < FOLDS:
        return None
    values = np.array([*first, *second])
    groups = np.repeat([0, 1], [len(first), len(second)])
    folds = np.concatenate([np.arange(len(first)) % FOLDS, np.arange(len(second)) % FOLDS])
    scores = np.empty(len(values))
    for fold in range(FOLDS):
        taught = folds != fold
        scores[~taught] = _discriminant(values[taught], groups[taught], values[~taught])
    return _area(scores[groups == 0], scores[groups == 1])


def _discriminant(
    values: NDArray[np.float64], groups: NDArray[np.integer], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    centre, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    known = (values - centre) / spread
    means = [known[groups == group].mean(axis=0) for group in (0, 1)]
    rest = known - np.where(groups[:, None] == 0, means[0], means[1])
    shared = rest.T @ rest / len(rest) + RIDGE * np.eye(known.shape[1])
    return (asked - centre) / spread @ np.linalg.solve(shared, means[1] - means[0])


def _area(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    more = (high[:, None] > low[None]).mean() + 0.5 * (high[:, None] == low[None]).mean()
    return float(more)

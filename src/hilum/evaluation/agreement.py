"""How well two series of numbers, or of verdicts, agree.

Every function takes a reference and an estimate of it, one number a case, and gives ``NotMeasured`` where the
formula has no value. None of them leaves out cases: a series with a hole in it is a ``ValueError``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured

Series = NDArray[np.float64]
"""One number a case, shape (cases,)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bland-Altman limits of agreement, in the unit of the series.

    Attributes
    ----------
    bias : mean of estimate minus reference
    low, high : bias -/+ 1.96 standard deviations of the differences
    """

    bias: float
    low: float
    high: float


def mean_absolute_error(reference: Series, estimate: Series) -> float:
    """Mean of the absolute differences."""
    return float(np.abs(_differences(reference, estimate)).mean())


def mean_square_error(reference: Series, estimate: Series) -> float:
    """Mean of the squared differences, in the square of the unit."""
    return float((_differences(reference, estimate) ** 2).mean())


def root_mean_square_error(reference: Series, estimate: Series) -> float:
    """Root of the mean of the squared differences."""
    return float(np.sqrt(mean_square_error(reference, estimate)))


def bias(reference: Series, estimate: Series) -> float:
    """Mean of estimate minus reference: above 0, the estimate is too high."""
    return float(_differences(reference, estimate).mean())


def exact_agreement(reference: Series, estimate: Series) -> float:
    """Share of cases whose two numbers are equal, 0 to 1."""
    return float((_differences(reference, estimate) == 0).mean())


def limits_of_agreement(reference: Series, estimate: Series) -> Limits | NotMeasured:
    """Between which differences 95 % of cases lie, if differences are normally distributed.

    References
    ----------
    .. [1] Bland and Altman, Lancet 1986;1:307-310, doi:10.1016/S0140-6736(86)90837-8
    """
    differences = _differences(reference, estimate)
    if len(differences) < 2:
        return NotMeasured("limits of agreement need two cases")
    middle, spread = float(differences.mean()), 1.96 * float(differences.std(ddof=1))
    return Limits(middle, middle - spread, middle + spread)


def r_squared(reference: Series, estimate: Series) -> float | NotMeasured:
    """Share of the reference's variance that the estimate explains; below 0 if it is worse than the mean."""
    residual = (_differences(reference, estimate) ** 2).sum()
    total = ((reference - reference.mean()) ** 2).sum()
    return float(1 - residual / total) if total else NotMeasured("all reference values are the same")


def pearson(reference: Series, estimate: Series) -> float | NotMeasured:
    """Linear correlation, -1 to 1."""
    _differences(reference, estimate)
    if _is_constant(reference) or _is_constant(estimate):
        return NotMeasured("all values of a series are the same")
    x, y = reference - reference.mean(), estimate - estimate.mean()
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return float(np.clip(x @ y, -1, 1))


def spearman(reference: Series, estimate: Series) -> float | NotMeasured:
    """Correlation of the ranks, -1 to 1; ties share their mean rank."""
    _differences(reference, estimate)
    return pearson(_ranks(reference), _ranks(estimate))


def quadratic_kappa(reference: Series, estimate: Series) -> float | NotMeasured:
    """Cohen's kappa with quadratic weights, of scores on one scale of whole numbers; -1 to 1.

    One less the mean squared difference of the pairs over that of all reference values with all estimates. The
    weights need no list of categories, and on numbers that are not whole this is Lin's concordance.

    References
    ----------
    .. [1] Cohen, Psychological Bulletin 1968;70:213-220, doi:10.1037/h0026256
    """
    seen = (_differences(reference, estimate) ** 2).mean()
    by_chance = reference.var() + estimate.var() + (reference.mean() - estimate.mean()) ** 2
    return float(1 - seen / by_chance) if by_chance else NotMeasured("both series hold one same value only")


def icc_2_1(reference: Series, estimate: Series) -> float | NotMeasured:
    """Intraclass correlation ICC(2,1) of two raters: two-way random effects, absolute agreement, single rater."""
    _differences(reference, estimate)
    return intraclass_correlation(np.stack([reference, estimate], axis=1))


def intraclass_correlation(ratings: NDArray[np.float64]) -> float | NotMeasured:
    """ICC(2,1) of any number of raters.

    Parameters
    ----------
    ratings : (cases, raters), no holes

    Raises
    ------
    ValueError
        A rating is not finite, or the array has not two axes.

    References
    ----------
    .. [1] Shrout and Fleiss, Psychological Bulletin 1979;86:420-428, doi:10.1037/0033-2909.86.2.420
    """
    if ratings.ndim != 2 or not np.isfinite(ratings).all():
        raise ValueError(f"ratings are finite and of shape (cases, raters), not {ratings.shape}")
    cases, raters = ratings.shape
    if min(cases, raters) < 2:
        return NotMeasured("an intraclass correlation needs two cases and two raters")
    grand, by_case, by_rater = ratings.mean(), ratings.mean(axis=1), ratings.mean(axis=0)
    between_cases = raters * ((by_case - grand) ** 2).sum() / (cases - 1)
    between_raters = cases * ((by_rater - grand) ** 2).sum() / (raters - 1)
    rest = ((ratings - by_case[:, None] - by_rater + grand) ** 2).sum() / ((cases - 1) * (raters - 1))
    whole = between_cases + (raters - 1) * rest + raters * (between_raters - rest) / cases
    return float((between_cases - rest) / whole) if whole else NotMeasured("all ratings are the same")


def sensitivity(reference: NDArray[np.bool_], verdict: NDArray[np.bool_]) -> float | NotMeasured:
    """Share of the positive cases that are called so, 0 to 1."""
    _require_pairs(reference, verdict)
    return float(verdict[reference].mean()) if reference.any() else NotMeasured("there is no positive case")


def specificity(reference: NDArray[np.bool_], verdict: NDArray[np.bool_]) -> float | NotMeasured:
    """Share of the negative cases that are called so, 0 to 1."""
    _require_pairs(reference, verdict)
    return float((~verdict[~reference]).mean()) if not reference.all() else NotMeasured("there is no negative case")


def area_under_curve(reference: NDArray[np.bool_], evidence: Series) -> float | NotMeasured:
    """Area under the receiver operating characteristic, 0 to 1.

    The probability that a positive case has more evidence than a negative one, ties counting half.
    """
    _require_pairs(reference, evidence)
    positive = int(np.count_nonzero(reference))
    negative = len(reference) - positive
    if not positive or not negative:
        return NotMeasured(f"there is no {'negative' if positive else 'positive'} case")
    wins = _ranks(evidence)[reference].sum() - positive * (positive + 1) / 2
    return float(wins / (positive * negative))


def _differences(reference: Series, estimate: Series) -> Series:
    _require_pairs(reference, estimate)
    return estimate - reference


def _require_pairs(reference: NDArray[np.generic], estimate: NDArray[np.generic]) -> None:
    if reference.ndim != 1 or reference.shape != estimate.shape or not len(reference):
        raise ValueError(f"two series of one length are compared, not {reference.shape} and {estimate.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(estimate).all()):
        raise ValueError("a series with a value that is not finite cannot be compared")


def _is_constant(series: Series) -> bool:
    return bool((series == series[0]).all())


def _ranks(series: Series) -> Series:
    """Ranks from 1, ties at their mean."""
    _, position, counts = np.unique(series, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[position]

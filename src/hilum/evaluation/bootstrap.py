"""How far a figure could be off: intervals by drawing patients again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured

RESAMPLES = 2000
"""Draws of an interval: the ends of a 95 % interval then rest on about 50 draws each."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and between what it would fall with other patients.

    Attributes
    ----------
    estimate : over all cases
    low, high : ends of the interval
    n_cases : cases
    n_patients : patients they come from
    """

    estimate: float
    low: float
    high: float
    n_cases: int
    n_patients: int


def bootstrap(
    statistic: Callable[..., float | NotMeasured],
    series: Sequence[NDArray[Any]],
    patients: Sequence[str],
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval | NotMeasured:
    """A statistic with its percentile interval, whole patients being drawn with replacement.

    Cases of one patient resemble one another; drawn one by one they would make the interval too narrow.

    Parameters
    ----------
    statistic : of as many series as are given, each of shape (cases, ...)
    series : what the statistic is made of, one entry a case
    patients : whose case each is
    generator : makes the draws; seeded, the interval is the same each time
    resamples : draws
    level : of the interval, 0 to 1

    Returns
    -------
    Interval or NotMeasured
        Draws in which the statistic cannot be measured do not count. Without an estimate there is no interval.

    Raises
    ------
    ValueError
        There is no case, the series are not of one length, or the level is not between 0 and 1.

    References
    ----------
    .. [1] Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (hierarchical data, the
       upper level only), doi:10.1017/CBO9780511802843
    """
    if not patients or any(len(values) != len(patients) for values in series):
        raise ValueError(f"{len(patients)} patients do not fit series of {[len(values) for values in series]} cases")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is between 0 and 1, not {level}")
    estimate = statistic(*series)
    if isinstance(estimate, NotMeasured):
        return estimate
    cases = _cases_by_patient(patients)
    drawn: list[float] = []
    for _ in range(resamples):
        chosen = np.concatenate([cases[at] for at in generator.integers(len(cases), size=len(cases))])
        value = statistic(*(values[chosen] for values in series))
        if not isinstance(value, NotMeasured):
            drawn.append(value)
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn or [estimate], [tail, 100 - tail])
    return Interval(estimate, float(low), float(high), len(patients), len(cases))


def bootstrap_mean(
    values: NDArray[np.float64],
    patients: Sequence[str],
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """What :func:`bootstrap` makes of a mean, all draws at once: the same interval in a hundredth of the time.

    Parameters
    ----------
    values : one a case, finite
    patients, generator, resamples, level : as there

    Raises
    ------
    ValueError
        There is no case, the lengths differ, or the level is not between 0 and 1.
    """
    if not patients or len(values) != len(patients):
        raise ValueError(f"{len(patients)} patients do not fit {len(values)} values")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is between 0 and 1, not {level}")
    cases = _cases_by_patient(patients)
    sums = np.array([values[at].sum() for at in cases])
    counts = np.array([len(at) for at in cases])
    chosen = generator.integers(len(cases), size=(resamples, len(cases)))
    drawn = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(float(values.mean()), float(low), float(high), len(patients), len(cases))


def _cases_by_patient(patients: Sequence[str]) -> list[NDArray[np.intp]]:
    """Positions of the cases of each patient, in the order in which patients come first."""
    found: dict[str, list[int]] = {}
    for position, patient in enumerate(patients):
        found.setdefault(patient, []).append(position)
    return [np.array(positions, dtype=np.intp) for positions in found.values()]

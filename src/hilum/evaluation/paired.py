"""Two systems on the same cases: by how much they differ, and whether chance would do as much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import MissingExtra
from hilum.measurement import NotMeasured

from .bootstrap import Interval, bootstrap, bootstrap_mean
from .protocol import SEED


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference of two systems, second minus first.

    Attributes
    ----------
    difference : its mean, with the 95 % interval over patients
    n_higher, n_lower, n_equal : patients for whom the second's mean is above, below, or equal to the first's
    p_value : of Wilcoxon's signed-rank test over the patients' means, two-sided
    """

    difference: Interval
    n_higher: int
    n_lower: int
    n_equal: int
    p_value: float | NotMeasured


def paired(
    first: NDArray[np.float64], second: NDArray[np.float64], patients: Sequence[str], *, seed: int = SEED
) -> Paired:
    """Compare two systems case by case.

    Parameters
    ----------
    first, second : one number a case, finite, of the same cases in the same order
    patients : whose case each is
    seed : of the draws

    Raises
    ------
    ValueError
        There is no case, or the lengths differ.

    References
    ----------
    .. [1] Wilcoxon, Biometrics Bulletin 1945;1:80-83, doi:10.2307/3001968
    """
    if first.shape != second.shape:
        raise ValueError(f"two series of one length are compared, not {first.shape} and {second.shape}")
    differences = second - first
    interval = bootstrap_mean(differences, patients, generator=np.random.default_rng(seed))
    places: dict[str, list[float]] = {}
    for patient, difference in zip(patients, differences.tolist(), strict=True):
        places.setdefault(patient, []).append(difference)
    means = np.array([sum(each) / len(each) for each in places.values()], dtype=np.float64)
    signs = np.sign(means)
    return Paired(
        interval,
        int(np.count_nonzero(signs > 0)),
        int(np.count_nonzero(signs < 0)),
        int(np.count_nonzero(signs == 0)),
        wilcoxon(means),
    )


def paired_statistic(
    statistic: Callable[..., float | NotMeasured],
    truth: NDArray[np.float64],
    estimates: tuple[NDArray[np.float64], NDArray[np.float64]],
    patients: Sequence[str],
) -> Interval | NotMeasured:
    """The difference of a statistic of two systems, second minus first, both being drawn on the same patients.

    Parameters
    ----------
    statistic : of a reference and an estimate, such as a mean absolute error
    truth : one number a case
    estimates : of the first and of the second system
    patients : whose case each is
    """

    def difference(reference: NDArray[np.float64], *both: NDArray[np.float64]) -> float | NotMeasured:
        first, second = (statistic(reference, each) for each in both)
        if isinstance(first, NotMeasured):
            return first
        return second if isinstance(second, NotMeasured) else second - first

    return bootstrap(difference, [truth, *estimates], patients, generator=np.random.default_rng(SEED))


def wilcoxon(differences: NDArray[np.float64]) -> float | NotMeasured:
    """The two-sided p-value of the signed-rank test; ``NotMeasured`` if all are 0, or without the extra ``lab``."""
    if not np.any(differences):
        return NotMeasured("no case differs")
    try:
        from scipy import stats
    except ModuleNotFoundError:
        return NotMeasured(str(MissingExtra("Wilcoxon's test", "lab")))
    tested: Any = stats.wilcoxon(differences, zero_method="pratt")
    return float(tested.pvalue)

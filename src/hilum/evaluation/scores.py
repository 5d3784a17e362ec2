"""Anyone's scores against those of readers: errors, agreement, Bland-Altman, readers themselves, two systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.schema import DatasetCase
from hilum.errors import SettingsError
from hilum.measurement import NotMeasured
from hilum.registry import unknown
from hilum.scoring import DEFINITIONS

from . import agreement
from .bootstrap import Interval, bootstrap
from .masks import group_of
from .paired import Paired, paired, paired_statistic
from .protocol import SEED
from .systems import Estimates

Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], float | NotMeasured]

STATISTICS: Mapping[str, tuple[str, Statistic]] = {
    "mae": ("Mean absolute error", agreement.mean_absolute_error),
    "mse": ("Mean square error", agreement.mean_square_error),
    "rmse": ("Root mean square error", agreement.root_mean_square_error),
    "bias": ("Bias", agreement.bias),
    "r2": ("R²", agreement.r_squared),
    "kappa": ("Weighted kappa", agreement.quadratic_kappa),
    "icc": ("ICC(2,1)", agreement.icc_2_1),
    "pearson": ("Pearson", agreement.pearson),
    "spearman": ("Spearman", agreement.spearman),
    "exact": ("Equal", agreement.exact_agreement),
}
"""Title and formula by id, in the order of tables."""

READERS: Mapping[str, tuple[str, ...]] = {
    "six-zone": ("six-zone-r", "six-zone-d"),
    "brixia": ("brixia-senior", "brixia-junior"),
    "geographic-extent": ("geographic-extent",),
}
"""Who scored: names in the table of cases."""

REFERENCE: Mapping[str, tuple[str, ...]] = {
    "six-zone": ("six-zone-r", "six-zone-d"),
    "brixia": ("brixia-senior",),
    "geographic-extent": ("geographic-extent",),
}
"""Whose mean is the truth; of those who scored a case."""

GROUPS = ("all", "diseased", "healthy")
READER_PAIR = "readers"
POOR = "poor quality"
"""How a fact of a case begins that says so; a reader's own goes on with that reader."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The truth of one case.

    Attributes
    ----------
    source, case, person : of the case
    group : ``diseased`` or ``healthy``; what nobody calls healthy counts as diseased
    truth : the readers' score; 0 of a healthy case that nobody scored
    readers : the scores of a pair of readers, None if they are not both there
    """

    source: str
    case: str
    person: str
    group: str
    truth: float
    readers: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One statistic of one system over a group.

    Attributes
    ----------
    system, group, statistic : whose, over which cases, which
    value : with its 95 % interval over patients
    n_missing : cases without a score; each counts as the end of the scale that is farther from the truth
    """

    system: str
    group: str
    statistic: str
    value: Interval | NotMeasured
    n_missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A system's scores beside the truth, the missing ones replaced.

    Attributes
    ----------
    system : its name, or :data:`READER_PAIR`
    readings : the cases
    truth, estimate : one number a case
    reasons : by position, why a score was missing
    """

    system: str
    readings: tuple[Reading, ...]
    truth: NDArray[np.float64]
    estimate: NDArray[np.float64]
    reasons: Mapping[int, str]

    def of_group(self, group: str) -> Series:
        """The part of a group."""
        at = [n for n, each in enumerate(self.readings) if group in ("all", each.group)]
        reasons = {new: self.reasons[old] for new, old in enumerate(at) if old in self.reasons}
        return Series(self.system, tuple(self.readings[n] for n in at), self.truth[at], self.estimate[at], reasons)


@dataclass(frozen=True, slots=True)
class ScoreComparison:
    """Two systems on the same cases.

    Attributes
    ----------
    first, second, group : which, over which cases
    errors : the absolute errors, second minus first, with Wilcoxon's test
    statistics : the difference of each statistic, second minus first, both drawn on the same patients
    """

    first: str
    second: str
    group: str
    errors: Paired
    statistics: Mapping[str, Interval | NotMeasured]


@dataclass(frozen=True, slots=True)
class ScoreResults:
    """An evaluation of scores.

    Attributes
    ----------
    score : its id
    series : of each system, then of the readers
    lines : every figure
    limits : Bland-Altman by system and group
    comparisons : of each later system with the first
    n_left_out : cases of poor quality that were left out
    """

    score: str
    series: tuple[Series, ...]
    lines: tuple[ScoreLine, ...]
    limits: Mapping[tuple[str, str], agreement.Limits | NotMeasured]
    comparisons: tuple[ScoreComparison, ...]
    n_left_out: int


def readings_of(
    cases: Iterable[DatasetCase], score: str, *, leave_out_poor: bool = False, round_up: bool = False
) -> tuple[list[Reading], int]:
    """The truth of every case that has one, and how many were left out for their quality.

    Parameters
    ----------
    cases : with the scores that readers gave
    score : its id
    leave_out_poor : cases that any reader called poor are no part of it
    round_up : the truth is the mean of the readers rounded up to a whole number, and not the mean itself

    Raises
    ------
    SettingsError
        Nobody gives such a score.
    """
    if score not in REFERENCE:
        raise SettingsError(unknown("score that readers gave", score, REFERENCE))
    found: list[Reading] = []
    left_out = 0
    for case in cases:
        group = group_of(case)
        given = [case.scores[name] for name in REFERENCE[score] if name in case.scores]
        if not given and group != "healthy":
            continue
        if leave_out_poor and any(name.startswith(POOR) and told == "yes" for name, told in case.facts.items()):
            left_out += 1
            continue
        truth = sum(given) / len(given) if given else 0.0
        truth = float(np.ceil(truth)) if round_up else truth
        both = [case.scores[name] for name in READERS[score] if name in case.scores]
        pair = (both[0], both[1]) if len(both) == 2 else None
        found.append(Reading(case.source, case.case, case.person, group or "diseased", truth, pair))
    return found, left_out


def evaluate_scores(
    readings: Sequence[Reading], systems: Sequence[Estimates], score: str, *, n_left_out: int = 0
) -> ScoreResults:
    """Every figure of every system.

    Parameters
    ----------
    readings : the truth, of one case at least
    systems : their scores
    score : id of the score
    n_left_out : cases that were left out before

    Raises
    ------
    SettingsError
        There is no case.
    """
    if not readings:
        raise SettingsError(f"No case has a {score} score that readers gave.")
    series = [_series(readings, system, DEFINITIONS[score].range) for system in systems]
    pairs = _of_readers(readings)
    every = [*series, *([pairs] if pairs is not None else [])]
    lines: list[ScoreLine] = []
    limits: dict[tuple[str, str], agreement.Limits | NotMeasured] = {}
    for each in every:
        for group, part in _groups(each):
            lines += [_line(part, group, name) for name in STATISTICS]
            limits[each.system, group] = agreement.limits_of_agreement(part.truth, part.estimate)
    comparisons = [line for other in series[1:] for line in _compare(series[0], other)]
    return ScoreResults(score, tuple(every), tuple(lines), limits, tuple(comparisons), n_left_out)


def _groups(series: Series) -> list[tuple[str, Series]]:
    parts = [(group, series.of_group(group)) for group in GROUPS]
    known = [(group, part) for group, part in parts if part.readings]
    return known if len(known) > 2 else known[:1]


def _series(readings: Sequence[Reading], system: Estimates, scale: tuple[float, float]) -> Series:
    truth = np.array([each.truth for each in readings], dtype=np.float64)
    estimate = np.zeros(len(readings))
    reasons: dict[int, str] = {}
    for n, each in enumerate(readings):
        value = system.of(each.source, each.case)
        if isinstance(value, NotMeasured):
            reasons[n] = value.reason
            estimate[n] = scale[0] if each.truth - scale[0] > scale[1] - each.truth else scale[1]
        else:
            estimate[n] = value
    return Series(system.name, tuple(readings), truth, estimate, reasons)


def _of_readers(readings: Sequence[Reading]) -> Series | None:
    """The second reader against the first, on diseased cases that both scored."""
    both = [(each, each.readers) for each in readings if each.readers is not None and each.group != "healthy"]
    if not both:
        return None
    first, second = (np.array([pair[n] for _, pair in both], dtype=np.float64) for n in (0, 1))
    return Series(READER_PAIR, tuple(each for each, _ in both), first, second, {})


def _line(part: Series, group: str, name: str) -> ScoreLine:
    people = [each.person for each in part.readings]
    generator = np.random.default_rng(SEED)
    value = bootstrap(STATISTICS[name][1], [part.truth, part.estimate], people, generator=generator)
    return ScoreLine(part.system, group, name, value, len(part.reasons))


def _compare(first: Series, second: Series) -> list[ScoreComparison]:
    made: list[ScoreComparison] = []
    for (group, one), (_, other) in zip(_groups(first), _groups(second), strict=True):
        people = [each.person for each in one.readings]
        errors = paired(np.abs(one.estimate - one.truth), np.abs(other.estimate - other.truth), people)
        statistics = {
            name: paired_statistic(formula, one.truth, (one.estimate, other.estimate), people)
            for name, (_, formula) in STATISTICS.items()
        }
        made.append(ScoreComparison(first.system, second.system, group, errors, statistics))
    return made

"""Judgements of masks put together: means with intervals by group, what was missing, and two systems side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hilum.measurement import NotMeasured

from .bootstrap import Interval, bootstrap_mean
from .masks import Judgement
from .measures import MEASURES
from .paired import Paired, paired
from .protocol import SEED

EVERYTHING = "all"
GROUPS = (EVERYTHING, "diseased", "healthy")
"""Rows of their own, in the order of tables; cases of which nobody says either are among all."""


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one structure, over a group of cases.

    Attributes
    ----------
    prediction, is_reader, structure, group : whose, of what, over which cases
    measure : its id
    value : the mean with its 95 % interval over patients
    median, deviation : over cases, None without a value; the standard deviation takes two cases
    n_failed : cases without a prediction; they are in the value with the worst there is, where there is such a value
    n_unmeasured : cases that are not in the value, because nothing could be measured
    """

    prediction: str
    is_reader: bool
    structure: str
    group: str
    measure: str
    value: Interval | NotMeasured
    median: float | None
    deviation: float | None
    n_failed: int
    n_unmeasured: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be measured, or was missing.

    Attributes
    ----------
    prediction, case, structure : where
    measures : ids of what is not in a value, or counts with the worst
    reason : why
    is_missing : there was no prediction at all
    """

    prediction: str
    case: str
    structure: str
    measures: tuple[str, ...]
    reason: str
    is_missing: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same cases.

    Attributes
    ----------
    first, second : their names
    structure, measure : what is compared
    paired : second minus first
    """

    first: str
    second: str
    structure: str
    measure: str
    paired: Paired


def summarise(judgements: Sequence[Judgement]) -> tuple[Line, ...]:
    """Every line there is something to say in, in the order of the judgements, groups and measures."""
    found: dict[tuple[str, str], list[Judgement]] = {}
    for each in judgements:
        found.setdefault((each.prediction, each.structure), []).append(each)
    return tuple(line for mine in found.values() for line in _lines(mine))


def _lines(mine: Sequence[Judgement]) -> Iterator[Line]:
    has_groups = len({each.group for each in mine}) > 1
    for group in GROUPS if has_groups else GROUPS[:1]:
        members = [each for each in mine if group in (EVERYTHING, each.group)]
        if members:
            for name in members[0].values:
                yield _line(members, group, name)


def _line(members: Sequence[Judgement], group: str, name: str) -> Line:
    found = [(each.values[name], each.person) for each in members]
    measured = [(number, person) for number, person in found if not isinstance(number, NotMeasured)]
    first = members[0]
    value: Interval | NotMeasured
    median: float | None = None
    deviation: float | None = None
    if measured:
        numbers = np.array([number for number, _ in measured], dtype=np.float64)
        people = [person for _, person in measured]
        value = bootstrap_mean(numbers, people, generator=np.random.default_rng(SEED))
        median = float(np.median(numbers))
        deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    else:
        value = _why(members, name)
    return Line(
        prediction=first.prediction,
        is_reader=first.is_reader,
        structure=first.structure,
        group=group,
        measure=name,
        value=value,
        median=median,
        deviation=deviation,
        n_failed=sum(bool(each.failure) for each in members),
        n_unmeasured=len(members) - len(measured),
    )


def _why(members: Sequence[Judgement], name: str) -> NotMeasured:
    reasons = [value.reason for each in members if isinstance(value := each.values[name], NotMeasured)]
    return NotMeasured(max(set(reasons), key=reasons.count))


def problems_of(judgements: Iterable[Judgement]) -> tuple[Problem, ...]:
    """Every prediction that is missing, and every measure that has no value, by case and reason."""
    made: list[Problem] = []
    for each in judgements:
        where = (each.prediction, each.case, each.structure)
        if each.failure:
            made.append(Problem(*where, tuple(each.values), each.failure, is_missing=True))
            continue
        reasons: dict[str, list[str]] = {}
        for name, value in each.values.items():
            if isinstance(value, NotMeasured):
                reasons.setdefault(value.reason, []).append(name)
        made += [Problem(*where, tuple(names), reason, is_missing=False) for reason, names in reasons.items()]
    return tuple(made)


def compare(judgements: Sequence[Judgement], first: str, second: str) -> tuple[Comparison, ...]:
    """Two predictions by every measure, on the cases that both have a value for."""
    values: dict[str, dict[tuple[str, str, str], tuple[float, str]]] = {first: {}, second: {}}
    structures: dict[str, None] = {}
    for each in judgements:
        if each.prediction not in values:
            continue
        structures[each.structure] = None
        for name, value in each.values.items():
            if not isinstance(value, NotMeasured):
                values[each.prediction][each.structure, name, each.case] = (float(value), each.person)
    made: list[Comparison] = []
    for structure in structures:
        for name in MEASURES:
            keys = [key for key in values[first] if key[:2] == (structure, name) and key in values[second]]
            if keys:
                one, other = (np.array([values[who][key][0] for key in keys]) for who in (first, second))
                people = [values[first][key][1] for key in keys]
                made.append(Comparison(first, second, structure, name, paired(one, other, people)))
    return tuple(made)

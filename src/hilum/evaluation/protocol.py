"""The evaluation of films: every figure, on one split, with its interval, and every failure named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.case import Case
from hilum.datasets.films import FilmCase
from hilum.errors import Error
from hilum.measurement import NotMeasured
from hilum.provenance import ModelRef, Step, walk

from .bootstrap import Interval, bootstrap
from .figures import FIGURES, Figure, Observation, is_of_use, observe

Analyse = Callable[[Path], Case]
"""Takes a film's file to its result; raises :class:`~hilum.errors.Error` if it cannot."""

SEED = 20200311
"""Of the draws behind the intervals, so that the same results give the same intervals."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, over all films or over a group of them.

    Attributes
    ----------
    figure : what it is
    group : the group of films, empty for all
    value : the figure with its 95 % interval over patients
    n_failed : films whose result was missing; they are in the value, with the worst that there is
    """

    figure: Figure
    group: str
    value: Interval | NotMeasured
    n_failed: int

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure is as good as its goal; None without a goal or a value."""
        return None if isinstance(self.value, NotMeasured) else self.figure.is_reached(self.value.estimate)


@dataclass(frozen=True, slots=True)
class Failure:
    """A result that was missing.

    Attributes
    ----------
    film : the film's name
    figures : ids of the figures that it counts against
    reason : why
    """

    film: str
    figures: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of an evaluation.

    Attributes
    ----------
    rows : in the order of the figures, groups after their figure
    failures : every missing result
    n_films : films that were analysed
    splits : that they are of
    models : the networks that made the results
    noun : what was analysed, for tables and keys
    counted : heads the column of what the figures are made of
    n_left_out : left out of the split as an audit found them in another one, too; None if no audit was given
    """

    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    n_films: int
    splits: tuple[str, ...]
    models: tuple[ModelRef, ...]
    noun: str = "film"
    counted: str = "films"
    n_left_out: int | None = None


def evaluate_films(films: Iterable[FilmCase], analyse: Analyse) -> Evaluation:
    """Every figure over films, one film being analysed after the other.

    Each figure is a mean over the films that have a reference for it. A film whose analysis fails, or whose result
    lacks what a figure needs, counts with the worst value there is: a Dice of 0, a healthy film not recognised, the
    largest error that the score's range allows.

    Parameters
    ----------
    films : of one split; those without any reference are passed over
    analyse : makes the result of a film's file

    Raises
    ------
    ReadError
        A reference mask cannot be read: the fault of the data, not of the result.
    """
    seen: list[Observation] = []
    models: tuple[ModelRef, ...] = ()
    splits: list[str] = []
    for film in films:
        if not is_of_use(film):
            continue
        splits.append(film.split)
        result = _attempt(analyse, film.image)
        seen += observe(film, result)
        if not models and isinstance(result, Case):
            models = _models(result)
    rows = tuple(row for name in FIGURES for row in _rows(FIGURES[name], seen))
    return Evaluation(rows, _failures(seen), len(splits), tuple(dict.fromkeys(splits)), models)


def _attempt(analyse: Analyse, path: Path) -> Case | Error:
    try:
        return analyse(path)
    except Error as error:
        return error


def _models(case: Case) -> tuple[ModelRef, ...]:
    steps = (node for node in walk(case.provenance) if isinstance(node, Step))
    return tuple(dict.fromkeys(step.model for step in steps if step.model))


def _rows(figure: Figure, seen: list[Observation]) -> list[Row]:
    mine = [item for item in seen if item.figure == figure.id]
    groups = sorted({item.group for item in mine})
    rows = [_row(figure, "", mine)]
    if len(groups) > 1:
        rows += [_row(figure, group, [item for item in mine if item.group == group]) for group in groups]
    return rows


def _row(figure: Figure, group: str, mine: list[Observation]) -> Row:
    if not mine:
        return Row(figure, group, NotMeasured("no film has a reference for it"), 0)
    value = bootstrap(
        _mean,
        [np.array([item.value for item in mine])],
        [item.patient for item in mine],
        generator=np.random.default_rng(SEED),
    )
    return Row(figure, group, value, sum(bool(item.failure) for item in mine))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def _failures(seen: list[Observation]) -> tuple[Failure, ...]:
    figures: dict[tuple[str, str], list[str]] = {}
    for item in seen:
        if item.failure:
            figures.setdefault((item.film, item.failure), []).append(item.figure)
    return tuple(Failure(film, tuple(names), reason) for (film, reason), names in figures.items())

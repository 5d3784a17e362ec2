"""From which ratio on a zone counts: the six-zone score at every threshold from 0 to 1, against readers.

A sweep is a function of a table alone: a row a film, with what readers scored and how affected each zone is, as
:mod:`hilum.evaluation.zone_ratios` writes it. A threshold is chosen on validation films, never on those of a test.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError, SettingsError
from hilum.measurement import NotMeasured
from hilum.models.card import CARD, read_card
from hilum.models.card_writer import write_card
from hilum.segmentation.zones import ZONES
from hilum.wording import counted
from hilum.writers.csv_file import write_csv

from .agreement import (
    Series,
    mean_absolute_error,
    mean_square_error,
    quadratic_kappa,
    r_squared,
    root_mean_square_error,
)
from .bootstrap import Interval, bootstrap

THRESHOLDS = np.round(np.arange(101) / 100, 2)
"""What is tried: 0 to 1 by 0.01, as published."""

COLUMNS = ("case", "patient", "split", "reference", *ZONES)
"""Of a table of zones."""

HIGHEST = 6.0
"""Of the score."""

SEED = 20
"""Of the intervals."""


@dataclass(frozen=True, slots=True)
class Measure:
    """By what thresholds are compared.

    Attributes
    ----------
    title : for tables and plots
    of : readers' scores and ours to the figure
    rises : more is better
    """

    title: str
    of: Callable[[Series, Series], float | NotMeasured]
    rises: bool = False


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "mae": Measure("mean absolute error", mean_absolute_error),
        "mse": Measure("mean square error", mean_square_error),
        "rmse": Measure("root mean square error", root_mean_square_error),
        "r2": Measure("R²", r_squared, rises=True),
        "kappa": Measure("quadratic kappa", quadratic_kappa, rises=True),
    }
)
"""All of them, by the names of the table's columns."""


@dataclass(frozen=True, slots=True, eq=False)
class ZoneTable:
    """Films with readers' scores and how affected their zones are.

    Attributes
    ----------
    cases, patients, splits : of each film
    reference : readers' scores, (films,), 0 to 6; a mean of readers need not be whole
    ratios : (films, 6), 0 to 1, in the order of :data:`~hilum.segmentation.zones.ZONES`
    unmeasured : names of films that have no ratios in the table, and why; they are in none of the arrays
    """

    cases: tuple[str, ...]
    patients: tuple[str, ...]
    splits: tuple[str, ...]
    reference: Series
    ratios: NDArray[np.float64]
    unmeasured: tuple[str, ...] = ()

    def of_split(self, split: str) -> ZoneTable:
        """The films of one split; SettingsError if there are none."""
        chosen = [n for n, each in enumerate(self.splits) if each == split]
        if not chosen:
            found = ", ".join(dict.fromkeys(each or "none" for each in self.splits)) or "no films"
            raise SettingsError(f"The table of zones has no films of the split {split!r}; found: {found}.")
        return ZoneTable(
            tuple(self.cases[n] for n in chosen),
            tuple(self.patients[n] for n in chosen),
            tuple(self.splits[n] for n in chosen),
            self.reference[chosen],
            self.ratios[chosen],
            self.unmeasured,
        )

    def scores(self, threshold: float) -> Series:
        """Zones over a threshold, strictly, of each film; (films,)."""
        return (self.ratios > threshold).sum(axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came of a sweep.

    Attributes
    ----------
    curves : by measure, its figure at each of :data:`THRESHOLDS`; NotMeasured where it has none
    chosen : by measure, the threshold that is best by it
    at_best : by measure, its figure there, with its interval
    n_cases : films
    n_unmeasured : films that could not be taken
    """

    curves: Mapping[str, tuple[float | NotMeasured, ...]]
    chosen: Mapping[str, float]
    at_best: Mapping[str, Interval]
    n_cases: int
    n_unmeasured: int


def sweep(table: ZoneTable) -> Sweep:
    """Every measure at every threshold, and the best threshold by each.

    Of several thresholds that are equally good the middle one is taken, of two in the middle the lower.

    Examples
    --------
    >>> ratios = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 0.1], [0.9, 0.8, 0.7, 0.1, 0.0, 0.0]])
    >>> films = ZoneTable(("a", "b"), ("a", "b"), ("val", "val"), np.array([0.0, 3.0]), ratios)
    >>> sweep(films).chosen["mae"]
    0.39
    """
    scores = [table.scores(float(threshold)) for threshold in THRESHOLDS]
    curves = {name: tuple(each.of(table.reference, score) for score in scores) for name, each in MEASURES.items()}
    chosen: dict[str, float] = {}
    at_best: dict[str, Interval] = {}
    for name, measure in MEASURES.items():
        best = _best(curves[name], rises=measure.rises)
        if best is None:
            continue
        chosen[name] = float(THRESHOLDS[best])
        found = bootstrap(
            measure.of, [table.reference, scores[best]], table.patients, generator=np.random.default_rng(SEED)
        )
        if isinstance(found, Interval):
            at_best[name] = found
    return Sweep(curves, chosen, at_best, len(table.cases), len(table.unmeasured))


def _best(curve: Sequence[float | NotMeasured], *, rises: bool) -> int | None:
    """The middle of the best places along a curve; None if nothing on it is measured."""
    worst = -np.inf if rises else np.inf
    values = np.array([worst if isinstance(value, NotMeasured) else value for value in curve])
    if not np.isfinite(values).any():
        return None
    places = np.flatnonzero(np.isclose(values, values.max() if rises else values.min(), rtol=0, atol=1e-12))
    return int(places[(len(places) - 1) // 2])


def read_zones(path: Path) -> ZoneTable:
    """A table of zones from a CSV file with the columns :data:`COLUMNS`.

    A row whose zones are all empty is a film that could not be measured.

    Raises
    ------
    ReadError
        The file cannot be read, lacks a column, or has a number that is none or out of its range.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ReadError(f"The table of zones {str(path)!r} lacks the columns {', '.join(missing)}.", path=path)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read the table of zones {str(path)!r}: {error}.", path=path) from error
    measured = [row for row in rows if any(row[zone] for zone in ZONES)]
    numbers = [[_number(row, name, path) for name in ("reference", *ZONES)] for row in measured]
    table = np.array(numbers, dtype=np.float64).reshape(-1, 1 + len(ZONES))
    return ZoneTable(
        tuple(row["case"] for row in measured),
        tuple(row["patient"] or row["case"] for row in measured),
        tuple(row["split"] for row in measured),
        table[:, 0],
        table[:, 1:],
        tuple(row["case"] for row in rows if not any(row[zone] for zone in ZONES)),
    )


def _number(row: Mapping[str, str], name: str, path: Path) -> float:
    highest = HIGHEST if name == "reference" else 1.0
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = np.nan
    if not 0 <= value <= highest:
        raise ReadError(
            f"The table of zones {str(path)!r} has {row[name]!r} as {name} of {row['case']!r}; expected 0 to "
            f"{highest:g}.",
            path=path,
        )
    return value


def write_zones(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a table of zones; each row has the keys :data:`COLUMNS`."""
    write_csv(path, COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def write_sweep(result: Sweep, path: Path) -> None:
    """Write the curves as CSV: a row a threshold, a column a measure; what is not measured is empty."""

    def cells(place: int) -> Iterator[str]:
        values = (curve[place] for curve in result.curves.values())
        return ("" if isinstance(value, NotMeasured) else f"{value:.6f}" for value in values)

    rows = ((f"{threshold:.2f}", *cells(place)) for place, threshold in enumerate(THRESHOLDS))
    write_csv(path, ("threshold", *result.curves), rows)


def as_text(result: Sweep) -> str:
    """The best threshold by each measure, with its figure and interval."""
    lines = [f"{counted(result.n_cases, 'film')}; {result.n_unmeasured} more could not be measured", ""]
    lines.append(f"{'best by':<24} {'threshold':>9}  figure (95 % interval)")
    for name, threshold in result.chosen.items():
        found = result.at_best.get(name)
        figure = f"{found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})" if found else ""
        lines.append(f"{MEASURES[name].title:<24} {threshold:>9.2f}  {figure}")
    return "\n".join(lines) + "\n"


def put_on_card(folder: Path, threshold: float) -> None:
    """Make a threshold that of the six-zone score on the card of a lesion network.

    Raises
    ------
    ModelError
        There is no card in the folder.
    SettingsError
        The network is not for lesions of films.
    """
    card = read_card(folder / CARD)
    if card.task != "cxr-lesions":
        raise SettingsError(f"{card.name} is a network for {card.task}; the six-zone score is of cxr-lesions.")
    write_card(replace(card, thresholds={**card.thresholds, "six-zone": threshold}), folder / CARD)

"""What came of the folds of a cross-validation, as tables: case by case, fold by fold, and over all folds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError
from hilum.evaluation.bootstrap import Interval, bootstrap
from hilum.writers.csv_file import write_csv
from hilum.writers.whole import whole_file

RESULT = "result.json"
"""Of a finished fold, in its folder."""

DETAILED, FOLDS, FINAL = "cv_results.detailed.csv", "cv_results.folds.csv", "cv_results.final.csv"
"""The tables, in the folder of the cross-validation."""

SEED = 20
"""Of the intervals."""


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """What the best weights of a fold make of one of its held-out cases.

    Attributes
    ----------
    case, patient : whose they are
    figures : by name; None where one cannot be measured
    reason : why, if any cannot
    """

    case: str
    patient: str
    figures: Mapping[str, float | None]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A finished fold.

    Attributes
    ----------
    fold : number
    made_of : digests of the recipe and of the split
    figures : of all held-out cases together, by the names that training watches
    cases : held-out cases; empty for recipes that are judged by figures of all cases together only
    """

    fold: int
    made_of: Mapping[str, str]
    figures: Mapping[str, float]
    cases: tuple[CaseFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over all folds.

    Attributes
    ----------
    figure : its name
    n_folds, n_cases, n_patients : that it was measured on; without cases, each fold counts as one
    fold_median : the median over the folds of the median in each, as covid19.MIScnn reports
    lowest_fold, highest_fold : of the folds' medians
    mean, low, high : over all cases, with its 95 % bootstrap interval by patient
    n_unmeasured : cases in which it could not be measured
    """

    figure: str
    n_folds: int
    n_cases: int
    n_patients: int
    fold_median: float
    lowest_fold: float
    highest_fold: float
    mean: float
    low: float
    high: float
    n_unmeasured: int


def write_result(result: FoldResult, folder: Path) -> None:
    """Write a fold's result; it is there as a whole or not at all."""
    with whole_file(folder / RESULT) as unfinished:
        unfinished.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")


def read_result(folder: Path) -> FoldResult | None:
    """The result of a fold; None if it is not finished; ReadError if it cannot be understood."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        cases = tuple(CaseFigures(**case) for case in found.pop("cases"))
        return FoldResult(**found, cases=cases)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ReadError(f"The result of a fold {str(path)!r} cannot be understood: {error}.", path=path) from error


def summaries(results: Sequence[FoldResult]) -> list[Summary]:
    """Every figure over all folds; by case where the folds have cases."""
    names = dict.fromkeys(name for result in results for name in _names(result))
    made = (_summary(name, results) for name in names)
    return [summary for summary in made if summary is not None]


def _names(result: FoldResult) -> Iterable[str]:
    return (name for case in result.cases for name in case.figures) if result.cases else result.figures


def _summary(name: str, results: Sequence[FoldResult]) -> Summary | None:
    by_fold: list[list[float]] = []
    patients: list[str] = []
    n_unmeasured = 0
    for result in results:
        known = [case for case in result.cases if case.figures.get(name) is not None]
        n_unmeasured += len(result.cases) - len(known)
        values = [float(value) for case in known if (value := case.figures[name]) is not None]
        owners = [case.patient for case in known]
        if not result.cases and name in result.figures:
            values, owners = [result.figures[name]], [f"fold-{result.fold}"]
        if values:
            by_fold.append(values)
            patients += owners
    if not by_fold:
        return None
    medians = [float(np.median(values)) for values in by_fold]
    everything = np.concatenate([np.array(values, dtype=np.float64) for values in by_fold])
    found = bootstrap(_mean, [everything], patients, generator=np.random.default_rng(SEED))
    low, high = (found.low, found.high) if isinstance(found, Interval) else (np.nan, np.nan)
    return Summary(
        name,
        n_folds=len(by_fold),
        n_cases=len(everything),
        n_patients=len(set(patients)),
        fold_median=float(np.median(medians)),
        lowest_fold=min(medians),
        highest_fold=max(medians),
        mean=_mean(everything),
        low=low,
        high=high,
        n_unmeasured=n_unmeasured,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def write_tables(results: Sequence[FoldResult], folder: Path) -> list[Summary]:
    """Write the three tables of the folds that are finished; gives what stands in the last."""
    ordered = sorted(results, key=lambda result: result.fold)
    figures = list(dict.fromkeys(name for result in ordered for case in result.cases for name in case.figures))
    write_csv(
        folder / DETAILED,
        ("fold", "case", "patient", *figures, "reason"),
        (
            (result.fold, case.case, case.patient, *(_cell(case.figures.get(name)) for name in figures), case.reason)
            for result in ordered
            for case in result.cases
        ),
    )
    pooled = list(dict.fromkeys(name for result in ordered for name in result.figures))
    write_csv(
        folder / FOLDS,
        (
            "fold",
            "n_cases",
            "n_patients",
            *pooled,
            *(f"{how} {name}" for name in figures for how in ("median", "mean")),
        ),
        (_fold_row(result, pooled, figures) for result in ordered),
    )
    made = summaries(ordered)
    write_csv(folder / FINAL, list(Summary.__dataclass_fields__), (map(_cell, asdict(each).values()) for each in made))
    return made


def _fold_row(result: FoldResult, pooled: Sequence[str], figures: Sequence[str]) -> list[Any]:
    row: list[Any] = [result.fold, len(result.cases), len({case.patient for case in result.cases})]
    row += [_cell(result.figures.get(name)) for name in pooled]
    for name in figures:
        values = [value for case in result.cases if (value := case.figures.get(name)) is not None]
        row += [_cell(float(np.median(values))), _cell(float(np.mean(values)))] if values else ["", ""]
    return row


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else value


def as_text(made: Sequence[Summary]) -> str:
    """The last table for people."""
    lines = [f"{'figure':<24} {'median of folds':>15}  {'mean (95 % interval)':<26} folds, cases, patients"]
    for each in made:
        interval = f"{each.mean:.4f} ({each.low:.4f} to {each.high:.4f})"
        counts = f"{each.n_folds}, {each.n_cases}, {each.n_patients}"
        missing = f"; not measured in {each.n_unmeasured}" if each.n_unmeasured else ""
        lines.append(f"{each.figure:<24} {each.fold_median:>15.4f}  {interval:<26} {counts}{missing}")
    return "\n".join(lines) + "\n"

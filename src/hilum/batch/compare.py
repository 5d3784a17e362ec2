"""Results of one patient at several dates: what changed, by score, zone, lobe and class, and whether it is sure.

The first result is the baseline. A change has a verdict where the error of the measurement is known.

Scores of films: the networks' cards hold the mean absolute error of some scores against readers on test images; the
upper end of its own interval is taken. If errors are normal, about 0, and independent between dates, their standard
deviation is ``sqrt(pi / 2)`` times the mean absolute error, that of a change is ``sqrt(2)`` times larger, and 1.96 of
those are the half-width of the 95 % interval of a change: 3.47 times the mean absolute error. This is the wide side of
what is true. What the network always reads too high in a patient, and what the readers themselves disagree by, is in
the error and falls out of a change; how much of it that is, nobody has measured here. A verdict therefore means
something, and its absence little; ``of_error`` tells a change in units of that half-width.

Volumes and shares of CT carry the half-width of the interval in which they lie, by half a voxel at the outline; the
half-width of a change is the sum of both. It knows neither of another breath nor of what the network misses; the first
of these falls away where scans are aligned (:mod:`hilum.batch.followup`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hilum.errors import ModelError, ReadError
from hilum.models.card import Card
from hilum.models.catalogue import card, names
from hilum.writers.csv_file import write_csv
from hilum.writers.tables import safe_cell
from hilum.writers.whole import MARKER

Verdict = Literal["more", "less", "within error", ""]
"""Of a change: beyond the error, within it, or nothing known."""

VALUE_PER_ERROR = 1.96 * math.sqrt(math.pi / 2)
"""Half-width of the 95 % interval of one measurement, by its mean absolute error."""

CHANGE_PER_ERROR = math.sqrt(2) * VALUE_PER_ERROR
"""Half-width of the 95 % interval of a change, by the mean absolute error of one measurement."""

Key = tuple[str, str]
"""What was measured, and where."""

Value = tuple[float | None, str, float | None]
"""A number, its unit, and the half-width of the interval in which it lies; None where something is not known."""


@dataclass(frozen=True, slots=True)
class Change:
    """One quantity over the dates.

    Attributes
    ----------
    what : id of a score, measure or class of lesion
    region : ``whole``, a side, zone or lobe
    unit : of the values
    values : one a result; None where it was not measured
    error : half-width of the interval of a change; None if it is not known
    spreads : half-widths of the intervals of the values, one a result; None where one is not known
    """

    what: str
    region: str
    unit: str
    values: tuple[float | None, ...]
    error: float | None = None
    spreads: tuple[float | None, ...] = ()

    @property
    def change(self) -> float | None:
        """The last value less the first; None if one of them was not measured."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None else last - first

    @property
    def of_error(self) -> float | None:
        """The change in units of its error: beyond 1 or -1 it is sure; None if one of them is not known."""
        return None if self.change is None or not self.error else self.change / self.error

    @property
    def verdict(self) -> Verdict:
        """Whether the change is beyond the error of the measurement."""
        return verdict_of(self.change, self.error)


def verdict_of(change: float | None, error: float | None) -> Verdict:
    """Whether a change is beyond the half-width of its interval; empty where one of them is not known."""
    if change is None or error is None:
        return ""
    if abs(change) <= error:
        return "within error"
    return "more" if change > 0 else "less"


def compare(folders: Sequence[Path]) -> tuple[Change, ...]:
    """What changed between results of one patient; whether they are of one is not checked.

    Parameters
    ----------
    folders : of cases, each with a ``result.json``, in the order of time; or these files

    Raises
    ------
    ReadError
        There are fewer than two, one is no result, or they are of films and of CT.
    """
    if len(folders) < 2:
        raise ReadError(f"Two or more results are compared, and {len(folders)} was given.")
    results = [result_of(folder) for folder in folders]
    kinds = {result["modality"] for result in results}
    if len(kinds) > 1:
        raise ReadError("Films and CT do not compare: give results of films, or of CT.", path=folders[0])
    measured = [dict(_quantities(result)) for result in results]
    errors = _errors(results)
    made: list[Change] = []
    for key in dict.fromkeys(key for found in measured for key in found):
        values = tuple(found[key][0] if key in found else None for found in measured)
        unit = next(found[key][1] for found in measured if key in found)
        if any(value is not None for value in values):
            error = errors.get(key[0]) if key[1] == "whole" else _sum(measured[0].get(key), measured[-1].get(key))
            made.append(Change(*key, unit, values, error, _spreads(key, measured, error)))
    return tuple(made)


def write_changes(changes: Iterable[Change], path: Path, titles: Sequence[str]) -> None:
    """Write changes as CSV, with a column of values for each result; WriteError if it cannot be written."""

    def row(each: Change) -> tuple[str, ...]:
        cells = (*each.values, each.change, each.error, each.of_error)
        numbers = ["" if value is None else f"{value:.6g}" for value in cells]
        return each.what, each.region, each.unit, *numbers, each.verdict

    heads = (
        "what",
        "region",
        "unit",
        *(safe_cell(title) for title in titles),
        "change",
        "error",
        "of_error",
        "verdict",
    )
    write_csv(path, heads, map(row, changes), errors="backslashreplace")


def result_of(folder: Path) -> dict[str, Any]:
    """The result of a case: of its folder, or its file; ReadError if it is none."""
    path = folder / MARKER if folder.is_dir() else folder
    try:
        result = json.loads(path.read_bytes())
        if {"modality", "scores", "structures", "provenance"} <= set(result):
            return result
    except (OSError, ValueError, TypeError) as error:
        raise ReadError(f"Cannot read '{path}': {error}. The folder of a case is wanted.", path=path) from error
    raise ReadError(f"'{path}' is no result of Hilum. The folder of a case is wanted, with its {MARKER}.", path=path)


def _quantities(result: Mapping[str, Any]) -> Iterator[tuple[Key, Value]]:
    """Every number of a result that may change with the patient, and its unit."""
    for name, score in result["scores"].items():
        yield (name, "whole"), (_number(score["value"]), score["unit"], None)
        for region, value in score["parts"].items():
            yield (name, region), (_number(value), score["unit"], None)
    for row in result.get("measures", ()):
        what = row["id"] if row["method"] == "masks" else f"{row['id']} ({row['method']})"
        yield (
            (f"{what}:{row['structure']}", row["region"]),
            (_number(row["value"]), row["unit"], row.get("uncertainty")),
        )
    if result["modality"] == "cxr":
        yield from _classes(result["structures"])


def _classes(structures: Mapping[str, Any]) -> Iterator[tuple[Key, Value]]:
    """Each class of lesion on a film as a share of the lungs' area, however far away the film was."""
    lungs = sum(each["pixels"] for each in structures.get("lungs", {}).values())
    for name, each in structures.get("lesions", {}).items():
        yield (f"share:{name}", "whole"), (100 * each["pixels"] / lungs if lungs else None, "% of lungs", None)


def _number(value: Any) -> float | None:
    return None if isinstance(value, dict) else float(value)


def _sum(first: Value | None, last: Value | None) -> float | None:
    """The half-width of a change between two values that have one each."""
    if first is None or last is None or first[2] is None or last[2] is None:
        return None
    return first[2] + last[2]


def _spreads(key: Key, measured: Sequence[Mapping[Key, Value]], error: float | None) -> tuple[float | None, ...]:
    """The half-width of the interval of each value: its own, or that of one measurement of which a change is known."""
    if key[1] == "whole":
        return tuple(None if error is None else error * VALUE_PER_ERROR / CHANGE_PER_ERROR for _ in measured)
    return tuple(found[key][2] if key in found else None for found in measured)


def _errors(results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By score, the half-width of a change, from the cards of networks that made all the results."""
    used = [
        {tuple(node["model"].values()) for node in result["provenance"]["nodes"] if "model" in node}
        for result in results
    ]
    made: dict[str, float] = {}
    for name, version, sha256 in sorted(set.intersection(*used)):
        known = _card(name)
        if known is not None and (known.version, known.sha256) == (version, sha256):
            for metric in known.metrics:
                if metric.split == "test" and metric.figure.endswith("-error"):
                    made[metric.figure.removesuffix("-error")] = CHANGE_PER_ERROR * metric.high
    return made


def _card(name: str) -> Card | None:
    try:
        return card(name) if name in names() else None
    except ModelError:
        return None

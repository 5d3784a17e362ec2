"""The page of a cohort: scores, failures, findings, groups, courses and extremes, from its table of results."""

from __future__ import annotations

import csv
import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hilum.datasets.explore.page import Shown, render
from hilum.datasets.explore.plots import Plot, bars
from hilum.errors import ReadError
from hilum.scoring import DEFINITIONS
from hilum.writers.data_url import data_url
from hilum.writers.tables import COLUMNS, TABLE
from hilum.writers.whole import whole_file

from .courses import Courses, CourseSummary

PAGE = "cohort.html"
"""Name of the page in the folder of the cohort."""

VALUES = 20
"""Most values of a group that are shown, the commonest."""

SIDE_PX = 240
"""Longer side of the pictures of extremes."""

LEAD = "opacity-percent"
"""The score by which cases are extreme."""

_KINDS = {"cxr": "films", "ct": "CT"}
_PERCENTILES = (0, 5, 50, 95, 100)

Key = tuple[str, str]
"""Modality and id of a score."""


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """A score over the cases of a modality: title, films or CT, how often it was measured and not, percentiles."""

    title: str
    kind: str
    measured: int
    missing: int
    percentiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A value of a group: its cases, those that failed, and the median of each score (NaN if none)."""

    value: str
    cases: int
    failed: int
    medians: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A column of groups; ``hidden`` values are too many to be shown."""

    name: str
    rows: tuple[GroupRow, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class CohortView:
    """What the page shows."""

    cases: int
    done: int
    scores: tuple[ScoreSummary, ...]
    plots: tuple[Plot, ...]
    failures: Mapping[str, int]
    findings: Mapping[str, int]
    groups: tuple[GroupSummary, ...]
    extremes: tuple[Shown, ...]
    courses: tuple[CourseSummary, ...]
    unread_dates: int
    course_plots: tuple[Plot, ...]


@dataclass(slots=True)
class _Tally:
    """Counts and values over the rows of a table, or over those of one value of a group."""

    cases: int = 0
    by_modality: Counter[str] = field(default_factory=Counter[str])
    values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict[Key, list[float]](list))

    def add(self, row: Mapping[str, str]) -> None:
        self.cases += 1
        if row["status"] != "done":
            return
        self.by_modality[row["modality"]] += 1
        for name in DEFINITIONS:
            if row.get(name):
                self.values[row["modality"], name].append(float(row[name]))

    @property
    def done(self) -> int:
        return self.by_modality.total()


def write_cohort_page(folder: Path, *, pictures: int = 12) -> Path:
    """Write the page of a cohort into its folder, with everything inside, and give back its path.

    Parameters
    ----------
    folder : of ``hilum batch`` or ``hilum analyse``, with ``results.csv``
    pictures : of the most severe cases

    Raises
    ------
    ReadError
        There is no table of results.
    WriteError
        The page cannot be written.
    """
    view = cohort_view(folder, pictures=pictures)
    page = render("cohort.html.j2", title=folder.resolve().name, view=view, plots=view.plots)
    with whole_file(folder / PAGE) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    return folder / PAGE


def cohort_view(folder: Path, *, pictures: int = 12) -> CohortView:
    """What the page of a cohort shows; parameters and errors as of :func:`write_cohort_page`."""
    whole, failures, findings = _Tally(), Counter[str](), Counter[str]()
    groups: dict[str, dict[str, _Tally]] = defaultdict(lambda: defaultdict(_Tally))
    extremes: list[tuple[float, str, str]] = []
    courses = Courses(LEAD, _KINDS)
    for row in _rows(folder / TABLE):
        whole.add(row)
        courses.add(row)
        findings.update(set(row["findings"].split()))
        if row["status"] != "done":
            failures[row["error_code"]] += 1
        for name in row:
            if name not in _KNOWN and name != "patient":
                groups[name][_value(name, row[name])].add(row)
        if row.get(LEAD):
            heapq.heappush(extremes, (float(row[LEAD]), row["case"], row["modality"]))
            if len(extremes) > pictures:
                heapq.heappop(extremes)
    keys = [(modality, name) for modality in _KINDS for name in DEFINITIONS if (modality, name) in whole.values]
    plots = (
        bars(f"{DEFINITIONS[name].title}, {_KINDS[kind]}", DEFINITIONS[name].unit, whole.values[kind, name])
        for kind, name in keys
    )
    return CohortView(
        cases=whole.cases,
        done=whole.done,
        scores=tuple(_score(key, whole) for key in keys),
        plots=tuple(plot for plot in plots if plot is not None),
        failures=dict(failures.most_common()),
        findings=dict(findings.most_common()),
        groups=tuple(_group(name, tallies, keys) for name, tallies in groups.items()),
        extremes=tuple(_shown(folder, *each) for each in sorted(extremes, reverse=True)),
        courses=tuple(courses.summaries()),
        unread_dates=courses.unread,
        course_plots=tuple(courses.plots(DEFINITIONS[LEAD].title, DEFINITIONS[LEAD].unit)),
    )


_KNOWN = frozenset(COLUMNS)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, restval="")
            if missing := {"case", "status", "error_code", "findings", "modality"} - set(table.fieldnames or ()):
                raise ReadError(f"'{path}' is no table of results: it has no column {sorted(missing)[0]!r}.", path=path)
            for row in table:
                _require_numbers(row, path)
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise ReadError(
            f"Cannot read '{path}': {why}. The folder of a run of 'hilum batch' or 'hilum analyse' is wanted, with its "
            "results.csv.",
            path=path,
        ) from error


def _require_numbers(row: Mapping[str, str], path: Path) -> None:
    for name in DEFINITIONS:
        try:
            float(row.get(name) or 0)
        except ValueError as error:
            raise ReadError(
                f"Cannot read '{path}': the case {row['case']!r} has {row[name]!r} under {name!r}, and a number like "
                "12.5 was expected. Take the table as 'hilum batch' wrote it.",
                path=path,
            ) from error


def _value(name: str, text: str) -> str:
    """A group's value: of dates the month, of ages ten years, else the text itself."""
    if name == "date" and (date := re.match(r"(\d{4})-?(\d{2})", text)):
        return f"{date[1]}-{date[2]}"
    if name == "age" and (age := re.fullmatch(r"0*(\d{1,3})Y?(\.\d+)?", text)):
        decade = int(age[1]) // 10 * 10
        return f"{decade} to {decade + 9}"
    return text or "not given"


def _score(key: Key, whole: _Tally) -> ScoreSummary:
    values = whole.values[key]
    return ScoreSummary(
        DEFINITIONS[key[1]].title,
        _KINDS[key[0]],
        len(values),
        whole.by_modality[key[0]] - len(values),
        tuple(float(value) for value in np.percentile(values, _PERCENTILES)),
    )


def _group(name: str, tallies: Mapping[str, _Tally], keys: Sequence[Key]) -> GroupSummary:
    common = sorted(tallies, key=lambda value: -tallies[value].cases)[:VALUES]
    rows = (
        GroupRow(
            value,
            tallies[value].cases,
            tallies[value].cases - tallies[value].done,
            tuple(float(np.median(tallies[value].values.get(key) or [math.nan])) for key in keys),
        )
        for value in sorted(common, key=_in_order)
    )
    return GroupSummary(name, tuple(rows), len(tallies) - len(common))


def _in_order(value: str) -> tuple[int, str]:
    """Decades by number, all else by text."""
    decade = re.fullmatch(r"(\d+) to \d+", value)
    return (int(decade[1]), value) if decade else (1000, value)


def _shown(folder: Path, value: float, case: str, modality: str) -> Shown:
    return Shown(_picture(folder / case.removeprefix("'") / "overlay.png"), case, f"{value:.1f} %, {_KINDS[modality]}")


def _picture(path: Path) -> str:
    """A small copy of an overlay as a data address; empty if there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            small = opened.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return ""
    small.thumbnail((SIDE_PX, SIDE_PX))
    return data_url(small, "JPEG", quality=82)

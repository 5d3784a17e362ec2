"""The folder of an evaluation of masks: a row a case, a row a figure, what was missing, in CSV, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.measurement import NotMeasured
from hilum.provenance import Json
from hilum.writers.csv_file import write_records
from hilum.writers.whole import whole_file

from .bootstrap import Interval
from .masks import Judgement
from .measures import MEASURES
from .summary import Comparison, Line, Problem, compare, problems_of, summarise

SCHEMA = "hilum-masks-1"
"""Names the form of the JSON."""

SUMMARY = "summary.json"
CASES = "cases.csv"

_COMPARED = ("dice", "hd95", "assd", "nsd", "lesion-f1", "volume-error")
"""Measures whose comparison is shown; comparison.csv has all."""

_SHOWN = 20
"""Most missing predictions that are shown."""

_WHERE = ("prediction", "reader", "case", "patient", "group", "kind", "structure")


@dataclass(frozen=True, slots=True)
class Results:
    """An evaluation of masks.

    Attributes
    ----------
    judgements : case by case
    lines : means
    problems : what was missing or could not be measured
    comparisons : of pairs of systems
    """

    judgements: tuple[Judgement, ...]
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def missing(self) -> tuple[Problem, ...]:
        """Predictions that are not there or cannot be used."""
        return tuple(problem for problem in self.problems if problem.is_missing)


def results_of(judgements: Iterable[Judgement]) -> Results:
    """Everything that follows from judgements; each later system is compared with the first, readers with nobody."""
    made = tuple(judgements)
    systems = list(dict.fromkeys(each.prediction for each in made if not each.is_reader))
    comparisons = [line for other in systems[1:] for line in compare(made, systems[0], other)]
    return Results(made, summarise(made), problems_of(made), tuple(comparisons))


def write_results(results: Results, folder: Path) -> None:
    """Write ``cases.csv``, ``summary.csv``, ``problems.csv``, ``comparison.csv``, ``summary.json``, ``summary.md``.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    measures = list(results.judgements[0].values) if results.judgements else []
    write_records(folder / CASES, (*_WHERE, *measures, "failure"), (_case_row(each) for each in results.judgements))
    write_records(folder / "summary.csv", tuple(_line_row(_EMPTY_LINE)), (_line_row(line) for line in results.lines))
    write_records(
        folder / "problems.csv", tuple(_problem_row(_NO_PROBLEM)), (_problem_row(p) for p in results.problems)
    )
    if results.comparisons:
        rows = [_comparison_row(each) for each in results.comparisons]
        write_records(folder / "comparison.csv", tuple(rows[0]), rows)
    write_summary(folder, as_json(results), as_markdown(results))


def write_summary(folder: Path, table: dict[str, Json], text: str) -> None:
    """Write ``summary.json`` and ``summary.md``; WriteError if they cannot be written."""
    for name, content in ((SUMMARY, json.dumps(table, indent=2, ensure_ascii=False) + "\n"), ("summary.md", text)):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(content, encoding="utf-8")


def as_json(results: Results) -> dict[str, Json]:
    """A JSON object; keys are stable."""
    return {
        "schema": SCHEMA,
        "cases": len({each.case for each in results.judgements}),
        "figures": [dict(_line_row(line)) for line in results.lines],
        "comparisons": [dict(_comparison_row(each)) for each in results.comparisons],
        "problems": [dict(_problem_row(problem)) for problem in results.problems],
    }


def as_markdown(results: Results) -> str:
    """The figures and the comparisons as tables, and how much was missing; readers stand apart."""
    parts = [_figures(title, lines) for title, lines in _sections(results.lines) if lines]
    shown = [each for each in results.comparisons if each.measure in _COMPARED]
    if shown:
        heads = ("second less first", "structure", "measure", "difference", "95 % interval", "patients", "Wilcoxon's p")
        parts.append("## Comparison\n\n" + markdown(heads, [_comparison_cells(each) for each in shown]))
    parts.append("## Missing\n\n" + missing_lines(results))
    return "\n".join(parts)


def missing_lines(results: Results) -> str:
    """How much was missing or could not be measured, and the first of it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in results.missing:
        found.setdefault((each.prediction, each.case, each.reason), []).append(each.structure)
    made = [f"Predictions missing or not of use: {len(found)}. Shares count as 0 there; what has no worst value is not"]
    made[0] += " measured."
    made += [f"- {who}, {case}, {', '.join(names)}: {why}" for (who, case, why), names in list(found.items())[:_SHOWN]]
    if len(found) > _SHOWN:
        made.append(f"- and {len(found) - _SHOWN} more, in problems.csv")
    rest = {(each.prediction, each.case) for each in results.problems if not each.is_missing}
    made.append(f"\nMasks of which something could not be measured: {len(rest)}, in problems.csv.")
    return "\n".join(made) + "\n"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; numbers to the right from the third column on."""
    lines = [heads, ["---", "---", *["---:"] * (len(heads) - 2)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _sections(lines: Sequence[Line]) -> tuple[tuple[str, list[Line]], ...]:
    systems = [line for line in lines if not line.is_reader]
    return ("Figures", systems), ("Readers among themselves", [line for line in lines if line.is_reader])


def _figures(title: str, lines: Sequence[Line]) -> str:
    """A row for each prediction, structure and group; a column for each measure that any of them has a value for."""
    rows: dict[tuple[str, str, str], dict[str, Line]] = {}
    for line in lines:
        rows.setdefault((line.prediction, line.structure, line.group), {})[line.measure] = line
    measures = [
        name for name in MEASURES if any(isinstance(line.value, Interval) for line in lines if line.measure == name)
    ]
    heads = ("prediction", "structure", "group", "cases", "missing", *(_head(name) for name in measures))
    cells = [(*key, *_counts(row), *(_cell(row[name], row) for name in measures)) for key, row in rows.items()]
    absent = [MEASURES[name].title for name in lines_of(lines) if name not in measures]
    note = f"\nNot measured of any case: {', '.join(absent)}.\n" if absent else ""
    note += "\nMeans with 95 % intervals by patient; where fewer cases than all are in one, their number follows.\n"
    return f"## {title}\n\n{markdown(heads, cells)}{note}"


def lines_of(lines: Iterable[Line]) -> tuple[str, ...]:
    """Ids of the measures that were taken."""
    return tuple(dict.fromkeys(line.measure for line in lines))


def _head(name: str) -> str:
    measure = MEASURES[name]
    return f"{measure.title}, {measure.unit}" if measure.unit else measure.title


def _size(row: dict[str, Line]) -> int:
    line = next(iter(row.values()))
    return line.n_unmeasured + (line.value.n_cases if isinstance(line.value, Interval) else 0)


def _counts(row: dict[str, Line]) -> tuple[str, str]:
    return str(_size(row)), str(next(iter(row.values())).n_failed)


def _cell(line: Line, row: dict[str, Line]) -> str:
    value = line.value
    if isinstance(value, NotMeasured):
        return "-"
    few = f"; {value.n_cases}" if value.n_cases < _size(row) else ""
    return f"{value.estimate:.3f} ({value.low:.3f} to {value.high:.3f}{few})"


def _comparison_cells(each: Comparison) -> tuple[str, ...]:
    head = (f"{each.second} less {each.first}", each.structure, MEASURES[each.measure].title)
    value, p = each.paired.difference, each.paired.p_value
    interval = f"{value.low:+.3f} to {value.high:+.3f}"
    return (*head, f"{value.estimate:+.3f}", interval, str(value.n_patients), p_text(p))


def p_text(p: float | NotMeasured) -> str:
    """A p value for people."""
    if isinstance(p, NotMeasured):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _case_row(each: Judgement) -> dict[str, Json]:
    where = (each.prediction, _yes(each.is_reader), each.case, each.person, each.group, each.kind, each.structure)
    values = {name: "" if isinstance(value, NotMeasured) else round(value, 6) for name, value in each.values.items()}
    return {**dict(zip(_WHERE, where, strict=True)), **values, "failure": each.failure}


_EMPTY_LINE = Line("", is_reader=False, structure="", group="", measure="", value=NotMeasured(""), median=None,
                   deviation=None, n_failed=0, n_unmeasured=0)  # fmt: skip
_NO_PROBLEM = Problem("", "", "", (), "", is_missing=False)


def _line_row(line: Line) -> dict[str, Json]:
    value = None if isinstance(line.value, NotMeasured) else line.value
    return {
        "prediction": line.prediction,
        "reader": _yes(line.is_reader),
        "structure": line.structure,
        "group": line.group,
        "measure": line.measure,
        "mean": None if value is None else round(value.estimate, 6),
        "low": None if value is None else round(value.low, 6),
        "high": None if value is None else round(value.high, 6),
        "median": None if line.median is None else round(line.median, 6),
        "deviation": None if line.deviation is None else round(line.deviation, 6),
        "n": 0 if value is None else value.n_cases,
        "patients": 0 if value is None else value.n_patients,
        "missing": line.n_failed,
        "unmeasured": line.n_unmeasured,
        "not_measured": line.value.reason if isinstance(line.value, NotMeasured) else "",
    }


def _problem_row(problem: Problem) -> dict[str, Json]:
    return {
        "prediction": problem.prediction,
        "case": problem.case,
        "structure": problem.structure,
        "missing": _yes(problem.is_missing),
        "measures": " ".join(problem.measures),
        "reason": problem.reason,
    }


def _comparison_row(each: Comparison) -> dict[str, Json]:
    head: dict[str, Json] = {
        "first": each.first,
        "second": each.second,
        "structure": each.structure,
        "measure": each.measure,
    }
    made, p = each.paired, each.paired.p_value
    return head | {
        "difference": round(made.difference.estimate, 6),
        "low": round(made.difference.low, 6),
        "high": round(made.difference.high, 6),
        "patients": made.difference.n_patients,
        "higher": made.n_higher,
        "lower": made.n_lower,
        "equal": made.n_equal,
        "wilcoxon_p": None if isinstance(p, NotMeasured) else p,
    }


def _yes(value: bool) -> str:
    return "yes" if value else ""

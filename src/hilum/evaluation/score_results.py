"""The folder of an evaluation of scores: a row a case, a row a figure, Bland-Altman, in CSV, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hilum.measurement import NotMeasured
from hilum.provenance import Json
from hilum.scoring import DEFINITIONS
from hilum.writers.csv_file import write_records

from .bootstrap import Interval
from .results import markdown, p_text, write_summary
from .scores import READER_PAIR, STATISTICS, ScoreComparison, ScoreLine, ScoreResults

SCHEMA = "hilum-scores-1"
"""Names the form of the JSON."""

SCORES = "scores.csv"

_COMPARED = ("mae", "rmse", "r2", "kappa", "icc")


def write_score_results(results: ScoreResults, folder: Path) -> None:
    """Write ``scores.csv`` (a row for each case of each system), ``summary.csv``, ``summary.json``, ``summary.md``.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    _table(folder / SCORES, _case_rows(results))
    _table(folder / "summary.csv", [_line_row(line) for line in results.lines])
    write_summary(folder, as_json(results), as_markdown(results))


def as_json(results: ScoreResults) -> dict[str, Json]:
    """A JSON object; keys are stable."""
    return {
        "schema": SCHEMA,
        "score": results.score,
        "left_out": results.n_left_out,
        "figures": [dict(_line_row(line)) for line in results.lines],
        "limits_of_agreement": [dict(row) for row in _limit_rows(results)],
        "comparisons": [dict(_comparison_row(each)) for each in results.comparisons],
        "missing": [{"system": name, "case": case, "reason": reason} for name, case, reason in missing_of(results)],
    }


def as_markdown(results: ScoreResults) -> str:
    """The figures of systems, of the readers, the limits of agreement, comparisons, and what was missing."""
    title = DEFINITIONS[results.score].title
    parts = [_figures(f"{title}: systems", [line for line in results.lines if line.system != READER_PAIR])]
    readers = [line for line in results.lines if line.system == READER_PAIR]
    if readers:
        parts.append(_figures("Second reader against the first, on diseased cases that both scored", readers))
    heads = ("system", "group", "bias", "lower limit", "upper limit")
    rows = [tuple(_text(value) for value in row.values()) for row in _limit_rows(results)]
    parts.append("## Limits of agreement (Bland-Altman)\n\n" + markdown(heads, rows))
    if results.comparisons:
        heads = ("second less first", "group", "Wilcoxon's p of errors", *(STATISTICS[name][0] for name in _COMPARED))
        rows = [_comparison_cells(each) for each in results.comparisons]
        parts.append("## Comparison\n\n" + markdown(heads, rows))
    return "\n".join([*parts, _missing(results)])


def missing_of(results: ScoreResults) -> list[tuple[str, str, str]]:
    """System, case and reason of every score that was missing."""
    return [
        (each.system, f"{each.readings[n].source}/{each.readings[n].case}", reason)
        for each in results.series
        for n, reason in sorted(each.reasons.items())
    ]


def _missing(results: ScoreResults) -> str:
    missing = missing_of(results)
    made = [
        "## Missing",
        "",
        f"Scores missing: {len(missing)}. Each counts as the end of the scale that is farther off.",
    ]
    made += [f"- {system}, {case}: {reason}" for system, case, reason in missing[:20]]
    if len(missing) > 20:
        made.append(f"- and {len(missing) - 20} more, in scores.csv")
    if results.n_left_out:
        made += ["", f"Left out for poor quality: {results.n_left_out}."]
    return "\n".join(made) + "\n"


def _figures(title: str, lines: Sequence[ScoreLine]) -> str:
    rows: dict[tuple[str, str], dict[str, ScoreLine]] = {}
    for line in lines:
        rows.setdefault((line.system, line.group), {})[line.statistic] = line
    heads = ("system", "group", "cases", "patients", "missing", *(title for title, _ in STATISTICS.values()))
    cells = [(*key, *_counts(row), *(_cell(row[name].value) for name in STATISTICS)) for key, row in rows.items()]
    return f"## {title}\n\n{markdown(heads, cells)}"


def _counts(row: dict[str, ScoreLine]) -> tuple[str, str, str]:
    line = row["mae"]
    if isinstance(line.value, NotMeasured):
        return "0", "0", str(line.n_missing)
    return str(line.value.n_cases), str(line.value.n_patients), str(line.n_missing)


def _cell(value: Interval | NotMeasured, sign: str = "") -> str:
    if isinstance(value, NotMeasured):
        return "-"
    return f"{value.estimate:{sign}.2f} ({value.low:{sign}.2f} to {value.high:{sign}.2f})"


def _text(value: Json) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _comparison_cells(each: ScoreComparison) -> tuple[str, ...]:
    statistics = (_cell(each.statistics[name], "+") for name in _COMPARED)
    return f"{each.second} less {each.first}", each.group, p_text(each.errors.p_value), *statistics


def _line_row(line: ScoreLine) -> dict[str, Json]:
    value = None if isinstance(line.value, NotMeasured) else line.value
    return {
        "system": line.system,
        "group": line.group,
        "statistic": line.statistic,
        "value": None if value is None else round(value.estimate, 6),
        "low": None if value is None else round(value.low, 6),
        "high": None if value is None else round(value.high, 6),
        "cases": 0 if value is None else value.n_cases,
        "patients": 0 if value is None else value.n_patients,
        "missing": line.n_missing,
        "not_measured": line.value.reason if isinstance(line.value, NotMeasured) else "",
    }


def _limit_rows(results: ScoreResults) -> list[dict[str, Json]]:
    made: list[dict[str, Json]] = []
    for (system, group), limits in results.limits.items():
        row: dict[str, Json] = {"system": system, "group": group, "bias": None, "low": None, "high": None}
        if not isinstance(limits, NotMeasured):
            row |= {"bias": round(limits.bias, 6), "low": round(limits.low, 6), "high": round(limits.high, 6)}
        made.append(row)
    return made


def _comparison_row(each: ScoreComparison) -> dict[str, Json]:
    p = each.errors.p_value
    made: dict[str, Json] = {
        "first": each.first,
        "second": each.second,
        "group": each.group,
        "wilcoxon_p": None if isinstance(p, NotMeasured) else p,
    }
    for name, value in each.statistics.items():
        if not isinstance(value, NotMeasured):
            made |= {
                name: round(value.estimate, 6),
                f"{name}_low": round(value.low, 6),
                f"{name}_high": round(value.high, 6),
            }
    return made


def _case_rows(results: ScoreResults) -> list[dict[str, Json]]:
    return [
        {
            "system": each.system,
            "case": f"{reading.source}/{reading.case}",
            "patient": reading.person,
            "group": reading.group,
            "truth": float(each.truth[n]),
            "estimate": float(each.estimate[n]),
            "missing": each.reasons.get(n, ""),
        }
        for each in results.series
        for n, reading in enumerate(each.readings)
    ]


def _table(path: Path, rows: Iterable[dict[str, Json]]) -> None:
    made = list(rows)
    write_records(path, list(made[0]), made)

"""An evaluation as text, as Markdown and as JSON."""

from __future__ import annotations

from hilum.measurement import NotMeasured
from hilum.provenance import Json

from .protocol import Evaluation, Row

SCHEMA = "hilum-evaluation-1"
"""Names the form of the JSON."""


def _heads(evaluation: Evaluation) -> tuple[str, ...]:
    return ("figure", "mean", "95 % interval", evaluation.counted, "patients", "failed", "goal", "reached")


def as_text(evaluation: Evaluation) -> str:
    """Columns for a terminal, then the failures."""
    lines = [_heads(evaluation), *_body(evaluation)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    made = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*made, "", *_notes(evaluation)]) + "\n"


def as_markdown(evaluation: Evaluation) -> str:
    """A table for a README or a model card, then the failures."""
    heads = _heads(evaluation)
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *_body(evaluation)]
    made = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*made, "", *(f"{note}  " for note in _notes(evaluation))]) + "\n"


def as_json(evaluation: Evaluation) -> dict[str, Json]:
    """A JSON object; keys are stable."""
    return {
        "schema": SCHEMA,
        f"{evaluation.noun}s": evaluation.n_films,
        "splits": list(evaluation.splits),
        "left_out": evaluation.n_left_out,
        "models": [
            {"name": model.name, "version": model.version, "sha256": model.sha256} for model in evaluation.models
        ],
        "figures": [_figure(row, evaluation.counted) for row in evaluation.rows],
        "failures": [
            {evaluation.noun: item.film, "figures": list(item.figures), "reason": item.reason}
            for item in evaluation.failures
        ],
    }


def _body(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Lines of figures; the groups of one follow it without its title."""
    ids = [row.figure.id for row in evaluation.rows]
    is_first = [number == 0 or ids[number - 1] != name for number, name in enumerate(ids)]
    return [_cells(row, is_first=first) for row, first in zip(evaluation.rows, is_first, strict=True)]


def _cells(row: Row, *, is_first: bool) -> tuple[str, ...]:
    title = row.figure.title if is_first else f"- {row.group}"
    if is_first and row.group:
        title = f"{title}, {row.group}"
    if isinstance(row.value, NotMeasured):
        return (title, "-", row.value.reason, "0", "0", "0", _goal(row), "-")
    value = row.value
    return (
        title,
        f"{value.estimate:.3f}",
        f"{value.low:.3f} to {value.high:.3f}",
        str(value.n_cases),
        str(value.n_patients),
        str(row.n_failed),
        _goal(row),
        {None: "-", True: "yes", False: "no"}[row.is_reached],
    )


def _goal(row: Row) -> str:
    if row.figure.goal is None:
        return "-"
    return f"{'<=' if row.figure.is_error else '>='} {row.figure.goal:g}"


def _figure(row: Row, counted: str) -> dict[str, Json]:
    made: dict[str, Json] = {"id": row.figure.id, "group": row.group, "title": row.figure.title}
    if isinstance(row.value, NotMeasured):
        made["not_measured"] = row.value.reason
    else:
        made |= {
            "mean": row.value.estimate,
            "low": row.value.low,
            "high": row.value.high,
            counted: row.value.n_cases,
            "patients": row.value.n_patients,
        }
    return made | {
        "failed": row.n_failed,
        "goal": row.figure.goal,
        "goal_is": "at most" if row.figure.is_error else "at least",
        "reached": row.is_reached,
    }


def _notes(evaluation: Evaluation) -> list[str]:
    networks = ", ".join(f"{model.name} {model.version}" for model in evaluation.models)
    splits = " and ".join(evaluation.splits) or "no split"
    made = [f"{evaluation.noun.capitalize()}s analysed: {evaluation.n_films}, of {splits}."]
    if evaluation.n_left_out is not None:
        made.append(f"Left out, for the audit found them in another part of the data, too: {evaluation.n_left_out}.")
    if networks:
        made.append(f"Networks: {networks}.")
    if not evaluation.failures:
        return [*made, "Results missing: none."]
    made.append(f"Results missing: {len(evaluation.failures)}. Each counts with the worst value there is.")
    return made + [f"{item.film}: {item.reason} ({', '.join(item.figures)})" for item in evaluation.failures]

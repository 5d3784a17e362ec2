"""What ``analyse`` and ``demo`` do with a run: carry it out, print its outcome, end with its status."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from hilum.batch.local import Lobes, Outcome, Summary, analyse_all
from hilum.cli.talk import progress
from hilum.errors import ReadError
from hilum.measurement import NotMeasured
from hilum.provenance import Json
from hilum.readers import Entry
from hilum.scoring import Score
from hilum.settings import Settings
from hilum.writers.whole import MARKER

log = logging.getLogger(__name__)

REPORT = "report.html"
"""Name of the report in the folder of a case."""

SOME_FAILED = 3
"""Exit status when some of several cases failed."""


def run(entries: Iterable[Entry], output: Path, settings: Settings, *, lobes: Lobes | None = None) -> Summary:
    """Analyse all entries into ``output``; a person who is watching sees a bar, how far a volume is, and failures.

    Parameters
    ----------
    entries : what to read
    output : folder for the results
    settings : of the run
    lobes : gives the lobes of the one CT there is; None for none

    Raises
    ------
    ReadError
        There are none; or there are lobes, which are of one CT, and several entries.
    WriteError
        The output folder cannot be written to.
    """
    waiting = list(entries)
    if not waiting:
        raise ReadError("There is nothing to analyse: all images that were found are results of Hilum.")
    if lobes is not None and len(waiting) > 1:
        raise ReadError(f"The lobes are of one CT, and {len(waiting)} images were found. Analyse that CT by itself.")
    with progress(len(waiting)) as watch:

        def on_done(outcome: Outcome) -> None:
            is_told = outcome.status == "failed" and len(waiting) > 1
            watch.step(f"{outcome.source}: {outcome.message}" if is_told else "")

        return analyse_all(waiting, output, settings, on_done=on_done, within=watch.within, lobes=lobes)


def not_results(entries: Iterable[Entry], given: Iterable[Path]) -> Iterator[Entry]:
    """The entries without those in the folder of a case, which are results of an earlier run, unless given by name."""
    by_name = set(given)
    for entry in entries:
        if entry.path in by_name or not (entry.path.parent / MARKER).is_file():
            yield entry
        else:
            log.info("%s is a result of Hilum and is left out", entry.path)


def finish(summary: Summary, *, as_json: bool) -> None:
    """Print what became of a run, and exit with its status: 0, 1 if the only case failed, 3 if some of several did."""
    cases, failed = summary.outcomes, summary.failed
    if as_json:
        click.echo(json.dumps(_as_json(summary), indent=2))
    elif len(cases) != 1:
        click.echo(f"{len(cases) - len(failed)} of {len(cases)} cases done: {summary.table}")
    elif not failed:
        click.echo("\n".join(line for case in cases for line in _page(case)))
    if failed and len(cases) == 1:
        raise click.ClickException(failed[0].message)
    if failed:
        click.get_current_context().exit(SOME_FAILED)


def _page(outcome: Outcome) -> Iterator[str]:
    """One case for a person: its scores, what was noticed, where the results are."""
    width = max((len(score.definition.title) for score in outcome.scores.values()), default=0)
    for score in outcome.scores.values():
        yield f"{score.definition.title:<{width}}  {_value(score)}"
    for finding in outcome.findings:
        yield f"{finding.gravity.value.capitalize()}: {finding.message}"
    if outcome.folder is not None:
        report = outcome.folder / REPORT
        yield f"Report: {report}" if report.is_file() else f"Results: {outcome.folder}"


def _value(score: Score) -> str:
    if isinstance(score.value, NotMeasured):
        return f"not measured: {score.value.reason}"
    unit = "%" if score.definition.unit == "%" else f"of {score.definition.range[1]:g}"
    return f"{score.value:.3g} {unit}"


def _as_json(summary: Summary) -> dict[str, Json]:
    return {"table": str(summary.table), "cases": [_case_as_json(outcome) for outcome in summary.outcomes]}


def _case_as_json(outcome: Outcome) -> dict[str, Json]:
    values = {name: score.value for name, score in outcome.scores.items()}
    return {
        "name": outcome.name,
        "source": outcome.source,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.message,
        "folder": None if outcome.folder is None else str(outcome.folder),
        "scores": {name: None if isinstance(value, NotMeasured) else value for name, value in values.items()},
        "findings": [finding.code for finding in outcome.findings],
    }

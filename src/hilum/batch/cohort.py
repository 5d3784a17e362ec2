"""A cohort: thousands of cases into one folder, in as many runs as it takes.

The cases are those of :func:`~hilum.batch.local.each_outcome`; the journal remembers what became of them.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from hilum import __version__
from hilum.errors import MissingExtra
from hilum.models.card import Task
from hilum.models.catalogue import card, default_for
from hilum.provenance import Json
from hilum.settings import Settings, as_json
from hilum.writers.csv_file import write_csv
from hilum.writers.tables import TABLE, safe_cell, write_results
from hilum.writers.whole import MARKER, whole_file

from .inputs import Cohort, place_of, stamp_of
from .journal import Journal, Record, open_journal
from .local import INTERNAL_ERROR, WORKER_DIED, Outcome, each_outcome, require_writable, source_of
from .remote import AnyEntry

FAILURES = "failures.csv"
"""Name of the table of the cases without a result."""

MANIFEST = "run.json"
"""Name of the account of the last run."""

PARQUET = "results.parquet"
"""Name of the table of results as Parquet."""

PASSING = frozenset(
    {
        *(INTERNAL_ERROR, WORKER_DIED, "read-error", "write-error", "missing-extra", "settings-error"),
        *("model-error", "unknown-model", "corrupt-model", "model-mismatch"),
    }
)
"""Codes of failures that are not the input's own: those cases are tried again by the next run."""

_TASKS: Mapping[str, tuple[Task, ...]] = {"cxr": ("cxr-lungs", "cxr-lesions"), "ct": ("ct-lungs", "ct-lesions")}

_TEXT = ("case", "status", "error_code", "error_message", "source", "not_measured", "findings", "models", "modality")
"""Columns of the table that hold text."""


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """What became of a cohort.

    Attributes
    ----------
    cases : of all runs
    done : of them, with results
    kept : of them, those that an earlier run had seen to
    failures : number of cases by code
    output : the folder
    """

    cases: int
    done: int
    kept: int
    failures: Mapping[str, int]
    output: Path


class Mapper(Protocol):
    """Works on entries, on this machine or on others; :func:`~hilum.batch.local.each_outcome` is one."""

    def __call__(
        self, entries: Sequence[AnyEntry], output: Path, settings: Settings, *, record: Callable[[int, Outcome], None]
    ) -> Generator[Outcome]:
        """The outcome of every entry; keeps none of them.

        Parameters
        ----------
        entries : what to read
        output : folder for the results, which is there
        settings : of the run
        record : called with the place among the entries and the outcome of each case as soon as it is ready, from
            any thread
        """
        ...


class Watcher(Protocol):
    """Somebody who looks on; called in the thread that runs the cohort."""

    def start(self, total: int, kept: int, /) -> None:
        """So many cases are to be worked on, and so many are settled."""
        ...

    def step(self, outcome: Outcome, /) -> None:
        """One more case has been worked on."""
        ...


def run_cohort(
    cohort: Cohort,
    output: Path,
    settings: Settings,
    *,
    by_content: bool = False,
    retry: bool = False,
    parquet: bool = False,
    mapper: Mapper = each_outcome,
    watcher: Watcher | None = None,
) -> CohortSummary:
    """Work on every case that the journal does not know as settled, and write the tables of all.

    A case is settled if its input is as it was, its results were made by the same settings and networks as they would
    be now and are still there; or if it failed for a reason that lies in its input.

    Parameters
    ----------
    cohort : the cases
    output : folder of the cohort, made if need be
    settings : of the run
    by_content : know inputs by the hash of their bytes in place of size and time of change
    retry : work again on all cases that failed
    parquet : write ``results.parquet`` too
    mapper : works on the cases; the tables are the same whichever it is
    watcher : told how many cases there are, and of each that was worked on

    Raises
    ------
    WriteError
        The folder or the journal cannot be written to, or another run is writing there.
    ModelError
        A network that the settings name is not there.
    MissingExtra
        Parquet is asked for, and pyarrow is not installed.
    """
    if parquet:
        _require_pyarrow()
    prints = fingerprints(settings)
    require_writable(output)
    started = datetime.now(UTC)
    with open_journal(output) as journal:
        stamps = [stamp_of(entry, by_content=by_content) for entry in cohort.entries]
        todo = [
            place
            for place, entry in enumerate(cohort.entries)
            if not _is_settled(journal, entry, stamps[place], prints, output, retry=retry)
        ]

        def record(place: int, outcome: Outcome) -> None:
            journal.add(_record(cohort.entries[todo[place]], stamps[todo[place]], outcome, prints))

        entries = [cohort.entries[place] for place in todo]
        if watcher is not None:
            watcher.start(len(entries), len(cohort.entries) - len(entries))
        try:
            with closing(mapper(entries, output, settings, record=record)) as finished:
                for outcome in finished:
                    if watcher is not None:
                        watcher.step(outcome)
        finally:
            journal.sync()
            summary = _write_tables(cohort, journal, output, worked_on=len(entries), parquet=parquet)
            _write_manifest(summary, cohort, settings, output, started=started)
    return summary


def fingerprints(settings: Settings) -> dict[str, str]:
    """By modality, a hash of all that its results hang on: settings, networks, version of Hilum; ``any`` is of both.

    Settings that change no result (threads, workers, those of other commands) do not count.

    Raises
    ------
    ModelError
        A network that the settings name is not there.
    """
    tables = as_json(settings)
    runtime = {"engine": settings.runtime.engine, "precision": settings.runtime.precision}
    made: dict[str, str] = {}
    for modality, own in (("cxr", "film"), ("ct", "ct")):
        facts = {name: tables[name] for name in ("read", "gate", "output", own)}
        facts |= {"runtime": runtime, "models": _models(settings, modality), "version": __version__}
        made[modality] = _digest(facts)
    return {**made, "any": _digest(made)}


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _models(settings: Settings, modality: str) -> dict[str, Json]:
    """Name, version and hash of the networks of a modality, and of their members, by task."""
    made: dict[str, Json] = {}
    for task in _TASKS[modality]:
        known = card(getattr(settings.models, task.replace("-", "_")) or default_for(task))
        members: list[Json] = [f"{each.name} {each.version} {each.sha256}" for each in known.members]
        made[task] = {"name": known.name, "version": known.version, "sha256": known.sha256, "members": members}
    return made


def _is_settled(
    journal: Journal, entry: AnyEntry, stamp: str, prints: Mapping[str, str], output: Path, *, retry: bool
) -> bool:
    place = place_of(entry)
    known = journal.records.get(place)
    if known is None or known.case != entry.name or known.stamp != stamp:
        return False
    if known.status == "failed":
        return not retry and known.settings == prints["any"] and known.code not in PASSING
    if known.settings != prints.get(known.modality) or journal.owner(known.case) != place:
        return False
    try:
        return (output / known.case / MARKER).stat().st_size > 0
    except OSError:
        return False


def _record(entry: AnyEntry, stamp: str, outcome: Outcome, prints: Mapping[str, str]) -> Record:
    return Record(
        case=entry.name,
        place=place_of(entry),
        stamp=stamp,
        settings=prints[outcome.modality or "any"],
        status=outcome.status,
        modality=outcome.modality,
        code=outcome.code,
        message=outcome.message,
    )


def _outcomes(cohort: Cohort, journal: Journal, output: Path) -> Iterator[Outcome]:
    """What became of each case that has a record, in the order of the cohort."""
    for entry in cohort.entries:
        known = journal.records.get(place_of(entry))
        if known is not None and known.case == entry.name:
            folder = output / known.case if known.status == "done" else None
            yield Outcome(
                known.case, source_of(entry), known.status, code=known.code, message=known.message, folder=folder
            )


def _write_tables(cohort: Cohort, journal: Journal, output: Path, *, worked_on: int, parquet: bool) -> CohortSummary:
    """``results.csv``, ``failures.csv`` and ``results.parquet`` of all cases that have a record."""
    failures: Counter[str] = Counter()
    done = 0
    failed: list[Outcome] = []
    for outcome in _outcomes(cohort, journal, output):
        if outcome.status == "done":
            done += 1
        else:
            failures[outcome.code] += 1
            failed.append(outcome)
    write_results(_outcomes(cohort, journal, output), output, further=cohort.groups)
    _write_failures(failed, output)
    if parquet:
        _write_parquet(output, tuple(dict.fromkeys(name for cells in cohort.groups.values() for name in cells)))
    counted = dict(failures.most_common())
    return CohortSummary(len(cohort.entries), done, len(cohort.entries) - worked_on, counted, output)


def _write_failures(failed: Iterable[Outcome], output: Path) -> None:
    rows = ([safe_cell(cell) for cell in (each.name, each.code, each.message, each.source)] for each in failed)
    write_csv(output / FAILURES, ("case", "code", "message", "source"), rows, errors="backslashreplace")


def _require_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise MissingExtra("Writing Parquet", "cluster")


def _write_parquet(output: Path, groups: Sequence[str]) -> None:
    """The table once more, block by block, with numbers as numbers and empty cells as nulls."""
    import pyarrow as pa
    import pyarrow.csv as from_csv
    from pyarrow.parquet import ParquetWriter

    with (output / TABLE).open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    text = {*_TEXT, *groups}
    types = {name: pa.string() if name in text else pa.float64() for name in columns}
    options: Any = from_csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    with whole_file(output / PARQUET) as unfinished:
        reader: Any = from_csv.open_csv(output / TABLE, convert_options=options)
        with ParquetWriter(unfinished, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def _write_manifest(
    summary: CohortSummary, cohort: Cohort, settings: Settings, output: Path, *, started: datetime
) -> None:
    """What the last run was: settings, networks, counts, times."""
    seen = summary.done + sum(summary.failures.values())
    manifest: dict[str, Json] = {
        "hilum_version": __version__,
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_complete": seen == summary.cases,
        "cases": summary.cases,
        "done": summary.done,
        "failed": dict(summary.failures),
        "skipped_as_settled_before": summary.kept,
        "left_out_as_results": cohort.left_out,
        "settings": as_json(settings),
        "models": {**_models(settings, "cxr"), **_models(settings, "ct")},
        "fingerprints": dict(fingerprints(settings)),
    }
    with whole_file(output / MANIFEST) as unfinished:
        unfinished.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

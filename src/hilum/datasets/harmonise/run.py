"""Any sources to one data base: a folder a case, a table of cases, and a manifest of what made what.

A case's folder appears when it is whole. A run that was interrupted goes on where it stopped, since a folder whose
record names the same inputs and settings is left as it is; so a run over a finished data base changes nothing.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum import __version__
from hilum.datasets.open import open_case
from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.datasets.tables import TABLE
from hilum.errors import Error, WriteError
from hilum.geometry import PlaneGrid
from hilum.models.plan import cores
from hilum.provenance import Json
from hilum.writers.result_json import encode_json
from hilum.writers.whole import whole_file, whole_folder, write_error

from .files import row_of, write_files
from .film import harmonise_film
from .labels import COMBINED, names_of
from .lungs import LungFinder
from .record import RECORD, earlier, inputs_of, key_of, record_of, stored_of
from .settings import HarmoniseSettings
from .volume import harmonise_volume

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
"""What a finished data base is known by, beside its table."""

SCHEMA = "hilum-harmonised/1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    case : of the source
    folder : name of its folder in the data base
    record : what is written down of it; None if it failed
    message : why it failed, a sentence; empty if it did not
    is_new : it was made by this run
    """

    case: DatasetCase
    folder: str
    record: Mapping[str, Any] | None
    message: str = ""
    is_new: bool = False


def harmonise(
    table: CaseTable,
    output: Path,
    settings: HarmoniseSettings | None = None,
    *,
    workers: int = 0,
    on_done: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Harmonise every case of a table; one bad case never stops the rest.

    Parameters
    ----------
    table : cases of any sources; they are numbered in its order
    output : the data base's folder
    settings : None takes the defaults
    workers : cases in work at once, each with its volume and its result in memory; 0 takes one a core
    on_done : told each outcome, in the order of the table

    Returns
    -------
    The outcomes in the order of the table.

    Raises
    ------
    WriteError
        The folder cannot be written to, or holds files that the cases are read from.
    """
    settings = HarmoniseSettings() if settings is None else settings
    _require_apart(table, output)
    _begin(output)
    work = _Work(output, settings, LungFinder(settings.lungs))
    outcomes: list[Outcome] = []
    with closing(_in_order(work, table, workers or cores())) as finished:
        for outcome in finished:
            outcomes.append(outcome)
            if on_done is not None:
                on_done(outcome)
    _finish(output, settings, outcomes)
    return tuple(outcomes)


@dataclass(frozen=True, slots=True)
class _Work:
    """Makes one case."""

    output: Path
    settings: HarmoniseSettings
    find_lungs: LungFinder

    def __call__(self, number: int, case: DatasetCase) -> Outcome:
        name = f"Case-{number:04d}"
        try:
            lungs = "" if "lungs" in case.masks else self.find_lungs.plan(case.modality)
            inputs = inputs_of(case)
            key = key_of(case, inputs, self.settings.as_json(), lungs)
            known = earlier(self.output / name, key)
            if known is not None:
                return Outcome(case, name, known)
            return Outcome(case, name, self._made(case, name, {"key": key, "inputs": inputs}), is_new=True)
        except Error as error:
            return Outcome(case, name, None, str(error))
        except OSError as error:
            return Outcome(case, name, None, f"Cannot read {str(error.filename)!r}: {error.strerror or error}.")
        except Exception as error:
            log.exception("%s ran into a defect of Hilum", case.key)
            return Outcome(case, name, None, f"{type(error).__name__}: {error}. This is a defect of Hilum.")

    def _made(self, case: DatasetCase, name: str, known: dict[str, Json]) -> dict[str, Json]:
        image, masks = open_case(case)
        change = harmonise_film if isinstance(image.grid, PlaneGrid) else harmonise_volume
        made = change(image, masks, self.settings, self.find_lungs)
        with whole_folder(self.output / name, RECORD) as folder:
            stored = write_files(made, folder, self.settings)
            record = known | record_of(case, made, stored, folder)
            (folder / RECORD).write_bytes(encode_json(record))
        return record


def _require_apart(table: CaseTable, output: Path) -> None:
    within = output.resolve()
    for folder in dict.fromkeys(path.parent for case in table for path in case.files):
        if folder.resolve().is_relative_to(within):
            raise WriteError(
                f"Cannot write the data base to {str(output)!r}: cases are read from {str(folder)!r}, which would be "
                "replaced. Choose another output folder.",
                path=output,
            )


def _begin(output: Path) -> None:
    """Make the folder; a manifest in it no longer holds once a case is made anew."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, TABLE):
            (output / name).unlink(missing_ok=True)
    except OSError as error:
        raise write_error(output, error) from error


def _in_order(work: _Work, table: CaseTable, workers: int) -> Generator[Outcome]:
    """Outcomes in the order of the table; when the caller stops early, what is not begun is dropped."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hilum")
    try:
        queue: list[Future[Outcome]] = [pool.submit(work, number, case) for number, case in enumerate(table)]
        for future in queue:
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finish(output: Path, settings: HarmoniseSettings, outcomes: list[Outcome]) -> None:
    """Write the table and the manifest, and take away the cases of an earlier run that are in neither."""
    done = {outcome.folder for outcome in outcomes if outcome.record is not None}
    for record in output.glob(f"Case-*/{RECORD}"):
        if record.parent.name not in done:
            shutil.rmtree(record.parent, ignore_errors=True)
    rows = [row for outcome in outcomes for row in _rows(outcome, output, settings)]
    CaseTable.of(rows).write_csv(output / TABLE)
    kinds = ("lungs", "lung-fields", "lesions", "lobes")
    tables = {kind: names_of(kind, settings.labels) for kind in kinds}
    if settings.labels == "merge":
        tables["labels"] = COMBINED
    labels: dict[str, Json] = {
        kind: {str(number): name for number, name in names.items()} for kind, names in tables.items()
    }
    made: dict[str, Json] = {
        "schema": SCHEMA,
        "hilum": __version__,
        "settings": settings.as_json(),
        "labels": labels,
        "cases": [_entry(outcome) for outcome in outcomes],
    }
    with whole_file(output / MANIFEST) as unfinished:
        unfinished.write_bytes(encode_json(made))


def _entry(outcome: Outcome) -> dict[str, Json]:
    head: dict[str, Json] = {"folder": outcome.folder}
    if outcome.record is not None:
        return head | {"status": "done", **outcome.record}
    case = outcome.case
    failed: dict[str, Json] = {"source": case.source, "case": case.case, "message": outcome.message}
    return head | {"status": "failed", **failed}


def _rows(outcome: Outcome, output: Path, settings: HarmoniseSettings) -> list[DatasetCase]:
    if outcome.record is None:
        return []
    spacing = outcome.record["grid"]["spacing_mm"] if outcome.record["is_to_scale"] else None
    return [
        row_of(
            outcome.case,
            stored,
            output / outcome.folder,
            settings,
            spacing_mm=None if spacing is None else tuple(spacing),
            is_grey=outcome.record["intensity"]["type"] == "uint8",
        )
        for stored in stored_of(outcome.record)
    ]

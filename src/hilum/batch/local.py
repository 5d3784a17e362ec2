"""All cases of a run on this machine: threads over the same networks.

Films are worked on side by side. Volumes take turns, whatever the number of workers: one fills both memory and cores.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hilum.errors import Error, code_of
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap
from hilum.measurement import Finding
from hilum.pipeline import RunNetworks, analyse, open_networks
from hilum.readers import Entry
from hilum.scoring.score import Score
from hilum.segmentation.slices import Progress
from hilum.settings import Settings
from hilum.writers import write_case
from hilum.writers.tables import write_results
from hilum.writers.whole import write_error

from .heap import keep_memory
from .remote import AnyEntry, RemoteEntry, fetched
from .sizing import cases_at_once, is_likely_volume

if TYPE_CHECKING:
    from hilum.readers.dicom_source import DicomSource

log = logging.getLogger(__name__)

INTERNAL_ERROR = "internal-error"
"""Code of a failure that is a defect of Hilum's own."""

WORKER_DIED = "worker-died"
"""Code of a case that ended every worker it was given to: for want of memory, or by a crash inside a library."""

Lobes = Callable[[Image], LabelMap]
"""Gives the lobes of a CT, on its grid."""

QUEUE_PER_WORKER = 16
"""Cases handed out ahead of the one whose outcome is next in order, for each worker. Only as many images as there
are workers are in memory; the rest of the queue are names, so that one slow case does not make the others wait."""

AHEAD = 2
"""Threads for each case in work when files have to be fetched: some fetch while the others compute."""

_AT_ONCE: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    name : the case's, unique within the run
    source : the file it came from
    status : ``done``, or ``failed`` with nothing written
    code : of a failure, such as ``not-a-film``; empty if done
    message : of a failure, a sentence; empty if done
    folder : where the results are; None if failed
    scores : by id; empty if failed
    findings : what the input gate and the stages noticed
    modality : of the image; empty if failed
    """

    name: str
    source: str
    status: Literal["done", "failed"]
    code: str = ""
    message: str = ""
    folder: Path | None = None
    scores: Mapping[str, Score] = field(default_factory=dict[str, Score])
    findings: tuple[Finding, ...] = ()
    modality: Literal["", "cxr", "ct"] = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a run.

    Attributes
    ----------
    outcomes : one a case, in the order of the entries
    table : ``results.csv``
    """

    outcomes: tuple[Outcome, ...]
    table: Path

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The cases without a result."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")


def analyse_all(
    entries: Iterable[Entry],
    output: Path,
    settings: Settings,
    *,
    on_done: Callable[[Outcome], None] | None = None,
    within: Progress | None = None,
    lobes: Lobes | None = None,
) -> Summary:
    """Analyse every entry and write its results under ``output``; one bad file never stops the rest.

    Parameters
    ----------
    entries : what to read; opened in the workers
    output : folder for the results, made if need be
    settings : ``runtime.workers`` cases are in work at once, but only one volume
    on_done : called in the caller's thread for each outcome, in the order of the entries
    within : told how far the stages of a volume are, in the thread that works on it
    lobes : gives the lobes of each image, which has to be a CT; None for none

    Returns
    -------
    Outcomes in the order of the entries. ``results.csv`` has a row for each; if the run is interrupted, for those
    that were ready.

    Raises
    ------
    WriteError
        The output folder cannot be made or written to; found out before any work begins.
    """
    require_writable(output)
    waiting = list(entries)
    outcomes: dict[int, Outcome] = {}
    ready = each_outcome(waiting, output, settings, record=outcomes.__setitem__, within=within, lobes=lobes)
    try:
        with closing(ready) as finished:
            for outcome in finished:
                if on_done is not None:
                    on_done(outcome)
    finally:
        rows = tuple(outcomes[place] for place in sorted(outcomes))
        table = write_results(rows, output)
    return Summary(rows, table)


def each_outcome(
    entries: Sequence[AnyEntry],
    output: Path,
    settings: Settings,
    *,
    record: Callable[[int, Outcome], None],
    within: Progress | None = None,
    lobes: Lobes | None = None,
) -> Generator[Outcome]:
    """The outcome of every entry, in their order, several in work at once; keeps none of them.

    When the caller closes it early, what is in work is finished and what is not begun is dropped.

    Parameters
    ----------
    entries : what to read
    output : folder for the results, which is there
    settings : ``runtime.workers`` cases are in work at once, 0 for what the machine can have, but only one volume
    record : called with the place among the entries and the outcome of each case as soon as it is ready, in the
        thread that worked on it, and so out of order; what it raises ends the run
    within : told how far the stages of a volume are
    lobes : gives the lobes of each image
    """
    at_once = cases_at_once(entries, settings.runtime)
    settings = replace(settings, runtime=replace(settings.runtime, workers=at_once))
    if len(entries) > 1:
        keep_memory()
    networks = open_networks(settings, many=len(entries) > 1)
    turn, slot = threading.Lock(), threading.Semaphore(at_once)
    threads = at_once * (AHEAD if any(isinstance(entry, RemoteEntry) for entry in entries) else 1)

    def work(place: int) -> Outcome:
        outcome = analyse_one(
            entries[place],
            output=output,
            settings=settings,
            networks=networks,
            turn=turn,
            slot=slot,
            within=within,
            lobes=lobes,
        )
        record(place, outcome)
        return outcome

    with closing(_in_order(work, range(len(entries)), threads)) as finished:
        yield from finished


def analyse_one(
    entry: AnyEntry,
    *,
    output: Path,
    settings: Settings,
    networks: RunNetworks,
    turn: threading.Lock,
    slot: AbstractContextManager[Any] = _AT_ONCE,
    within: Progress | None = None,
    lobes: Lobes | None = None,
) -> Outcome:
    """Read, analyse and write one entry; whatever goes wrong with it is its outcome.

    Parameters
    ----------
    entry : what to read
    output : folder for the results
    settings : of the run
    networks : of the run
    turn : held while there is a volume in memory; one that shows itself as such only when it was read waits then
    slot : held from when the files of the case are on this machine
    within : told how far the stages of a volume are
    lobes : gives the lobes of the image
    """
    source = source_of(entry)
    try:
        with ExitStack() as held:
            here = held.enter_context(fetched(entry))
            held.enter_context(slot)
            has_turn = is_likely_volume(entry)
            if has_turn:
                held.enter_context(turn)
            image = here.open()
            headers = _headers(here, settings)
            if not has_turn and isinstance(image.grid, VolumeGrid):
                held.enter_context(turn)
            given = None if lobes is None else lobes(image)
            case = analyse(image, settings=settings, networks=networks, name=entry.name, lobes=given, progress=within)
            folder = write_case(case, output, settings.output, source=headers)
            modality = "ct" if isinstance(image.grid, VolumeGrid) else "cxr"
    except Error as error:
        log.debug("%s failed", source, exc_info=True)
        return Outcome(entry.name, source, "failed", code=code_of(error), message=str(error))
    except Exception as error:
        log.exception("%s ran into a defect of Hilum", source)
        message = f"Cannot analyse it: {type(error).__name__}: {error}. This is a defect of Hilum; please report it."
        return Outcome(entry.name, source, "failed", code=INTERNAL_ERROR, message=message)
    return Outcome(
        entry.name, source, "done", folder=folder, scores=case.scores, findings=case.findings, modality=modality
    )


def _headers(entry: Entry, settings: Settings) -> DicomSource | None:
    """The DICOM headers that results in DICOM need; an error before any analysis if they cannot be had."""
    if not settings.output.dicom:
        return None
    from hilum.readers.dicom_source import dicom_source
    from hilum.writers.dicom import require_dicom

    require_dicom(settings.output.dicom)
    return dicom_source(entry)


def source_of(entry: AnyEntry) -> str:
    """How outcomes name the file that a case comes from."""
    if isinstance(entry, RemoteEntry):
        return entry.url
    return str(entry.path) if entry.member is None else f"{entry.path}/{entry.member}"


def died(entry: AnyEntry) -> Outcome:
    """The outcome of a case over which workers die."""
    message = (
        "Every worker that this case was given to has died: the machine ran out of memory, or a library crashed. "
        "Analyse it alone with 'hilum analyse' to see why."
    )
    return Outcome(entry.name, source_of(entry), "failed", code=WORKER_DIED, message=message)


def require_writable(folder: Path) -> None:
    """Make a folder, and see that files can be made in it.

    Raises
    ------
    WriteError
        They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise write_error(folder, error) from error


def _in_order(work: Callable[[int], Outcome], places: Iterable[int], threads: int) -> Generator[Outcome]:
    """What ``work`` gives for each place, in their order, worked on by several threads.

    When the caller stops early, what is in work is finished and what is not begun is dropped.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="hilum")
    queue: deque[Future[Outcome]] = deque()
    try:
        for place in places:
            queue.append(pool.submit(work, place))
            if len(queue) >= threads * QUEUE_PER_WORKER:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

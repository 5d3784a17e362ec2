"""A cohort on a Ray cluster, through Ray Data: the same function on the same cases, by workers on any machine.

Workers are actors that open the networks once. Cases come to them in small blocks; a worker that dies is started again
and its block worked on again, so that no case is lost. Ray gives a block out for ever, so a note beside the results
tells how often a case was begun: one that kills its workers fails, alone. The journal and the tables are those of the
process that runs the cohort.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import secrets
import shutil
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hilum.cluster import on_cluster
from hilum.errors import Error, WriteError
from hilum.models.plan import cores
from hilum.pipeline import open_networks
from hilum.settings import Settings
from hilum.writers.whole import HIDDEN, write_error

from .cohort import fingerprints
from .heap import keep_memory
from .journal import JOURNAL
from .local import Outcome, analyse_one, died
from .remote import AnyEntry
from .sizing import FILM_MB, NETWORKS_MB, VOLUME_MB, for_one_worker, is_likely_volume

BLOCK = 8
"""Cases that a worker is given at once; as many are worked on again when it dies."""

RUN = 100_000
"""Cases that go through one run of Ray Data; workers are started anew for the next."""

TRIES = 3
"""Workers that may die over a case before it is left alone."""

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A mapper for :func:`~hilum.batch.cohort.run_cohort`.

    Attributes
    ----------
    address : of the cluster, as Ray takes it, such as ``auto``; ``local`` starts one on this machine
    gpus : that each worker reserves, or a share of one; keeps workers to machines with GPUs
    """

    address: str
    gpus: float = 0.0

    def __call__(
        self, entries: Sequence[AnyEntry], output: Path, settings: Settings, *, record: Callable[[int, Outcome], None]
    ) -> Generator[Outcome]:
        """The outcome of every entry, as they are ready.

        Parameters
        ----------
        entries : what to read, under paths that every machine has
        output : folder of the cohort, with its journal, that every machine has
        settings : ``runtime.workers`` are at work at once, 0 for as many as the cluster has room for;
            ``runtime.threads`` are the processors of each, 0 for one
        record : called with the place among the entries and the outcome of each case

        Raises
        ------
        MissingExtra
            Ray is not installed.
        Error
            The cluster cannot be reached, or has no room for a worker.
        WriteError
            A machine does not see the folder, or would make other results.
        """
        if not entries:
            return
        cpus = settings.runtime.threads or 1
        with (
            on_cluster(self.address, cpus=(settings.runtime.workers or cores()) * cpus) as ray,
            _in_silence(),
            _notes(output) as notes,
        ):
            work = _Work(ray, self._needs(entries, cpus), _arguments(output, settings, notes), settings.runtime.workers)
            for start in range(0, len(entries), RUN):
                waiting = dict(enumerate(entries[start : start + RUN], start))
                with closing(work.each(waiting)) as outcomes:
                    for place, outcome in outcomes:
                        record(place, outcome)
                        yield outcome

    def _needs(self, entries: Sequence[AnyEntry], cpus: int) -> dict[str, float]:
        """What Ray sets aside for a worker; with a CT among the cases, memory for it."""
        megabytes = NETWORKS_MB + (VOLUME_MB if any(map(is_likely_volume, entries)) else FILM_MB)
        needs: dict[str, float] = {"num_cpus": cpus, "memory": megabytes * _MEGABYTE}
        return {**needs, "num_gpus": self.gpus} if self.gpus else needs


class _Work:
    """Runs of Ray Data with the same workers.

    Parameters
    ----------
    ray : the library, connected
    needs : of a worker, as Ray calls them
    arguments : of :class:`_Worker`
    workers : how many; 0 for as many as there is room for
    """

    def __init__(self, ray: Any, needs: Mapping[str, float], arguments: Sequence[Any], workers: int) -> None:
        self._ray, self._needs, self._arguments = ray, needs, arguments
        self._workers = workers or _room(ray, needs)
        self._data: Any = import_module("ray.data")
        if not self._workers:
            raise Error(
                f"No machine of the Ray cluster has room for a worker: {needs['num_cpus']:g} processors, "
                f"{needs['memory'] / _MEGABYTE:.0f} MB and {needs.get('num_gpus', 0):g} GPUs are wanted. Free one, or "
                "say with --workers how many to wait for."
            )

    def each(self, entries: Mapping[int, AnyEntry]) -> Generator[tuple[int, Outcome]]:
        """Place and outcome of every entry, as they are ready."""
        dumps = self._ray.cloudpickle.dumps
        rows = [{"place": place, "entry": dumps(entry)} for place, entry in entries.items()]
        blocks = math.ceil(len(rows) / BLOCK)
        given = self._data.from_items(rows, override_num_blocks=blocks)
        given.context.enable_progress_bars = given.context.print_on_execution_start = False
        made = given.map_batches(
            _Worker,
            batch_size=1,
            compute=self._data.ActorPoolStrategy(size=min(self._workers, blocks)),
            fn_constructor_args=self._arguments,
            **self._needs,
        )
        try:
            for row in made.iter_rows():
                outcome: Outcome | str = pickle.loads(row["outcome"])  # noqa: S301 - our own worker made it
                if isinstance(outcome, str):
                    raise WriteError(outcome)
                yield row["place"], outcome
        except self._ray.exceptions.RayError as error:
            raise Error(f"The run on the Ray cluster broke off: {error}") from error


class _Worker:
    """What an actor of Ray does: opens the networks when the first image needs them, and analyses cases.

    Parameters
    ----------
    output : folder of the cohort
    settings : of a single worker
    home : folder that relative paths start from
    prints : of the process that runs the cohort, see :func:`~hilum.batch.cohort.fingerprints`
    notes : folder that tells which cases were begun
    """

    def __init__(self, output: Path, settings: Settings, home: Path, prints: Mapping[str, str], notes: Path) -> None:
        with suppress(OSError):
            os.chdir(home)
        keep_memory()
        self._output, self._settings, self._notes = output, settings, notes
        self._networks = open_networks(settings, many=True)
        self._turn = threading.Lock()
        self._trouble = _trouble(output, settings, prints)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The outcome of the one case in a row, without scores: tables take them from its results."""
        ((place,), (entry,)) = row["place"], row["entry"]
        note = self._notes / str(place)
        made: Outcome | str = self._trouble or self._outcome(pickle.loads(entry), note)  # noqa: S301 - our own did
        return {"place": [place], "outcome": [pickle.dumps(made)]}

    def _outcome(self, entry: AnyEntry, note: Path) -> Outcome:
        """Of a case; the note has a letter for every time that it was begun, and goes when it has ended."""
        with note.open("a", encoding="ascii") as file:
            tried = file.tell()
            file.write("x")
        if tried >= TRIES:
            return died(entry)
        made = self._analysed(entry)
        note.unlink(missing_ok=True)
        return made

    def _analysed(self, entry: AnyEntry) -> Outcome:
        made = analyse_one(
            entry, output=self._output, settings=self._settings, networks=self._networks, turn=self._turn
        )
        return replace(made, scores={}, findings=())


def _trouble(output: Path, settings: Settings, prints: Mapping[str, str]) -> str:
    """Why a worker would not do what the process that runs the cohort wants; empty if it would."""
    machine = os.uname().nodename if hasattr(os, "uname") else "a worker"
    if not (output / JOURNAL).is_file():
        return (
            f"Cannot write {str(output)!r} on {machine} of the Ray cluster: it does not see the cohort's folder. "
            "Share the folder among all machines, under the same path."
        )
    if fingerprints(settings) != prints:
        return (
            f"Cannot work on {machine} of the Ray cluster: its version of Hilum, or its networks, are others, and "
            "would make other results. Install the same on all machines."
        )
    return ""


def _arguments(output: Path, settings: Settings, notes: Path) -> tuple[Path, Settings, Path, dict[str, str], Path]:
    return output, for_one_worker(settings), Path.cwd(), fingerprints(settings), notes


def _room(ray: Any, needs: Mapping[str, float]) -> int:
    """How many workers the machines that are there have room for."""
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    machines = (each["Resources"] for each in ray.nodes() if each["Alive"])
    return sum(min(int(has.get(names[name], 0.0) // need) for name, need in needs.items()) for has in machines)


@contextmanager
def _notes(output: Path) -> Generator[Path]:
    """A hidden folder in the cohort's, for as long as the run takes; one that a kill left is cleared up as results are.

    Raises
    ------
    WriteError
        It cannot be made.
    """
    folder = output / f"{HIDDEN}{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_silence() -> Generator[None]:
    """Ray Data tells of workers that died, at length, and the outcomes say so; unless everything is to be told."""
    import_module("ray.data")  # which sets its own levels
    theirs = logging.getLogger("ray.data")
    before = theirs.level
    if not logging.getLogger("hilum").isEnabledFor(logging.DEBUG):
        theirs.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        theirs.setLevel(before)

"""A cohort of films by processes of this machine, which do not wait for each other's lock of Python's.

Two processes do 1.9 times the work of one, two threads 1.5 times (``benchmarks/batch.py rate``); each process opens the
networks anew, which a few films are not worth. CTs stay with threads: one alone has use for all cores.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.pipeline import open_networks
from hilum.settings import Settings

from .heap import keep_memory
from .local import Outcome, analyse_one, died, each_outcome
from .remote import AnyEntry, RemoteEntry
from .sizing import for_one_worker, is_likely_volume, processes_at_once

FEW = 40
"""Fewer cases than that are not worth the start of processes."""

AHEAD = 2
"""Cases that wait or are in work, for each process."""

_work_on: Callable[[AnyEntry], Outcome] | None = None
"""Of a worker: what it does with a case."""


def by_processes(
    entries: Sequence[AnyEntry], output: Path, settings: Settings, *, record: Callable[[int, Outcome], None]
) -> Generator[Outcome]:
    """A mapper for :func:`~hilum.batch.cohort.run_cohort`: the outcome of every entry, as they are ready.

    Few cases, and cohorts with CTs or URLs, go to :func:`~hilum.batch.local.each_outcome`. Where a process dies, the
    cases that were on their way are worked on again, one by one; one over which its process dies again has failed.

    Parameters
    ----------
    entries : what to read
    output : folder for the results, which is there
    settings : ``runtime.workers`` processes, 0 for what this machine can have; ``runtime.threads`` are the cores of
        each, 0 for one
    record : called with the place among the entries and the outcome of each case
    """
    workers = processes_at_once(settings.runtime)
    if workers < 2 or len(entries) < FEW or any(_is_for_threads(entry) for entry in entries):
        yield from each_outcome(entries, output, settings, record=record)
        return
    waiting = deque(range(len(entries)))
    while waiting:
        lost: list[int] = []
        for place, outcome in _until_broken(entries, waiting, lost, output, settings, workers):
            record(place, outcome)
            yield outcome
        for place in sorted(lost):
            outcome = _alone(entries[place], output, settings)
            record(place, outcome)
            yield outcome


def _is_for_threads(entry: AnyEntry) -> bool:
    return isinstance(entry, RemoteEntry) or is_likely_volume(entry)


def _until_broken(
    entries: Sequence[AnyEntry],
    waiting: deque[int],
    lost: list[int],
    output: Path,
    settings: Settings,
    workers: int,
) -> Generator[tuple[int, Outcome]]:
    """Place and outcome of what waits, until all is done or a process dies; ``lost`` has what was on its way then."""
    begun: dict[Future[Outcome], int] = {}
    with _pool(workers, output, settings) as pool:
        try:
            while waiting or begun:
                while waiting and len(begun) < AHEAD * workers:
                    begun[pool.submit(_work, entries[waiting[0]])] = waiting[0]
                    waiting.popleft()
                for future in wait(begun, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    yield begun.pop(future), outcome
        except BrokenProcessPool:
            lost += begun.values()


def _alone(entry: AnyEntry, output: Path, settings: Settings) -> Outcome:
    with _pool(1, output, settings) as pool:
        try:
            return pool.submit(_work, entry).result()
        except BrokenProcessPool:
            return died(entry)


@contextmanager
def _pool(workers: int, output: Path, settings: Settings) -> Generator[ProcessPoolExecutor]:
    """Processes that begin from nothing; what is in work when the block is left is finished, and nothing else begun."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _begin, (output, for_one_worker(settings), context.Lock()))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(output: Path, settings: Settings, turn: Any) -> None:
    """Make this process a worker, which ends when the one that started it does, however that ends."""
    global _work_on  # noqa: PLW0603 - what a process is for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it, and ends the work in order
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_memory()
    networks = open_networks(settings, many=True)

    def work_on(entry: AnyEntry) -> Outcome:
        made = analyse_one(entry, output=output, settings=settings, networks=networks, turn=turn)
        return replace(made, scores={}, findings=())  # tables take them from its results

    _work_on = work_on


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(entry: AnyEntry) -> Outcome:
    if _work_on is None:
        raise RuntimeError("this process is no worker")
    return _work_on(entry)

"""The node as a whole: its parts, each in a thread of its own, from start to stop."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import MissingExtra, SettingsError
from hilum.pipeline import open_networks
from hilum.settings import Settings
from hilum.writers.claim import claimed

from . import arrivals, secure
from .deliver import Deliverer
from .dicomweb import PolledService
from .health import HealthPage, Metrics, resident_bytes
from .log import defect, tell
from .queue import Queue
from .retention import sweep
from .study import STATES
from .watch import WatchedFolder
from .work import Worker, back_off

if TYPE_CHECKING:
    from hilum.worklist.record import Recorder

TICK_SECONDS = 0.25
"""Pause of a part that has nothing to do."""

SWEEP_SECONDS = 10.0
"""Between two looks at what may be removed."""

STOP_SECONDS = 20.0
"""That what is in work may still take when the node is told to stop."""

TROUBLED = 3
"""So many failures in a row of a part are told on the health page."""


class Node:
    """The service.

    Parameters
    ----------
    settings : all of them; ``node`` is its own table

    Raises
    ------
    SettingsError
        A setting cannot be used, or another node works in the spool.
    MissingExtra
        The extra ``dicom`` is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        secure.require_extra()
        from hilum.writers.dicom import OBJECTS, require_dicom

        require_dicom(settings.output.dicom or OBJECTS)
        node = settings.node
        if not (node.port or node.poll_url or node.watch):
            raise SettingsError("Nothing can arrive: set node.port, node.poll_url or node.watch.")
        self.settings, self._node = settings, node
        self._lock_file = claimed(Path(node.spool), worker="node", name="spool", setting="node.spool")
        try:
            self.queue = Queue(Path(node.spool), limit_bytes=node.spool_gb * 1e9)
            self.deliverer = Deliverer(self.queue, node)
            self._recorder = _recorder(settings)
        except BaseException:
            self._lock_file.close()
            raise
        self.listener: arrivals.Listener | None = None
        self.page: HealthPage | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, int] = {}
        self._since = time.time()

    def start(self) -> None:
        """Start all parts, and come back; SettingsError if an address cannot be listened at."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        node = self._node
        networks, turn = open_networks(self.settings, many=True), threading.Lock()
        self._run("settle", self._settle)
        self._run("sweep", self._sweep, pause=SWEEP_SECONDS)
        for number, address in enumerate(self.deliverer.addresses):
            self._run(f"deliver-{number + 1}", lambda address=address: self.deliverer.step(address, self._stop))
        for number in range(max(1, node.workers)):
            worker = Worker(self.queue, self.settings, networks, turn, self.deliverer.add, self._recorder)
            self._run(f"work-{number + 1}", lambda worker=worker: int(worker.work_one() is not None))
        if node.watch:
            self._run("watch", WatchedFolder(self.queue, Path(node.watch)).step, pause=1.0)
        if node.poll_url:
            self._run("poll", PolledService(self.queue, node).step, pause=node.poll_seconds)
        if node.health_port:
            self.page = HealthPage(node.health_host, node.health_port, troubles=self.troubles, metrics=self.metrics)
        if node.port:
            self.listener = arrivals.Listener(self.queue, node)
        tell("started", ae_title=node.ae_title, port=node.port, studies=len(self.queue.studies()))

    def stop(self) -> None:
        """Take no more, and let what is in work end within :data:`STOP_SECONDS`; what does not is done next time."""
        if self.listener is not None:
            self.listener.stop()
        self._stop.set()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if self.page is not None:
            self.page.stop()
        if self._recorder is not None:
            self._recorder.close()
        self._lock_file.close()
        tell("stopped")

    def run(self) -> None:
        """Start, and stop when the process is told to by SIGTERM or SIGINT."""
        wanted = threading.Event()
        with _on_signals(wanted.set):
            self.start()
            while not wanted.wait(1.0):
                pass
            self.stop()

    def _settle(self) -> int:
        return len(self.queue.settle(self._node.quiet_seconds))

    def _sweep(self) -> int:
        sweep(self.queue, self._node, self.deliverer.is_owed)
        return 0

    def _run(self, name: str, step: Callable[[], int], pause: float = TICK_SECONDS) -> None:
        """Repeat a step in a thread until the node stops; it rests when nothing was to be done, or something failed."""

        def loop() -> None:
            while not self._stop.is_set():
                try:
                    rest = 0.0 if step() else pause
                    self._failures[name] = 0
                except Exception as error:  # noqa: BLE001 - a part that fails is tried again, and the page tells of it
                    self._failures[name] += 1
                    defect(name, error)
                    rest = max(pause, min(60.0, back_off(1.0, self._failures[name])))
                self._stop.wait(rest)

        self._failures[name] = 0  # here, since the health page must not meet a part that is just being added
        self._threads.append(threading.Thread(target=loop, name=name, daemon=True))
        self._threads[-1].start()

    def troubles(self) -> list[str]:
        """What is wrong now, as codes; empty if nothing is."""
        found = [f"{name}-fails" for name, count in self._failures.items() if count >= TROUBLED]
        found += [f"{each.name}-ended" for each in self._threads if not each.is_alive() and not self._stop.is_set()]
        if not self.queue.room_for(1):
            found.append("spool-full")
        return found

    def metrics(self) -> Metrics:
        """The figures of now."""
        queue, states, owed = self.queue, self.queue.states(), self.deliverer.totals()
        counts = queue.counts
        fates = ("objects", "duplicates", "own", "put_aside", "refused_full")
        ends = ("done", "refused", "failed")

        def by(label: str, keys: Sequence[str], values: Mapping[str, int]) -> dict[str, float]:
            return {f'{label}="{key}"': values.get(key, 0) for key in keys}

        return {
            "hilum_node_studies": ("gauge", "Studies in the spool.", by("state", STATES, states)),
            "hilum_node_arrived_total": ("counter", "What became of arriving objects.", by("fate", fates, counts)),
            "hilum_node_ended_total": ("counter", "Rounds that ended.", by("state", ends, counts)),
            "hilum_node_deliveries": ("gauge", "Objects not delivered.", by("state", ("waiting", "dead"), owed)),
            "hilum_node_delivered_total": ("counter", "Objects delivered.", {"": self.deliverer.sent}),
            "hilum_node_spool_bytes": ("gauge", "Size of the spool.", {"": queue.bytes}),
            "hilum_node_spool_limit_bytes": ("gauge", "Largest size of the spool.", {"": queue.limit_bytes}),
            "hilum_node_resident_bytes": ("gauge", "Memory in use.", {"": resident_bytes()}),
            "hilum_node_start_time_seconds": ("gauge", "When it was started.", {"": self._since}),
        }


def _recorder(settings: Settings) -> Recorder | None:
    """What writes into the worklist that is set; None if none is."""
    if not settings.node.worklist:
        return None
    try:
        from hilum.worklist.record import Recorder
    except ModuleNotFoundError as error:
        raise MissingExtra("The setting node.worklist", "web") from error
    return Recorder(settings)


@contextlib.contextmanager
def _on_signals(act: Callable[[], None]) -> Generator[None]:
    """SIGTERM and SIGINT call ``act`` while the block runs."""

    def heard(number: int, _: object) -> None:
        tell("signal", level=logging.WARNING, number=number)
        act()

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

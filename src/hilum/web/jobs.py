"""The work on studies: threads of the server that take them in the order of their arrival, over the same networks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module

from anyio import CapacityLimiter
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from hilum.batch.heap import keep_memory
from hilum.batch.local import INTERNAL_ERROR
from hilum.batch.sizing import is_likely_volume
from hilum.errors import Error, ModelError, SettingsError, WriteError, code_of
from hilum.geometry import VolumeGrid
from hilum.pipeline import analyse, open_networks
from hilum.readers import Entry
from hilum.settings import Settings
from hilum.worklist import Database, Study
from hilum.worklist.models import now
from hilum.worklist.results import Summary, enter_result, output_settings, summary_of, write_image, write_version
from hilum.worklist.store import Store

from .intake import entry_of, without

log = logging.getLogger(__name__)

OURS = (ModelError, SettingsError, WriteError)
"""Errors that say nothing about the study, which may go well another time."""

TOLD_SECONDS = 0.4
"""Shortest time between two writings of how far a study is."""

IDLE_SECONDS = 30.0
"""So often a worker that nobody wakes looks for studies."""

STOP_SECONDS = 60.0
"""That studies in work may still take when the service is told to stop."""

TROUBLE_SECONDS = 2.0
"""That a worker waits when the worklist gives trouble."""

GUESTS = 4
"""Uploads and corrections that are worked on at once; more wait, and leave threads to other requests."""

_SPANS = {"reading": (0.0, 0.08), "lungs": (0.08, 0.45), "lesions": (0.45, 0.88), "writing": (0.88, 1.0)}
"""Share of the whole at which each stage begins and ends."""


class Jobs:
    """Workers on the queue of studies.

    Parameters
    ----------
    database, store : of the reader
    settings : of the analysis; ``web.workers`` studies are in work at once, but one volume
    """

    def __init__(self, database: Database, store: Store, settings: Settings) -> None:
        self._database, self._store, self._settings = database, store, settings
        self._networks = open_networks(settings, many=True)
        self._wake, self._stop = threading.Condition(), threading.Event()
        self._threads: list[threading.Thread] = []
        self.volumes = threading.Lock()
        """Held while a volume is in memory."""
        self.guests = CapacityLimiter(GUESTS)
        """Of the threads that uploads and corrections are worked on in."""

    def start(self) -> None:
        """Put back into the queue what an earlier run was at, open the networks, and begin."""
        keep_memory()
        with self._database.writing() as session:
            ours = update(Study).where(Study.state == "running", Study.origin != "node")
            session.execute(ours.values(state="queued", stage="", progress=0.0))
        for number in range(max(1, self._settings.web.workers)):
            thread = threading.Thread(target=self._run, name=f"study-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Take no further study, and wait for those in work; what is not ready then begins anew with the next start."""
        self._stop.set()
        self.wake()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def wake(self) -> None:
        """Tell that there is something in the queue."""
        with self._wake:
            self._wake.notify_all()

    def _run(self) -> None:
        try:
            _ = self._networks.films  # so that the first film need not wait
            for library in ("nibabel", "hilum.writers.report", "hilum.pipeline_ct"):
                import_module(library)
        except Error:
            log.warning("networks could not be opened; each study will say why", exc_info=True)
        while not self._stop.is_set():
            try:
                study = self._claim()
                if study:
                    self._work(study)
                    continue
            except Exception:
                log.exception("the queue of studies could not be worked on")
                self._stop.wait(TROUBLE_SECONDS)
            with self._wake:
                if not self._stop.is_set() and not self._is_any_queued():
                    self._wake.wait(IDLE_SECONDS)

    def _is_any_queued(self) -> bool:
        try:
            with self._database.reading() as session:
                return session.scalar(select(Study.id).where(Study.state == "queued").limit(1)) is not None
        except Exception:  # noqa: BLE001 - the next turn will say it
            return False

    def _claim(self) -> str:
        """The study that has waited longest, which runs from now on; empty if none waits."""
        if not self._is_any_queued():
            return ""
        with self._database.writing() as session:
            waiting = select(Study).where(Study.state == "queued").order_by(Study.created, Study.id).limit(1)
            study = session.scalar(waiting.with_for_update(skip_locked=True))
            if study is None:
                return ""
            study.state, study.stage, study.progress = "running", "reading", 0.0
            study.code = study.message = ""
            return study.id

    def _work(self, study: str) -> None:
        """One study to its end, whatever becomes of it."""
        upload = self._store.upload(study)
        try:
            with ExitStack() as held:
                summary = self._analyse(study, entry_of(upload, self._settings.read), held)
            self._settle(partial(self._finish, study, summary))
        except Error as error:
            log.info("study %s: %s", study, error)
            state = "failed" if isinstance(error, OURS) else "refused"
            self._settle(partial(self._end, study, state, code_of(error), without(str(error), upload)))
        except Exception as error:
            log.exception("study %s ran into a defect of Hilum", study)
            sentence = f"Cannot analyse it: {type(error).__name__}. This is a defect of Hilum; please report it."
            self._settle(partial(self._end, study, "failed", INTERNAL_ERROR, sentence))

    def _settle(self, write: Callable[[], None]) -> None:
        """Write how a study ended, again while the database does not answer: else it would stay in work for ever."""
        while True:
            try:
                write()
            except OperationalError:
                log.warning("the worklist does not answer; the end of a study is written as soon as it does")
                if not self._stop.wait(TROUBLE_SECONDS):
                    continue  # at a stop, the next start puts the study back into the queue
            return

    def _analyse(self, study: str, entry: Entry, held: ExitStack) -> Summary:
        """Read, analyse and write one study; its image can be looked at as soon as it was read."""
        has_turn = is_likely_volume(entry)
        if has_turn:
            held.enter_context(self.volumes)
        image = entry.open()
        if not has_turn and isinstance(image.grid, VolumeGrid):
            held.enter_context(self.volumes)
        part = held.enter_context(self._store.incoming())
        self._store.put_image(study, write_image(image, part))
        told = _Told(self._database, study)
        told("lungs", 0, 1)
        output = replace(self._settings, output=output_settings(self._settings))
        case = analyse(image, settings=output, networks=self._networks, name=entry.name, progress=told)
        told("writing", 0, 1)
        self._store.put_version(study, 0, write_version(case, part, self._settings))
        return summary_of(case)

    def _finish(self, study: str, summary: Summary) -> None:
        """The results of a study are there."""
        with self._database.writing() as session:
            row = session.get(Study, study, with_for_update=True)
            if row is None:
                self._store.remove(study)
            else:
                enter_result(session, row, summary)

    def _end(self, study: str, state: str, code: str, message: str) -> None:
        """There are no results of a study."""
        ended = {"state": state, "stage": "", "progress": 1.0, "code": code, "message": message, "updated": now()}
        with self._database.writing() as session:
            session.execute(update(Study).where(Study.id == study).values(ended))


class _Told:
    """Writes into the worklist how far a study is, now and then."""

    def __init__(self, database: Database, study: str) -> None:
        self._database, self._study = database, study
        self._share, self._last = 0.0, 0.0

    def __call__(self, stage: str, done: int, of: int) -> None:
        begin, end = _SPANS.get(stage, (self._share, self._share))
        self._share = max(self._share, begin + (end - begin) * done / max(of, 1))
        if time.monotonic() - self._last < TOLD_SECONDS:
            return
        self._last = time.monotonic()
        told = update(Study).where(Study.id == self._study).values(stage=stage, progress=round(self._share, 3))
        with suppress(OperationalError), self._database.writing() as session:  # no analysis ends for want of it
            session.execute(told)

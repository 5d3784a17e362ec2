"""The work on one study: gate, analysis, results under their names, and what has to be sent."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import Error, GridMismatch, MissingExtra, ModelError, ReadError, SettingsError, WriteError, code_of
from hilum.pipeline import RunNetworks, analyse
from hilum.readers import Entry
from hilum.readers.dicom_source import dicom_source
from hilum.settings import Settings
from hilum.writers import write_case
from hilum.writers.dicom import OBJECTS

from .disk import sync_folder, sync_tree, write_json
from .gate import choose
from .log import defect, tell
from .outbox import plan
from .queue import RESULTS, Queue
from .study import Outcome, State, Study

if TYPE_CHECKING:
    from hilum.worklist.record import Recorder

OUTCOMES = "outcomes.json"
"""File in the results that says what became of every image of the study."""

OURS = (GridMismatch, MissingExtra, ModelError, SettingsError, WriteError)
"""Errors that say nothing about the study, which may go well another time."""

_DEFECT = "{}: {}. This is a defect of Hilum; please report it."

LONGEST_WAIT = 3600.0
"""Seconds that a retry waits at most."""


def back_off(first: float, tries: int) -> float:
    """Seconds to wait after so many tries: twice as long after each, an hour at most."""
    return min(LONGEST_WAIT, first * 2.0 ** min(tries - 1, 30))


class Worker:
    """Takes studies from the queue and turns them into results, one at a time.

    Parameters
    ----------
    queue : of the node
    settings : of the node
    networks : shared with other workers
    turn : held while a volume is in memory; shared with other workers
    planned : told of every study whose results have to be sent, before it has ended
    recorder : writes into the worklist of a reader; None for none
    """

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        networks: RunNetworks,
        turn: threading.Lock,
        planned: Callable[[str], None],
        recorder: Recorder | None = None,
    ) -> None:
        self._planned, self._recorder = planned, recorder
        self._queue, self._networks, self._turn = queue, networks, turn
        objects = settings.output.dicom or OBJECTS
        self._settings = replace(settings, output=replace(settings.output, dicom=objects))
        wanted = settings.output.probability or recorder is not None  # the reader shows them
        self._analysis = replace(settings, output=replace(settings.output, probability=wanted))

    def work_one(self) -> Study | None:
        """Work on the study whose turn it is; None if there is none."""
        study = self._queue.claim()
        if study is None:
            return None
        began = time.monotonic()
        if study.tries > self._settings.node.tries:
            message = "The node was stopped each time it worked on it: it may need more memory than there is."
            ended = self._queue.finish(study.id, "failed", code="never-finished", message=message)
        else:
            ended = self._end(study, self._safely(study))
        seconds = round(time.monotonic() - began, 2)
        level = logging.ERROR if ended.state == "failed" else logging.INFO
        tell("study", level=level, study=ended.id, state=ended.state, code=ended.code, round=study.round,
             tries=study.tries, objects=len(study.objects), seconds=seconds)  # fmt: skip
        return ended

    def _safely(self, study: Study) -> list[Outcome]:
        """The outcomes; a defect is one of them, so that no study stays in work."""
        try:
            return self._outcomes(study)
        except OSError as error:
            defect("results", error)
            return [Outcome("study", "failed", "write-error", f"Cannot write its results: {error.strerror}.")]
        except Exception as error:  # noqa: BLE001 - a defect in one study is that study's
            defect("work", error)
            return [Outcome("study", "failed", "internal-error", _DEFECT.format(type(error).__name__, error))]

    def _outcomes(self, study: Study) -> list[Outcome]:
        """What became of the images of a study; its results stand under their name when this returns."""
        folder = self._queue.path(study.id)
        part = self._queue.incoming / f"results-{study.id}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        outcomes = self._all(study.id, self._queue.files(study), part)
        write_json(part / OUTCOMES, {"outcomes": [asdict(each) for each in outcomes], "round": study.round})
        sync_tree(part)
        old = self._queue.incoming / f"old-{study.id}"
        if (folder / RESULTS).exists():
            (folder / RESULTS).rename(old)
        part.rename(folder / RESULTS)
        sync_folder(folder)
        shutil.rmtree(old, ignore_errors=True)
        plan(folder, self._settings.node.deliver)
        self._planned(study.id)
        return outcomes

    def _all(self, group: str, files: Sequence[Path], folder: Path) -> list[Outcome]:
        try:
            entries, refused = choose(files, self._settings)
        except ReadError as error:
            return [self._told(group, Outcome("study", "refused", code_of(error), str(error)))]
        outcomes = [self._told(group, self._one(group, entry, folder)) for entry in entries]
        if refused and not outcomes:
            refused[0] = self._told(group, refused[0])
        return [*outcomes, *refused]

    def _told(self, group: str, outcome: Outcome) -> Outcome:
        """What became of an image, told to the worklist if it was not analysed; of one that was, it knows."""
        if self._recorder is None or outcome.status == "done":
            return outcome
        try:
            self._recorder.ended(group, outcome.name, outcome.status, outcome.code, outcome.message)
        except WriteError as error:
            return Outcome(outcome.name, "failed", code_of(error), str(error))
        return outcome

    def _one(self, group: str, entry: Entry, folder: Path) -> Outcome:
        """One film or CT, and its results; whatever goes wrong with it is its outcome."""
        try:
            with ExitStack() as held:
                if entry.study is not None:
                    held.enter_context(self._turn)
                image = entry.open()
                headers = dicom_source(entry)
                case = analyse(image, settings=self._analysis, networks=self._networks, name=entry.name)
                write_case(case, folder, self._settings.output, source=headers)
                if self._recorder is not None:
                    self._recorder.done(group, case, _files(entry))
        except OURS as error:
            return Outcome(entry.name, "failed", code_of(error), str(error))
        except Error as error:
            return Outcome(entry.name, "refused", code_of(error), str(error))
        except Exception as error:  # noqa: BLE001 - a defect in one study is that study's
            defect("analyse", error)
            return Outcome(entry.name, "failed", "internal-error", _DEFECT.format(type(error).__name__, error))
        return Outcome(entry.name, "done")

    def _end(self, study: Study, outcomes: Sequence[Outcome]) -> Study:
        """The state that the outcomes add up to; failures that may pass are tried again."""
        node = self._settings.node
        failed = [each for each in outcomes if each.status == "failed"]
        refused = [each for each in outcomes if each.status == "refused"]
        is_done = any(each.status == "done" for each in outcomes)
        blamed = [*failed, *refused]
        code, message = (blamed[0].code, blamed[0].message) if blamed else ("", "")
        if failed and study.tries < node.tries:
            wait = back_off(node.retry_seconds, study.tries)
            return self._queue.finish(study.id, "ready", code=code, message=message, not_before=time.time() + wait)
        state: State = "failed" if failed else "done" if is_done else "refused"
        if not blamed and not is_done:
            code, message = "no-images", "It holds no image that could be analysed."
        return self._queue.finish(study.id, state, code=code, message=message)


def _files(entry: Entry) -> list[Path]:
    """What an image was read from."""
    return [entry.path] if entry.study is None else [header.spot.path for header in entry.study.taken.headers]

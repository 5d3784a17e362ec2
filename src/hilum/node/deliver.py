"""Delivery: results go out until every destination has said yes to every object, or no to it too often.

Each destination has a thread of its own, so that none waits for another. One that cannot be reached is left alone for
a while, for all studies; that says nothing about the objects, which wait. Only an object that a destination refuses
counts its tries, and is put aside as ``dead`` in the end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.settings import NodeSettings

from .destination import Destination, Unreachable, destination
from .log import tell
from .outbox import Delivery, deliveries, settled, update
from .queue import Queue
from .study import ENDED
from .work import back_off


@dataclass(slots=True)
class _Line:
    """A destination, and how it does."""

    to: Destination
    troubles: int = 0
    not_before: float = 0.0


class Deliverer:
    """Sends the results of studies that have ended.

    Parameters
    ----------
    queue : of the node
    settings : of the node

    Raises
    ------
    SettingsError
        An address is none.
    """

    def __init__(self, queue: Queue, settings: NodeSettings) -> None:
        self._queue, self._settings = queue, settings
        self._lines = {address: _Line(destination(address, settings)) for address in settings.deliver}
        self.addresses = tuple(self._lines)
        self._lock = threading.Lock()
        self._open: dict[str, Counter[str]] = {}
        self.sent = 0
        for study in queue.studies():
            self.add(study.id)

    def add(self, study_id: str) -> None:
        """Note what a study has to be sent; deliveries to addresses that are no longer set do not count."""
        with self._lock:  # also while it is read: whoever comes last has seen the most
            items = deliveries(self._queue.path(study_id))
            open_states = Counter[str](
                item.state for item in items if item.state != "sent" and item.destination in self._lines
            )
            if open_states:
                self._open[study_id] = open_states
            else:
                self._open.pop(study_id, None)

    def is_owed(self, study_id: str) -> bool:
        """Whether results of a study still have to be sent, or were put aside."""
        with self._lock:
            return study_id in self._open

    def totals(self) -> Mapping[str, int]:
        """How many objects wait, and how many are dead."""
        with self._lock:
            return sum(self._open.values(), Counter[str]())

    def step(self, address: str, stop: threading.Event) -> int:
        """Send what is due to one destination; how many objects were taken."""
        line = self._lines[address]
        with self._lock:
            waiting = [study for study, states in self._open.items() if states["waiting"]]
        if not waiting:
            return 0
        ended = {study.id for study in self._queue.studies() if study.state in ENDED}
        taken = 0
        for study_id in waiting:
            if stop.is_set() or line.not_before > time.time():
                break
            if study_id in ended:
                taken += self._study(study_id, address, line)
        return taken

    def _study(self, study_id: str, address: str, line: _Line) -> int:
        now = time.time()
        due = [
            item
            for item in deliveries(self._queue.path(study_id))
            if item.destination == address and item.state == "waiting" and item.not_before <= now
        ]
        if not due:
            return 0
        taken = self._send(study_id, line, due)
        self.add(study_id)
        return taken

    def _send(self, study_id: str, line: _Line, due: Sequence[Delivery]) -> int:
        """Send some objects of a study to one destination, and note each as soon as its answer is there."""
        folder = self._queue.path(study_id)
        items = {folder / item.path: item for item in due}
        taken = 0
        try:
            for answer in line.to.send(list(items)):
                self._note(study_id, items[answer.path], answer.reason)
                taken += not answer.reason
            line.troubles = 0
        except Unreachable as error:
            line.troubles += 1
            wait = back_off(self._settings.retry_seconds, line.troubles)
            line.not_before = time.time() + wait
            tell("destination-unreachable", level=logging.WARNING, to=due[0].destination, reason=str(error),
                 again_in=round(wait, 1))  # fmt: skip
        except FileNotFoundError:  # a new round replaced the results, and plans for its own; or somebody removed them
            for path, item in items.items():
                if not path.exists():
                    self._note(study_id, item, "file-missing")
        with self._lock:
            self.sent += taken
        return taken

    def _note(self, study_id: str, item: Delivery, reason: str) -> None:
        node = self._settings
        wait = back_off(node.retry_seconds, item.tries + 1)
        after = settled(item, reason=reason, wait=wait, now=time.time(), most=node.deliver_tries)
        update(self._queue.path(study_id), after)
        level = logging.WARNING if reason else logging.INFO
        name = item.path.rpartition("/")[2]
        tell(f"delivery-{after.state}", level=level, study=study_id, file=name, to=item.destination, reason=reason)

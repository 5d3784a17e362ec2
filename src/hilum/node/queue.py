"""The queue on disk: objects and studies, in folders whose every change is one rename.

Whatever moment the process is killed at, the spool is whole: an object is acknowledged only when it lies synced under
its final name, a study's state is one file that is replaced at once, and results appear under their names complete.
Names in the spool are hashes of DICOM identifiers, so that paths and the log say nothing of patients.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from .disk import sync_folder, tree_bytes
from .study import ENDED, State, Study, load, save, short_id

OBJECTS, RESULTS = "objects", "results"
"""Names in a study's folder: what arrived, and what was made of it."""

AGAIN = "again"
"""Folder of the spool in which the operator leaves the names of studies that shall be done again."""


class Full(Exception):
    """The spool is as large as it may be."""


class Queue:
    """Every study of the node, in memory by its id and on disk as its folder.

    Parameters
    ----------
    folder : of the spool, made if need be; one process at a time may use it
    limit_bytes : largest size of it
    clock : seconds since the epoch
    """

    def __init__(self, folder: Path, *, limit_bytes: float, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.folder, self.limit_bytes = folder, limit_bytes
        self.incoming, self.aside, self._studies_folder = folder / "incoming", folder / "aside", folder / "studies"
        self._lock = threading.RLock()
        self._studies: dict[str, Study] = {}
        self.counts: Counter[str] = Counter()
        for each in (self.incoming, self.aside, self._studies_folder, folder / AGAIN):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._recover()
        self.bytes, self._aside_bytes = tree_bytes(folder), tree_bytes(self.aside)

    def _recover(self) -> None:
        """Take up where the last process was stopped, or killed."""
        for left in self.incoming.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        for folder in sorted(self._studies_folder.iterdir()):
            study = load(folder)
            if study is None:
                if not any((folder / OBJECTS).glob("*.dcm")):
                    shutil.rmtree(folder)  # made for an object that was never acknowledged
                    continue
                study = Study(folder.name, "receiving", changed=self._clock(), arrived=self._clock())
            if study.state == "working":
                study = replace(study, state="ready", changed=self._clock())
            if study.state == "receiving" or study.has_more:
                study = replace(study, arrived=max(study.arrived, self._latest(folder)))
            if study.state in ENDED and set(study.objects) < {path.name for path in self._paths(study.id)}:
                study = _reopened(study, self._clock())  # killed between an object's rename and the state's
            save(folder, study)
            self._studies[study.id] = study

    def _latest(self, folder: Path) -> float:
        return max((path.stat().st_mtime for path in (folder / OBJECTS).glob("*.dcm")), default=0.0)

    # arrivals

    def room_for(self, size: int) -> bool:
        """Whether an object of so many bytes may come in."""
        with self._lock:
            return self.bytes + size <= self.limit_bytes

    def add(self, part: Path, *, study_uid: str, instance_uid: str) -> bool:
        """Take in an object that lies synced in :attr:`incoming`; when this returns, it is safe.

        Parameters
        ----------
        part : the object's file, which is moved
        study_uid, instance_uid : its identifiers

        Returns
        -------
        False if the same object is there already; then ``part`` is removed.

        Raises
        ------
        Full
            There is no room for it; ``part`` is removed.
        OSError
            The disk does not take it.
        """
        study_id, name = short_id(study_uid), f"{short_id(instance_uid)}.dcm"
        size = part.stat().st_size
        with self._lock:
            folder = self._studies_folder / study_id
            final = folder / OBJECTS / name
            if final.exists():
                part.unlink(missing_ok=True)
                self.counts["duplicates"] += 1
                return False
            if not self.room_for(size):
                part.unlink(missing_ok=True)
                self.counts["refused_full"] += 1
                raise Full
            is_new = study_id not in self._studies
            if is_new:
                final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                sync_folder(folder)
                sync_folder(self._studies_folder)
            part.rename(final)
            sync_folder(final.parent)
            self.bytes += size
            self.counts["objects"] += 1
            self._note_arrival(study_id, study_uid)
            return True

    def _note_arrival(self, study_id: str, study_uid: str) -> None:
        now = self._clock()
        study = self._studies.get(study_id)
        if study is None:
            self._put(Study(study_id, "receiving", study_uid=study_uid, changed=now, arrived=now))
        elif study.state == "receiving":
            self._studies[study_id] = replace(study, arrived=now)  # on disk, the object's own time says it
        elif study.state == "working":
            self._put(replace(study, arrived=now, has_more=True))
        elif study.state == "ready":
            self._put(replace(study, state="receiving", changed=now, arrived=now))
        else:
            self._put(_reopened(study, now))

    def put_aside(self, part: Path, reason: str) -> None:
        """Keep an object that cannot be used where the operator finds it, with the reason beside it.

        The same bytes are kept once; a file that the spool has no room for is removed.
        """
        size = part.stat().st_size
        with part.open("rb") as file:
            kept = self.aside / f"{hashlib.file_digest(file, 'sha256').hexdigest()[:24]}.dcm"
        with self._lock:
            self.counts["put_aside"] += 1
            if kept.exists() or not self.room_for(size):
                part.unlink(missing_ok=True)
                return
            kept.with_suffix(".txt").write_text(f"{reason}\n", encoding="utf-8")
            part.rename(kept)
            self.bytes += size
            self._aside_bytes += size

    def recount_aside(self) -> None:
        """Give back the room of objects put aside that the operator has removed."""
        with self._lock:
            there = tree_bytes(self.aside)
            self.bytes += there - self._aside_bytes
            self._aside_bytes = there

    # work

    def settle(self, quiet_seconds: float) -> list[Study]:
        """Studies that have become ready because nothing has arrived for them for so long, or the operator asked."""
        with self._lock:
            now = self._clock()
            for wish in list((self.folder / AGAIN).iterdir()):
                study = self._studies.get(wish.name)
                if study is not None and study.state in ENDED:
                    self._put(_reopened(study, now - quiet_seconds))
                wish.unlink(missing_ok=True)
            quiet = [
                study
                for study in self._studies.values()
                if study.state == "receiving" and now - study.arrived >= quiet_seconds
            ]
            return [self._put(replace(study, state="ready", changed=now)) for study in quiet]

    def claim(self) -> Study | None:
        """The study that has been ready for longest and may be tried now, set to ``working``; None if there is none."""
        with self._lock:
            now = self._clock()
            ready = [each for each in self._studies.values() if each.state == "ready" and each.not_before <= now]
            if not ready:
                return None
            study = min(ready, key=lambda each: (each.changed, each.id))
            names = tuple(path.name for path in self._paths(study.id))
            return self._put(
                replace(study, state="working", changed=now, tries=study.tries + 1, objects=names, has_more=False)
            )

    def finish(
        self, study_id: str, state: State, *, code: str = "", message: str = "", not_before: float = 0.0
    ) -> Study:
        """End the work on a study, in ``done``, ``refused``, ``failed``, or ``ready`` for another try.

        What has arrived meanwhile opens a new round.
        """
        with self._lock:
            now, study = self._clock(), self._studies[study_id]
            size = tree_bytes(self.path(study_id) / RESULTS)
            self.bytes += size - study.result_bytes
            objects = tree_bytes(self.path(study_id) / OBJECTS)
            study = replace(
                study,
                state=state,
                changed=now,
                code=code,
                message=message,
                not_before=not_before,
                result_bytes=size,
                object_bytes=objects,
            )
            if state in ENDED:
                self.counts[state] += 1
            if study.has_more:
                study = _reopened(study, study.arrived)
            return self._put(study)

    def _put(self, study: Study) -> Study:
        save(self.path(study.id), study)
        self._studies[study.id] = study
        return study

    # what there is

    def path(self, study_id: str) -> Path:
        """The folder of a study."""
        return self._studies_folder / study_id

    def files(self, study: Study) -> tuple[Path, ...]:
        """The objects of the round that is in work."""
        return tuple(self.path(study.id) / OBJECTS / name for name in study.objects)

    def _paths(self, study_id: str) -> list[Path]:
        return sorted((self.path(study_id) / OBJECTS).glob("*.dcm"))

    def studies(self) -> tuple[Study, ...]:
        """All studies, as they are now."""
        with self._lock:
            return tuple(self._studies.values())

    def states(self) -> Mapping[str, int]:
        """How many studies there are of each state."""
        return Counter(study.state for study in self.studies())

    def remove(self, studies: Iterable[Study]) -> int:
        """Remove studies that have ended and did not change since they were looked at; how many."""
        gone: list[Path] = []
        with self._lock:
            for study in studies:
                if self._studies.get(study.id) is not study or study.state not in ENDED:
                    continue
                hidden = self.incoming / f"gone-{study.id}"
                self.path(study.id).rename(hidden)
                sync_folder(self._studies_folder)
                del self._studies[study.id]
                gone.append(hidden)
        for hidden in gone:
            size = tree_bytes(hidden)
            shutil.rmtree(hidden)
            with self._lock:
                self.bytes -= size
        return len(gone)


def _reopened(study: Study, arrived: float) -> Study:
    """A study with a new round before it."""
    return replace(
        study, state="receiving", round=study.round + 1, arrived=arrived, changed=arrived, tries=0, has_more=False,
        not_before=0.0, code="", message="",
    )  # fmt: skip

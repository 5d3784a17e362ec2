"""``journal.jsonl``: what became of each case of a cohort, a line a case, by which a run that was killed goes on.

A line is written when the results of its case stand in their folder, so that a case with a line is whole, and one that
was in work when the run was killed has none. Lines reach the system one by one and outlive the process at once; the
disk is made to hold them every few seconds and at the end, so that a power cut costs those of the last seconds, and
their cases are worked on again. Every operation on a case takes the same time whatever the number of cases.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from hilum.errors import WriteError
from hilum.writers.claim import locked
from hilum.writers.whole import write_error

JOURNAL = "journal.jsonl"
"""Name of the journal in the folder of a cohort."""

SYNC_SECONDS = 5.0
"""Longest time that lines wait until the disk is made to hold them, while lines come."""

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a case.

    Attributes
    ----------
    case : its name, and that of its folder
    place : where its input is: path, member of a zip file, study
    stamp : what the input was like: size and time of change, or hash
    settings : fingerprint of the settings and networks that its result comes from
    status : ``done``, with results in the folder; or ``failed``
    modality : ``cxr`` or ``ct``; empty if failed
    code : of a failure; empty if done
    message : of a failure, a sentence; empty if done
    """

    case: str
    place: str
    stamp: str
    settings: str
    status: Literal["done", "failed"]
    modality: str = ""
    code: str = ""
    message: str = ""


_KEYS = frozenset(item.name for item in fields(Record))

_SHARED = frozenset({"settings", "status", "modality", "code"})
"""What is the same for very many cases, and kept once."""


class Journal:
    """The last record of each place, and a file that records are added to; made by :func:`open_journal`.

    Parameters
    ----------
    path : of the file
    descriptor : of the file, opened for appending
    records : what the file holds, by place
    """

    def __init__(self, path: Path, descriptor: int, records: dict[str, Record]) -> None:
        self._path, self._descriptor, self._records = path, descriptor, records
        self._owners = {record.case: record.place for record in records.values() if record.status == "done"}
        self._lock = Lock()
        self._synced = time.monotonic()
        self._broken: OSError | None = None

    @property
    def records(self) -> Mapping[str, Record]:
        """The last record of each place."""
        return self._records

    def owner(self, case: str) -> str | None:
        """The place whose results lie in the folder of that name; None if the journal knows of none."""
        return self._owners.get(case)

    def add(self, record: Record) -> None:
        """Write a record; may be called from any thread.

        Raises
        ------
        WriteError
            It could not be written. The journal takes no more records then: a torn line stays the last one.
        """
        line = json.dumps(asdict(record)).encode() + b"\n"
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                self._broken = error
                raise write_error(self._path, error) from error
            self._records[record.place] = record
            if record.status == "done":
                self._owners[record.case] = record.place

    def sync(self) -> None:
        """Make the disk hold all records; does nothing where the file system cannot."""
        with suppress(OSError):
            os.fsync(self._descriptor)
        self._synced = time.monotonic()

    def _write(self, line: bytes) -> None:
        if self._broken is not None:
            raise self._broken
        while line:
            line = line[os.write(self._descriptor, line) :]
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()


@contextmanager
def open_journal(folder: Path) -> Generator[Journal]:
    """The journal of a cohort's folder, begun if there is none; a torn last line is cut off.

    Raises
    ------
    WriteError
        It cannot be read or written, or another run is writing to it.
    """
    path = folder / JOURNAL
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        try:
            if not locked(descriptor):
                raise WriteError(
                    f"Cannot write {str(path)!r}: another run is working into that folder. Wait until it has ended, or "
                    "choose another output folder.",
                    path=path,
                )
            _cut_torn_line(descriptor)
            records = read_journal(path)
        except OSError as error:
            raise write_error(path, error) from error
        journal = Journal(path, descriptor, records)
        try:
            yield journal
        finally:
            journal.sync()
    finally:
        os.close(descriptor)


def read_journal(path: Path) -> dict[str, Record]:
    """The last record of each place, oldest first; lines that are none are left out.

    Parameters
    ----------
    path : of the file; OSError if it cannot be read
    """
    records: dict[str, Record] = {}
    with path.open("rb") as file:
        for line in file:
            record = _record(line)
            if record is not None:
                records.pop(record.place, None)
                records[record.place] = record
    return records


def _record(line: bytes) -> Record | None:
    try:
        found: Any = json.loads(line)
        if found["status"] not in ("done", "failed"):
            return None
        known: dict[str, Any] = {
            key: sys.intern(value) if key in _SHARED else value
            for key, value in found.items()
            if key in _KEYS and isinstance(value, str)
        }
        return Record(**known)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _cut_torn_line(descriptor: int) -> None:
    """Cut the file off after its last whole line, looking at no more than is needed."""
    end = size = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)

"""What came in one upload, as studies: one a film or CT, with its own files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from hilum.errors import ReadError, code_of
from hilum.readers import Entry, archive, find
from hilum.readers.spots import Spot
from hilum.settings import ReadSettings, Settings
from hilum.worklist.identity import identity
from hilum.worklist.store import SafePaths, Store
from hilum.writers.whole import write_error

HEADERS = (".mhd", ".nhdr", ".hdr")
"""Endings of files whose pixels may lie in another file beside them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A study that was made of an upload.

    Attributes
    ----------
    id : in the store
    name : of the film or CT
    patient : pseudonym or number, from DICOM; empty if it states none
    date : of the study, from DICOM; None if it states none, or identities are not wanted
    code, message : why it cannot be analysed; empty if nobody knows yet
    """

    id: str
    name: str
    patient: str = ""
    date: date | None = None
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class _Plan:
    """The files of one study to be: on disk, or members of zip files."""

    name: str
    spots: list[Spot]
    beside: list[Path] = field(default_factory=list[Path])


def take_in(tree: Path, store: Store, settings: Settings) -> list[Found]:
    """Studies of all films and CTs among received files, which are moved into the store.

    What cannot be told apart into images becomes one study that is refused.

    Parameters
    ----------
    tree : folder of the files, on the store's disk
    store : takes the studies
    settings : limits of the readers, and ``web.identities``

    Raises
    ------
    WriteError
        The disk refuses.
    """
    try:
        plans = list(_plans(tree, settings.read))
    except ReadError as error:
        files = [path for path in sorted(tree.rglob("*")) if path.is_file()]
        name = files[0].name if len(files) == 1 else f"{len(files)} files"
        study = store.admit({path.relative_to(tree).as_posix(): path for path in files})
        return [Found(study, name, code=code_of(error), message=without(str(error), tree))]
    return [_admit(plan, tree, store, settings) for plan in plans]


def entry_of(upload: Path, settings: ReadSettings) -> Entry:
    """The one film or CT in the upload of a study.

    Raises
    ------
    ReadError
        There is none.
    """
    found = list(_entries(upload, settings))
    return found[0]


def without(message: str, folder: Path) -> str:
    """A message that names files below a folder by their paths there: nobody else need know where it is."""
    return message.replace(f"{folder}{os.sep}", "").replace(str(folder), "upload")


def _entries(folder: Path, settings: ReadSettings) -> Iterator[Entry]:
    """What is there to read: a single file whatever it is, of several those that may be images."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return find(files if len(files) == 1 else [folder], settings)


def _plans(tree: Path, settings: ReadSettings) -> Iterator[_Plan]:
    entries = list(_entries(tree, settings))
    plans = [_Plan(entry.name, _spots(entry)) for entry in entries]
    claimed = {spot.path for plan in plans for spot in plan.spots}
    for plan in plans:
        for header in (spot.path for spot in plan.spots if spot.path.suffix.lower() in HEADERS):
            plan.beside += [path for path in header.parent.iterdir() if path.is_file() and path not in claimed]
    yield from plans


def _spots(entry: Entry) -> list[Spot]:
    if entry.study is not None:
        return [header.spot for series in entry.study.series for header in series.headers]
    return [Spot(entry.path, entry.member, "", (entry.path.name,))]


def _admit(plan: _Plan, tree: Path, store: Store, settings: Settings) -> Found:
    """One study in the store; a zip file that does not hold what it states makes it a refused one."""
    with store.incoming() as part:
        code, message = "", ""
        try:
            files = _gathered(plan, tree, part, settings.read)
        except ReadError as error:
            code, message, files = code_of(error), without(str(error), tree), {}
        except OSError as error:
            raise write_error(part, error) from error
        first = next(iter(files.values()), None)
        patient, day = ("", None) if first is None else identity(first, store, settings)
        return Found(store.admit(files), plan.name, patient, day, code, message)


def _gathered(plan: _Plan, tree: Path, part: Path, settings: ReadSettings) -> dict[str, Path]:
    """The files of a study by safe paths: those on disk where they are, those of zip files unpacked into ``part``."""
    paths, files = SafePaths(), dict[str, Path]()
    for number, spot in enumerate(plan.spots):
        path = spot.path
        if spot.member is not None:
            path = part / f"member-{number}"
            path.write_bytes(archive.load(spot.path, spot.member, settings).data)
        files[paths.add(_name(spot, tree))] = path
    for number, source in enumerate(plan.beside):
        copy = part / f"beside-{number}"  # it may belong to several headers
        shutil.copyfile(source, copy)
        files[paths.add(source.relative_to(tree).as_posix())] = copy
    return files


def _name(spot: Spot, tree: Path) -> str:
    path = spot.path.relative_to(tree)
    return path.as_posix() if spot.member is None else f"{path.with_suffix('').as_posix()}/{spot.member}"

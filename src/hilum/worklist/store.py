"""The reader's folder: what was uploaded, and the results made of it, a folder a study.

::

    <folder>/studies/<id>/upload/...          the files as they came, their names made safe
                          image.nii.gz        the film or CT as a browser shows it, and image.json about it
                          versions/<n>/       results: 0 is Hilum's, the others are readers' corrections
             incoming/<token>/                what is being received or made; cleared at a start once it is old

Everything appears under its final name by one rename, when it is whole.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import unicodedata
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Lock

from hilum.writers.whole import MARKER, STALE_SECONDS, write_error

IMAGE, IMAGE_FACTS = "image.nii.gz", "image.json"
"""The film or CT of a study as a browser shows it, and what there is to know of it beforehand."""

LAYERS = "layers"
"""Folder within a version: label maps and maps of probability on the grid of :data:`IMAGE`."""

STUDY_ID = re.compile(r"[0-9a-f]{32}")
"""What the id of a study looks like."""

_SALT = "salt"

_COUNT_SECONDS = 60.0
"""So long a count of the bytes in use is believed."""

_NAME_BYTES, _DEPTH = 120, 12


class Store:
    """The folder of a reader.

    Parameters
    ----------
    folder : made if need be, for its owner only

    Raises
    ------
    WriteError
        It cannot be made, or not be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder = folder.absolute()
        self._studies, self._incoming = folder / "studies", folder / "incoming"
        self._counted: tuple[float, int] = (-_COUNT_SECONDS, 0)
        self._lock = Lock()
        try:
            for each in (folder, self._studies, self._incoming):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(folder, error) from error

    def clear(self) -> None:
        """Remove what earlier runs did not finish; what is younger than an hour may be somebody's who works now."""
        for left in self._incoming.iterdir():
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def incoming(self) -> Generator[Path]:
        """An empty folder on the same disk, which is gone with all that is left in it when the block ends.

        Raises
        ------
        WriteError
            The folder cannot be made.
        """
        made = self._incoming / secrets.token_hex(12)
        try:
            made.mkdir(mode=0o700)
        except OSError as error:
            raise write_error(made, error) from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def path(self, study: str) -> Path:
        """The folder of a study; ValueError if that is no id of one."""
        if not STUDY_ID.fullmatch(study):
            raise ValueError(f"no id of a study: {study!r}")
        return self._studies / study

    def upload(self, study: str) -> Path:
        """The folder of the files that a study came in."""
        return self.path(study) / "upload"

    def image(self, study: str) -> Path:
        """The file that a browser shows."""
        return self.path(study) / IMAGE

    def version(self, study: str, number: int) -> Path:
        """The folder of a version's results."""
        return self.path(study) / "versions" / str(int(number))

    def versions(self, study: str) -> list[int]:
        """The numbers of the versions that are there, in their order."""
        folder = self.path(study) / "versions"
        found = [int(each.name) for each in folder.iterdir() if each.name.isdigit()] if folder.is_dir() else []
        return sorted(number for number in found if (self.version(study, number) / MARKER).is_file())

    def files(self, study: str, number: int) -> dict[str, Path]:
        """The results of a version by their names, layers left out."""
        folder = self.version(study, number)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return {each.name: each for each in found if each.is_file() and not each.name.startswith(".")}

    def admit(self, files: Mapping[str, Path], study: str = "") -> str:
        """Take received files in as a study, and give back its id.

        Parameters
        ----------
        files : by their path below ``upload``, as of :class:`SafePaths`; they are moved
        study : id that it gets; empty for a new one

        Raises
        ------
        WriteError
            The disk refuses.
        """
        study = study or uuid.uuid4().hex
        with self.incoming() as part:
            try:
                for name, source in files.items():
                    target = part / "upload" / name
                    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    source.rename(target)
                (part / "upload").mkdir(mode=0o700, exist_ok=True)
                part.rename(self.path(study))
            except OSError as error:
                raise write_error(self.path(study), error) from error
        return study

    def put_version(self, study: str, number: int, folder: Path) -> None:
        """Make a whole folder of results the version of that number, in place of one that was there.

        Raises
        ------
        WriteError
            The disk refuses, or the study is gone.
        """
        target = self.version(study, number)
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            with self.incoming() as aside:
                if target.exists():
                    target.rename(aside / "old")
                folder.rename(target)
        except OSError as error:
            raise write_error(target, error) from error

    def put_image(self, study: str, folder: Path) -> None:
        """Move the image of a study, with its facts, out of a folder; WriteError if the disk refuses."""
        try:
            for name in (IMAGE_FACTS, IMAGE):
                (folder / name).replace(self.path(study) / name)
        except OSError as error:
            raise write_error(self.image(study), error) from error

    def remove(self, study: str) -> None:
        """Remove a study with all that was made of it, at once for whoever looks; nothing if it is not there."""
        with self.incoming() as part, suppress(FileNotFoundError):
            self.path(study).rename(part / study)

    def used_bytes(self, added: int = 0) -> int:
        """Bytes that the folder holds, counted a minute ago at most.

        Parameters
        ----------
        added : bytes that have come since, to be counted in from now on
        """
        with self._lock:
            when, count = self._counted
            if time.monotonic() - when > _COUNT_SECONDS:
                when, count = time.monotonic(), sum(_sizes(self.folder))
            self._counted = (when, count + added)
            return count + added

    def salt(self) -> bytes:
        """Random bytes of this folder, by which pseudonyms are made.

        Raises
        ------
        WriteError
            There are none yet, and they cannot be kept.
        """
        path = self.folder / _SALT
        with self._lock:
            if not path.is_file():
                part = self.folder / f".{secrets.token_hex(4)}"
                try:
                    part.touch(mode=0o600)
                    part.write_bytes(secrets.token_bytes(32))
                    part.rename(path)
                except OSError as error:
                    raise write_error(path, error) from error
            return path.read_bytes()


class SafePaths:
    """Relative paths of plain names that lead nowhere but down, from those that a stranger gave.

    Examples
    --------
    >>> paths = SafePaths()
    >>> paths.add("../../etc/pass wd"), paths.add("a.png"), paths.add("A.png")
    ('etc/pass_wd', 'a.png', 'A-2.png')
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, given: str) -> str:
        """A path that no other is, nor leads through; ``given`` has slashes or backslashes, and any characters."""
        parts = [_safe_name(part) for part in given.replace("\\", "/").split("/")]
        path = PurePosixPath(*([part for part in parts if part][-_DEPTH:] or ["file"]))
        if any(_key(each) in self._files for each in path.parents):
            path = PurePosixPath(_safe_name("_".join(path.parts)))
        stem, dot, ending = path.name.partition(".")
        number = 1
        while _key(path) in self._files or _key(path) in self._folders:
            number += 1
            path = path.with_name(f"{stem}-{number}{dot}{ending}")
        self._files.add(_key(path))
        self._folders.update(_key(each) for each in path.parents)
        return path.as_posix()


def _key(path: PurePosixPath) -> str:
    return path.as_posix().casefold()


def _safe_name(name: str) -> str:
    """A name of letters, digits, dots, dashes and underscores that does not begin with a dot; empty for none."""
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name)).lstrip(".-")
    if len(plain.encode(errors="replace")) > _NAME_BYTES:
        ending = "".join(PurePosixPath(plain).suffixes[-2:])[-16:]
        plain = plain.encode()[: _NAME_BYTES - len(ending.encode())].decode(errors="ignore") + ending
    return plain


def _sizes(folder: Path) -> Generator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield (Path(place) / name).lstat().st_size

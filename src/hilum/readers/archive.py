"""Zip files: checked against their limits, unpacked in memory one entry at a time, never onto the disk."""

from __future__ import annotations

import copy
import sys
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path, PurePosixPath

from hilum.errors import ReadError, UnsafeArchive
from hilum.settings import ReadSettings

from .content import HEAD_BYTES, Content

_BLOCK = 1 << 20
"""Bytes unpacked at a time."""

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What Python's zip module raises about a damaged, encrypted or exotic archive."""


def is_zip(head: bytes | bytearray) -> bool:
    """Whether a file that begins so is a zip archive (an empty one has another mark)."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def members(path: Path, settings: ReadSettings) -> tuple[str, ...]:
    """Names of the files in an archive, in alphabetical order, once its limits have been checked.

    Raises
    ------
    UnsafeArchive
        It states too many files or too much data, its parts overlap, or a path leaves it.
    ReadError
        It is damaged.
    """
    return tuple(sorted(info.filename for info in _open(path, settings).infolist() if not info.is_dir()))


def head(path: Path, member: str, settings: ReadSettings) -> bytes:
    """The first bytes of a file in an archive; none if they cannot be had, which whoever loads it will hear."""
    try:
        with _open(path, settings).open(member) as file:
            return file.read(HEAD_BYTES)
    except (KeyError, ReadError, *_BROKEN):
        return b""


def load(path: Path, member: str, settings: ReadSettings) -> Content:
    """One file of an archive, unpacked in memory.

    The size that the archive states for it bounds what is unpacked, and the sum of the stated sizes is within the
    limit: an archive that states less than it holds is found out here.

    Raises
    ------
    UnsafeArchive
        The file unpacks to more than stated or allowed, or is an archive itself.
    ReadError
        It is damaged, encrypted, or not there.
    """
    place = f"'{member}' in '{path}'"
    archive = _open(path, settings)
    try:
        info = archive.getinfo(member)
        if info.flag_bits & 1:
            raise ReadError(f"Cannot read {place}: it is encrypted. Unpack it with its password.", path=path)
        data = _unpack(archive, info, place, path)
    except KeyError as error:
        raise ReadError(f"There is no '{member}' in '{path}'. Check its name.", path=path) from error
    except _BROKEN as error:
        raise UnsafeArchive(
            f"Cannot read {place}: it does not unpack to what the archive states ({error}). Pack it again.",
            path=path,
        ) from error
    return Content(PurePosixPath(member).name, place, f"{path}/{member}", data).require_bytes()


def _open(path: Path, settings: ReadSettings) -> zipfile.ZipFile:
    """An archive within its limits; the last few stay open, since a series has its slices read one by one."""
    try:
        state = path.stat()
        return _opened(path.absolute(), (state.st_mtime_ns, state.st_size), path, settings)
    except _BROKEN as error:
        raise ReadError(f"Cannot read the zip file '{path}': {error}. Copy or pack it again.", path=path) from error


@lru_cache(maxsize=4)
def _opened(absolute: Path, _state: tuple[int, int], path: Path, settings: ReadSettings) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(absolute)
    try:
        _check(archive, path, settings)
    except BaseException:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, path: Path, settings: ReadSettings) -> None:
    """Raise UnsafeArchive if what the archive states of itself is over a limit."""
    infos = archive.infolist()
    if len(infos) > settings.zip_max_files:
        raise _unsafe(path, f"it holds {len(infos):,} files", f"{settings.zip_max_files:,} (read.zip_max_files)")
    for info in infos:
        if not _stays_inside(info.filename):
            raise UnsafeArchive(
                f"Cannot read the zip file '{path}': its entry {info.filename!r} has a path that leaves the archive. "
                "Nothing was unpacked. Do not trust it; pack the films again.",
                path=path,
            )
        if info.file_size > settings.zip_max_ratio * max(info.compress_size, 1):
            found = f"its entry '{info.filename}' unpacks to {info.file_size / max(info.compress_size, 1):,.0f} times"
            raise _unsafe(path, f"{found} its size", f"{settings.zip_max_ratio} times (read.zip_max_ratio)")
    stated = sum(info.file_size for info in infos)
    if stated > settings.zip_max_mb * 1_000_000:
        found = f"it unpacks to {stated / 1e6:,.0f} MB"
        raise _unsafe(path, found, f"{settings.zip_max_mb:,} MB (read.zip_max_mb)")
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise UnsafeArchive(
            f"Cannot read the zip file '{path}': its entries overlap, as those of a zip bomb do. Pack it again.",
            path=path,
        )


def _unsafe(path: Path, found: str, limit: str) -> UnsafeArchive:
    return UnsafeArchive(
        f"Cannot read the zip file '{path}': {found}, and the limit is {limit}. Nothing was unpacked. If the archive "
        "is to be trusted, raise the limit or unpack it yourself and give the folder.",
        path=path,
    )


def _stays_inside(name: str) -> bool:
    """Whether an entry's path is relative and does not climb, on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in name.split("/", maxsplit=1)[0][:2]


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str, path: Path) -> bytes:
    """The bytes of an entry, counted as they come."""
    made = bytearray()
    unbounded = copy.copy(info)
    unbounded.file_size = sys.maxsize  # else the zip module stops at the stated size, and nobody knows
    with archive.open(unbounded) as file:
        while block := file.read(_BLOCK):
            made += block
            if len(made) > info.file_size:
                raise UnsafeArchive(
                    f"Cannot read {place}: it unpacks to more than the {info.file_size:,} bytes that the archive "
                    "states. Do not trust the archive; pack the films again.",
                    path=path,
                )
    if is_zip(made):
        raise UnsafeArchive(
            f"Cannot read {place}: it is a zip file inside a zip file. Unpack the outer one and give the folder.",
            path=path,
        )
    return bytes(made)

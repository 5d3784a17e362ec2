"""Files and folders that appear under their final name only when they are whole.

Everything is written under a hidden name beside the final one and renamed at the end, so that neither an error
nor a kill leaves half a result where somebody may read it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import secrets
import shutil
import time
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path

from hilum.errors import WriteError

MARKER = "result.json"
"""The file by which a folder is known as a result of Hilum's, which a later run may replace."""

STALE_SECONDS = 3600.0
"""What was left unfinished and untouched for this long belongs to a run that was killed: no case takes an hour."""

HIDDEN = ".hilum-"
"""What the names of unfinished files and folders begin with; what was left under such names is cleared up."""

_REASONS = {
    errno.ENOSPC: "the disk is full. Free some space there, or choose another output folder",
    errno.EDQUOT: "the disk quota is used up. Free some space there, or choose another output folder",
    errno.EACCES: "there is no permission to write there. Choose another output folder",
    errno.EPERM: "there is no permission to write there. Choose another output folder",
    errno.EROFS: "that place is read-only. Choose another output folder",
    errno.ENOTDIR: "a part of that path is a file, and a folder was expected. Choose another output folder",
    errno.EEXIST: "there is a file of that name, and a folder was expected. Choose another output folder",
    errno.ENAMETOOLONG: "the name is too long for that disk. Give the case a shorter name",
}


def write_error(path: Path, error: OSError) -> WriteError:
    """The sentence for a file or folder that could not be written."""
    reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}. Choose another output folder")
    return WriteError(f"Cannot write {str(path)!r}: {reason}.", path=path)


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """A name to write to, which becomes ``path`` when the block ends well and vanishes when it does not.

    The parent folder is created. The temporary name ends like ``path``, in small letters, for writers that go by it.

    Raises
    ------
    WriteError
        The file could not be written; what stood under ``path`` before still does.
    """
    unfinished = path.with_name(f"{HIDDEN}{secrets.token_hex(4)}{''.join(path.suffixes[-2:]).lower()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, marker: str = MARKER) -> Generator[Path]:
    """An empty folder to fill, which becomes ``path`` when the block ends well and vanishes when it does not.

    A result that stands under ``path`` is replaced by two renames. A kill between them, or before, leaves hidden
    folders beside ``path``: the next call for the same path brings a displaced result back, and a later run clears
    up what was left unfinished.

    Parameters
    ----------
    path : of the folder
    marker : the file by which a folder is known as one that may be replaced

    Raises
    ------
    WriteError
        The folder could not be written, or ``path`` is taken by something that is no result of Hilum's; what
        stood under ``path`` before still does.
    """
    unfinished = path.with_name(f"{HIDDEN}{secrets.token_hex(4)}")
    displaced = path.with_name(
        f"{HIDDEN}{hashlib.sha256(path.name.encode(errors='surrogateescape')).hexdigest()[:16]}.old"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_stale(path.parent)
        _bring_back(displaced, path)
        _require_replaceable(path, marker)
        unfinished.mkdir()
        yield unfinished
        _swap(unfinished, path, displaced)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _require_replaceable(path: Path, marker: str) -> None:
    """Refuse a folder that holds somebody's other files."""
    if path.is_dir() and not (path / marker).is_file() and any(path.iterdir()):
        raise WriteError(
            f"Cannot write {str(path)!r}: a folder of that name is there, and it holds no {marker}, so it is not a "
            "result of an earlier run and will not be replaced. Choose another output folder.",
            path=path,
        )
    if path.exists() and not path.is_dir():
        raise FileExistsError(errno.EEXIST, "not a folder", str(path))


def _swap(unfinished: Path, path: Path, displaced: Path) -> None:
    """Rename ``unfinished`` to ``path``, putting what stands there out of the way."""
    if path.exists():
        path.rename(displaced)
    try:
        unfinished.rename(path)
    except OSError:
        _bring_back(displaced, path)
        raise
    shutil.rmtree(displaced, ignore_errors=True)


def _bring_back(displaced: Path, path: Path) -> None:
    """Put right what a run that ended between the two renames of :func:`_swap`, or just after them, left."""
    if not displaced.exists():
        return
    if path.exists():
        shutil.rmtree(displaced, ignore_errors=True)
    else:
        displaced.rename(path)


@lru_cache(maxsize=64)
def _clear_stale(folder: Path) -> None:
    """Remove what killed runs left unfinished in a folder; once a process, since a folder may hold very many cases."""
    for left in folder.glob(f"{HIDDEN}*"):
        with contextlib.suppress(OSError):
            if left.suffix == ".old" or time.time() - left.stat().st_mtime < STALE_SECONDS:
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()

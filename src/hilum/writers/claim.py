"""A folder, or a file, that one process at a time may work in."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import IO

from hilum.errors import SettingsError


def claimed(folder: Path, *, worker: str, name: str, setting: str) -> IO[str]:
    """A file that holds others off from a folder, made if need be, for as long as it is open.

    Parameters
    ----------
    folder : to be worked in
    worker, name : what works there and what the folder is called, such as ``node`` and ``spool``
    setting : by which another one can be chosen, such as ``node.spool``

    Raises
    ------
    SettingsError
        The folder cannot be used, or another process works in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (folder / "lock").open("w", encoding="ascii")
    except OSError as error:
        raise SettingsError(
            f"Cannot use the {name} {str(folder)!r}: {error.strerror or error}. Change {setting}."
        ) from error
    if not locked(file.fileno()):
        file.close()
        raise SettingsError(f"Another {worker} works in the {name} {str(folder)!r}. Give each its own {setting}.")
    return file


def locked(descriptor: int) -> bool:
    """Lock an open file for as long as it is open; False if another process has.

    Where the system or the disk has no such locks, nobody is held off.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True

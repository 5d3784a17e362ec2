"""A folder whose files are taken in once they have stopped growing, and left where they are."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .disk import read_json, write_json
from .intake import take_file
from .queue import Queue

SEEN = "watched.json"
"""File in the spool that names what was taken, by path, size and time."""


class WatchedFolder:
    """Takes in the files below a folder.

    Parameters
    ----------
    queue : takes them
    folder : searched to the bottom; hidden files are left out
    """

    def __init__(self, queue: Queue, folder: Path) -> None:
        self._queue, self._folder = queue, folder
        self._record = queue.folder / SEEN
        self._seen: dict[str, str] = read_json(self._record)
        self._last: dict[str, str] = {}

    def step(self) -> int:
        """Take in the files that are new, and have not changed since the last step; how many.

        Raises
        ------
        OSError
            The folder cannot be read; or a file cannot, of which the others were taken in.
        """
        found = self._marks()
        steady = [name for name, mark in found.items() if self._last.get(name) == mark != self._seen.get(name)]
        self._last = found
        taken, trouble = 0, None
        for name in steady:
            try:
                fate = take_file(self._queue, self._folder / name)
            except FileNotFoundError:  # somebody took it away
                continue
            except OSError as error:
                trouble = error
                continue
            if fate == "full":
                break
            self._seen[name] = found[name]
            taken += 1
        gone = [name for name in self._seen if name not in found]
        for name in gone:
            del self._seen[name]
        if taken or gone:
            write_json(self._record, self._seen)
        if trouble is not None:
            raise trouble
        return taken

    def _marks(self) -> dict[str, str]:
        """Size and time of every file, by its path below the folder."""
        marks: dict[str, str] = {}
        if not self._folder.is_dir():
            raise FileNotFoundError(self._folder)
        for place, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                path = Path(place, name)
                with suppress(FileNotFoundError):  # somebody took it away
                    if not name.startswith(".") and path.is_file():
                        state = path.stat()
                        marks[path.relative_to(self._folder).as_posix()] = f"{state.st_size} {state.st_mtime_ns}"
        return marks

"""A folder whose files are taken in once they have stopped growing, and left where they are."""

from __future__ import annotations

import os
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
            The folder cannot be read.
        """
        found = self._marks()
        steady = [name for name, mark in found.items() if self._last.get(name) == mark != self._seen.get(name)]
        self._last = found
        taken = 0
        for name in steady:
            if take_file(self._queue, self._folder / name) == "full":
                break
            self._seen[name] = found[name]
            taken += 1
        gone = [name for name in self._seen if name not in found]
        for name in gone:
            del self._seen[name]
        if taken or gone:
            write_json(self._record, self._seen)
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
                if name.startswith(".") or not path.is_file():
                    continue
                state = path.stat()
                marks[path.relative_to(self._folder).as_posix()] = f"{state.st_size} {state.st_mtime_ns}"
        return marks

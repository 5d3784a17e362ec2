"""What all source readers share: how a layout is recognised, where it begins in a folder, and small readings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hilum.datasets.schema import SPLITS, CaseTable, DatasetCase, Split
from hilum.errors import ReadError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Endings of pictures."""

VOLUMES = (".nii.gz", ".nii")
"""Endings of volumes."""

WHITE = 127
"""Masks drawn in black and white hold what is brighter than this; edges of some are smoothed."""

_DEPTH = 3
"""How many folders may stand round a layout, as archives are unpacked into folders of their own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A source: the folders and files by which it is known, and the function that reads it.

    Attributes
    ----------
    id : name in commands and tables
    title : a line for people
    marks : patterns of paths, below the place where the layout begins; each set of them is one way to know it
    cases : from that place to its cases
    """

    id: str
    title: str
    marks: tuple[tuple[str, ...], ...]
    cases: Callable[[Path], Iterable[DatasetCase]]

    def root(self, folder: Path) -> Path | None:
        """Where the layout begins: the folder, or one a few levels below it; None if nowhere."""
        return next((place for level in levels(folder) for place in level if self.is_at(place)), None)

    def recognise(self, folder: Path) -> bool:
        """The folder, or one a few levels below it, has this layout."""
        return self.root(folder) is not None

    def read(self, folder: Path) -> CaseTable:
        """Every case of the folder.

        Raises
        ------
        ReadError
            The folder has another layout, a file is missing or cannot be understood, or there are no cases.
        """
        root = self.root(folder)
        if root is None:
            ways = ", or ".join(" and ".join(repr(mark) for mark in marks) for marks in self.marks)
            raise ReadError(f"{str(folder)!r} has not the layout {self.id!r}: {ways} must be there.", path=folder)
        try:
            table = CaseTable.of(self.cases(root))
        except ValueError as error:
            raise ReadError(f"Cannot read {str(root)!r} as {self.id!r}: {error}.", path=root) from error
        if not len(table):
            raise ReadError(f"{str(root)!r} has the layout {self.id!r}, but none of its images.", path=root)
        return table

    def is_at(self, place: Path) -> bool:
        """The layout begins right here."""
        return any(all(_has(place, mark) for mark in marks) for marks in self.marks)


def named(folder: Path, pattern: str) -> list[tuple[Path, re.Match[str]]]:
    """The files of a folder whose whole names match, numbers in them in the order of their value."""
    if not folder.is_dir():
        return []
    found = [(path, match) for path in folder.iterdir() if (match := re.fullmatch(pattern, path.name))]
    return sorted(found, key=lambda item: natural(item[0].name))


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers within names by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def beside(folder: Path, stem: str, endings: Iterable[str]) -> Path | None:
    """The file of a stem with one of the endings; None if there is none."""
    return next((path for ending in endings if (path := folder / f"{stem}{ending}").is_file()), None)


def stem_of(path: Path) -> str:
    """The name without its ending, ``.nii.gz`` being one."""
    return next((path.name.removesuffix(ending) for ending in VOLUMES if path.name.endswith(ending)), path.stem)


def required(path: Path | None, what: str, folder: Path) -> Path:
    """The path; ReadError, with what it is, if it is None."""
    if path is None:
        raise ReadError(f"{str(folder)!r} holds no {what}.", path=folder)
    return path


def split_of(text: str, path: Path) -> Split:
    """The part of the data that a table names; ReadError if it names another."""
    for split in SPLITS:
        if split == text:
            return split
    raise ReadError(f"{str(path)!r}: the split is {text!r}; known: {', '.join(SPLITS[1:])}.", path=path)


def number(text: str, what: str, table: Path, highest: float) -> float:
    """A number from a table, 0 to the highest; ReadError for anything else."""
    try:
        value = float(text)
    except ValueError as error:
        raise ReadError(f"{str(table)!r}: {what} is {text!r}; expected a number.", path=table) from error
    if not 0 <= value <= highest:
        raise ReadError(f"{str(table)!r}: {what} is {text}; expected 0 to {highest:g}.", path=table)
    return value


def levels(folder: Path) -> Iterator[list[Path]]:
    """The folder, the folders in it, those in them and so on, a few times, each level in the order of the names."""
    level = [folder] if folder.is_dir() else []
    for _ in range(_DEPTH + 1):
        yield level
        level = [Path(entry.path) for place in level for entry in _folders(place)]


def _folders(place: Path) -> list[os.DirEntry[str]]:
    with os.scandir(place) as entries:
        found = [entry for entry in entries if not entry.name.startswith((".", "__")) and entry.is_dir()]
    return sorted(found, key=lambda entry: entry.name)


def _has(place: Path, mark: str) -> bool:
    """Something of this name, or pattern, is there."""
    return next(place.glob(mark), None) is not None if "*" in mark else (place / mark).exists()

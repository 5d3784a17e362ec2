"""The cases of a cohort: from folders, files, patterns and lists, with what a list says of each."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from hilum.errors import MissingExtra, ReadError
from hilum.provenance import hash_file
from hilum.readers import Entry, find
from hilum.readers.spots import Spot
from hilum.registry import unknown
from hilum.settings import Settings
from hilum.writers.tables import COLUMNS
from hilum.writers.whole import MARKER

from .remote import AnyEntry, RemoteEntry, content_stamp, entries_of_list, is_url, list_urls, own_name

log = logging.getLogger(__name__)

LIST_SUFFIXES = (".csv", ".tsv", ".parquet")
"""Endings of inputs that are lists of paths."""

GROUPS = ("patient", "date", "site", "sex", "age")
"""Columns of a list that go into the table of results if they are there."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """What to work on.

    Attributes
    ----------
    entries : the cases, each with a name of its own
    groups : by the name of a case, what its list says of it, in text
    left_out : files that are results of Hilum
    """

    entries: tuple[AnyEntry, ...]
    groups: Mapping[str, Mapping[str, str]]
    left_out: int = 0


def cohort_of(
    inputs: Sequence[str | Path], settings: Settings, *, path_column: str = "path", groups: Sequence[str] = ()
) -> Cohort:
    """The cases of all inputs.

    A file that a list names and that is not there is a case, and fails; one that is named as an input is an error.

    Parameters
    ----------
    inputs : each a film, a volume, a folder, a zip file, a pattern such as ``films/**/*.png``, a list (``.csv``,
        ``.tsv``, ``.parquet``) with a column of URLs and paths, which are relative to the list's folder; or a URL of a
        file, a folder or a pattern (see :func:`~hilum.batch.remote.list_urls`)
    settings : limits of the readers, and the CT series wanted
    path_column : of lists
    groups : columns of lists to take besides :data:`GROUPS`

    Raises
    ------
    ReadError
        An input does not exist or holds no images, a list has not the columns, lists contradict themselves, or nothing
        is left to do.
    MissingExtra
        A list is Parquet and pyarrow is not installed, or there is a URL and fsspec is not.
    """
    rows: dict[str, Mapping[str, str]] = {}
    paths: list[Path] = []
    urls: list[str] = []
    for given in map(str, inputs):
        if is_url(given):
            urls.append(given)
        elif given.lower().endswith(LIST_SUFFIXES) and Path(given).is_file():
            for path, cells in _rows(Path(given), path_column, (*GROUPS, *groups)):
                place = path if isinstance(path, str) else _place(path)
                rows[place] = cells if place not in rows else _both(rows[place], cells, path, Path(given))
                paths += [] if isinstance(path, str) else [path]
        else:
            paths += _matches(given)
    is_there = {path: os.path.exists(path) for path in paths}  # noqa: PTH110 - to which no name is too long
    there = [path for path in paths if is_there[path] or _place(path) not in rows]
    found = list(find(there, settings.read, series=settings.ct.series)) if there else []
    own = set(there)
    kept = [entry for entry in found if entry.path in own or not (entry.path.parent / MARKER).is_file()]
    gone = dict.fromkeys(path for path in paths if not is_there[path] and _place(path) in rows)
    here = (*kept, *(Entry(_name(path), path, settings=settings.read) for path in gone))
    remote, results = _remote(urls, list(filter(is_url, rows)), settings)
    entries = (*here, *_apart(remote, here))
    if not entries:
        raise ReadError("There is nothing to analyse: the inputs name no files, or only results of Hilum.")
    told = {entry.name: cells for entry in entries if (cells := _told(entry, rows))}
    return Cohort(entries, told, len(found) - len(kept) + results)


def _remote(urls: Sequence[str], of_lists: Sequence[str], settings: Settings) -> tuple[tuple[RemoteEntry, ...], int]:
    """The cases behind URLs that were given and that lists name, and how many files are results of Hilum."""
    given, left_out = list_urls(urls, settings.read)
    known = {entry.url for entry in given}
    listed = entries_of_list((url for url in of_lists if url not in known), settings.read)
    return (*given, *_apart(listed, given)), left_out


def _apart(entries: Iterable[RemoteEntry], others: Iterable[AnyEntry]) -> Iterator[RemoteEntry]:
    """Entries with names that no other has, capitals and small letters being alike."""
    taken = {other.name.casefold() for other in others}
    for entry in entries:
        clashes = entry.name.casefold() in taken
        yield replace(entry, name=own_name(entry.url)) if clashes else entry


def place_of(entry: AnyEntry) -> str:
    """Where the input of a case is: its path, the member of a zip file, the study; or its URL."""
    if isinstance(entry, RemoteEntry):
        return entry.url
    parts = (_place(entry.path), entry.member or "", "" if entry.study is None else entry.study.uid)
    return "\n".join(parts).rstrip("\n")


def stamp_of(entry: AnyEntry, *, by_content: bool = False) -> str:
    """What the input of a case is like now: size and time of change of its files, or their hash; empty if it is gone.

    Of a URL, what the storage told of its size and version when it was listed.

    Parameters
    ----------
    entry : the case
    by_content : read every byte, and do not care for the time of change
    """
    if isinstance(entry, RemoteEntry):
        return _remote_stamp(entry, by_content=by_content)
    paths = [entry.path]
    if entry.study is not None:
        paths = sorted({header.spot.path for header in entry.study.taken.headers})
    try:
        states = [path.stat() for path in paths]
        if by_content:
            digests = [_hash(path, s.st_size, s.st_mtime_ns) for path, s in zip(paths, states, strict=True)]
            return hashlib.sha256("".join(digests).encode()).hexdigest()
    except OSError:
        return ""
    seen = hashlib.sha256("\n".join(f"{state.st_size} {state.st_mtime_ns}" for state in states).encode())
    return f"{len(paths)}:{sum(state.st_size for state in states)}:{seen.hexdigest()[:16]}"


def _remote_stamp(entry: RemoteEntry, *, by_content: bool) -> str:
    if not by_content or not entry.state:
        return entry.state
    try:
        return content_stamp(entry)
    except Exception:  # each storage raises what it likes; the case itself will say it # noqa: BLE001
        return ""


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - a changed file is another file
    return hash_file(path)


@lru_cache(maxsize=1024)
def _folder(path: Path) -> Path:
    return path.resolve()


def _place(path: Path) -> str:
    """A path from the root, its folder's links followed."""
    return (_folder(path.parent) / path.name).as_posix()


def _name(path: Path) -> str:
    """A name that no other file has."""
    return list(Spot(path, None, path.parent.name, (path.name,)).names())[-1]


def _matches(given: str) -> list[Path]:
    if Path(given).exists() or not glob.has_magic(given):
        return [Path(given)]
    found = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    if not found:
        raise ReadError(f"No file or folder matches the pattern {given!r}. Check the path.", path=given)
    return [Path(each) for each in found]


def _told(entry: AnyEntry, rows: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """What the row of an entry's file says, or that of the nearest folder above."""
    if not rows:
        return {}
    if isinstance(entry, RemoteEntry):
        return rows.get(entry.url, {})
    place = Path(_place(entry.path))
    return next((rows[key] for key in (str(each) for each in chain([place], place.parents)) if key in rows), {})


def _rows(path: Path, path_column: str, groups: Sequence[str]) -> Iterator[tuple[Path | str, dict[str, str]]]:
    """The path or URL and the group cells of each row of a list."""
    columns, rows = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    if path_column not in columns:
        raise ReadError(
            f"The list '{path}' has no column of paths. {unknown('column', path_column, columns)} Name it with "
            "--path-column.",
            path=path,
        )
    taken = [column for column in dict.fromkeys(groups) if column in columns and column != path_column]
    if clash := next((column for column in taken if column in COLUMNS), ""):
        raise ReadError(f"The column {clash!r} of '{path}' cannot be taken over: results have one of that name.")
    if missing := next((column for column in groups if column not in columns and column not in GROUPS), ""):
        raise ReadError(f"{unknown('column', missing, columns)} It was asked for of '{path}'.", path=path)
    without = 0
    try:
        for row in rows:
            if given := row.get(path_column):
                cells = {column: row.get(column) or "" for column in taken}
                yield given if is_url(given) else path.parent / given, cells
            else:
                without += 1
    except csv.Error as error:
        raise _no_csv(path, error) from error
    if without:
        log.warning("rows of '%s' with nothing in the column %r are left out: %d", path, path_column, without)


def _both(known: Mapping[str, str], cells: Mapping[str, str], image: Path | str, path: Path) -> Mapping[str, str]:
    """What two rows say of one image, if they do not contradict each other."""
    for column in cells:
        if known.get(column) and cells[column] and known[column] != cells[column]:
            raise ReadError(
                f"The list '{path}' names '{image}' with {column} {cells[column]!r}, and an earlier row with "
                f"{known[column]!r}: an image is of one. Correct the list.",
                path=path,
            )
    return {**known, **{column: cell for column, cell in cells.items() if cell or column not in known}}


def _csv(path: Path) -> tuple[Sequence[str], Iterable[Mapping[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise _no_csv(path, "it holds zero bytes")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval="")
        return tuple(reader.fieldnames or ()), reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _no_csv(path, error) from error


def _no_csv(path: Path, why: object) -> ReadError:
    return ReadError(f"Cannot read the list '{path}': {why}. A CSV file in UTF-8 is wanted.", path=path)


def _parquet(path: Path) -> tuple[Sequence[str], Iterable[Mapping[str, str]]]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Reading Parquet", "cluster") from error
    try:
        table: Any = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise ReadError(f"Cannot read the list '{path}': {error}. A Parquet file is wanted.", path=path) from error
    rows = ({key: "" if cell is None else str(cell) for key, cell in row.items()} for row in table.to_pylist())
    return tuple(table.column_names), rows

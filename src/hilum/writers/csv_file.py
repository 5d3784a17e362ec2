"""CSV files that appear under their final name only when they are whole."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .whole import whole_file


def write_csv(path: Path, heads: Sequence[object], rows: Iterable[Iterable[object]], *, errors: str = "strict") -> None:
    """Write a table, a row of heads first; None is an empty cell.

    Parameters
    ----------
    path : the file
    heads : names of the columns
    rows : cells, in the order of the heads
    errors : what becomes of characters that UTF-8 cannot hold, as of :func:`open`; names of files may have some

    Raises
    ------
    WriteError
        The file could not be written; what stood in its place before still does.
    """
    with (
        whole_file(path) as unfinished,
        unfinished.open("w", encoding="utf-8", errors=errors, newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(heads)
        table.writerows(rows)


def write_records(
    path: Path, heads: Sequence[str], records: Iterable[Mapping[str, object]], *, errors: str = "strict"
) -> None:
    """Write a table of records by :func:`write_csv`'s rules; what a record lacks is an empty cell.

    Raises
    ------
    ValueError
        A record holds what has no column.
    WriteError
        The file could not be written; what stood in its place before still does.
    """
    with (
        whole_file(path) as unfinished,
        unfinished.open("w", encoding="utf-8", errors=errors, newline="") as file,
    ):
        table = csv.DictWriter(file, heads, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(records)

"""From what a person names (a table, a database, a downloaded folder) to one table of cases."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from pathlib import Path

from hilum.errors import ReadError

from .case_csv import is_case_table
from .schema import CaseTable

TABLE = "cases.csv"
"""The table of a database that Hilum made."""


def open_tables(paths: Iterable[Path], source: str = "") -> CaseTable:
    """The cases of all that is named, in its order.

    Parameters
    ----------
    paths : each a table of cases, a folder that holds one as ``cases.csv``, or a folder in the layout of a known source
    source : id of that layout; empty takes the one that a folder is seen to have

    Raises
    ------
    UnsupportedFormat
        A folder has none of the known layouts.
    ReadError
        A table or folder cannot be read, or two of them hold the same case.
    """
    tables = [_open(path, source) for path in paths]
    try:
        return reduce(CaseTable.__add__, tables, CaseTable(()))
    except ValueError as error:
        raise ReadError(f"These tables cannot be put together: {error}.") from error


def _open(path: Path, source: str) -> CaseTable:
    if path.is_file() or not path.exists():
        return CaseTable.read_csv(path)
    if not source and is_case_table(path / TABLE):
        return CaseTable.read_csv(path / TABLE)
    from .sources import read_source

    return read_source(path, source)

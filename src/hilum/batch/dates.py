"""When results are of: as it is told, or as the list of their cohort had it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from hilum.errors import ReadError
from hilum.wording import counted
from hilum.writers.tables import TABLE

_DATE = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})(?:[T ].*)?")


def read_date(text: str) -> date | None:
    """The date that a text begins with, as 2020-03-31 or 20200331; None if there is none."""
    found = _DATE.fullmatch(text.strip())
    try:
        return date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:
        return None


def dates_of(folders: Sequence[Path], told: Sequence[str] = ()) -> tuple[date, ...]:
    """The dates of results, in their order; empty where none are told and the cohort's table has not all of them.

    Parameters
    ----------
    folders : of cases, or their ``result.json``; beside a case's folder there may be the table of its cohort
    told : one a result; empty looks into the tables

    Raises
    ------
    ReadError
        The dates told are not as many as the results, or one is no date; or dates run backwards.
    """
    if told:
        if len(told) != len(folders):
            raise ReadError(
                f"There are {counted(len(folders), 'result')} and {counted(len(told), 'date')}: give one for each, in "
                "their order."
            )
        found = [read_date(text) for text in told]
        for text, each in zip(told, found, strict=True):
            if each is None:
                raise ReadError(f"{text!r} is no date: write it as 2020-03-31.")
    else:
        found = [_in_table(folder if folder.is_dir() else folder.parent) for folder in folders]
    made = tuple(each for each in found if each is not None)
    if len(made) < len(folders):
        return ()
    for number in range(1, len(made)):
        if made[number] < made[number - 1]:
            raise ReadError(
                f"'{folders[number]}' is of {made[number]} and stands after '{folders[number - 1]}' of "
                f"{made[number - 1]}: give the results in the order of time.",
                path=folders[number],
            )
    return made


def _in_table(folder: Path) -> date | None:
    """The date that the cohort's table has for a case."""
    folder = folder.resolve()
    try:
        with (folder.parent / TABLE).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if (row.get("case") or "").removeprefix("'") == folder.name:
                    return read_date(row.get("date") or "")
    except (OSError, ValueError, csv.Error):
        return None
    return None

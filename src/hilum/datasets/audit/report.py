"""An audit as text, CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.datasets.explore.examine import Examination
from hilum.datasets.explore.page import render
from hilum.datasets.explore.thumbnail import thumbnail
from hilum.datasets.schema import DatasetCase
from hilum.errors import ReadError
from hilum.provenance import Json
from hilum.wording import counted
from hilum.writers.whole import whole_file

from .audit import Audit, ordered_kinds
from .defect import KINDS, Defect

SHOWN = 12
"""Most findings of a kind in the text."""

ROWS = 200
"""Most findings of a kind on the page."""

PICTURES = 12
"""Most findings of a kind that the page shows pictures of."""


COLUMNS = ("code", "gravity", "cases", "splits", "message")
"""Of ``audit.csv``; several cases of a finding, and their splits, are parted by blanks."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Pictures of the first two cases of a finding."""

    pictures: tuple[str, ...]
    words: str


def write_audit(audit: Audit, seen: Sequence[Examination], folder: Path) -> None:
    """Write the page, the table and the JSON of an audit into a folder.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    for name, text in (
        ("audit.html", render_audit(audit, seen)),
        ("audit.csv", as_csv(audit)),
        ("audit.json", json.dumps(as_json(audit), indent=2, ensure_ascii=False) + "\n"),
    ):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def render_audit(audit: Audit, seen: Sequence[Examination]) -> str:
    """The page, with its pictures inside: it opens anywhere and fetches nothing."""
    counts = audit.counts()
    groups = [(code, KINDS[code][1], _of(audit, code)) for code in counts]
    cases = {each.case.key: each.case for each in seen}
    return render(
        "audit.html.j2",
        audit=audit,
        sources=list(dict.fromkeys(each.case.source for each in seen)),
        kinds=[(code, KINDS[code][0].value, KINDS[code][1], counts.get(code, 0)) for code in ordered_kinds()],
        groups=groups,
        pictures={code: [_shown(defect, cases) for defect in found[:PICTURES]] for code, _, found in groups},
        most=ROWS,
    )


def as_text(audit: Audit) -> str:
    """The audit for a terminal."""
    return "\n".join(_lines(audit))


def as_csv(audit: Audit) -> str:
    """One row a finding; the splits are those of its cases, ``-`` where nobody has said."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in audit.defects:
        splits = " ".join(split or "-" for split in each.splits)
        writer.writerow((each.code, each.gravity.value, " ".join(each.cases), splits, each.message))
    return file.getvalue()


def as_json(audit: Audit) -> dict[str, Json]:
    """The audit as JSON."""
    return {
        "cases": audit.cases,
        "patients": audit.patients,
        "splits": dict(audit.splits),
        "counts": dict(audit.counts()),
        "defects": [
            {
                "code": each.code,
                "gravity": each.gravity.value,
                "cases": list(each.cases),
                "splits": list(each.splits),
                "message": each.message,
            }
            for each in audit.defects
        ],
    }


def read_leaks(path: Path) -> frozenset[str]:
    """The cases that an audit found in more than one part of the data: as copies, or as the same patient's.

    Parameters
    ----------
    path : ``audit.json``, as :func:`write_audit` writes it

    Raises
    ------
    ReadError
        It is no audit in JSON.
    """
    try:
        defects = [
            Defect(each["code"], tuple(each["cases"]), each["message"], tuple(each["splits"]))
            for each in json.loads(path.read_text(encoding="utf-8"))["defects"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadError(
            f"Cannot read {str(path)!r} as an audit ({type(error).__name__}: {error}). "
            "Give the audit.json that 'hilum datasets audit -o FOLDER' writes.",
            path=path,
        ) from error
    return frozenset(case for defect in defects if defect.is_leak for case in defect.cases)


def _lines(audit: Audit) -> Iterator[str]:
    yield f"{counted(audit.cases, 'case')} of {counted(audit.patients, 'patient')}"
    if not audit.defects:
        yield "Nothing was found."
    for code, count in audit.counts().items():
        gravity, title = KINDS[code]
        yield f"{gravity.value}: {title} ({code}): {count}"
        for each in _of(audit, code)[:SHOWN]:
            yield f"  {_named(each)}{each.message}"
        if count > SHOWN:
            yield f"  and {count - SHOWN} more"


def _named(defect: Defect) -> str:
    """The case's name, where the message does not have it."""
    return f"{defect.cases[0]}: " if len(defect.cases) == 1 else ""


def _of(audit: Audit, code: str) -> list[Defect]:
    return [defect for defect in audit.defects if defect.code == code]


def _shown(defect: Defect, cases: dict[str, DatasetCase]) -> Shown:
    pictures = (thumbnail(cases[key]) for key in defect.cases[:2])
    return Shown(tuple(picture for picture in pictures if picture), f"{_named(defect)}{defect.message}")

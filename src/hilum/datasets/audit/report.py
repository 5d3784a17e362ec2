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
from hilum.provenance import Json
from hilum.writers.whole import whole_file

from .audit import Audit, ordered_kinds
from .defect import KINDS, Defect

SHOWN = 12
"""Most findings of a kind in the text."""

ROWS = 200
"""Most findings of a kind on the page."""

PICTURES = 12
"""Most findings of a kind that the page shows pictures of."""


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
    """One row a finding: code, gravity, cases, message."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("code", "gravity", "cases", "message"))
    for each in audit.defects:
        writer.writerow((each.code, each.gravity.value, " ".join(each.cases), each.message))
    return file.getvalue()


def as_json(audit: Audit) -> dict[str, Json]:
    """The audit as JSON."""
    return {
        "cases": audit.cases,
        "patients": audit.patients,
        "splits": dict(audit.splits),
        "counts": dict(audit.counts()),
        "defects": [
            {"code": each.code, "gravity": each.gravity.value, "cases": list(each.cases), "message": each.message}
            for each in audit.defects
        ],
    }


def _lines(audit: Audit) -> Iterator[str]:
    yield f"{audit.cases} cases of {audit.patients} patients"
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

"""A patient's studies side by side: what changed between them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints

from hilum.batch.compare import compare
from hilum.errors import Error, code_of
from hilum.web.answers import StudyOut, study_out, title_of
from hilum.web.errors import ApiError
from hilum.web.reader import ReaderOf, in_words, study_row
from hilum.worklist import Study

router = APIRouter(tags=["compare"])

_Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]


class ChangeOut(BaseModel):
    """One quantity: a value a study; the last against the first; a verdict where the error is known."""

    what: str
    title: str
    region: str
    unit: str
    values: list[float | None]
    change: float | None
    error: float | None
    verdict: str


class Comparison(BaseModel):
    """Studies, the oldest first, and what changed between them."""

    studies: list[StudyOut]
    changes: list[ChangeOut]


@router.get("/compare")
def compared(reader: ReaderOf, study: Annotated[list[_Id], Query(min_length=2, max_length=12)]) -> Comparison:
    """What changed between the latest versions of studies; whether they are of one patient is not checked."""
    with reader.worklist.reading() as session:
        rows = sorted((study_row(session, each) for each in dict.fromkeys(study)), key=_when)
    if len(rows) < 2:
        raise ApiError(422, "one-study", "Two or more different studies are compared.")
    for row in rows:
        if row.latest_version < 0:
            raise ApiError(409, "no-results", f"The study {row.name} has no results (it is {row.state}).")
    try:
        changes = compare([reader.store.version(row.id, row.latest_version) for row in rows])
    except Error as error:
        raise ApiError(422, code_of(error), in_words(error, reader.store)) from error
    made = [
        ChangeOut(
            what=each.what,
            title=title_of(each.what),
            region=each.region,
            unit=each.unit,
            values=list(each.values),
            change=each.change,
            error=each.error,
            verdict=each.verdict,
        )
        for each in changes
    ]
    return Comparison(studies=[study_out(row) for row in rows], changes=made)


def _when(row: Study) -> tuple[str, str]:
    """By the date of the study; by that of the upload where nobody said it."""
    day = row.created.date() if row.date is None else row.date
    return day.isoformat(), row.created.isoformat()

"""Scores: what they mean, those that readers give, and the sign-off of a version."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select

from hilum.scoring import DEFINITIONS
from hilum.web.answers import Definition, ReaderScoreOut, SignOffOut, definition_out, sign_off_of
from hilum.web.audit import audit
from hilum.web.errors import ApiError
from hilum.web.reader import StudyId, Text, study_row, version_row
from hilum.web.users import CurrentVisitor, Worklist
from hilum.worklist import ReaderScore, SignOff

router = APIRouter(tags=["scores"])

VersionNumber = Annotated[int, Field(ge=0, le=100_000)]


class GivenScore(BaseModel):
    """A reader's own score of a version."""

    score: str = Field(max_length=100)
    value: float
    version: VersionNumber
    comment: Text = ""


class Signature(BaseModel):
    """The version that is signed."""

    version: VersionNumber
    comment: Text = ""


@router.get("/scores")
def definitions() -> list[Definition]:
    """Every score that there is, and what it means."""
    return [definition_out(DEFINITIONS[name]) for name in DEFINITIONS]


@router.get("/studies/{study_id}/reader-scores")
def reader_scores(study_id: StudyId, worklist: Worklist) -> list[ReaderScoreOut]:
    """All scores that readers gave, in the order of time; of one reader and score the last one counts."""
    with worklist.reading() as session:
        study_row(session, study_id)
        rows = session.scalars(select(ReaderScore).where(ReaderScore.study_id == study_id).order_by(ReaderScore.id))
        return [ReaderScoreOut.model_validate(row) for row in rows]


@router.put("/studies/{study_id}/reader-scores", status_code=201)
def give_score(study_id: StudyId, given: GivenScore, visitor: CurrentVisitor, worklist: Worklist) -> ReaderScoreOut:
    """Give a score of one's own; earlier ones are kept."""
    with worklist.writing() as session:
        version = version_row(session, study_id, given.version)
        if given.score not in version.scores or given.score not in DEFINITIONS:
            known = ", ".join(version.scores)
            raise ApiError(422, "no-such-score", f"The version has no such score; it has: {known}.")
        low, high = DEFINITIONS[given.score].range
        if not (math.isfinite(given.value) and low <= given.value <= high):
            raise ApiError(422, "out-of-range", f"{DEFINITIONS[given.score].title} runs from {low:g} to {high:g}.")
        row = ReaderScore(
            study_id=study_id,
            version=given.version,
            score=given.score,
            value=given.value,
            reader=visitor.name,
            comment=given.comment,
        )
        session.add(row)
        audit(session, visitor, "score.give", study_id, {"score": given.score, "version": given.version})
        session.flush()
        return ReaderScoreOut.model_validate(row)


@router.post("/studies/{study_id}/sign-off", status_code=201)
def sign(study_id: StudyId, signature: Signature, visitor: CurrentVisitor, worklist: Worklist) -> SignOffOut:
    """Sign a version off; no corrections are taken until that is revoked."""
    with worklist.writing() as session:
        study = study_row(session, study_id, lock=True)
        version_row(session, study_id, signature.version)
        if study.state != "done":
            raise ApiError(
                409, "not-to-be-signed", f"Only studies that are done are signed; this one is {study.state}."
            )
        row = SignOff(
            study_id=study_id, version=signature.version, user=visitor.name, comment=signature.comment, revoked=False
        )
        session.add(row)
        study.state = "signed"
        audit(session, visitor, "sign-off.add", study_id, {"version": signature.version})
        session.flush()
        return SignOffOut.model_validate(row)


@router.delete("/studies/{study_id}/sign-off", status_code=204)
def revoke(study_id: StudyId, visitor: CurrentVisitor, worklist: Worklist) -> None:
    """Revoke the sign-off: who signed may, and an admin."""
    with worklist.writing() as session:
        study = study_row(session, study_id, lock=True)
        row = sign_off_of(session, study_id)
        if row is None:
            raise ApiError(404, "not-signed", "The study is not signed off.")
        if visitor.role != "admin" and row.user != visitor.name:
            raise ApiError(403, "not-yours", "Only an admin, or who signed a study, may revoke that.")
        row.revoked, row.revoked_by, study.state = True, visitor.name, "done"
        audit(session, visitor, "sign-off.revoke", study_id, {"version": row.version})

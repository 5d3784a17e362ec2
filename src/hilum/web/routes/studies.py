"""Studies: the worklist, uploads, and a study with its image."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, func, or_, select
from starlette.concurrency import run_in_threadpool

from hilum.web.answers import State, Studies, StudyDetail, StudyOut, StudyPage, study_detail, study_out
from hilum.web.audit import audit
from hilum.web.downloads import file_response
from hilum.web.errors import ApiError
from hilum.web.intake import Found, take_in
from hilum.web.reader import Reader, ReaderOf, ShortText, StudyId, Text, study_row
from hilum.web.uploads import Received, a_file, described, receive
from hilum.web.users import CurrentVisitor, Visitor, Worklist
from hilum.worklist import Study
from hilum.worklist.results import THUMBNAIL_FILE
from hilum.worklist.store import LAYERS

router = APIRouter(tags=["studies"])

_FORM = described(
    "files",
    files={"type": "array", "items": a_file("a film, a slice, a volume, or a zip file of these")},
    patient={"type": "string", "maxLength": 100},
    date={"type": "string", "description": "ISO date; empty for none"},
    note={"type": "string", "maxLength": 2000},
    origin={"type": "string", "enum": ["upload", "client"]},
)

_SORTED_BY = {
    "created": Study.created,
    "severity": Study.severity,
    "name": Study.name,
    "state": Study.state,
    "patient": Study.patient,
    "date": Study.date,
}


class Told(BaseModel):
    """What somebody says of a study; what is left out stays as it is, or as DICOM has it."""

    model_config = ConfigDict(extra="forbid")

    patient: ShortText | None = None
    date: dt.date | None = None
    note: Text | None = None


class Asked(BaseModel):
    """Which studies are asked for, and in which order."""

    state: State | Literal[""] = ""
    modality: Literal["CXR", "CT", ""] = ""
    q: ShortText = Field(default="", description="a part of name, patient or note")
    patient: ShortText = ""
    sort: Literal["created", "severity", "name", "state", "patient", "date"] = "created"
    order: Literal["asc", "desc"] = "desc"
    page: int = Field(default=1, ge=1, le=1_000_000)
    size: int = Field(default=50, ge=1, le=500)


@router.get("/studies")
def studies(asked: Annotated[Asked, Query()], worklist: Worklist) -> StudyPage:
    """The worklist, a page at a time; studies without what they are sorted by come last."""
    wanted = _wanted(asked)
    of_state = [*wanted, Study.state == asked.state] if asked.state else wanted
    column = _SORTED_BY[asked.sort]
    direction = column.asc() if asked.order == "asc" else column.desc()
    with worklist.reading() as session:
        counts = session.execute(select(Study.state, func.count()).where(*wanted).group_by(Study.state)).all()
        total = session.scalar(select(func.count()).select_from(Study).where(*of_state)) or 0
        found = select(Study).where(*of_state).order_by(column.is_(None), direction, Study.created.desc(), Study.id)
        rows = session.scalars(found.offset((asked.page - 1) * asked.size).limit(asked.size)).all()
        return StudyPage(
            items=[study_out(row) for row in rows],
            total=total,
            page=asked.page,
            size=asked.size,
            counts={name: count for name, count in counts},  # noqa: C416 - rows of two cells
        )


def _wanted(asked: Asked) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    if asked.modality:
        made.append(Study.modality == asked.modality)
    if asked.patient:
        made.append(Study.patient == asked.patient)
    if asked.q:
        texts = (Study.name, Study.patient, Study.note)
        made.append(or_(*(each.icontains(asked.q, autoescape=True) for each in texts)))
    return made


@router.post("/studies", status_code=201, openapi_extra=_FORM)
async def upload(request: Request, visitor: CurrentVisitor, reader: ReaderOf) -> Studies:
    """Upload films and CT, as files, folders or zip files; each film or CT among them becomes a study."""
    store = reader.store
    left = await run_in_threadpool(reader.room)
    with store.incoming() as part:
        form = await receive(request, part, left=left)
        if not form.files:
            raise ApiError(422, "no-files", "The upload holds no file. Send at least one, in the field 'files'.")
        told = _told(form)
        found = await reader.apart(take_in, part, store, reader.settings)
    store.used_bytes(form.size)
    made = await run_in_threadpool(_enter, reader, visitor, found, told, form)
    reader.jobs.wake()
    return made


def _told(form: Received) -> Told:
    """The fields of an upload beside its files."""
    given: dict[str, Any] = {name: value for name in ("patient", "date", "note") if (value := form.fields.get(name))}
    try:
        return TypeAdapter(Told).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ApiError(422, "invalid", f"{first['loc'][0]}: {first['msg']}.") from error


def _enter(reader: Reader, visitor: Visitor, found: list[Found], told: Told, form: Received) -> Studies:
    """Studies of an upload in the worklist, in one transaction."""
    origin = "client" if form.fields.get("origin") == "client" else "upload"
    rows = [
        Study(
            id=each.id,
            name=each.name,
            origin=origin,
            state="refused" if each.code else "queued",
            code=each.code,
            message=each.message,
            patient=each.patient if told.patient is None else told.patient,
            date=each.date if told.date is None else told.date,
            note=told.note or "",
            uploaded_by=visitor.name,
        )
        for each in found
    ]
    with reader.worklist.writing() as session:
        session.add_all(rows)
        for each in rows:
            audit(session, visitor, "study.upload", each.id, {"origin": origin})
        session.flush()
        return Studies(items=[study_out(row) for row in rows])


@router.get("/studies/{study_id}")
def study(study_id: StudyId, reader: ReaderOf) -> StudyDetail:
    """A study with its versions, readers' scores, sign-off, image and files."""
    with reader.worklist.reading() as session:
        return study_detail(session, study_row(session, study_id), reader.store)


@router.patch("/studies/{study_id}")
def change(study_id: StudyId, told: Told, visitor: CurrentVisitor, worklist: Worklist) -> StudyOut:
    """Say of which patient and when a study is, or make a note on it."""
    changes = told.model_dump(exclude_unset=True)
    with worklist.writing() as session:
        row = study_row(session, study_id, lock=True)
        for name, value in changes.items():
            setattr(row, name, "" if value is None and name != "date" else value)
        audit(session, visitor, "study.change", study_id, {"fields": ", ".join(sorted(changes))})
        session.flush()
        return study_out(row)


@router.delete("/studies/{study_id}", status_code=204)
def delete(study_id: StudyId, visitor: CurrentVisitor, reader: ReaderOf) -> None:
    """Delete a study with its files: an admin may, and whoever uploaded it as long as it is not signed."""
    with reader.worklist.writing() as session:
        row = study_row(session, study_id, lock=True)
        if visitor.role != "admin" and row.uploaded_by != visitor.name:
            raise ApiError(403, "not-yours", "Only an admin, or who uploaded a study, may delete it.")
        if visitor.role != "admin" and row.state == "signed":
            raise ApiError(409, "signed", "The study is signed off; revoke that first, or ask an admin.")
        session.delete(row)
        audit(session, visitor, "study.delete", study_id)
    reader.store.remove(study_id)


@router.post("/studies/{study_id}/retry")
def retry(study_id: StudyId, visitor: CurrentVisitor, reader: ReaderOf) -> StudyOut:
    """Analyse a study again that failed or was refused."""
    with reader.worklist.writing() as session:
        row = study_row(session, study_id, lock=True)
        if row.state not in {"failed", "refused"} or row.origin == "node":
            raise ApiError(409, "not-to-be-retried", "Only uploads that failed or were refused are tried again.")
        row.state, row.code, row.message, row.progress = "queued", "", "", 0.0
        audit(session, visitor, "study.retry", study_id)
        session.flush()
        made = study_out(row)
    reader.jobs.wake()
    return made


@router.get("/studies/{study_id}/image.nii.gz", response_class=FileResponse)
def image(study_id: StudyId, request: Request, reader: ReaderOf) -> Response:
    """The film or CT as the page shows it, as NIfTI; see its ``shape`` for whether it is smaller than the film."""
    with reader.worklist.reading() as session:
        study_row(session, study_id)
    return file_response(request, reader.store.image(study_id))


@router.get("/studies/{study_id}/thumbnail.png", response_class=FileResponse)
def thumbnail(study_id: StudyId, request: Request, reader: ReaderOf) -> Response:
    """A small picture of the latest version."""
    with reader.worklist.reading() as session:
        latest = study_row(session, study_id).latest_version
    return file_response(request, _thumbnail(reader.store.version(study_id, max(latest, 0))))


def _thumbnail(version: Path) -> Path:
    small = version / LAYERS / THUMBNAIL_FILE
    return small if small.is_file() else version / "overlay.png"

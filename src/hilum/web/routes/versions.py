"""Versions of a study: what was measured, layers and files, and corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from hilum.errors import Error, code_of
from hilum.web.answers import API, VersionDetail, VersionOut, file_url, version_detail, version_out
from hilum.web.audit import audit
from hilum.web.correct import correct
from hilum.web.downloads import file_response, zipped
from hilum.web.errors import ApiError
from hilum.web.intake import entry_of
from hilum.web.reader import Number, Reader, ReaderOf, StudyId, in_words, study_row, version_row
from hilum.web.uploads import Received, a_file, described, receive
from hilum.web.users import CurrentVisitor, Visitor
from hilum.worklist import Study, Version
from hilum.worklist.layers import read_layers
from hilum.worklist.results import Summary, read_result, summary_of, write_version
from hilum.worklist.store import LAYERS, Store

router = APIRouter(tags=["versions"])

_FORM = described(
    "base",
    base={"type": "integer", "minimum": 0},
    lungs=a_file("NIfTI: 1 right, 2 left"),
    lesions=a_file("NIfTI: 1 ground-glass, 2 consolidation, 3 effusion"),
    note={"type": "string", "maxLength": 2000},
)

FileName = Annotated[str, InPath(pattern=r"^\w[\w.-]{0,200}$")]
LayerName = Annotated[str, InPath(pattern="^[a-z][a-z0-9-]{0,60}$")]


class LabelOut(BaseModel):
    """One structure of a layer; the colour as ``#rrggbb``."""

    number: int
    name: str
    title: str
    colour: str


class LayerOut(BaseModel):
    """Something to lay over the image, on its grid; probability runs from 0 to 255."""

    name: str
    title: str
    kind: Literal["labels", "probability"]
    url: str
    labels: list[LabelOut]
    opacity: float


@router.get("/studies/{study_id}/versions/{number}")
def version(study_id: StudyId, number: Number, reader: ReaderOf) -> VersionDetail:
    """Scores, measures and findings of a version."""
    with reader.worklist.reading() as session:
        row = version_row(session, study_id, number)
    try:
        return version_detail(row, read_result(reader.store.version(study_id, number)))
    except FileNotFoundError as error:
        raise ApiError(404, "no-such-file", "The files of this version are gone from the reader's folder.") from error


@router.get("/studies/{study_id}/versions/{number}/layers")
def layers(study_id: StudyId, number: Number, reader: ReaderOf) -> list[LayerOut]:
    """What can be laid over the image; maps of probability are those of Hilum's own version."""
    with reader.worklist.reading() as session:
        version_row(session, study_id, number)
    made = _layers(reader.store, study_id, number)
    if number:
        made += [each for each in _layers(reader.store, study_id, 0) if each.kind == "probability"]
    return made


def _layers(store: Store, study: str, number: int) -> list[LayerOut]:
    folder = store.version(study, number) / LAYERS
    base = f"{API}/studies/{study}/versions/{number}/layers"
    return [
        LayerOut(
            name=each.name,
            title=each.title,
            kind=each.kind,
            url=file_url(f"{base}/{each.name}.nii.gz", folder / f"{each.name}.nii.gz"),
            labels=[
                LabelOut(**{name: getattr(label, name) for name in LabelOut.model_fields}) for label in each.labels
            ],
            opacity=each.opacity,
        )
        for each in read_layers(folder)
    ]


@router.get("/studies/{study_id}/versions/{number}/layers/{name}.nii.gz", response_class=FileResponse)
def layer(study_id: StudyId, number: Number, name: LayerName, request: Request, reader: ReaderOf) -> Response:
    """A layer, as NIfTI on the grid of the image that is shown."""
    with reader.worklist.reading() as session:
        version_row(session, study_id, number)
    return file_response(request, reader.store.version(study_id, number) / LAYERS / f"{name}.nii.gz")


@router.get("/studies/{study_id}/versions/{number}/files.zip", response_class=StreamingResponse)
def all_files(study_id: StudyId, number: Number, visitor: CurrentVisitor, reader: ReaderOf) -> StreamingResponse:
    """All files of a version as one zip file."""
    with reader.worklist.writing() as session:
        version_row(session, study_id, number)
        audit(session, visitor, "file.download", study_id, {"version": number, "file": "files.zip"})
    disposition = f'attachment; filename="{study_id[:8]}-{number}.zip"'
    return StreamingResponse(
        zipped(reader.store.files(study_id, number)),
        media_type="application/zip",
        headers={"Content-Disposition": disposition},
    )


@router.get("/studies/{study_id}/versions/{number}/files/{name}", response_class=FileResponse)
def one_file(
    study_id: StudyId, number: Number, name: FileName, request: Request, visitor: CurrentVisitor, reader: ReaderOf
) -> Response:
    """A file of a version: masks, overlay, report, result.json and the rest."""
    with reader.worklist.reading() as session:
        version_row(session, study_id, number)
    path = reader.store.files(study_id, number).get(name)
    if path is None:
        raise ApiError(404, "no-such-file", "The version has no file of that name.")
    with reader.worklist.writing() as session:
        audit(session, visitor, "file.download", study_id, {"version": number, "file": name})
    return file_response(request, path, name=name)


@router.post("/studies/{study_id}/versions", status_code=201, openapi_extra=_FORM)
async def add_version(study_id: StudyId, request: Request, visitor: CurrentVisitor, reader: ReaderOf) -> VersionOut:
    """Send corrected masks; they become a new version, with scores counted from them."""
    await run_in_threadpool(_require_open, reader, study_id)
    left = await run_in_threadpool(reader.room)
    with reader.store.incoming() as part:
        (part / "drawn").mkdir()
        form = await receive(request, part / "drawn", left=left)
        base, note = _base(form), form.fields.get("note", "")[:2000]
        if form.file("lungs") is None and form.file("lesions") is None:
            raise ApiError(422, "no-masks", "The correction brings no mask. Send 'lungs', 'lesions' or both, as NIfTI.")
        made, summary = await reader.apart(_corrected, reader, study_id, base, form, part)
        row = Version(
            study_id=study_id,
            number=0,
            parent=base,
            author=visitor.name,
            note=note,
            method="corrected",
            scores=summary.scores,
            warnings=summary.findings,
        )
        return await run_in_threadpool(_enter, reader, visitor, row, summary, made)


def _require_open(reader: Reader, study: str) -> None:
    """Raise ApiError unless a study may be corrected."""
    with reader.worklist.reading() as session:
        _check_open(study_row(session, study))


def _check_open(row: Study) -> None:
    if row.state == "signed":
        raise ApiError(409, "signed", "The study is signed off. Revoke that first to correct it.")
    if row.latest_version < 0 or row.state != "done":
        raise ApiError(409, "no-results", f"The study has no masks to correct; it is {row.state}.")


def _base(form: Received) -> int:
    text = form.fields.get("base", "")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ApiError(422, "no-base", "The field 'base' has to state the number of the version that was corrected.")
    return int(text)


def _corrected(reader: Reader, study: str, base: int, form: Received, part: Path) -> tuple[Path, Summary]:
    """The folder of a correction, and what the worklist tells of it."""
    store, settings = reader.store, reader.settings
    with reader.worklist.reading() as session:
        version_row(session, study, base)
    try:
        with reader.jobs.volumes:
            entry = entry_of(store.upload(study), settings.read)
            lungs, lesions = form.file("lungs"), form.file("lesions")
            case = correct(entry.open(), store.version(study, base), entry.name, lungs=lungs, lesions=lesions)
            return write_version(case, part / "made", settings), summary_of(case)
    except Error as error:
        raise ApiError(422, code_of(error), in_words(error, store, part / "drawn", store.upload(study))) from error


def _enter(reader: Reader, visitor: Visitor, row: Version, summary: Summary, folder: Path) -> VersionOut:
    """A correction as the latest version of its study."""
    with reader.worklist.writing() as session:
        study = study_row(session, row.study_id, lock=True)
        _check_open(study)
        row.number = study.latest_version = study.latest_version + 1
        session.add(row)
        summary.put_on(study)
        audit(session, visitor, "version.add", study.id, {"version": row.number, "base": row.parent})
        session.flush()
        reader.store.put_version(study.id, row.number, folder)
        return version_out(row)

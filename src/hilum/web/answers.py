"""What the API says of studies: models of its answers, and how they are had from the worklist and the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from hilum.scoring import DEFINITIONS, ScoreDefinition
from hilum.worklist import ReaderScore, SignOff, Study, Version
from hilum.worklist.results import facts_of
from hilum.worklist.store import Store

API = "/api/v1"
"""Prefix of every route but the pages."""

State = Literal["queued", "running", "done", "refused", "failed", "signed"]


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class FindingOut(_Row):
    """Something that was noticed; ``severity`` is note, warning or error."""

    code: str
    severity: str
    message: str


class Urls(BaseModel):
    """Where to find more: the study as JSON, its page, a small picture."""

    self: str
    page: str
    thumbnail: str


class StudyOut(_Row):
    """A study, as the worklist has it."""

    id: str
    name: str
    origin: str
    state: State
    stage: str
    progress: float
    code: str
    message: str
    modality: str
    patient: str
    date: date | None
    site: str
    note: str
    created: datetime
    updated: datetime
    severity: float | None
    scores: dict[str, float | None]
    findings: list[FindingOut]
    latest_version: int
    uploaded_by: str
    urls: Urls


class Studies(BaseModel):
    """Some studies."""

    items: list[StudyOut]


class StudyPage(Studies):
    """A page of the worklist; ``counts`` by state are of all that the other filters let through."""

    total: int
    page: int
    size: int
    counts: dict[str, int]


class _Version(BaseModel):
    number: int
    parent: int | None
    author: str
    created: datetime
    note: str
    method: Literal["hilum", "corrected"]
    warnings: list[str]


class VersionOut(_Version):
    """A version of a study; ``warnings`` are sentences."""

    scores: dict[str, float | None]


class ReaderScoreOut(_Row):
    """A score that a reader gave."""

    id: int
    version: int
    score: str
    value: float
    reader: str
    created: datetime
    comment: str


class SignOffOut(_Row):
    """Who signed which version."""

    version: int
    user: str
    created: datetime
    comment: str


class ImageOut(BaseModel):
    """The image as it is shown: (rows, columns) of a film, (slices, rows, columns) of a volume."""

    url: str
    kind: Literal["film", "volume"]
    shape: list[int]
    spacing_mm: list[float] | None
    quantity: str


class FileOut(BaseModel):
    """A file to download."""

    name: str
    url: str
    bytes: int
    version: int


class StudyDetail(StudyOut):
    """A study with everything about it."""

    versions: list[VersionOut]
    reader_scores: list[ReaderScoreOut]
    sign_off: SignOffOut | None
    image: ImageOut | None
    files: list[FileOut]


class Definition(BaseModel):
    """What a score means."""

    id: str
    title: str
    unit: str
    range: tuple[float, float]
    definition: str
    source: str


class ScoreOut(Definition):
    """A score of a version: a value, or the reason why there is none; likewise by region, without the reason."""

    value: float | None
    reason: str
    parts: dict[str, float | None]


class MeasureOut(BaseModel):
    """A measure of a version: a value, or the reason why there is none."""

    id: str
    title: str
    region: str
    structure: str
    method: str
    value: float | None
    unit: str
    uncertainty: float | None
    reason: str


class VersionDetail(_Version):
    """A version with everything that was measured."""

    scores: list[ScoreOut]
    measures: list[MeasureOut]
    findings: list[FindingOut]


def study_out(row: Study) -> StudyOut:
    """A study, as the worklist has it."""
    return StudyOut.model_validate(_fields(row))


def version_out(row: Version) -> VersionOut:
    """A version, as the worklist has it."""
    names = ("number", "parent", "author", "created", "note", "method", "scores")
    made = {name: getattr(row, name) for name in names}
    return VersionOut.model_validate({**made, "warnings": [each["message"] for each in row.warnings]})


def study_detail(session: Session, row: Study, store: Store) -> StudyDetail:
    """A study with everything about it."""
    versions = session.scalars(select(Version).where(Version.study_id == row.id).order_by(Version.number)).all()
    given = session.scalars(select(ReaderScore).where(ReaderScore.study_id == row.id).order_by(ReaderScore.id)).all()
    signed = sign_off_of(session, row.id)
    return StudyDetail.model_validate(
        {
            **_fields(row),
            "versions": [version_out(each) for each in versions],
            "reader_scores": [ReaderScoreOut.model_validate(each) for each in given],
            "sign_off": None if signed is None else SignOffOut.model_validate(signed),
            "image": _image(store, row.id),
            "files": [file for each in versions for file in _files(store, row.id, each.number)],
        }
    )


def sign_off_of(session: Session, study: str) -> SignOff | None:
    """The sign-off of a study that holds; None if there is none."""
    wanted = select(SignOff).where(SignOff.study_id == study, SignOff.revoked.is_(False))
    return session.scalar(wanted.order_by(SignOff.id.desc()).limit(1))


def version_detail(row: Version, result: Mapping[str, Any]) -> VersionDetail:
    """A version with everything that its ``result.json`` says."""
    made = version_out(row).model_dump(exclude={"scores"})
    scores = [_score(name, each) for name, each in result["scores"].items()]
    measures = [_measure(each) for each in result.get("measures", ())]
    return VersionDetail(**made, scores=scores, measures=measures, findings=[_finding(f) for f in result["findings"]])


def definition_out(definition: ScoreDefinition) -> Definition:
    """What a score means."""
    names = ("id", "title", "unit", "range", "definition", "source")
    return Definition.model_validate({name: getattr(definition, name) for name in names})


def title_of(what: str) -> str:
    """What people call a score, measure or class: ``volume:consolidation`` is "Volume, consolidation"."""
    if what in DEFINITIONS:
        return DEFINITIONS[what].title
    first, _, rest = what.partition(":")
    worded = first.replace("-", " ").capitalize()
    return f"{worded}, {rest.replace('ground-glass', 'ground glass').replace('-', ' ')}" if rest else worded


def file_url(base: str, path: Path) -> str:
    """A URL that changes with the file, so that a browser may keep what it had of it."""
    return f"{base}?v={stamp(path)}"


def stamp(path: Path) -> str:
    """What tells two states of a file apart."""
    state = path.stat()
    return f"{state.st_mtime_ns:x}-{state.st_size:x}"


def _fields(row: Study) -> dict[str, Any]:
    made = {name: getattr(row, name) for name in StudyOut.model_fields if name != "urls"}
    self_ = f"{API}/studies/{row.id}"
    return {**made, "urls": Urls(self=self_, page=f"/studies/{row.id}", thumbnail=f"{self_}/thumbnail.png")}


def _image(store: Store, study: str) -> ImageOut | None:
    facts, path = facts_of(store, study), store.image(study)
    if facts is None or not path.is_file():
        return None
    return ImageOut(url=file_url(f"{API}/studies/{study}/{path.name}", path), **facts)


def _files(store: Store, study: str, number: int) -> list[FileOut]:
    base = f"{API}/studies/{study}/versions/{number}/files"
    return [
        FileOut(name=name, url=file_url(f"{base}/{name}", path), bytes=path.stat().st_size, version=number)
        for name, path in store.files(study, number).items()
    ]


def _score(name: str, stated: Mapping[str, Any]) -> ScoreOut:
    value, reason = _value(stated["value"])
    parts = {region: _value(each)[0] for region, each in stated["parts"].items()}
    known = {key: stated[key] for key in ("title", "unit", "range", "definition", "source")}
    return ScoreOut(id=name, value=value, reason=reason, parts=parts, **known)


def _measure(stated: Mapping[str, Any]) -> MeasureOut:
    value, reason = _value(stated["value"])
    known = {key: stated[key] for key in ("id", "region", "structure", "unit", "method")}
    title = title_of(f"{stated['id']}:{stated['structure']}")
    return MeasureOut(**known, title=title, value=value, reason=reason, uncertainty=stated.get("uncertainty"))


def _value(stated: Any) -> tuple[float | None, str]:
    return (None, stated["not_measured"]) if isinstance(stated, dict) else (float(stated), "")


def _finding(stated: Mapping[str, str]) -> FindingOut:
    return FindingOut(code=stated["code"], severity=stated["gravity"], message=stated["message"])

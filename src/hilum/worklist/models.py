"""The tables of the worklist. A change here needs a migration beside it; a test holds the two together."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Dialect, ForeignKey, ForeignKeyConstraint, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates
from sqlalchemy.types import DateTime, TypeDecorator

STATES = ("queued", "running", "done", "refused", "failed", "signed")
"""Of a study, in the order that it goes through them."""

ORIGINS = ("upload", "node", "client")
"""Ways by which a study comes in."""

METHODS = ("hilum", "corrected")
"""What made a version: Hilum's networks, or a person on top of an earlier version."""

ROLES = ("reader", "admin")
"""Of users; an admin may do all that a reader may."""

Scores = dict[str, float | None]
"""By score's id; None where it could not be measured."""


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A study's identifier, which says nothing of the patient: 32 hexadecimal digits at random."""
    return uuid.uuid4().hex


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """As it is stored: in UTC.

        Raises
        ------
        ValueError
            The moment has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """As it is given back: in UTC, and saying so."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, Scores: JSON, list[dict[str, Any]]: JSON, dict[str, Any]: JSON}  # noqa: RUF012


class Study(Base):
    """One film or one CT series.

    Attributes
    ----------
    id : 32 hexadecimal digits, which say nothing of the patient
    name : of the file or series
    origin : one of :data:`ORIGINS`
    state : one of :data:`STATES`
    stage : what is done while it runs, in a few words
    progress : of what is done while it runs, 0 to 1
    code, message : why it was refused or failed
    modality : ``CXR``, ``CT``, or empty while nobody knows
    patient : pseudonym, or what somebody typed in
    date : of the study, not of the upload
    site, note : free text
    created, updated : when it came in, and when anything about it changed last
    severity : share of the range of the score that it is sorted by, 0 to 1; None if not measured
    scores : of the latest version
    findings : of the latest version: code, severity, message
    latest_version : its number; -1 while there is none
    uploaded_by : user's name
    """

    __tablename__ = "study"
    __table_args__ = (Index(None, "state", "created"), Index(None, "patient", "date"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(300), default="")
    origin: Mapped[str] = mapped_column(String(10), default="upload")
    state: Mapped[str] = mapped_column(String(10), default="queued")
    stage: Mapped[str] = mapped_column(String(100), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    code: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(default="")
    modality: Mapped[str] = mapped_column(String(5), default="")
    patient: Mapped[str] = mapped_column(String(100), default="")
    date: Mapped[date | None] = mapped_column(default=None)
    site: Mapped[str] = mapped_column(String(300), default="")
    note: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    severity: Mapped[float | None] = mapped_column(default=None, index=True)
    scores: Mapped[Scores] = mapped_column(default=dict)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    latest_version: Mapped[int] = mapped_column(default=-1)
    uploaded_by: Mapped[str] = mapped_column(String(100), default="")

    @validates("name")
    def _fits(self, _: str, name: str) -> str:
        """A name as every database takes it: names come from files."""
        return name.replace("\0", "").encode(errors="replace").decode()[:300]


class Version(Base):
    """One set of masks of a study with its scores: Hilum's is number 0, every correction one more.

    Attributes
    ----------
    study_id, number : of it
    parent : number of the version that was corrected
    author : user's name; ``hilum`` of number 0
    created : when
    note : of the author
    method : one of :data:`METHODS`
    scores : by id
    warnings : findings about the masks: code, severity, message
    """

    __tablename__ = "version"

    study_id: Mapped[str] = mapped_column(ForeignKey("study.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent: Mapped[int | None] = mapped_column(default=None)
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)
    note: Mapped[str] = mapped_column(default="")
    method: Mapped[str] = mapped_column(String(20), default="hilum")
    scores: Mapped[Scores] = mapped_column(default=dict)
    warnings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)

    @validates("note")
    def _fits(self, _: str, note: str) -> str:
        """A note as every database takes it."""
        return note.replace("\0", "")


def _of_version() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["study_id", "version"], ["version.study_id", "version.number"], ondelete="CASCADE")


class ReaderScore(Base):
    """A reader's own score of a version. Rows are only added; the newest of a reader counts.

    Attributes
    ----------
    id : counts up
    study_id, version : that was looked at
    score : its id
    value : within the score's range
    reader : user's name
    created : when
    comment : of the reader
    """

    __tablename__ = "reader_score"
    __table_args__ = (_of_version(), Index(None, "study_id", "score"))

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(String(32))
    version: Mapped[int]
    score: Mapped[str] = mapped_column(String(100))
    value: Mapped[float]
    reader: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)
    comment: Mapped[str] = mapped_column(default="")


class SignOff(Base):
    """Somebody's word for a version of a study. Rows are added, and revoked at most.

    Attributes
    ----------
    id : counts up
    study_id, version : that was signed
    user : who signed
    created : when
    comment : of the user
    revoked : whether it no longer holds
    revoked_by : user's name
    """

    __tablename__ = "sign_off"
    __table_args__ = (_of_version(), Index(None, "study_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(String(32))
    version: Mapped[int]
    user: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)
    comment: Mapped[str] = mapped_column(default="")
    revoked: Mapped[bool] = mapped_column(default=False)
    revoked_by: Mapped[str] = mapped_column(String(100), default="")


class User(Base):
    """Somebody who may log in.

    Attributes
    ----------
    name : by which they log in
    role : one of :data:`ROLES`
    password_hash : by Argon2id, with its parameters
    created : when
    disabled : may not log in now
    """

    __tablename__ = "user_account"  # USER is a word of SQL

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    role: Mapped[str] = mapped_column(String(10), default="reader")
    password_hash: Mapped[str] = mapped_column(String(300))
    created: Mapped[datetime] = mapped_column(default=now)
    disabled: Mapped[bool] = mapped_column(default=False)


class SessionRow(Base):
    """One login that has not ended.

    Attributes
    ----------
    token_hash : SHA-256 of what the browser's cookie holds
    user : name
    csrf : what unsafe requests have to name
    created, expires : from when until when it holds
    address : that it was made from
    """

    __tablename__ = "session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("user_account.name", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64), default="")


class AuditEntry(Base):
    """Who did what, and when. Rows are only added; no passwords, no pixels.

    Attributes
    ----------
    id : counts up
    time : when
    user : name; empty where nobody was logged in
    address : of the other side
    action : such as ``study.upload`` or ``login.refused``
    study_id : of the study concerned, which may be deleted by now
    detail : what else there is to say
    """

    __tablename__ = "audit"
    __table_args__ = (Index(None, "study_id"), Index(None, "time"))

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=now)
    user: Mapped[str] = mapped_column(String(100), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(100))
    study_id: Mapped[str | None] = mapped_column(String(32), default=None)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

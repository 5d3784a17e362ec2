"""What routes about studies need of the service: the store, the jobs, and rows that have to be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, ParamSpec, TypeVar

from anyio import to_thread
from fastapi import Depends, Path, Request
from pydantic import StringConstraints
from sqlalchemy.orm import Session

from hilum.errors import Error
from hilum.settings import Settings
from hilum.worklist import Database, Study, Version
from hilum.worklist.store import Store

from .errors import ApiError
from .intake import without
from .jobs import Jobs

Given = ParamSpec("Given")
Made = TypeVar("Made")

StudyId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
"""Type of a route's parameter: the id of a study."""

Number = Annotated[int, Path(ge=0, le=100_000)]
"""Type of a route's parameter: the number of a version."""

Text = Annotated[str, StringConstraints(max_length=2000, pattern="^[^\\x00]*$")]
"""Text that every database takes."""

ShortText = Annotated[str, StringConstraints(max_length=100, pattern="^[^\\x00-\\x1f]*$")]
"""One line of text."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The service that a request is of: its worklist, the folder of its studies, all settings, and the workers."""

    worklist: Database
    store: Store
    settings: Settings
    jobs: Jobs

    async def apart(self, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
        """What work gives that takes its time, in one of a few threads that are there for it."""
        return await to_thread.run_sync(partial(work, *given, **named), limiter=self.jobs.guests)

    def room(self) -> int:
        """Bytes that the folder may still take."""
        return int(self.settings.web.folder_gb * 1e9) - self.store.used_bytes()


def _reader(request: Request) -> Reader:
    state = request.app.state
    return Reader(state.database, state.store, state.settings, state.jobs)


ReaderOf = Annotated[Reader, Depends(_reader)]
"""Type of a route's parameter: the service."""


def study_row(session: Session, study: str, *, lock: bool = False) -> Study:
    """A study; ``lock`` keeps others from changing it until the transaction ends.

    Raises
    ------
    ApiError
        There is none of that id (404).
    """
    row = session.get(Study, study, with_for_update=lock or None)
    if row is None:
        raise ApiError(404, "no-such-study", "There is no study of that id. It may have been deleted.")
    return row


def version_row(session: Session, study: str, number: int) -> Version:
    """A version of a study.

    Raises
    ------
    ApiError
        There is no such study, or version (404).
    """
    row = session.get(Version, (study, number))
    if row is None:
        study_row(session, study)
        raise ApiError(404, "no-such-version", f"The study has no version {number}.")
    return row


def in_words(error: Error, store: Store, *folders: FilePath) -> str:
    """What an error says, without where on this machine the folders, and that of the store, are."""
    words = str(error)
    for folder in (*folders, store.folder):
        words = without(words, folder)
    return words

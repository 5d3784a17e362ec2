"""The node's hand in the worklist: a row, and what a page needs, for every film and CT that it has worked on."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hilum.case import Case
from hilum.errors import WriteError
from hilum.settings import Settings

from .database import Database
from .identity import identity
from .models import ReaderScore, SignOff, Study
from .results import enter_result, keep_case
from .store import Store

NODE = "node"
"""Name of the node, as author and as origin of studies."""


class Recorder:
    """Writes the node's studies into the worklist of a reader.

    Parameters
    ----------
    settings : ``node.worklist`` is the URL of the database, ``web.folder`` the reader's folder

    Raises
    ------
    SettingsError
        The database cannot be used.
    WriteError
        The folder cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(Path(settings.web.folder))
        self._database = Database(settings.node.worklist, setting="node.worklist")

    def done(self, group: str, case: Case, files: Sequence[Path]) -> str:
        """An image was analysed: everything of it goes to where the reader shows it.

        Parameters
        ----------
        group : the node's name for the DICOM study
        case : of the image
        files : that it was read from

        Returns
        -------
        The id of the row. It is the same when the work is done again, unless somebody has scored, corrected or signed
        meanwhile: then their row stays as it is, and this is another.

        Raises
        ------
        WriteError
            The worklist or its folder cannot be written to.
        """
        patient, day = identity(files[0], self._store, self._settings) if files else ("", None)
        with self._writing() as session:
            row = _row(session, group, case.name)
            row.state, row.stage, row.progress, row.code, row.message = "running", "writing", 0.9, "", ""
            row.patient, row.date = row.patient or patient, row.date or day
            study = row.id
        summary = keep_case(self._store, study, case, self._settings, files)
        with self._writing() as session:
            enter_result(session, session.get_one(Study, study), summary)
        return study

    def ended(self, group: str, name: str, state: Literal["refused", "failed"], code: str, message: str) -> str:
        """An image was not analysed.

        Parameters
        ----------
        group : the node's name for the DICOM study
        name : of the case that it would have been
        state : what became of it
        code, message : why

        Raises
        ------
        WriteError
            The worklist cannot be written to.
        """
        with self._writing() as session:
            row = _row(session, group, name)
            row.state, row.stage, row.progress = state, "", 1.0
            row.code, row.message = code, message
            return row.id

    def close(self) -> None:
        """End all connections."""
        self._database.close()

    @contextmanager
    def _writing(self) -> Generator[Session]:
        try:
            with self._database.writing() as session:
                yield session
        except SQLAlchemyError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise WriteError(f"Cannot write to the worklist {self._database.place}: {reason}.") from error


def _row(session: Session, group: str, name: str) -> Study:
    """The row of an image: the first that nobody has put a hand to, a new one if there is none."""
    attempt = 0
    while True:
        study = hashlib.sha256(f"{group}/{name}/{attempt}".encode()).hexdigest()[:32]
        row = session.get(Study, study, with_for_update=True)
        if row is None:
            row = Study(id=study, name=name[:300], origin=NODE, uploaded_by=NODE, latest_version=-1)
            session.add(row)
            return row
        if not _has_hand(session, row):
            return row
        attempt += 1


def _has_hand(session: Session, row: Study) -> bool:
    """Whether a reader has corrected, scored or signed a study."""
    if row.latest_version > 0 or row.state == "signed":
        return True
    counts = (select(func.count()).where(each.study_id == row.id) for each in (ReaderScore, SignOff))
    return any(session.scalar(count) for count in counts)

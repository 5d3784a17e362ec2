"""The node's rows in the worklist of a reader, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from hilum.errors import MissingExtra, SettingsError, WriteError
from hilum.phantom import sample_film, write_dicom
from hilum.pipeline import analyse
from hilum.readers import find
from hilum.settings import NodeSettings, RuntimeSettings, Settings, WebSettings
from hilum.worklist import Database, ReaderScore, Study, Version
from hilum.worklist.identity import identity, pseudonym
from hilum.worklist.record import Recorder
from hilum.worklist.store import Store


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film's file, and its case."""
    path = write_dicom(sample_film(3, severity=0.6, shape=(131, 128)), tmp_path_factory.mktemp("film") / "film.dcm")
    entry = next(iter(find([path], Settings().read)))
    return path, analyse(entry.open(), settings=Settings(runtime=RuntimeSettings(threads=1)), name=entry.name)


@pytest.fixture
def settings(tmp_path, database_url):
    return Settings(web=WebSettings(folder=str(tmp_path / "reader")), node=NodeSettings(worklist=database_url))


@pytest.fixture
def recorder(settings):
    made = Recorder(settings)
    yield made
    made.close()


@pytest.fixture
def database(settings, recorder):
    made = Database(settings.node.worklist)
    yield made
    made.close()


def rows(database: Database) -> list[Study]:
    with database.reading() as session:
        return list(session.scalars(select(Study).order_by(Study.created)))


def test_what_the_node_has_done_can_be_opened_in_the_reader(film, settings, recorder, database) -> None:
    path, case = film
    study = recorder.done("group", case, [path])
    (row,) = rows(database)
    assert (row.id, row.name, row.origin, row.uploaded_by) == (study, case.name, "node", "node")
    assert (row.state, row.progress, row.modality, row.latest_version) == ("done", 1.0, "CXR", 0)
    assert row.scores["six-zone"] == case.scores["six-zone"].value
    assert row.severity == pytest.approx(row.scores["six-zone"] / 6)
    with database.reading() as session:
        version = session.get_one(Version, (study, 0))
        assert (version.author, version.method, version.scores) == ("hilum", "hilum", row.scores)
    store = Store(Path(settings.web.folder))
    assert store.image(study).is_file()
    assert {"result.json", "report.html"} <= set(store.files(study, 0))
    assert [each.read_bytes() for each in store.upload(study).iterdir()] == [path.read_bytes()]


def test_the_same_work_again_is_the_same_row(film, recorder, database) -> None:
    path, case = film
    assert recorder.done("group", case, [path]) == recorder.done("group", case, [path])
    assert len(rows(database)) == 1
    assert recorder.done("another group", case, [path]) != rows(database)[0].id
    assert len(rows(database)) == 2


def test_what_a_reader_has_put_a_hand_to_stays(film, recorder, database) -> None:
    path, case = film
    first = recorder.done("group", case, [path])
    with database.writing() as session:
        session.add(ReaderScore(study_id=first, version=0, score="six-zone", value=2.0, reader="ann"))
    second = recorder.done("group", case, [path])
    assert second != first
    assert recorder.done("group", case, [path]) == second
    with database.writing() as session:
        session.get_one(Study, second).state = "signed"
    assert recorder.ended("group", case.name, "failed", "write-error", "No room.") not in {first, second}
    assert [row.state for row in rows(database)] == ["done", "signed", "failed"]


def test_what_was_not_analysed_says_why_and_may_be_done_later(film, recorder, database) -> None:
    path, case = film
    study = recorder.ended("group", case.name, "refused", "not-a-film", "It is no film.")
    (row,) = rows(database)
    assert (row.state, row.code, row.message) == ("refused", "not-a-film", "It is no film.")
    assert (row.latest_version, row.scores, row.severity) == (-1, {}, None)
    assert recorder.done("group", case, [path]) == study
    (row,) = rows(database)
    assert (row.state, row.code, row.message, row.latest_version) == ("done", "", "", 0)


def test_a_database_that_is_gone_is_an_error_that_may_pass(film, recorder, database) -> None:
    from sqlalchemy import text

    with database.engine.begin() as connection:
        connection.execute(text("DROP TABLE sign_off"))
        connection.execute(text("ALTER TABLE study RENAME TO gone"))
    with pytest.raises(WriteError, match="Cannot write to the worklist"):
        recorder.ended("group", "name", "failed", "code", "message")


def test_patients_are_told_apart_and_not_told(film, tmp_path) -> None:
    path, _ = film
    import pydicom

    dataset = pydicom.dcmread(path)
    dataset.PatientID, dataset.StudyDate = "Ward\n7", "20200229"
    known = tmp_path / "known.dcm"
    dataset.save_as(known, enforce_file_format=True)
    store, another = Store(tmp_path / "a"), Store(tmp_path / "b")
    hidden, shown = Settings(), Settings(web=WebSettings(identities=True))
    name, day = identity(known, store, hidden)
    assert name.startswith("P-")
    assert "Ward" not in name
    assert day is None
    assert identity(known, store, hidden) == (name, None)
    assert identity(known, another, hidden)[0] != name
    assert identity(known, store, shown) == ("Ward7", date(2020, 2, 29))
    (tmp_path / "no.dcm").write_bytes(b"nothing")
    assert identity(tmp_path / "no.dcm", store, shown) == ("", None)
    assert pseudonym("", b"salt") == ""


def test_a_node_without_the_extra_says_which(monkeypatch, tmp_path) -> None:
    import sys

    pytest.importorskip("pynetdicom", reason="the extra 'dicom' is not installed")
    from hilum.node import Node

    monkeypatch.setitem(sys.modules, "hilum.worklist.record", None)
    settings = Settings(node=NodeSettings(spool=str(tmp_path), worklist="sqlite://"))
    with pytest.raises(MissingExtra, match=r"hilum\[web\]"):
        Node(settings)
    monkeypatch.undo()
    with pytest.raises(SettingsError, match=r"Change node\.worklist"):
        Node(replace(settings, node=replace(settings.node, worklist="mysql://x")))

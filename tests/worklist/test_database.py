"""The worklist's tables, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from hilum.errors import MissingExtra, SettingsError
from hilum.worklist import AuditEntry, Database, ReaderScore, SignOff, Study, User, Version
from hilum.worklist.database import database_url as url_of
from hilum.worklist.models import Base


@pytest.fixture
def database(database_url):
    made = Database(database_url)
    yield made
    made.close()


def test_the_migrations_make_what_the_models_say(database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert {"study", "version", "reader_score", "sign_off", "user_account", "session", "audit"} <= set(
        inspect(database.engine).get_table_names()
    )


def test_a_table_that_the_models_lack_is_a_difference(database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import text

    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE study ADD COLUMN forgotten INTEGER"))
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_migrations_go_back(database) -> None:
    from alembic import command
    from alembic.config import Config

    import hilum.worklist

    config = Config()
    config.set_main_option("script_location", str(Path(hilum.worklist.__file__).parent / "migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}


def test_what_goes_in_comes_out(database) -> None:
    tokyo = datetime(2021, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=9)))
    with database.writing() as session:
        session.add(
            Study(
                id="a" * 32, name="Жёлтый \N{LUNGS}.png", date=date(2020, 2, 29), created=tokyo, severity=0.25,
                scores={"six-zone": 1.5, "other": None}, findings=[{"code": "x", "severity": "warning"}],
            )
        )  # fmt: skip
    with database.reading() as session:
        study = session.scalars(select(Study)).one()
    assert study.name == "Жёлтый \N{LUNGS}.png"
    assert study.created == tokyo
    assert study.created.tzinfo == UTC
    assert (study.date, study.severity) == (date(2020, 2, 29), 0.25)
    assert study.scores == {"six-zone": 1.5, "other": None}
    assert study.findings == [{"code": "x", "severity": "warning"}]
    assert (study.state, study.progress, study.latest_version) == ("queued", 0.0, -1)


def test_names_of_files_are_taken_whatever_they_are(database) -> None:
    with database.writing() as session:
        session.add(Study(id="f" * 32, name="a\0b\udcff" + 400 * "c"))
        session.flush()
        session.add(Version(study_id="f" * 32, number=0, author="ann", note="as\0is"))
    with database.reading() as session:
        assert session.get_one(Version, ("f" * 32, 0)).note == "asis"
        assert session.get_one(Study, "f" * 32).name == "ab?" + 297 * "c"


def test_a_new_study_has_an_id_of_its_own_and_the_present_time(database) -> None:
    before = datetime.now(UTC)
    with database.writing() as session:
        session.add_all([Study(), Study()])
    with database.reading() as session:
        first, second = session.scalars(select(Study)).all()
    assert len({first.id, second.id}) == 2
    assert len(first.id) == 32
    assert int(first.id, 16) >= 0
    assert before <= first.created <= datetime.now(UTC)


def test_a_change_moves_the_time_of_the_change(database) -> None:
    with database.writing() as session:
        session.add(Study(id="b" * 32, updated=datetime(2020, 1, 1, tzinfo=UTC)))
    with database.writing() as session:
        session.get_one(Study, "b" * 32).note = "seen"
    with database.reading() as session:
        assert session.get_one(Study, "b" * 32).updated.year > 2020


def test_a_moment_without_a_zone_is_refused(database) -> None:
    with pytest.raises(StatementError, match="time zone"), database.writing() as session:
        session.add(Study(created=datetime(2020, 1, 1)))  # noqa: DTZ001


def test_what_fails_leaves_nothing(database) -> None:
    def half() -> None:
        with database.writing() as session:
            session.add(Study())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 0


def test_errors_do_not_quote_what_was_to_be_stored(database) -> None:
    def add() -> None:
        with database.writing() as session:
            session.add(User(name="ann", role="admin", password_hash="the hash of a password"))

    add()
    with pytest.raises(IntegrityError) as caught:
        add()
    assert "the hash" not in str(caught.value)


def test_a_deleted_study_takes_all_but_the_trail(database) -> None:
    study = "c" * 32
    with database.writing() as session:
        session.add(Study(id=study))
        session.flush()
        session.add(Version(study_id=study, number=0, author="hilum"))
        session.flush()
        session.add(ReaderScore(study_id=study, version=0, score="six-zone", value=2.0, reader="ann"))
        session.add(SignOff(study_id=study, version=0, user="ann"))
        session.add(AuditEntry(action="study.upload", study_id=study))
    with database.writing() as session:
        session.delete(session.get_one(Study, study))
    with database.reading() as session:
        left = [session.scalar(select(func.count()).select_from(each)) for each in (Version, ReaderScore, SignOff)]
        assert left == [0, 0, 0]
        assert session.scalars(select(AuditEntry.study_id)).all() == [study]


def test_a_score_of_a_version_that_is_not_there_is_refused(database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(ReaderScore(study_id="d" * 32, version=0, score="six-zone", value=2.0, reader="ann"))


def test_processes_that_start_at_once_make_the_tables_once(database_url) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(Database, [database_url] * 6))
    with made[0].writing() as session:
        session.add(Study())
    for each in made:
        with each.reading() as session:
            assert session.scalar(select(func.count()).select_from(Study)) == 1
        each.close()


def test_writers_wait_for_each_other_and_lose_nothing(database) -> None:
    with database.writing() as session:
        session.add(Study(id="e" * 32, latest_version=0))
    start = threading.Barrier(8)

    def count(_: int) -> None:
        start.wait()
        for _ in range(5):
            with database.writing() as session:
                study = session.get_one(Study, "e" * 32, with_for_update=True)
                study.latest_version += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    with database.reading() as session:
        assert session.get_one(Study, "e" * 32).latest_version == 40


def test_readers_do_not_wait_for_a_writer(database) -> None:
    with database.writing() as writer:
        writer.add(Study())
        writer.flush()
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(Study)) == 0


def test_without_a_url_it_is_a_file_in_the_folder(tmp_path) -> None:
    assert url_of("", tmp_path) == f"sqlite:///{tmp_path}/worklist.sqlite"
    assert url_of("postgresql://x", tmp_path) == "postgresql://x"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/name", "begins with sqlite: or postgresql:"),
        ("nonsense", "is no URL of a database"),
        ("sqlite:////no/such/folder/x.sqlite", "unable to open database file"),
        ("postgresql://hilum:secret@127.0.0.1:1/name", "refused"),
    ],
)
def test_a_url_that_cannot_be_used(url, said) -> None:
    with pytest.raises(SettingsError, match=said) as told:
        Database(url)
    assert "web.database" in str(told.value)
    assert "secret" not in str(told.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"hilum\[postgresql\]"):
        Database("postgres://hilum@localhost/name")

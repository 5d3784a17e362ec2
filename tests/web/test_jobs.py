"""The queue of studies: who takes which, and what is told meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from hilum.settings import Settings
from hilum.web import jobs
from hilum.worklist import Database, Study
from hilum.worklist.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url):
    made = Database(database_url)
    yield made
    made.close()


def queued(database: Database, count: int) -> list[str]:
    """Ids of studies in the order of their arrival, which is not that of their rows."""
    studies = [Study(id=f"{n:032x}", created=NOON + timedelta(seconds=-n)) for n in range(count)]
    with database.writing() as session:
        session.add_all(studies)
    return [each.id for each in reversed(studies)]


def test_the_one_that_waited_longest_is_next_and_each_is_taken_once(database, tmp_path):
    waiting = queued(database, 12)
    work = jobs.Jobs(database, Store(tmp_path / "reader"), Settings())
    assert work._claim() == waiting[0]
    start = threading.Barrier(4)

    def take() -> list[str]:
        start.wait()
        return [work._claim() for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        taken = [each for some in pool.map(lambda _: take(), range(4)) for each in some if each]
    while each := work._claim():  # where the others stood aside for each other
        taken.append(each)
    assert sorted(taken) == sorted(waiting[1:])
    with database.reading() as session:
        assert {session.get_one(Study, each).state for each in waiting} == {"running"}


def test_what_was_running_is_queued_again_but_for_the_nodes(database, tmp_path, monkeypatch):
    ours, nodes = queued(database, 2)
    with database.writing() as session:
        for each, origin in ((ours, "upload"), (nodes, "node")):
            row = session.get_one(Study, each)
            row.state, row.origin, row.progress = "running", origin, 0.5
    work = jobs.Jobs(database, Store(tmp_path / "reader"), Settings())
    monkeypatch.setattr(work, "_run", lambda: None)
    work.start()
    work.stop()
    with database.reading() as session:
        states = [(row.state, row.progress) for row in (session.get_one(Study, each) for each in (ours, nodes))]
    assert states == [("queued", 0.0), ("running", 0.5)]


def test_a_database_that_is_away_for_a_moment_costs_no_study(database, tmp_path, monkeypatch):
    (study,) = queued(database, 1)
    work = jobs.Jobs(database, Store(tmp_path / "reader"), Settings())
    writing, tries = database.writing, []

    def away():
        tries.append(study)
        if len(tries) <= 3:
            raise OperationalError("UPDATE", {}, OSError("the connection was closed"))
        return writing()

    assert work._claim() == study
    monkeypatch.setattr(database, "writing", away)
    monkeypatch.setattr(jobs, "TROUBLE_SECONDS", 0.0)
    jobs._Told(database, study)("lungs", 0, 1)
    assert len(tries) == 1
    work._work(study)  # it has no files
    assert len(tries) == 4
    with database.reading() as session:
        assert session.get_one(Study, study).state == "refused"


def test_progress_is_told_and_never_goes_back(database, monkeypatch):
    (study,) = queued(database, 1)
    monkeypatch.setattr(jobs, "TOLD_SECONDS", 0.0)
    told, seen = jobs._Told(database, study), []
    for stage, done, of in (("lungs", 0, 1), ("lungs", 1, 1), ("lungs", 1, 9), ("lesions", 3, 4), ("other", 1, 2)):
        told(stage, done, of)
        with database.reading() as session:
            row = session.get_one(Study, study)
            seen.append((row.stage, row.progress))
    assert [stage for stage, _ in seen] == ["lungs", "lungs", "lungs", "lesions", "other"]
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[1] < shares[3] < 1


def test_progress_is_not_told_too_often(database, monkeypatch):
    (study,) = queued(database, 1)
    monkeypatch.setattr(jobs, "TOLD_SECONDS", 1000.0)
    told = jobs._Told(database, study)
    told("lungs", 0, 4)
    told("lungs", 3, 4)
    with database.reading() as session:
        assert session.get_one(Study, study).progress == pytest.approx(0.08)

"""A Ray cluster of two machines, which are processes here: the tables of a local run, whoever dies."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hilum.batch import ray as module
from hilum.batch.cohort import FAILURES, run_cohort
from hilum.batch.inputs import Cohort, cohort_of
from hilum.batch.journal import JOURNAL
from hilum.batch.local import Outcome, each_outcome
from hilum.batch.ray import RayCluster
from hilum.phantom import sample_film
from hilum.readers import Entry
from hilum.settings import OutputSettings, RuntimeSettings, Settings
from hilum.writers.png import encode_png
from hilum.writers.tables import TABLE

pytestmark = [
    pytest.mark.train,  # Ray is in the environment of the training
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # of Ray
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]

SETTINGS = Settings(output=OutputSettings(overlay=False, report=False), runtime=RuntimeSettings(workers=2, threads=1))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster of two machines with a processor each."""
    pytest.importorskip("ray.data", reason="needs the extra 'cluster'")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()
    logging.getLogger("ray").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    films = tmp_path_factory.mktemp("films")
    for number in range(13):
        film = encode_png(sample_film(number % 3, severity=number / 14, shape=(173, 151)).image.array, is_picture=True)
        (films / f"film-{number}.png").write_bytes(film)
    (films / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    table = films / "list.csv"
    lines = [f"film-{number}.png,site {number % 2}" for number in range(13)]
    table.write_text("\n".join(["path,site", *lines, "broken.png,", "gone.png,"]) + "\n")
    return cohort_of([table], SETTINGS)


@pytest.fixture(scope="module")
def tables(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Those of the same cohort on this machine."""
    output = tmp_path_factory.mktemp("local")
    run_cohort(cohort, output, SETTINGS, mapper=each_outcome)
    return read(output)


def read(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in (TABLE, FAILURES)}


class Watcher:
    """Does what ``act`` does when the first case is done."""

    def __init__(self, act: Any) -> None:
        self.act, self.total = act, -1

    def start(self, total: int, kept: int, /) -> None:
        self.total = total

    def step(self, outcome: Outcome, /) -> None:
        act, self.act = self.act, None
        if act is not None:
            act()


def workers() -> list[int]:
    """Actors of Ray below this process."""
    parents: dict[int, int] = {}
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            process = int(folder.name)
            parents[process] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if b"ray::MapWorker" in (folder / "cmdline").read_bytes():
                found.append(process)
    return [process for process in found if os.getpid() in above(process, parents)]


def above(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process := parents.get(process, 0):
        yield process


def test_two_machines_give_the_tables_of_one_and_a_killed_worker_loses_nothing(
    address: str, cohort: Cohort, tables: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    killed: list[int] = []

    def kill_one() -> None:
        killed.extend(workers())
        os.kill(killed[0], signal.SIGKILL)

    watcher = Watcher(kill_one)
    summary = run_cohort(cohort, tmp_path, SETTINGS, mapper=RayCluster(address), watcher=watcher)
    assert len(killed) == 2  # one on each machine, since each has one processor
    assert (summary.done, summary.failures) == (13, {"not-an-image": 1, "read-error": 1})
    assert read(tmp_path) == tables
    records = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    assert Counter(record["case"] for record in records) == Counter(entry.name for entry in cohort.entries)
    again = Watcher(None)
    run_cohort(cohort, tmp_path, SETTINGS, mapper=RayCluster(address), watcher=again)
    assert again.total == 1  # the file that is not there
    assert read(tmp_path) == tables


def test_a_case_that_kills_its_workers_fails_alone(
    address: str, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deadly(Entry):
        __slots__ = ()

        def open(self) -> Any:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(module, "BLOCK", 2)
    (tmp_path / JOURNAL).touch()
    entries = [*cohort.entries[:2], Deadly("deadly", Path("deadly.png"))]
    found: dict[int, Outcome] = {}
    run = RayCluster(address)(entries, tmp_path, SETTINGS, record=found.__setitem__)
    assert len(list(run)) == len(found) == 3
    assert [found[place].code for place in range(3)] == ["", "", "worker-died"]
    assert not list(tmp_path.glob(".*"))

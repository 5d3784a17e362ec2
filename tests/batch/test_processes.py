"""Cohorts by processes: the same tables as by threads, and no case lost to a process that dies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from hilum.batch import processes
from hilum.batch.cohort import run_cohort
from hilum.batch.inputs import cohort_of
from hilum.batch.local import WORKER_DIED, Outcome
from hilum.phantom import sample_film
from hilum.settings import Settings, resolve
from hilum.writers import write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")

QUICK = {"output.report": False, "output.overlay": False, "runtime.workers": 2}


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    made = sample_film(3, severity=0.5, shape=(131, 128)).image
    for number in range(7):
        write(made, folder / f"film-{number}.png")
    (folder / "torn.png").write_bytes((folder / "film-0.png").read_bytes()[:100])
    return folder


def settings() -> Settings:
    return resolve(environment={}, overrides=QUICK)


def tables(output: Path) -> tuple[bytes, bytes]:
    return (output / "results.csv").read_bytes(), (output / "failures.csv").read_bytes()


def test_tables_are_those_of_threads(films, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(processes, "FEW", 1)
    cohort = cohort_of([str(films)], settings())
    by_threads = run_cohort(cohort, tmp_path / "threads", settings())
    pools: list[int] = []
    pool = processes._pool
    monkeypatch.setattr(processes, "_pool", lambda workers, *rest: (pools.append(workers), pool(workers, *rest))[1])
    by_processes = run_cohort(cohort, tmp_path / "processes", settings(), mapper=processes.by_processes)
    assert pools == [2]
    assert (by_processes.cases, by_processes.done, dict(by_processes.failures)) == (8, 7, dict(by_threads.failures))
    assert tables(tmp_path / "processes") == tables(tmp_path / "threads")


def test_few_cases_and_volumes_stay_with_threads(films, tmp_path, monkeypatch) -> None:
    asked: list[int] = []

    def each(entries: Any, *_: object, **__: object) -> Generator[Outcome]:
        asked.append(len(entries))
        yield from ()

    monkeypatch.setattr(processes, "each_outcome", each)
    few = cohort_of([str(films)], settings()).entries
    list(processes.by_processes(few, tmp_path, settings(), record=lambda *_: None))
    monkeypatch.setattr(processes, "FEW", 1)
    (tmp_path / "ct.nii").write_bytes(b"volume")
    volume = cohort_of([str(tmp_path / "ct.nii")], settings()).entries
    list(processes.by_processes([*few, *volume], tmp_path, settings(), record=lambda *_: None))
    one = resolve(environment={}, overrides={**QUICK, "runtime.workers": 1})
    list(processes.by_processes(few, tmp_path, one, record=lambda *_: None))
    assert asked == [8, 9, 8]


@pytest.mark.slow
def test_a_film_over_which_processes_die_fails_alone(films, tmp_path) -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1].split(':')\n"
        "from tests_batch_deadly import main\n"
        "if __name__ == '__main__': main(*sys.argv[2:])\n"
    )
    (tmp_path / "tests_batch_deadly.py").write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "from hilum.batch import processes\n"
        "from hilum.batch.cohort import run_cohort\n"
        "from hilum.batch.inputs import cohort_of\n"
        "from hilum.settings import resolve\n"
        "begin = processes._begin\n"
        "def deadly(output, settings, turn):\n"
        "    begin(output, settings, turn)\n"
        "    work_on = processes._work_on\n"
        "    def work(entry):\n"
        "        if entry.name == 'film-4':\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return work_on(entry)\n"
        "    processes._work_on = work\n"
        "def main(films, output):\n"
        "    processes.FEW, processes._begin = 1, deadly\n"
        f"    settings = resolve(environment={{}}, overrides={QUICK!r})\n"
        "    cohort = cohort_of([films], settings)\n"
        "    run_cohort(cohort, Path(output), settings, mapper=processes.by_processes)\n"
    )
    (tmp_path / "run.py").write_text(program)
    places = ":".join([str(tmp_path), *sys.path])
    subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), places, str(films), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": places}, check=True, timeout=300,
    )  # fmt: skip
    results, failures = (text.decode() for text in tables(tmp_path / "out"))
    assert results.count(",done,") == 6
    assert f"film-4,{WORKER_DIED}" in failures.replace(",failed", "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc, which tells of processes")
def test_workers_end_with_the_process_that_started_them(films, tmp_path) -> None:
    for number in range(60):
        (tmp_path / "many").mkdir(exist_ok=True)
        shutil.copy(films / "film-1.png", tmp_path / "many" / f"{number}.png")
    command = ["batch", str(tmp_path / "many"), "-o", str(tmp_path / "out"), "--workers", "2", "--quiet"]
    running = subprocess.Popen(
        [sys.executable, "-c", "from hilum.cli.app import main; main()", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    def workers() -> set[int]:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        return {int(each) for each in children if "spawn_main" in command_line(each)}

    until = time.monotonic() + 120
    while len(found := workers()) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    running.kill()
    running.wait()
    assert len(found) == 2
    until = time.monotonic() + 120
    while any(map(command_line, found)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(command_line, found))


def command_line(process: int | str) -> str:
    """What a process was started with; empty once it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""

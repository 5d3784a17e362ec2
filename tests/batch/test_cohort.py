"""Cohorts: every case once, whatever kills the run; and again only what has to be."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hilum.batch import cohort as cohort_module
from hilum.batch.cohort import fingerprints, run_cohort
from hilum.batch.inputs import cohort_of
from hilum.batch.journal import JOURNAL
from hilum.errors import MissingExtra, UnknownModel
from hilum.settings import CtSettings, ModelSettings, RuntimeSettings, Settings

HERE = Path(__file__).parent


def load_parts() -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("cohort_parts", HERE / "cohort_parts.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parts = load_parts()
Fakes = Callable[[], list[str]]


@pytest.fixture
def worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """The analysis is a fake one; gives, and forgets, the names of the cases that were analysed."""
    log = tmp_path / parts.WORKED_ON
    parts.fake(monkeypatch.setattr, log)

    def names() -> list[str]:
        found = sorted(log.read_text().split()) if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    return names


@pytest.fixture
def films(tmp_path: Path) -> Path:
    return make_films(tmp_path / "films", ["a", "b", "c", "bad"])


def make_films(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / f"{name}.png").write_bytes(name.encode())
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def journal_of(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (output / JOURNAL).read_text().splitlines()]


def test_a_cohort_from_nothing(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    summary = parts.run(films, tmp_path / "out")
    assert (summary.cases, summary.done, summary.kept, summary.failures) == (4, 3, 0, {"not-an-image": 1})
    assert worked_on() == ["a", "b", "c"]
    table = rows(tmp_path / "out" / "results.csv")
    assert [(row["case"], row["status"]) for row in table] == [
        ("a", "done"),
        ("b", "done"),
        ("bad", "failed"),
        ("c", "done"),
    ]
    assert float(table[0]["opacity-percent"]) == 1
    (failure,) = rows(tmp_path / "out" / "failures.csv")
    assert failure == {
        "case": "bad",
        "code": "not-an-image",
        "message": "It is bad.",
        "source": str(films / "bad.png"),
    }
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (manifest["is_complete"], manifest["done"], manifest["failed"]) == (True, 3, {"not-an-image": 1})
    assert manifest["models"]["cxr-lungs"]["sha256"]


def test_a_second_run_has_nothing_to_do_and_the_same_tables(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    parts.run(films, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in ("results.csv", "failures.csv", JOURNAL)}
    worked_on()
    summary = parts.run(films, tmp_path / "out")
    assert worked_on() == []
    assert (summary.done, summary.kept) == (3, 4)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before


def test_what_has_changed_is_worked_on_again(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    parts.run(films, tmp_path / "out")
    worked_on()
    (films / "b.png").write_bytes(b"another b")
    (films / "d.png").write_bytes(b"d")
    (tmp_path / "out" / "c" / "result.json").unlink()
    (tmp_path / "out" / "c").rmdir()
    parts.run(films, tmp_path / "out")
    assert worked_on() == ["b", "c", "d"]
    assert len(rows(tmp_path / "out" / "results.csv")) == 5


def test_other_settings_make_all_anew_and_others_do_not_count(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    parts.run(films, tmp_path / "out")
    worked_on()
    parts.run(films, tmp_path / "out", settings=parts.settings_of(mirrored="always"))
    assert worked_on() == ["a", "b", "c"]
    threads = Settings(film=parts.settings_of(mirrored="always").film, runtime=RuntimeSettings(workers=1, threads=1))
    parts.run(films, tmp_path / "out", settings=threads)
    assert worked_on() == []
    fast = Settings(film=threads.film, ct=CtSettings(preset="fast"))
    parts.run(films, tmp_path / "out", settings=fast)
    assert worked_on() == []  # they are films


def test_fingerprints_are_of_what_results_hang_on(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fingerprints(Settings())
    assert fingerprints(Settings(runtime=RuntimeSettings(workers=3, threads=2))) == plain
    fast = fingerprints(Settings(ct=CtSettings(preset="fast")))
    assert (fast["cxr"] == plain["cxr"], fast["ct"] == plain["ct"], fast["any"] == plain["any"]) == (True, False, False)
    known = cohort_module.card

    def other_weights(name: str) -> Any:
        from dataclasses import replace

        return replace(known(name), sha256="0" * 64) if name == "cxr-lesions" else known(name)

    monkeypatch.setattr(cohort_module, "card", other_weights)
    other = fingerprints(Settings())
    assert (other["cxr"] == plain["cxr"], other["ct"] == plain["ct"]) == (False, True)
    with pytest.raises(UnknownModel):
        fingerprints(Settings(models=ModelSettings(cxr_lungs="none-such")))


def test_known_by_content_a_touched_file_is_the_same(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    parts.run(films, tmp_path / "out", by_content=True)
    worked_on()
    os.utime(films / "a.png", (1, 1))
    (films / "b.png").write_bytes(b"B")
    parts.run(films, tmp_path / "out", by_content=True)
    assert worked_on() == ["b"]


def test_failures_of_the_input_stay_until_asked_and_others_do_not(
    worked_on: Fakes, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.batch import local

    def broken(image: object, **_: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(local, "analyse", broken)
        assert parts.run(films, tmp_path / "out").failures == {"internal-error": 3, "not-an-image": 1}
    summary = parts.run(films, tmp_path / "out")
    assert (summary.kept, summary.failures) == (1, {"not-an-image": 1})
    assert parts.run(films, tmp_path / "out", retry=True).kept == 3


def test_a_case_whose_folder_another_took_is_worked_on_again(worked_on: Fakes, tmp_path: Path) -> None:
    first, second = make_films(tmp_path / "first", ["a"]), make_films(tmp_path / "second", ["a"])
    for folder, analysed in ((first, ["a"]), (second, ["a"]), (first, ["a"]), (first, [])):
        parts.run(folder, tmp_path / "out")
        assert worked_on() == analysed


def test_an_interrupted_run_leaves_tables_of_what_is_ready(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    watcher = SimpleNamespace(start=lambda total, kept: None, step=interrupted)
    with pytest.raises(KeyboardInterrupt):
        parts.run(films, tmp_path / "out", watcher=watcher, settings=Settings(runtime=RuntimeSettings(workers=1)))
    ready = rows(tmp_path / "out" / "results.csv")
    assert 1 <= len(ready) == len(journal_of(tmp_path / "out")) <= 4
    parts.run(films, tmp_path / "out")
    assert len(rows(tmp_path / "out" / "results.csv")) == 4
    assert len(journal_of(tmp_path / "out")) == 4


def test_groups_come_last_in_the_table_and_parquet_says_the_same(worked_on: Fakes, films: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    table = tmp_path / "list.csv"
    table.write_text("path,patient,site\nfilms/a.png,007,=Ulm\nfilms/gone.png,8,Bonn\n")
    cohort = cohort_of([table], Settings())
    summary = run_cohort(cohort, tmp_path / "out", Settings(), parquet=True)
    assert summary.failures == {"internal-error": 1}  # of the fake; the reader's own is a read-error
    found = rows(tmp_path / "out" / "results.csv")
    assert [(row["status"], row["patient"], row["site"]) for row in found] == [
        ("done", "007", "'=Ulm"),
        ("failed", "8", "Bonn"),
    ]
    columns = parquet.read_table(tmp_path / "out" / "results.parquet").to_pydict()
    assert columns["patient"] == ["007", "8"]
    assert columns["opacity-percent"] == [1.0, None]
    assert list(columns) == list(found[0])


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"hilum\[cluster\]"):
        parts.run(films, tmp_path / "out", parquet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_random_and_resumed_every_case_is_there_once(tmp_path: Path) -> None:
    names = [f"film-{n:03}" for n in range(97)] + ["bad-1", "bad-2"]
    films, output = make_films(tmp_path / "films", names), tmp_path / "out"
    command = [sys.executable, str(HERE / "cohort_parts.py"), str(films), str(output), "0.03"]
    rng = random.Random(7)
    killed = 0
    for _ in range(5):
        before = len(journal_of(output)) if output.exists() else 0
        process = subprocess.Popen(command)
        until = before + rng.randrange(1, 11)
        while process.poll() is None and (not (output / JOURNAL).exists() or lines(output) < until):
            time.sleep(0.002)
        time.sleep(rng.random() * 0.01)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed == 5
    subprocess.run(command, check=True)
    assert Counter(record["case"] for record in journal_of(output)) == Counter(names)
    assert Counter(row["case"] for row in rows(output / "results.csv")) == Counter(names)
    assert [row["case"] for row in rows(output / "failures.csv")] == ["bad-1", "bad-2"]
    analysed = Counter((tmp_path / parts.WORKED_ON).read_text().split())
    assert set(analysed) == set(names[:-2])
    assert sum(analysed.values()) <= 97 + 5 * 2  # no more than what was in work when it was killed
    assert {path.name for path in output.iterdir() if path.is_dir() and path.name[0] != "."} == set(names[:-2])


def lines(output: Path) -> int:
    return (output / JOURNAL).read_bytes().count(b"\n")

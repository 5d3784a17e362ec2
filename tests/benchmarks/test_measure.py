from __future__ import annotations

import json
import sys
from pathlib import Path

import measure
import pytest


def test_a_process_is_measured() -> None:
    spent = measure.spend(
        [sys.executable, "-c", "import time; x = bytearray(90_000_000); time.sleep(0.2); print('so')"]
    )
    assert spent.output == "so\n"
    assert 0.2 < spent.wall_s < 5
    assert 0 < spent.cpu_s < spent.wall_s
    assert 90 < spent.peak_mb < 200


def test_the_memory_of_whoever_measures_is_not_counted() -> None:
    held = bytearray(120_000_000)
    assert measure.spend([sys.executable, "-c", "pass"]).peak_mb < 60
    assert len(held) == 120_000_000


def test_the_environment_can_be_added_to() -> None:
    code = "import os; print(os.environ['HILUM_TRIED'], 'PATH' in os.environ)"
    assert measure.spend([sys.executable, "-c", code], environment={"HILUM_TRIED": "7"}).output == "7 True\n"


def test_a_process_that_fails_ends_the_benchmark_with_its_last_words() -> None:
    with pytest.raises(SystemExit, match=r"ended with 3:\nalas"):
        measure.spend([sys.executable, "-c", "print('alas'); raise SystemExit(3)"])


def test_the_best_of_several_runs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    walls = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(measure, "spend", lambda _: measure.Spent(0, next(walls), 0, 0, ""))
    assert measure.best(["x"], times=3).wall_s == 1.0


def test_a_table_reads_like_one() -> None:
    rows = [{"what": "a", "s": 0.123456, "n": 7}, {"what": "bcd", "s": 1234.5, "n": 1000}]
    assert measure.table(rows).splitlines() == [
        "| what | s     | n    |",
        "| ---- | ----- | ---- |",
        "| a    | 0.123 | 7    |",
        "| bcd  | 1234  | 1000 |",
    ]
    assert measure.table([]) == "(nothing)"


def test_a_report_is_printed_and_written_with_the_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure.report("Title", [{"s": 0.5}], tmp_path / "r.json", more=3)
    assert "Title" in capsys.readouterr().out
    made = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert made["rows"] == [{"s": 0.5}]
    assert made["more"] == 3
    assert made["machine"]["cores"] >= 1
    assert made["machine"]["processor"]
    assert "numpy" in made["machine"]["packages"]

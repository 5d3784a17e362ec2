"""``hilum batch`` from files to tables, on networks that see nothing; and its live line."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from hilum.batch import cohort
from hilum.batch.local import Outcome
from hilum.cli.app import app
from hilum.cli.live import Live
from hilum.cli.talk import QUIET
from hilum.phantom import sample_film
from hilum.writers.png import encode_png


def hilum(*arguments: Any) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.mark.usefixtures("blind_networks")
def test_a_list_of_films_resumed(tmp_path: Path) -> None:
    film = encode_png(sample_film(3, shape=(173, 151)).image.array, is_picture=True)
    (tmp_path / "a.png").write_bytes(film)
    (tmp_path / "broken.png").write_bytes(film[:200])
    (tmp_path / "list.csv").write_text("path,patient,site\na.png,1,Ulm\nbroken.png,2,Bonn\ngone.png,3,Bonn\n")
    command = ("batch", tmp_path / "list.csv", "-o", tmp_path / "out", "--no-report", "--no-overlay")
    result = hilum(*command)
    assert result.exit_code == 3, result.stderr
    assert result.stdout.splitlines()[0] == "1 of 3 cases done, 0 of the 3 settled before."
    assert "1 failed: not-an-image" in result.stdout
    assert "1 failed: read-error" in result.stdout
    first, *others = rows(tmp_path / "out" / "results.csv")
    assert (first["case"], first["status"], first["patient"], first["site"]) == ("a", "done", "1", "Ulm")
    assert 0 < float(first["opacity-percent"]) < 100
    assert [row["error_code"] for row in others] == ["not-an-image", "read-error"]
    before = (tmp_path / "out" / "a" / "result.json").stat().st_mtime_ns
    (tmp_path / "gone.png").write_bytes(film)
    result = hilum(*command)
    assert result.stdout.splitlines()[0] == "2 of 3 cases done, 2 of the 3 settled before."
    assert (tmp_path / "out" / "a" / "result.json").stat().st_mtime_ns == before
    assert json.loads((tmp_path / "out" / "run.json").read_text())["is_complete"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
def test_sigterm_ends_a_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told_to_stop(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it was not heard")

    monkeypatch.setattr(cohort, "run_cohort", told_to_stop)
    (tmp_path / "a.png").write_bytes(b"film")
    before = signal.getsignal(signal.SIGTERM)
    result = hilum("batch", tmp_path / "a.png", "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_input_that_is_not_there(tmp_path: Path) -> None:
    result = hilum("batch", tmp_path / "none", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "There is no file or folder" in result.stderr


def test_a_ray_cluster_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("hilum.cluster.import_module", missing)
    (tmp_path / "a.png").write_bytes(b"x")
    result = hilum("batch", tmp_path / "a.png", "-o", tmp_path / "out", "--ray", "auto", "--gpus", "0.5")
    assert result.exit_code == 1
    assert "hilum[cluster]" in result.stderr
    assert not rows(tmp_path / "out" / "results.csv")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def spoken(capsys: pytest.CaptureFixture[str], *, is_terminal: bool, is_quiet: bool = False, steps: int = 100) -> str:
    clock = Clock()
    with click.Context(click.Command("batch")) as context:
        context.meta[QUIET] = is_quiet
        live = Live(is_terminal=is_terminal, clock=clock)
        live.start(1000, 7)
        for n in range(steps):
            clock.now += 2.0
            live.step(Outcome(str(n), f"{n}.png", "failed" if n % 10 == 0 else "done"))
        live.close()
    return capsys.readouterr().err


def test_a_log_hears_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    first, *lines = spoken(capsys, is_terminal=False).splitlines()
    assert first == "1000 cases to work on, 7 settled before."
    assert lines[0] == "30 of 1000 cases, 3 failed, 30.0 a minute, 0:32:20 left"
    assert len(lines) == 3


def test_a_terminal_sees_one_line_that_is_taken_away_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    said = spoken(capsys, is_terminal=True)
    assert said.count("\n") == 1
    assert said.endswith("\r\x1b[K")
    assert "100 of 1000 cases, 10 failed" in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_said_quietly(capsys: pytest.CaptureFixture[str], is_terminal: bool) -> None:
    assert spoken(capsys, is_terminal=is_terminal, is_quiet=True) == ""

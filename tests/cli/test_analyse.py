"""``hilum analyse``: what is printed and how it ends, for runs whose outcome is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hilum.batch.local import Outcome, Summary
from hilum.cli import run
from hilum.cli.app import app
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.readers import Entry
from hilum.scoring import DEFINITIONS, Score
from hilum.settings import Settings
from hilum.writers.png import encode_png

SCORES = {
    "six-zone": Score(DEFINITIONS["six-zone"], 3.0),
    "brixia": Score(DEFINITIONS["brixia"], NotMeasured("the left lung was not found")),
    "opacity-percent": Score(DEFINITIONS["opacity-percent"], 12.345),
}
CROPPED = Finding("cropped-lungs", Gravity.WARNING, "The lungs are cut off at the lower edge.")

Calls = list[tuple[list[Entry], Path, Settings]]


def outcome_of(entry: Entry, output: Path) -> Outcome:
    if "cat" in entry.name:
        return Outcome(entry.name, str(entry.path), "failed", code="not-a-film", message="It is a cat.")
    folder = output / entry.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / run.REPORT).touch()
    (folder / run.MARKER).touch()
    return Outcome(entry.name, str(entry.path), "done", folder=folder, scores=SCORES, findings=(CROPPED,))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made: Calls = []

    def analyse_all(
        entries: Iterable[Entry], output: Path, settings: Settings, *, on_done: Callable[[Outcome], None], **_: Any
    ) -> Summary:
        waiting = list(entries)
        made.append((waiting, output, settings))
        outcomes = tuple(outcome_of(entry, output) for entry in waiting)
        for outcome in outcomes:
            on_done(outcome)
        return Summary(outcomes, output / "results.csv")

    monkeypatch.setattr(run, "analyse_all", analyse_all)
    return made


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a", "b", "cat"):
        (folder / f"{name}.png").write_bytes(encode_png(np.zeros((7, 11), np.uint8), is_picture=True))
    return folder


def analyse(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["analyse", *map(str, arguments)])


def test_one_film_prints_its_scores_and_where_the_report_is(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films / "a.png", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "Six-zone score 3 of 6",
        "Brixia score (estimated) not measured: the left lung was not found",
        "Lung with opacity 12.3 %",
        "Warning: The lungs are cut off at the lower edge.",
        f"Report: {tmp_path / 'out' / 'a' / 'report.html'}",
    ]


def test_one_film_that_fails_is_one_line_and_status_1(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films / "cat.png", "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: It is a cat.\n")


def test_several_films_of_which_one_fails_are_status_3(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert result.stdout == f"2 of 3 cases done: {tmp_path / 'out' / 'results.csv'}\n"
    assert result.stderr == f"{films / 'cat.png'}: It is a cat.\n"


def test_several_films_that_succeed_are_status_0(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films / "a.png", films / "b.png", "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_has_every_case(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["table"] == str(tmp_path / "out" / "results.csv")
    assert [case["status"] for case in told["cases"]] == ["done", "done", "failed"]
    assert told["cases"][0] == {
        "name": "a",
        "source": str(films / "a.png"),
        "status": "done",
        "code": "",
        "message": "",
        "folder": str(tmp_path / "out" / "a"),
        "scores": {"six-zone": 3.0, "brixia": None, "opacity-percent": 12.345},
        "findings": ["cropped-lungs"],
    }
    assert told["cases"][2]["code"] == "not-a-film"
    assert told["cases"][2]["folder"] is None


def test_json_of_one_film_that_fails(calls: Calls, films: Path, tmp_path: Path) -> None:
    result = analyse(films / "cat.png", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["cases"][0]["message"] == "It is a cat."
    assert result.stderr == "Error: It is a cat.\n"


def test_json_is_json_whatever_files_are_called(calls: Calls, films: Path, tmp_path: Path) -> None:
    strange = films / b"\xe8\x82\xba \xff.png".decode(errors="surrogateescape")
    strange.write_bytes((films / "a.png").read_bytes())
    result = analyse(strange, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert json.loads(result.stdout)["cases"][0]["source"] == str(strange)


def test_settings_reach_the_run(calls: Calls, films: Path, tmp_path: Path) -> None:
    analyse(films, "-o", tmp_path, "--no-report", "--workers", 3, "--set", "gate.enabled=false")
    ((_, output, settings),) = calls
    assert output == tmp_path
    assert (settings.output.report, settings.runtime.workers, settings.gate.enabled) == (False, 3, False)


def test_results_of_an_earlier_run_are_not_films(calls: Calls, films: Path) -> None:
    output = films / "results"
    assert analyse(films, "-o", output).exit_code == 3
    (output / "a" / "overlay.png").write_bytes((films / "a.png").read_bytes())
    analyse(films, "-o", output)
    analyse(output / "a" / "overlay.png", "-o", output)
    assert [[entry.path.name for entry in entries] for entries, *_ in calls] == [
        ["a.png", "b.png", "cat.png"],
        ["a.png", "b.png", "cat.png"],
        ["overlay.png"],
    ]
    nothing = analyse(output, "-o", output)
    assert nothing.exit_code == 1
    assert nothing.stderr.startswith("Error: There is nothing to analyse")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["absent.png", "-o", "out"], 2, "'absent.png' does not exist"),
        (["-o", "out"], 2, "Missing argument 'SCAN...'"),
        (["README.md"], 2, "Missing option '-o'"),
    ],
)
def test_usage(arguments: list[str], status: int, expected: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = analyse(*arguments)
    assert result.exit_code == status
    assert expected in result.stderr


def test_a_folder_without_films_is_our_error(calls: Calls, tmp_path: Path) -> None:
    result = analyse(tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: The folder '{tmp_path}' holds no images.")
    assert calls == []

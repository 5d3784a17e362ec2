"""The page on data sets: its example runs, from the first block to the last."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hilum.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, use = blocks("python")
    exec(make, {})
    for line in blocks("console")[1].splitlines():
        done = CliRunner().invoke(app, line.split()[1:])
        assert done.exit_code == 0, (line, done.output)
    exec(use, {})
    assert json.loads(Path("audited/audit.json").read_text(encoding="utf-8"))["splits"] == {
        "train": 1,
        "val": 1,
        "test": 1,
    }
    assert {path.name for path in Path("looked").iterdir()} >= {"explore.html", "explore.json"}
    assert len(list(Path("db").glob("Case-*/case.json"))) == 3

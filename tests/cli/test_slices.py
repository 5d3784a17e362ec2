"""``hilum analyse --slices``: folders of 8-bit pictures as CT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hilum.batch.local import Summary
from hilum.cli import run
from hilum.cli.app import app
from hilum.image import Quantity
from hilum.writers.png import encode_png


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is handed to the batch."""
    made: list[Any] = []

    def analyse_all(entries: Any, output: Path, settings: Any, *, on_done: Any, **_: Any) -> Summary:
        made.extend(entries)
        return Summary((), output / "results.csv")

    monkeypatch.setattr(run, "analyse_all", analyse_all)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ct"
    made.mkdir()
    for number in range(5):
        (made / f"{number}.png").write_bytes(encode_png(np.full((6, 8), number, np.uint8), is_picture=True))
    return made


def analyse(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["analyse", *map(str, arguments)])


def test_a_folder_is_one_ct(waiting: list[Any], folder: Path, tmp_path: Path) -> None:
    result = analyse(folder, "--slices", "--spacing", "5,0.7,0.8", "--first-slice", "feet", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert [entry.name for entry in waiting] == ["ct"]
    scan = waiting[0].open()
    assert scan.quantity is Quantity.WINDOWED_CT
    assert scan.volume.spacing_mm == (5.0, 0.7, 0.8)
    assert scan.array[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("spacing", [[], ["--spacing", "5"], ["--spacing", "5,x,1"], ["--spacing", "5,0,1"]])
def test_slices_need_a_spacing(waiting: list[Any], folder: Path, tmp_path: Path, spacing: list[str]) -> None:
    result = analyse(folder, "--slices", *spacing, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "--slices needs --spacing Z,Y,X: three positive numbers in mm" in result.stderr
    assert waiting == []


@pytest.mark.parametrize("option", [["--spacing", "5,1,1"], ["--first-slice", "head"]])
def test_the_others_belong_to_slices(waiting: list[Any], folder: Path, tmp_path: Path, option: list[str]) -> None:
    result = analyse(folder, *option, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "belong to --slices" in result.stderr

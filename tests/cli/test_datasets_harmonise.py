from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.writers.png import encode_png


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A table of a film and of one that is not there."""
    (tmp_path / "film.png").write_bytes(encode_png(np.full((40, 30), 7, np.uint8), is_picture=True))
    (tmp_path / "lungs.png").write_bytes(encode_png(np.full((40, 30), 1, np.uint8), is_picture=False))
    masks = {"lungs": Mask(tmp_path / "lungs.png", {1: "lungs"})}
    cases = [
        DatasetCase("films", name, name, "CXR", tmp_path / f"{name}.png", masks if name == "film" else {})
        for name in ("film", "gone")
    ]
    CaseTable.of(cases).write_csv(tmp_path / "cases.csv")
    return tmp_path / "cases.csv"


def run(*words: object) -> tuple[int, str, str]:
    made = CliRunner().invoke(app, ["datasets", "harmonise", *map(str, words)])
    return made.exit_code, made.stdout, made.stderr


def test_failed_cases_are_told_and_have_a_status_of_their_own(films: Path, tmp_path: Path) -> None:
    status, out, err = run(films, "-o", tmp_path / "db", "--film-size", "20")
    assert status == 3
    assert "1 of 2 cases made as pictures, 1 failed" in out
    assert "films/gone: Cannot read" in err
    manifest = json.loads((tmp_path / "db" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["film_px"] == 20
    assert manifest["cases"][0]["grid"]["shape"] == [20, 15]
    status, out, _ = run(films, "-o", tmp_path / "db", "--film-size", "20", "--json")
    assert (status, json.loads(out)["kept"]) == (3, 1)


def test_a_folder_with_a_table_will_do(films: Path, tmp_path: Path) -> None:
    status, out, _ = run(films.parent, "-o", tmp_path / "db")
    assert status == 3
    assert "1 of 2" in out


def test_slices_are_windowed_unless_told_otherwise(films: Path, tmp_path: Path) -> None:
    _, out, _ = run(films, "-o", tmp_path / "db", "--form", "slices", "--json")
    assert json.loads(out)["settings"]["normalise"] == "window"
    status, _, err = run(films, "-o", tmp_path / "db", "--form", "slices", "--normalise", "none")
    assert status == 1
    assert "8 bits" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--spacing", "1,1"], "expected 3 numbers"),
        (["--spacing", "a,b,c"], "expected 3 numbers"),
        (["--spacing", "1,1,-1"], "above 0"),
        (["--window", "400,-1000"], "a lower and a higher"),
        (["--percentiles", "1,101"], "a lower and a higher"),
        (["--margin", "-1"], "margin_mm"),
        (["--size", "0,3,3"], "above 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(films: Path, tmp_path: Path, words: list[str], message: str) -> None:
    status, _, err = run(films, "-o", tmp_path / "db", *words)
    assert status in (1, 2)
    assert message in err
    assert not (tmp_path / "db").exists()


def test_a_triple_of_none_keeps_what_each_case_has(films: Path, tmp_path: Path) -> None:
    _, out, _ = run(films, "-o", tmp_path / "db", "--spacing", "none", "--json")
    assert json.loads(out)["settings"]["spacing_mm"] is None

"""``hilum analyse`` and ``hilum demo`` from files to files, on networks that see nothing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from hilum.cli.app import app
from hilum.phantom import sample_film
from hilum.writers.png import encode_png

pytestmark = pytest.mark.usefixtures("blind_networks")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.png"
    path.write_bytes(encode_png(sample_film(3, shape=(173, 151)).image.array, is_picture=True))
    return path


def hilum(*arguments: Any) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def rows(output: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((output / "results.csv").read_text(encoding="utf-8"))))


def test_one_film(film: Path, tmp_path: Path) -> None:
    result = hilum("analyse", film, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"Report: {tmp_path / 'out' / 'film' / 'report.html'}"
    assert json.loads((tmp_path / "out" / "film" / "result.json").read_text())["scores"]
    with Pillow.open(tmp_path / "out" / "film" / "lungs.png") as lungs:
        assert lungs.size == (151, 173)
    (row,) = rows(tmp_path / "out")
    assert (row["case"], row["status"], row["source"]) == ("film", "done", "film.png")
    assert 0 < float(row["opacity-percent"]) < 100


def test_what_is_not_wanted_is_not_written(film: Path, tmp_path: Path) -> None:
    hilum("analyse", film, "-o", tmp_path, "--no-report", "--no-overlay", "--set", "output.masks=[]")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["film", "result.json", "results.csv"]


def test_bad_files_beside_good_ones(film: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(film.read_bytes()[:200])
    cat = tmp_path / "cat.png"
    Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (171, 150, 3), np.uint8)).save(cat)
    result = hilum("analyse", broken, film, cat, "-o", tmp_path / "out", "--no-report")
    assert result.exit_code == 3
    assert "broken.png" in result.stderr
    found = rows(tmp_path / "out")
    assert [(row["case"], row["status"]) for row in found] == [
        ("broken", "failed"),
        ("film", "done"),
        ("cat", "failed"),
    ]
    assert found[2]["error_code"] == "not-a-film"
    assert not (tmp_path / "out" / "broken").exists()


def contents(films: list[Path], output: Path, workers: int) -> dict[str, bytes]:
    """Every file of a run."""
    options = ("--engine", "onnxruntime", "--mask-format", "nifti", "--mask-format", "png", "--workers", workers)
    assert hilum("analyse", *films, "-o", output, *options).exit_code == 0
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def test_two_runs_give_the_same_bytes(film: Path, tmp_path: Path) -> None:
    films = [film, *(tmp_path / f"copy-{number}.png" for number in range(3))]
    for copy in films[1:]:
        copy.write_bytes(film.read_bytes())
    first, again, alone = (contents(films, tmp_path / str(n), workers) for n, workers in enumerate((3, 3, 1)))
    assert len(first) > 4 * 6
    assert first == again
    masks = [name for name in first if name.endswith((".png", ".nii.gz", ".csv"))]
    assert {name: alone[name] for name in masks} == {name: first[name] for name in masks}


def test_unwritable_output(film: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = hilum("analyse", film, "-o", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot write")
    assert "Traceback" not in result.output


def test_demo(tmp_path: Path) -> None:
    result = hilum("demo", "-o", tmp_path / "demo", "--json")
    assert result.exit_code == 0, result.stderr
    (case,) = json.loads(result.stdout)["cases"]
    assert case["name"] == "demo-film"
    assert (Path(case["folder"]) / "report.html").is_file()
    assert hilum("demo", "-o", tmp_path / "demo").exit_code == 0

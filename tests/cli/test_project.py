"""``hilum project``: files, messages, status."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result

from hilum.cli.app import app
from hilum.phantom import Thorax, default_grid, thorax
from hilum.readers import read
from hilum.writers import write


@pytest.fixture(scope="module")
def chest() -> Thorax:
    return thorax(2, grid=default_grid(2, spacing_mm=(7.0, 6.0, 6.0)))


@pytest.fixture(scope="module")
def folder(chest: Thorax, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scan")
    write(chest.ct, made / "ct.nii.gz")
    write(chest.lungs, made / "lungs.nii.gz")
    write(chest.lobes, made / "any.nii.gz")
    return made


def run(folder: Path, output: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["project", str(folder / "ct.nii.gz"), "-o", str(output), "--pitch-mm", "3", *more])


def test_a_film_and_what_belongs_to_it(folder: Path, tmp_path: Path) -> None:
    masks = ["-m", f"lungs={folder / 'lungs.nii.gz'}", "-m", f"thorax={folder / 'any.nii.gz'}"]
    done = run(folder, tmp_path / "out" / "film.png", *masks)
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "film-lungs-left-lung.nii.gz", "film-lungs-right-lung.nii.gz", "film-lungs-shadow.png", "film-lungs.png",
        "film-thorax-shadow.png", "film-thorax-thorax.nii.gz", "film-thorax.png", "film-zones.png", "film.json",
        "film.png",
    ]  # fmt: skip
    assert sorted(Path(line).name for line in done.stdout.splitlines()) == names
    film = read(tmp_path / "out" / "film.png")
    assert film.array.dtype == np.uint16
    way = nibabel.load(tmp_path / "out" / "film-lungs-right-lung.nii.gz").get_fdata()
    assert 50 < way.max() < 300
    manifest = json.loads((tmp_path / "out" / "film.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["pitch_mm"] == 3.0
    assert manifest["files"]["film-zones.png"] == "zones"
    assert manifest["shape"] == list(film.array.shape)
    assert manifest["provenance"]["operation"] == "project"
    assert manifest["structures"]["lungs.right-lung"]["most_mm"] == pytest.approx(way.max(), abs=0.01)


def test_two_runs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(folder, tmp_path / name / "film.png").exit_code == 0
    for file in ("film.png", "film.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_settings_change_the_film(folder: Path, tmp_path: Path) -> None:
    choices = {"pa": (), "ap": ("--view", "AP"), "lateral": ("--view", "LATERAL"), "sum": ("--method", "sum"),
               "set": ("--set", "project.contrast=1.5"), "parallel": ("--geometry", "parallel")}  # fmt: skip
    films: list[bytes] = []
    for name, more in choices.items():
        assert run(folder, tmp_path / f"{name}.png", *more).exit_code == 0
        films.append((tmp_path / f"{name}.png").read_bytes())
    assert len(set(films)) == len(choices)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("-m", "lungs"), "NAME=FILE"),
        (("-m", "lungs=nowhere.nii.gz"), "NAME=FILE"),
        (("--energy-kev", "500"), "20 to 150 keV"),
        (("--source-mm", "50"), "the patient needs"),
        (("--view", "OBLIQUE"), "OBLIQUE"),
    ],
)
def test_slips_are_told(folder: Path, tmp_path: Path, more: tuple[str, ...], words: str) -> None:
    done = run(folder, tmp_path / "film.png", *more)
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "film.png").exists()


def test_a_mask_without_a_name_has_that_of_its_file_and_lateral_films_have_no_zones(
    folder: Path, tmp_path: Path
) -> None:
    done = run(folder, tmp_path / "film.png", "-m", str(folder / "lungs.nii.gz"), "--view", "LATERAL")
    assert done.exit_code == 0, done.stderr
    names = {Path(line).name for line in done.stdout.splitlines()}
    assert {"film-lungs.png", "film-lungs-right-lung.nii.gz"} < names
    assert "film-zones.png" not in names
    done = run(folder, tmp_path / "two.png", "-m", str(folder / "lungs.nii.gz"), "-m", f"lungs={folder / 'any.nii.gz'}")
    assert done.exit_code == 2
    assert "two masks of lungs" in done.stderr


def test_a_mask_of_another_scan_is_an_error(folder: Path, tmp_path: Path) -> None:
    other = thorax(2, grid=default_grid(2, spacing_mm=(9.0, 8.0, 8.0)))
    write(other.lungs, tmp_path / "other.nii.gz")
    done = run(folder, tmp_path / "film.png", "-m", f"lungs={tmp_path / 'other.nii.gz'}")
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_a_mask_and_the_wish_to_find_it_exclude_each_other(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "f.png", "-m", f"lungs={folder / 'lungs.nii.gz'}", "--find", "lungs")
    assert done.exit_code == 2
    assert "--find asks for one" in done.output


def test_a_film_is_no_ct(folder: Path, tmp_path: Path) -> None:
    assert run(folder, tmp_path / "film.png").exit_code == 0
    done = CliRunner().invoke(app, ["project", str(tmp_path / "film.png"), "-o", str(tmp_path / "again.png")])
    assert done.exit_code == 1
    assert "film.png': a CT in Hounsfield units is wanted, and it holds radiograph values" in done.output

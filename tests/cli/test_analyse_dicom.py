"""``hilum analyse --dicom`` from files to files, on networks that see nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result

from hilum.cli.app import app
from hilum.phantom import sample_film, write_dicom
from hilum.writers.png import encode_png

pytest.importorskip("highdicom")
pytest.importorskip("reportlab")
pytestmark = pytest.mark.usefixtures("blind_networks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film as DICOM and as a picture."""
    folder = tmp_path_factory.mktemp("films")
    film = sample_film(3, shape=(173, 151))
    write_dicom(film, folder / "film.dcm")
    (folder / "picture.png").write_bytes(encode_png(film.image.array, is_picture=True))
    return folder


def hilum(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["analyse", *map(str, arguments), "--no-overlay", "--no-report"])


def test_objects_beside_the_other_results(folder: Path, tmp_path: Path) -> None:
    result = hilum(folder / "film.dcm", "-o", tmp_path, "--dicom", "seg", "--dicom", "sr", "--deidentify")
    assert result.exit_code == 0, result.stderr
    made = {path.name for path in (tmp_path / "film").glob("*.dcm")}
    assert made == {"seg-lungs.dcm", "seg-lesions.dcm", "sr.dcm"}
    listed = json.loads((tmp_path / "film" / "result.json").read_text())["files"]
    on_grid = {file["name"]: file["on_grid"] for file in listed if file["content"] == "dicom"}
    assert on_grid == {"seg-lungs.dcm": True, "seg-lesions.dcm": True, "sr.dcm": False}
    report = pydicom.dcmread(tmp_path / "film" / "sr.dcm")
    assert report.PatientIdentityRemoved == "YES"
    again = hilum(tmp_path, folder / "film.dcm", "-o", tmp_path / "again", "--dicom", "sr")
    assert again.exit_code == 0, again.stderr  # results of an earlier run are left out
    assert pydicom.dcmread(tmp_path / "again" / "film" / "sr.dcm").SOPInstanceUID != report.SOPInstanceUID


def test_what_is_no_dicom_fails_by_itself(folder: Path, tmp_path: Path) -> None:
    result = hilum(folder, "-o", tmp_path, "--dicom", "sr")
    assert result.exit_code == 3
    assert "it is no DICOM file" in result.stderr
    assert (tmp_path / "film" / "sr.dcm").is_file()
    assert not (tmp_path / "picture").exists()


def test_without_the_extra_the_message_names_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    result = hilum(folder / "film.dcm", "-o", tmp_path, "--dicom", "sr")
    assert result.exit_code == 1
    assert "pip install 'hilum[dicom]'" in result.stderr

"""``hilum series``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom import write_series
from hilum.provenance import Source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grid = VolumeGrid.of_spacing((5, 7, 6), (2.5, 0.7, 0.8))
    ct = Image(np.zeros(grid.shape, np.int16), grid, Quantity.HOUNSFIELD, Source("ct", "0" * 64))
    write_series(ct, tmp_path / "soft", elements={"SeriesNumber": 2, "SeriesDescription": "Thorax soft"})
    write_series(ct, tmp_path / "lung", elements={"SeriesNumber": 3, "ConvolutionKernel": "LUNG"})
    scout = {"SeriesNumber": 1, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "Topogram"}
    write_series(ct, tmp_path / "scout", elements=scout)
    return tmp_path


def test_the_table_tells_what_is_taken_and_why(folder: Path) -> None:
    told = CliRunner().invoke(app, ["series", str(folder)]).stdout.splitlines()
    assert told[0].startswith("Study ")
    assert told[0].endswith(f" in '{folder}'")
    assert told[1] == "  * Series 2: Thorax soft"
    assert told[2] == "      CT, 5 slices, axial, 6x7, 2.5 mm apart, original/primary/axial, kernel STANDARD"
    assert told[3] == "      taken: the best of 2: axial, slices 2.5 mm apart"
    assert told[4].startswith("      UID ")
    assert told[5] == "    Series 3: Thorax"
    assert told[7] == "      not taken: its kernel (LUNG) is not one for soft tissue"
    assert told[9] == "    Series 1: Topogram"
    assert told[11] == "      not taken: it is a localizer, by which the scan was planned"


def test_json_tells_the_same(folder: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["series", "--json", str(folder)]).stdout)
    (study,) = told["studies"]
    assert [series["number"] for series in study["series"]] == [2, 3, 1]
    assert [series["is_taken"] for series in study["series"]] == [True, False, False]
    first = study["series"][0]
    assert (first["shape"], first["slice_mm"], first["plane"], first["files"]) == ([5, 7, 6], 2.5, "axial", 5)
    assert (study["series"][2]["shape"], study["series"][2]["plane"]) == (None, None)
    assert told["files"] == []


def test_what_is_odd_about_a_series_stands_below_it(folder: Path) -> None:
    import pydicom

    heights = {path: float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in (folder / "soft").iterdir()}
    sorted(heights, key=heights.__getitem__)[2].unlink()
    told = CliRunner().invoke(app, ["series", str(folder / "soft")]).stdout.splitlines()
    assert told[5].startswith("      warning: 1 slice is missing, the widest gap being 5.00 mm between slices 2 and 3")
    assert len(told) == 6


def test_reports_in_the_study_are_counted(folder: Path) -> None:
    import pydicom

    path = next((folder / "soft").iterdir())
    report = pydicom.dcmread(path)
    report.SOPClassUID, report.Modality, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.22", "SR", "1.2.3"
    report.save_as(folder / "report.dcm")
    told = CliRunner().invoke(app, ["series", str(folder)]).stdout
    assert "    and 1 file that is no volume\n" in told
    assert "besides" not in told


def test_a_folder_without_series(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    told = CliRunner().invoke(app, ["series", str(tmp_path)]).stdout
    assert told == "1 file besides, analysed each by itself\nNo DICOM series of a volume was found.\n"


def test_an_empty_folder_is_our_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["series", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no images" in result.stderr


def test_analyse_takes_a_series_by_its_uid_only(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", str(folder), "-o", str(tmp_path / "out"), "--series", "1.2.3"])
    assert result.exit_code == 1
    assert "No series named '1.2.3'." in result.stderr

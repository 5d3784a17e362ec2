"""Films as DICOM: what a reader gets back is what was written, in every variety."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.errors import WriteError, WrongQuantity
from hilum.geometry import PlaneOrientation
from hilum.phantom import PhantomFilm, Thorax, film
from hilum.phantom.dicom import TRANSFER_SYNTAXES, write_dicom

TURNED = PlaneOrientation(columns="F", rows="L")


def expected(made: PhantomFilm, bits: int, orientation: PlaneOrientation) -> np.ndarray:
    return orientation.from_upright(np.rint(made.image.array * ((2**bits - 1) / 255)).astype(np.uint16))


@pytest.mark.parametrize("transfer_syntax", list(TRANSFER_SYNTAXES))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_grey_values_survive(tmp_path: Path, plain_film: PhantomFilm, transfer_syntax: str, bits: int) -> None:
    path = write_dicom(
        plain_film, tmp_path / "film.dcm", bits=bits, transfer_syntax=transfer_syntax, orientation=TURNED
    )
    read = pydicom.dcmread(path)
    assert read.file_meta.TransferSyntaxUID == TRANSFER_SYNTAXES[transfer_syntax]
    assert read.BitsStored == bits
    assert np.array_equal(read.pixel_array, expected(plain_film, bits, TURNED))


def test_monochrome1_is_stored_inverted(tmp_path: Path, plain_film: PhantomFilm) -> None:
    path = write_dicom(plain_film, tmp_path / "film.dcm", photometric="MONOCHROME1", bits=10)
    read = pydicom.dcmread(path)
    assert read.PhotometricInterpretation == "MONOCHROME1"
    assert read.PresentationLUTShape == "INVERSE"
    assert np.array_equal(1023 - read.pixel_array, expected(plain_film, 10, PlaneOrientation()))


@pytest.mark.parametrize("columns", ["L", "R", "F", "H"])
def test_orientation_is_stated_and_undone(tmp_path: Path, plain_film: PhantomFilm, columns: str) -> None:
    orientation = PlaneOrientation(columns, "F" if columns in "LR" else "R")
    read = pydicom.dcmread(write_dicom(plain_film, tmp_path / "film.dcm", bits=8, orientation=orientation))
    assert list(read.PatientOrientation) == [orientation.columns, orientation.rows]
    assert np.array_equal(orientation.to_upright(read.pixel_array), plain_film.image.array)


def test_the_patient_is_plainly_synthetic(tmp_path: Path, plain_film: PhantomFilm) -> None:
    read = pydicom.dcmread(write_dicom(plain_film, tmp_path / "film.dcm"))
    assert read.PatientName == "PHANTOM^SYNTHETIC"
    assert read.PatientID.startswith("PHANTOM-")
    assert read.PatientBirthDate == read.StudyDate == ""
    assert "not a patient" in read.StudyDescription


def test_spacing_and_view_are_stated(tmp_path: Path, plain_film: PhantomFilm) -> None:
    read = pydicom.dcmread(write_dicom(plain_film, tmp_path / "film.dcm", orientation=TURNED))
    assert [float(s) for s in read.PixelSpacing] == pytest.approx(plain_film.image.plane.spacing_mm, rel=1e-4)
    assert read.PixelSpacingCalibrationType == "GEOMETRY"
    assert read.ViewPosition == "PA"


@pytest.mark.parametrize("modality", ["DX", "CR"])
def test_sop_class_follows_the_modality(tmp_path: Path, plain_film: PhantomFilm, modality: str) -> None:
    read = pydicom.dcmread(write_dicom(plain_film, tmp_path / "film.dcm", modality=modality))
    assert read.Modality == modality
    assert read.SOPClassUID.is_valid
    assert ("PresentationIntentType" in read) == (modality == "DX")


def test_files_are_repeatable_and_their_uids_tell_variants_apart(tmp_path: Path, plain_film: PhantomFilm) -> None:
    first, again = (write_dicom(plain_film, tmp_path / name) for name in ("a.dcm", "b.dcm"))
    other = write_dicom(plain_film, tmp_path / "c.dcm", bits=16)
    assert first.read_bytes() == again.read_bytes()
    assert pydicom.dcmread(first).SOPInstanceUID != pydicom.dcmread(other).SOPInstanceUID


def test_sixteen_bit_and_lateral_films_can_be_written(tmp_path: Path, healthy: Thorax) -> None:
    made = film(healthy, shape=(64, 48), view="LATERAL", bits=16)
    read = pydicom.dcmread(write_dicom(made.image, tmp_path / "film.dcm", bits=16))
    assert np.array_equal(read.pixel_array, made.image.array)
    assert list(read.PatientOrientation) == ["P", "F"]
    assert read.ViewPosition == "LL"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 7}, "8 to 16 bits"),
        ({"bits": 17}, "8 to 16 bits"),
        ({"photometric": "RGB"}, "'RGB' is none of"),
        ({"transfer_syntax": "zip"}, "'zip' is none of"),
        ({"modality": "CT"}, "'CT' is none of"),
    ],
)
def test_slips_are_refused(tmp_path: Path, plain_film: PhantomFilm, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_dicom(plain_film, tmp_path / "film.dcm", **options)
    assert not (tmp_path / "film.dcm").exists()


def test_a_volume_is_no_film(tmp_path: Path, healthy: Thorax) -> None:
    with pytest.raises(WrongQuantity):
        write_dicom(healthy.ct, tmp_path / "film.dcm")


@pytest.mark.parametrize("transfer_syntax", ["explicit-little", "jpeg2000"])
def test_a_folder_that_is_not_there_is_a_write_error(
    tmp_path: Path, plain_film: PhantomFilm, transfer_syntax: str
) -> None:
    with pytest.raises(WriteError, match="Cannot write the film"):
        write_dicom(plain_film, tmp_path / "nowhere" / "film.dcm", transfer_syntax=transfer_syntax)

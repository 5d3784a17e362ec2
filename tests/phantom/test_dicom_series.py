"""CTs as DICOM series: what another library reads is what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.errors import WriteError, WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom import PhantomFilm, Thorax, write_series
from hilum.provenance import Source


@pytest.fixture
def tilted() -> Image:
    affine = VolumeGrid.of_spacing((5, 7, 6), (2.5, 0.7, 0.8), (-10.0, 20.0, 300.5)).affine.copy()
    affine[1, 0] = 0.6
    array = np.random.default_rng(1).integers(-1024, 3000, (5, 7, 6)).astype(np.int16)
    return Image(array, VolumeGrid((5, 7, 6), affine), Quantity.HOUNSFIELD, Source("ct", "0" * 64))


def test_another_library_reads_the_same_volume(tmp_path: Path, healthy: Thorax) -> None:
    sitk = pytest.importorskip("SimpleITK")
    paths = write_series(healthy, tmp_path, transfer_syntax="rle")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path)))
    read = reader.Execute()
    assert len(paths) == healthy.grid.shape[0]
    assert np.array_equal(sitk.GetArrayFromImage(read), np.maximum(healthy.ct.array, -1024))
    assert read.GetOrigin() == pytest.approx(healthy.grid.affine[:3, 3], abs=1e-4)
    assert read.GetSpacing()[::-1] == pytest.approx(healthy.grid.spacing_mm, abs=1e-4)


@pytest.mark.parametrize("is_enhanced", [False, True])
def test_files_lie_where_the_grid_says(tmp_path: Path, tilted: Image, is_enhanced: bool) -> None:
    paths = write_series(tilted, tmp_path, is_enhanced=is_enhanced)
    read = [pydicom.dcmread(path) for path in paths]
    if is_enhanced:
        frames = list(read[0].PerFrameFunctionalGroupsSequence)[::-1]
        places = [frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames]
    else:
        places = [dataset.ImagePositionPatient for dataset in read]
    wanted = tilted.volume.position_mm(np.array([[index, 0, 0] for index in range(5)]))
    assert np.array(places, dtype=float) == pytest.approx(wanted)


def test_the_patient_is_plainly_synthetic_and_no_name_tells_the_order(tmp_path: Path, tilted: Image) -> None:
    paths = write_series(tilted, tmp_path)
    read = [pydicom.dcmread(path) for path in paths]
    assert {str(dataset.PatientName) for dataset in read} == {"PHANTOM^SYNTHETIC"}
    assert [int(dataset.InstanceNumber) for dataset in read] == [5, 4, 3, 2, 1]
    assert sorted(paths) != list(paths)


def test_series_of_one_phantom_share_their_study(tmp_path: Path, tilted: Image) -> None:
    one = pydicom.dcmread(write_series(tilted, tmp_path / "a")[0])
    other = pydicom.dcmread(write_series(tilted, tmp_path / "b", elements={"ConvolutionKernel": "LUNG"})[0])
    again = pydicom.dcmread(write_series(tilted, tmp_path / "c")[0])
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.FrameOfReferenceUID == other.FrameOfReferenceUID
    assert one.SeriesInstanceUID == again.SeriesInstanceUID != other.SeriesInstanceUID
    assert (one.ConvolutionKernel, other.ConvolutionKernel) == ("STANDARD", "LUNG")


def test_elements_can_be_left_out(tmp_path: Path, tilted: Image) -> None:
    paths = write_series(tilted, tmp_path, elements={"PixelSpacing": None, "SliceLocation": None})
    assert "PixelSpacing" not in pydicom.dcmread(paths[0])


def test_slips_are_refused(tmp_path: Path, tilted: Image, plain_film: PhantomFilm) -> None:
    with pytest.raises(ValueError, match=r"'zip' is none of"):
        write_series(tilted, tmp_path, transfer_syntax="zip")  # type: ignore[arg-type]
    with pytest.raises(WrongQuantity):
        write_series(plain_film.image, tmp_path)
    skewed = tilted.volume.affine.copy()
    skewed[0, 1] = 0.4
    with pytest.raises(ValueError, match=r"rows and columns at right angles"):
        write_series(Image(tilted.array, VolumeGrid((5, 7, 6), skewed), Quantity.HOUNSFIELD, tilted.origin), tmp_path)


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path: Path, tilted: Image) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError, match=r"Cannot write the series to"):
        write_series(tilted, tmp_path / "file" / "folder")

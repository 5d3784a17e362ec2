"""Masks as files, read by other libraries: the very array, in the right place."""

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image as Picture

import hilum
from hilum.errors import WriteError
from hilum.geometry import PlaneGrid, PlaneOrientation, SpacingAt, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.provenance import Source
from hilum.writers import write
from hilum.writers.masks import FORMATS

SOURCE = Source("film.png", "ab" * 32)
ORIENTATIONS = [PlaneOrientation(*pair) for pair in ("LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR")]
DIRECTION = {"L": (-1, 0, 0), "R": (1, 0, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
"""Unit vectors in the RAS world of nibabel."""


def labels(shape=(11, 7), **grid) -> LabelMap:
    array = np.random.default_rng(5).integers(0, 3, shape).astype(np.uint8)
    return LabelMap(array, PlaneGrid(shape, **grid), LUNGS, SOURCE)


def image(dtype, quantity=Quantity.RADIOGRAPH) -> Image:
    array = (np.arange(7 * 11).reshape(7, 11) * 3).astype(dtype)
    return Image(array, PlaneGrid((7, 11)), quantity, SOURCE)


def test_it_is_the_public_write():
    assert hilum.write is write


class TestPng:
    def test_numbers_as_they_are(self, tmp_path):
        made = labels()
        path = write(made, tmp_path / "deep" / "lungs.png")
        with Picture.open(path) as picture:
            assert picture.mode == "L"
            assert np.array_equal(np.asarray(picture), made.array)

    @pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
    def test_on_the_films_own_grid(self, tmp_path, orientation):
        made = labels(orientation=orientation)
        assert np.array_equal(np.asarray(Picture.open(write(made, tmp_path / "m.png"))), made.array)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_images(self, tmp_path, dtype):
        made = image(dtype)
        assert np.array_equal(np.asarray(Picture.open(write(made, tmp_path / "film.png"))), made.array)

    def test_probabilities_become_bytes(self, tmp_path):
        array = np.array([[0.0, 0.5, 1.0], [0.001, 0.002, 0.999]], dtype=np.float32)
        made = Image(array, PlaneGrid((2, 3)), Quantity.PROBABILITY, SOURCE)
        assert np.asarray(Picture.open(write(made, tmp_path / "p.png"))).tolist() == [[0, 128, 255], [0, 1, 255]]

    def test_other_numbers_are_refused(self, tmp_path):
        with pytest.raises(WriteError, match=r"float32 values as PNG.*cannot hold"):
            write(image(np.float32), tmp_path / "film.png")
        assert list(tmp_path.iterdir()) == []


class TestNifti:
    @pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
    @pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
    def test_nibabel_finds_each_pixel_where_it_lies_in_the_patient(self, tmp_path, orientation, ending):
        made = labels(orientation=orientation, spacing_mm=(0.3, 0.2), spacing_at=SpacingAt.DETECTOR)
        read = nibabel.load(write(made, tmp_path / f"lungs{ending}"))
        assert read.shape == (7, 11, 1)
        assert read.get_data_dtype() == np.uint8
        assert np.array_equal(np.asanyarray(read.dataobj)[..., 0].T, made.array)
        assert np.allclose(read.affine[:3, 0], 0.2 * np.array(DIRECTION[orientation.columns]), atol=1e-6)
        assert np.allclose(read.affine[:3, 1], 0.3 * np.array(DIRECTION[orientation.rows]), atol=1e-6)
        assert np.allclose(np.abs(read.affine[:3, 2]), (0, 1, 0), atol=1e-6)
        assert np.allclose(read.affine[:3, 3], 0)

    def test_simpleitk_reads_the_same(self, tmp_path):
        made = labels(spacing_mm=(0.3, 0.2))
        read = SimpleITK.ReadImage(str(write(made, tmp_path / "lungs.nii.gz")))
        assert np.array_equal(SimpleITK.GetArrayFromImage(read)[0], made.array)
        assert np.allclose(read.GetSpacing(), (0.2, 0.3, 1.0))

    @pytest.mark.parametrize(
        ("spacing", "plane", "words"),
        [
            (None, SpacingAt.UNKNOWN, "spacing unknown, 1 mm stands for a pixel"),
            ((0.2, 0.2), SpacingAt.DETECTOR, "spacing holds at the detector"),
            ((0.2, 0.2), SpacingAt.PATIENT, "spacing holds at the patient"),
            ((0.2, 0.2), SpacingAt.UNKNOWN, "plane of the spacing unknown"),
        ],
    )
    def test_the_header_says_what_the_spacing_is_worth(self, tmp_path, spacing, plane, words):
        made = labels(spacing_mm=spacing, spacing_at=plane)
        read = nibabel.load(write(made, tmp_path / "lungs.nii.gz"))
        assert read.header["descrip"].item().decode() == f"film; {words}"
        assert np.allclose(read.header.get_zooms()[:2], spacing or (1, 1))

    def test_a_volume_oblique_and_anisotropic(self, tmp_path):
        turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
        affine = np.eye(4)
        affine[:3, :3] = (turn[:, ::-1]) * (2.5, 0.7, 0.8)
        affine[:3, 3] = (-11.0, 23.0, 5.0)
        array = np.random.default_rng(1).integers(0, 4, (7, 11, 13)).astype(np.uint8)
        made = LabelMap(array, VolumeGrid((7, 11, 13), affine), LESIONS, SOURCE)
        read = nibabel.load(write(made, tmp_path / "lesions.nii.gz"))
        assert np.array_equal(np.asanyarray(read.dataobj).T, array)
        for index in ((0, 0, 0), (6, 10, 12), (3, 1, 7)):
            lps = made.grid.position_mm(np.array(index, dtype=float))
            ras = read.affine @ (*index[::-1], 1)
            assert np.allclose(ras[:3], lps * (-1, -1, 1), atol=1e-4)

    def test_a_volume_as_png_is_refused(self, tmp_path):
        made = LabelMap(np.zeros((3, 4, 5), np.uint8), VolumeGrid.of_spacing((3, 4, 5), (1, 1, 1)), LESIONS, SOURCE)
        with pytest.raises(WriteError, match="as PNG"):
            write(made, tmp_path / "m.png")

    def test_what_nifti_cannot_hold(self, tmp_path):
        with pytest.raises(WriteError, match="float16 values as NIfTI"):
            write(image(np.float16), tmp_path / "film.nii.gz")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["film.Nii", "film.NII.GZ", "film.Nrrd", "film.PNG"])
def test_endings_in_capitals(tmp_path, name):
    made = labels()
    path = write(made, tmp_path / name)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == write(made, tmp_path / "small" / name.lower()).read_bytes()


@pytest.mark.parametrize("name", ["mask.jpg", "mask", "mask.png.bak", "mask.gz"])
def test_unknown_endings(tmp_path, name):
    with pytest.raises(WriteError, match=r"Known: \.png, \.nii, \.nii\.gz, \.nrrd"):
        write(labels(), tmp_path / name)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_folder_that_cannot_be(tmp_path, ending):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WriteError, match="a file"):
        write(labels(), tmp_path / "taken" / f"mask{ending}")

"""Volumes that are in memory: the same as from a file."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from hilum.geometry import VolumeGrid
from hilum.image import Quantity
from hilum.readers import from_nibabel, from_object, from_simpleitk, read, volume_from_array

VOXELS = np.arange(7 * 11 * 13, dtype=np.int16).reshape(7, 11, 13) - 900


@pytest.fixture
def oblique():
    """An image of SimpleITK that is neither axial nor isotropic."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-10, 20, 30))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    image.SetDirection(turn.ravel().tolist())
    return image


def test_simpleitk_in_memory_is_simpleitk_on_disk(oblique, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    sitk.WriteImage(oblique, str(tmp_path / "a.nrrd"))
    mine, theirs = from_object(oblique), read(tmp_path / "a.nrrd")
    assert np.array_equal(mine.array, theirs.array)
    assert mine.volume.difference(theirs.volume) is None


def test_simpleitk_of_two_axes_or_two_channels_is_refused(oblique):
    sitk = pytest.importorskip("SimpleITK")
    for image in (oblique[:, :, 2], sitk.Compose(oblique, oblique)):
        with pytest.raises(ValueError, match="a CT has three axes and one channel, not"):
            from_simpleitk(image)


@pytest.mark.parametrize("extra", [(), (1,)])
def test_nibabel_in_memory_is_nibabel_on_disk(extra, tmp_path):
    affine = np.array([[-0.5, 0.1, 0, 9], [0.1, 0.6, 0, 8], [0, 0, 2.5, 7], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(VOXELS.reshape(*VOXELS.shape, *extra), affine)
    nibabel.save(image, tmp_path / "a.nii")
    mine, theirs = from_object(image), read(tmp_path / "a.nii")
    assert np.array_equal(mine.array, theirs.array)
    assert mine.volume.difference(theirs.volume) is None


@pytest.mark.parametrize(("unit", "codes"), [("mm", (2, 0)), ("meter", (2, 0)), ("mm", (0, 0))])
def test_nibabel_in_any_unit_and_of_no_place_is_that_of_the_disk(tmp_path, unit, codes):
    affine = np.diag([-0.7, -0.7, 2.5, 1.0])
    affine[:3] /= 1000 if unit == "meter" else 1
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(4, 3, 2), affine)
    image.header.set_xyzt_units(unit)
    image.header["sform_code"], image.header["qform_code"] = codes
    path = tmp_path / "a.nii"
    path.write_bytes(image.to_bytes())
    memory, disk = from_nibabel(nibabel.load(path)), read(path)
    assert memory.volume.difference(disk.volume) is None
    assert memory.volume.spacing_mm == pytest.approx((2.5, 0.7, 0.7))
    assert memory.findings == disk.findings


def test_nibabel_without_an_affine_is_refused():
    with pytest.raises(ValueError, match="has no affine"):
        from_nibabel(nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), None))


def test_nibabel_of_four_axes_is_refused():
    with pytest.raises(ValueError, match=r"a CT has three axes, not the shape \(2, 3, 4, 5\)"):
        from_nibabel(nibabel.Nifti1Image(np.zeros((2, 3, 4, 5), np.int16), np.eye(4)))


def test_an_array_with_spacing_or_affine():
    by_spacing = volume_from_array(VOXELS, spacing_mm=(2.5, 0.7, 0.8))
    by_affine = volume_from_array(VOXELS, affine=VolumeGrid.of_spacing((7, 11, 13), (2.5, 0.7, 0.8)).affine)
    assert by_spacing.volume.same_as(by_affine.volume)
    assert by_spacing.volume.orientation.is_axial
    assert np.array_equal(by_spacing.array, VOXELS)


def test_an_array_is_copied():
    mine = VOXELS.copy()
    image = volume_from_array(mine, spacing_mm=(1, 1, 1))
    mine[:] = 5
    assert np.array_equal(image.array, VOXELS)


def test_pictures_of_ct():
    pictures = np.zeros((7, 11, 13), np.uint8)
    assert volume_from_array(pictures, spacing_mm=(1, 1, 1), quantity=Quantity.WINDOWED_CT).array.dtype == np.uint8
    with pytest.raises(ValueError, match="a CT holds Hounsfield units or 8-bit pictures"):
        volume_from_array(VOXELS, spacing_mm=(1, 1, 1), quantity=Quantity.WINDOWED_CT)


@pytest.mark.parametrize(
    ("array", "options", "sentence"),
    [
        (VOXELS[0], {"spacing_mm": (1, 1, 1)}, "of shape"),
        (VOXELS.astype(complex), {"spacing_mm": (1, 1, 1)}, "of real numbers"),
        (VOXELS, {}, "needs either spacing_mm or affine"),
        (VOXELS, {"spacing_mm": (1, 1, 1), "affine": np.eye(4)}, "needs either spacing_mm or affine"),
        (VOXELS, {"spacing_mm": (1, 0, 1)}, "spacing must be positive"),
        (VOXELS, {"affine": np.zeros((4, 4))}, "affine must be"),
    ],
)
def test_arguments_that_make_no_volume(array, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        volume_from_array(array, **options)


def test_a_film_is_still_a_film():
    assert from_object(np.zeros((40, 50))).quantity is Quantity.RADIOGRAPH


def test_an_array_without_spacing_says_what_to_do():
    with pytest.raises(ValueError, match=r"lacks its spacing: use hilum\.readers\.volume_from_array"):
        from_object(VOXELS)


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="not <class 'dict'>"):
        from_object({})

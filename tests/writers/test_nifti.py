"""Volumes as NIfTI: every voxel where it lies in the patient, for nibabel and for SimpleITK."""

import nibabel
import numpy as np
import pytest
import SimpleITK

from hilum.writers import write
from hilum.writers.nifti import is_sheared

from .volumes import AXES, grid, labels, tilted, values_in_the_patient

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def of_simpleitk(image) -> tuple[np.ndarray, np.ndarray]:
    """Values by (i, j, k), and the affine to LPS."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).T, affine


@pytest.mark.parametrize(("order", "signs"), AXES)
def test_all_axis_orders(tmp_path, order, signs):
    made = labels(grid(order, signs))
    wanted = values_in_the_patient(made.array, made.volume.affine)
    path = write(made, tmp_path / "lesions.nii")
    read = nibabel.load(path)
    assert read.get_data_dtype() == np.uint8
    assert values_in_the_patient(np.asanyarray(read.dataobj), TO_LPS @ read.affine) == wanted
    assert values_in_the_patient(*of_simpleitk(SimpleITK.ReadImage(str(path)))) == wanted


@pytest.mark.parametrize("turn", [7.0, -31.0])
def test_oblique(tmp_path, turn):
    made = labels(grid(turn=turn))
    path = write(made, tmp_path / "lesions.nii.gz")
    array, affine = of_simpleitk(SimpleITK.ReadImage(str(path)))
    assert np.array_equal(array.T, made.array)
    assert np.allclose(affine[:, [2, 1, 0, 3]], made.volume.affine, atol=1e-3)
    assert nibabel.load(path).header["qform_code"] == 1


def test_a_tilted_gantry_is_in_the_sform_alone(tmp_path):
    made = labels(tilted())
    assert is_sheared(made.volume)
    assert not is_sheared(grid(turn=31))
    path = write(made, tmp_path / "lesions.nii.gz")
    read = nibabel.load(path)
    assert (read.header["sform_code"], read.header["qform_code"]) == (1, 0)
    assert np.allclose(TO_LPS @ read.affine, made.volume.affine[:, [2, 1, 0, 3]], atol=1e-3)
    assert np.array_equal(np.asanyarray(read.dataobj).T, made.array)
    with pytest.raises(RuntimeError, match="orthonormal"):
        SimpleITK.ReadImage(str(path))


def test_the_same_bytes(tmp_path):
    made = labels(grid())
    first, second = (write(made, tmp_path / name).read_bytes() for name in ("a.nii.gz", "a-2.nii.gz"))
    assert first == second

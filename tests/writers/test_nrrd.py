"""NRRD: every voxel where it lies in the patient, for SimpleITK and for pynrrd, a tilted gantry too."""

import nrrd
import numpy as np
import pytest
import SimpleITK

from hilum.errors import WriteError
from hilum.geometry import PlaneGrid, PlaneOrientation, VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.writers import write
from hilum.writers.nrrd import TYPES

from .test_nifti import of_simpleitk
from .volumes import AXES, SHAPE, SOURCE, grid, labels, tilted, values_in_the_patient


@pytest.mark.parametrize(("order", "signs"), AXES)
def test_all_axis_orders(tmp_path, order, signs):
    made = labels(grid(order, signs))
    path = write(made, tmp_path / "lesions.nrrd")
    wanted = values_in_the_patient(made.array, made.volume.affine)
    assert values_in_the_patient(*of_simpleitk(SimpleITK.ReadImage(str(path)))) == wanted


@pytest.mark.parametrize("place", [grid(turn=7), grid((1, 0, 2), (1, -1, 1), turn=-31), tilted(), tilted(-25)])
def test_oblique_and_sheared(tmp_path, place):
    made = labels(place)
    path = write(made, tmp_path / "lesions.nrrd")
    array, affine = of_simpleitk(SimpleITK.ReadImage(str(path)))
    assert np.array_equal(array.T, made.array)
    assert np.allclose(affine[:, [2, 1, 0, 3]], place.affine, atol=1e-9)
    values, header = nrrd.read(str(path))
    assert np.array_equal(values.T, made.array)
    assert np.array_equal(header["space directions"], place.affine[:3, 2::-1].T)
    assert np.array_equal(header["space origin"], place.affine[:3, 3])
    assert header["space"] == "left-posterior-superior"


def test_a_film_is_one_slice_that_stands_upright(tmp_path):
    array = np.random.default_rng(5).integers(0, 3, (11, 7)).astype(np.uint8)
    film = PlaneGrid((11, 7), (0.3, 0.2), orientation=PlaneOrientation("F", "R"))
    read = SimpleITK.ReadImage(str(write(LabelMap(array, film, LUNGS, SOURCE), tmp_path / "lungs.nrrd")))
    assert np.array_equal(SimpleITK.GetArrayFromImage(read)[0], array)
    assert read.GetSpacing() == (0.2, 0.3, 1.0)
    assert np.allclose(np.array(read.GetDirection()).reshape(3, 3)[:, :2].T, [(0, 0, -1), (-1, 0, 0)])


@pytest.mark.parametrize("dtype", TYPES)
def test_types_of_numbers(tmp_path, dtype):
    values = np.random.default_rng(2).integers(0, 100, SHAPE).astype(dtype)
    image = Image(values.astype(np.dtype(dtype).newbyteorder(">")), grid(), Quantity.HOUNSFIELD, SOURCE)
    read = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(write(image, tmp_path / "ct.nrrd"))))
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read, values)


def test_what_it_cannot_hold(tmp_path):
    image = Image(
        np.zeros((1, 2, 3), np.float16), VolumeGrid.of_spacing((1, 2, 3), (1, 1, 1)), Quantity.ATTENUATION, SOURCE
    )
    with pytest.raises(WriteError, match="float16 values as NRRD"):
        write(image, tmp_path / "ct.nrrd")
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes(tmp_path):
    first, second = (write(labels(grid()), tmp_path / name).read_bytes() for name in ("a.nrrd", "b.nrrd"))
    assert first == second
    assert first.startswith(b"NRRD0004\ntype: uint8\n")

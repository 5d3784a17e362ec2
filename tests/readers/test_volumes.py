"""What every reader of volumes promises: the same voxels at the same places as a second library finds them."""

from __future__ import annotations

import gzip
import hashlib
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Quantity
from hilum.readers import READERS, find, read
from hilum.readers.content import HEAD_BYTES
from hilum.readers.formats import VOLUME_READERS, read_content
from hilum.settings import ReadSettings

sitk = pytest.importorskip("SimpleITK")

SHAPE = (7, 11, 13)
SPACING = (2.5, 0.7, 0.8)
ORIGIN = (-31.0, 17.0, -211.5)
ENDINGS = {"nifti": ".nii", "nifti-gz": ".nii.gz", "nrrd": ".nrrd", "metaimage": ".mha"}
ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """A rotation about z, y and x, one after the other."""
    turns = np.eye(3)
    for angle, (a, b) in zip(np.deg2rad(degrees), ((0, 1), (0, 2), (1, 2)), strict=True):
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        turns = turns @ turn
    return turns


def scene(degrees=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, VolumeGrid]:
    """Voxels no two of which are alike, on an axial or oblique grid."""
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 900
    plain = VolumeGrid.of_spacing(SHAPE, SPACING, ORIGIN).affine.copy()
    plain[:3, :3] = rotation(degrees) @ plain[:3, :3]
    return array, VolumeGrid(SHAPE, plain)


def turned(array: np.ndarray, grid: VolumeGrid, order, flips) -> tuple[np.ndarray, VolumeGrid]:
    """The same voxels at the same places, with the axes in another order and running other ways."""
    for axis, flip in enumerate(flips):
        if flip:
            array, grid = np.flip(array, axis), grid.flipped(axis)
    affine = np.column_stack([grid.affine[:, list(order)], grid.affine[:, 3]])
    return array.transpose(order), VolumeGrid(tuple(np.array(SHAPE)[list(order)].tolist()), affine)


def as_itk(array: np.ndarray, grid: VolumeGrid):
    """An image of SimpleITK, whose axes are ours in reverse."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    spacing = grid.spacing_mm
    directions = grid.affine[:3, :3] / np.array(spacing)
    image.SetSpacing(spacing[::-1])
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection(directions[:, ::-1].ravel().tolist())
    return image


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The scene as a file of every format."""
    folder = tmp_path_factory.mktemp("samples")
    files = {}
    for name, ending in ENDINGS.items():
        sitk.WriteImage(as_itk(*scene()), str(folder / f"scan{ending}"))
        files[name] = (folder / f"scan{ending}").read_bytes()
    return files


@pytest.fixture(params=list(ENDINGS))
def name(request):
    return request.param


def test_there_is_a_sample_for_every_reader():
    assert {name.removesuffix("-gz") for name in ENDINGS} == set(VOLUME_READERS)


def test_knows_its_own_files_and_no_other(name, samples):
    head = samples[name][:HEAD_BYTES]
    assert [other for other in READERS if READERS[other].looks_like(head)] == [name.removesuffix("-gz")]


def test_knows_its_files_packed_by_gzip_whatever_their_name(name, samples, put):
    packed = samples[name] if name == "nifti-gz" else gzip.compress(samples[name])
    scan = read(put("scan.bin", packed))
    assert np.array_equal(scan.array, scene()[0])


@pytest.mark.parametrize(
    "head", [b"", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\3", b"ObjectType", b"NRRD", b"\x5c\1\0\0"]
)
def test_does_not_know_what_is_too_short_or_something_else(name, head):
    assert not READERS[name.removesuffix("-gz")].looks_like(head)


def test_gives_hounsfield_units_that_cannot_be_changed(name, samples, made):
    scan = read_content(made.content(samples[name]), ReadSettings())
    assert scan.quantity is Quantity.HOUNSFIELD
    assert scan.array.dtype == np.int16
    assert not scan.array.flags.writeable
    assert [finding.code for finding in scan.findings] == ["contrast-unknown"]


def test_remembers_the_file_by_name_and_hash(name, samples, made):
    scan = read_content(made.content(samples[name], name="a.xyz"), ReadSettings())
    assert (scan.origin.name, scan.origin.sha256) == ("a.xyz", hashlib.sha256(samples[name]).hexdigest())


@pytest.mark.parametrize("degrees", [(0, 0, 0), (25, -14, 9)], ids=["axial", "oblique"])
@pytest.mark.parametrize("ending", list(ENDINGS.values()))
def test_all_48_orders_and_flips_give_the_same_volume(ending, degrees, tmp_path):
    array, grid = scene(degrees)
    path = tmp_path / f"scan{ending}"
    for order, flips in ORDERS:
        sitk.WriteImage(as_itk(*turned(array, grid, order, flips)), str(path))
        scan = read(path)
        assert scan.array.shape == tuple(np.array(SHAPE)[list(order)])
        upright = scan.axial()
        assert np.array_equal(upright.array, array), (order, flips)
        assert upright.volume.difference(grid) is None, (order, flips)


@pytest.mark.parametrize("ending", list(ENDINGS.values()))
def test_every_voxel_is_where_simpleitk_has_it(ending, tmp_path):
    path = tmp_path / f"scan{ending}"
    for order, flips in ORDERS[::5]:
        sitk.WriteImage(as_itk(*turned(*scene((31, 12, -8)), order, flips)), str(path))
        scan, theirs = read(path), sitk.ReadImage(str(path))
        assert np.array_equal(scan.array, sitk.GetArrayFromImage(theirs))
        for index in ((0, 0, 0), (6, 0, 0), (1, 5, 3), (0, 6, 6)):
            place = tuple(min(i, n - 1) for i, n in zip(index, scan.array.shape, strict=True))
            expected = theirs.TransformIndexToPhysicalPoint(place[::-1])
            assert scan.volume.position_mm(np.array(place)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("ending", list(ENDINGS.values()))
def test_sides_stay_the_patients(ending, tmp_path):
    array, grid = scene()
    array[:] = 0
    array[5, 2, 11] = 7  # towards the head, the front, the left
    for order, flips in ORDERS[::7]:
        sitk.WriteImage(as_itk(*turned(array, grid, order, flips)), str(tmp_path / f"scan{ending}"))
        scan = read(tmp_path / f"scan{ending}")
        place = np.argwhere(scan.array == 7)[0]
        away = scan.volume.position_mm(place) - scan.volume.position_mm((np.array(scan.array.shape) - 1) / 2)
        assert away[0] > 0
        assert away[1] < 0
        assert away[2] > 0


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"])
def test_whole_numbers_of_any_kind_become_16_bits(kind, tmp_path, name):
    array = np.abs(scene()[0] % 100).astype(kind)
    path = tmp_path / f"scan{ENDINGS[name]}"
    sitk.WriteImage(as_itk(array, scene()[1]), str(path))
    scan = read(path)
    assert scan.array.dtype == np.int16
    assert np.array_equal(scan.array, array)


def test_fractions_stay(tmp_path, name):
    array = scene()[0] + np.float32(0.25)
    sitk.WriteImage(as_itk(array, scene()[1]), str(tmp_path / f"scan{ENDINGS[name]}"))
    scan = read(tmp_path / f"scan{ENDINGS[name]}")
    assert scan.array.dtype == np.float32
    assert np.array_equal(scan.array, array)


def test_nan_and_infinity_become_air_and_are_told(tmp_path, name):
    array = scene()[0].astype(np.float32)
    array[0, 0, :5], array[3, 3, 3] = np.nan, np.inf
    sitk.WriteImage(as_itk(array, scene()[1]), str(tmp_path / f"scan{ENDINGS[name]}"))
    scan = read(tmp_path / f"scan{ENDINGS[name]}")
    assert np.isfinite(scan.array).all()
    assert scan.array[0, 0, 0] == scan.array[3, 3, 3] == np.nanmin(array)
    assert [finding.code for finding in scan.findings] == ["not-finite", "contrast-unknown"]


def test_refuses_huge_sizes_by_the_header_alone(name, samples, made):
    start = samples[name] if name == "nifti-gz" else samples[name][:600]
    with pytest.raises(ReadError, match=r"states 13x11x7 voxels \(0 megavoxels\).*limit is 0 .*read\.max_megavoxels"):
        read_content(made.content(start), ReadSettings(max_megavoxels=0))


@pytest.mark.parametrize("share", [0.75, 0.9, 0.99])
def test_says_which_file_is_cut_short(name, samples, share, put):
    path = put("scan.bin", samples[name][: int(share * len(samples[name]))])
    with pytest.raises(NotAnImage, match=r"cut short: .* should have [\d,]+ bytes, and [\d,]+ are there") as caught:
        read(path)
    assert caught.value.path == path


def test_says_that_packed_bytes_are_damaged(name, samples, put):
    packed = bytearray(samples[name] if name == "nifti-gz" else gzip.compress(samples[name]))
    packed[-7] ^= 255  # in the checksum
    with pytest.raises(NotAnImage, match="packed bytes are damaged"):
        read(put("scan.gz", bytes(packed)))


def test_several_volumes_in_one_file_are_refused(name, tmp_path):
    path = tmp_path / f"scan{ENDINGS[name]}"
    sitk.WriteImage(sitk.JoinSeries([as_itk(*scene())] * 3), str(path))
    with pytest.raises(UnsupportedFormat, match=r"it holds 3 volumes \(13x11x7x3 voxels\), and one is wanted"):
        read(path)


def test_one_volume_with_a_fourth_axis_is_read(name, tmp_path):
    path = tmp_path / f"scan{ENDINGS[name]}"
    sitk.WriteImage(sitk.JoinSeries([as_itk(*scene())]), str(path))
    assert np.array_equal(read(path).array, scene()[0])


def test_a_single_picture_is_refused(name, tmp_path):
    path = tmp_path / f"scan{ENDINGS[name]}"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((9, 8), np.int16)), str(path))
    with pytest.raises(UnsupportedFormat, match=r"it has 2 axes \(8x9\), and a CT volume has three"):
        read(path)


def test_is_found_in_a_folder_and_named_without_its_ending(name, samples, tmp_path):
    (tmp_path / f"scan{ENDINGS[name]}").write_bytes(samples[name])
    entries = list(find([tmp_path]))
    assert [entry.name for entry in entries] == ["scan"]
    assert entries[0].open().array.shape == SHAPE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_a_volume_or_an_error_of_ours(name, samples, made, data):
    broken = bytearray(samples[name])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken), 600) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(len(broken) // 2, len(broken)))]
    try:
        scan = read_content(made.content(bytes(broken)), ReadSettings(max_megavoxels=1))
    except ReadError as error:
        told = str(error)
    else:
        told = f"'{scan.origin.name}'"
        assert scan.array.dtype in (np.int16, np.float32)
        assert np.isfinite(scan.array).all()
    assert "'film'" in told


def test_real_volumes_are_those_of_a_second_library(data):
    for path in [*sorted(data.glob("ct/imlab-lung3d/*.nii.gz")), *sorted(data.glob("ct/elastix-lung/*.mha"))]:
        scan, theirs = read(path), sitk.ReadImage(str(path))
        assert np.array_equal(scan.array, sitk.GetArrayViewFromImage(theirs)), path.name
        last = [n - 1 for n in theirs.GetSize()]
        place = scan.volume.position_mm(np.array(last[::-1], dtype=float))
        assert place == pytest.approx(theirs.TransformIndexToPhysicalPoint(last), abs=1e-3)

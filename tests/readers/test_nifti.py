"""NIfTI: which of its positions holds, its units, its scaling, and what is wrong with it."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.readers import read

VOXELS = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
AFFINE = np.array([[-0.5, 0.1, 0, 9], [0.1, 0.6, 0, 8], [0, 0, 2.5, 7], [0, 0, 0, 1.0]])


def image(array=VOXELS, affine=AFFINE, kind=nibabel.Nifti1Image):
    return kind(array, affine)


def nifti(made, **fields) -> bytes:
    """The file of an image, with some fields of its header written over."""
    data = bytearray(made.to_bytes())
    for name, value in fields.items():
        kind, place = made.header.structarr.dtype.fields[name][:2]
        raw = np.array(value, dtype=kind.base).tobytes()
        data[place : place + len(raw)] = raw
    return bytes(data)


def ours(affine):
    """RAS millimetres of (i, j, k) as LPS millimetres of (slice, row, column)."""
    return (np.diag([-1, -1, 1, 1.0]) @ affine)[:, [2, 1, 0, 3]]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_voxels_and_position_are_nibabels(put, kind):
    scan = read(put("a.nii", image(kind=kind).to_bytes()))
    assert np.array_equal(scan.array, VOXELS.T)
    assert np.allclose(scan.volume.affine, ours(AFFINE))


def test_big_endian(put):
    made = nibabel.Nifti1Image(VOXELS, AFFINE, nibabel.Nifti1Header(endianness=">"))
    scan = read(put("a.nii", made.to_bytes()))
    assert np.array_equal(scan.array, VOXELS.T)
    assert scan.array.dtype == np.dtype("int16")


def test_the_qform_holds_where_the_sform_has_no_code(put):
    made = image(affine=np.diag([-0.5, 0.6, 2.5, 1]))
    made.set_qform(made.affine, 1)
    scan = read(put("a.nii", nifti(made, sform_code=0, srow_x=[5, 5, 5, 5])))
    assert np.allclose(scan.volume.affine, ours(made.affine))


@pytest.mark.parametrize("seed", range(6))
def test_any_qform_is_nibabels(put, seed):
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3] = np.column_stack([turn * random.uniform(0.4, 3, 3), random.normal(size=3) * 100])
    made = image(affine=affine)
    made.set_sform(None, 0)
    made.set_qform(affine, 1)
    path = put("a.nii", made.to_bytes())
    assert np.allclose(read(path).volume.affine, ours(nibabel.load(path).affine), atol=1e-4)


def test_two_positions_that_differ_are_told(put):
    made = image()
    made.set_qform(np.diag([0.5, 0.6, 2.5, 1]), 1)
    scan = read(put("a.nii", made.to_bytes()))
    assert scan.findings[0].code == "geometry-conflict"
    assert np.allclose(scan.volume.affine, ours(AFFINE))


def test_a_broken_qform_beside_a_sform_does_no_harm(put):
    scan = read(put("a.nii", nifti(image(), qform_code=1, quatern_b=3)))
    assert np.allclose(scan.volume.affine, ours(AFFINE))
    assert [finding.code for finding in scan.findings] == ["contrast-unknown"]


@pytest.mark.parametrize("row", [0.0, np.nan])
def test_a_qform_stands_in_for_a_sform_that_is_none(put, row):
    made = image(affine=np.diag([-0.5, 0.6, 2.5, 1]))
    made.set_qform(made.affine, 1)
    scan = read(put("a.nii", nifti(made, srow_x=[row] * 4)))
    assert np.allclose(scan.volume.affine, ours(made.affine))
    assert [finding.code for finding in scan.findings] == ["geometry-conflict", "contrast-unknown"]


def test_two_positions_that_agree_are_not(put):
    made = image(affine=np.diag([-0.5, 0.6, 2.5, 1]))
    made.set_qform(made.affine, 1)
    assert [finding.code for finding in read(put("a.nii", made.to_bytes())).findings] == ["contrast-unknown"]


def test_no_position_at_all_is_assumed_as_nibabel_does_and_told(put):
    path = put("a.nii", nifti(image(), sform_code=0, qform_code=0))
    scan = read(path)
    assert scan.findings[0].code == "orientation-assumed"
    assert np.allclose(scan.volume.affine, ours(nibabel.load(path).affine), atol=1e-5)


@pytest.mark.parametrize(("code", "factor"), [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_units_of_length(put, code, factor):
    scan = read(put("a.nii", nifti(image(affine=np.diag([1, 2, 3, 1.0])), xyzt_units=code)))
    assert scan.volume.spacing_mm == pytest.approx((3 * factor, 2 * factor, factor))


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"),
    [(1, -1024, np.int16), (2, 3, np.int16), (0.5, 0, np.float32), (np.nan, np.nan, np.int16), (0, 7, np.int16)],
)
def test_scaling_is_nibabels(put, slope, intercept, kind):
    path = put("a.nii", nifti(image(), scl_slope=slope, scl_inter=intercept))
    scan = read(path)
    assert scan.array.dtype == kind
    assert np.allclose(scan.array, nibabel.load(path).get_fdata().T)


def test_an_extension_before_the_voxels_is_passed_over(put):
    made = image()
    made.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a long comment " * 20))
    assert np.array_equal(read(put("a.nii", made.to_bytes())).array, VOXELS.T)


def test_gzip_in_several_members(put):
    data = image().to_bytes()
    assert np.array_equal(read(put("a.nii.gz", gzip.compress(data[:360]) + gzip.compress(data[360:]))).array, VOXELS.T)


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"magic": b"ni1\0"}, UnsupportedFormat, "it is the header of a pair of NIfTI files"),
        (
            {"dim": [3, 30000, 30000, 90, 1, 1, 1, 1]},
            ReadError,
            "states 30000x30000x90 voxels (81,000 megavoxels), and",
        ),
        ({"dim": [3, 4, -3, 2, 1, 1, 1, 1]}, NotAnImage, "its header states a size of 4x-3x2 voxels"),
        ({"dim": [0, 4, 3, 2, 1, 1, 1, 1]}, NotAnImage, "its header states 0 axes"),
        ({"datatype": 64}, NotAnImage, "cut short: the block of voxels should have 192 bytes, and 48 are there"),
        (
            {"datatype": 128},
            UnsupportedFormat,
            "its voxels are colours, complex or very wide numbers (NIfTI datatype 128",
        ),
        ({"datatype": 32}, UnsupportedFormat, "(NIfTI datatype 32)"),
        ({"datatype": 77}, NotAnImage, "a kind of number that there is not (77)"),
        ({"vox_offset": 4}, NotAnImage, "its header says that the voxels begin within it"),
        ({"vox_offset": np.nan}, NotAnImage, "its header says that the voxels begin within it"),
        ({"scl_slope": 2, "scl_inter": np.inf}, NotAnImage, "its header states the intercept inf"),
        ({"srow_y": [0, 0, 0, 0], "srow_x": [1, 0, 0, 0]}, NotAnImage, "its axis 2 has no direction or a spacing of 0"),
        ({"srow_x": [np.nan, 0, 0, 0]}, NotAnImage, "its position in space is not made of numbers"),
        ({"srow_x": [1, 1, 0, 0], "srow_y": [1, 1, 0, 0]}, NotAnImage, "its three axes do not span a volume"),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [1, 1, -2, 1, 1, 1, 1, 1]}, NotAnImage, "a spacing of 1, -2, 1"),
        ({"sform_code": 0, "qform_code": 0, "pixdim": [1, 1, 0, 1, 1, 1, 1, 1]}, NotAnImage, "its axis 2 has no direc"),
        ({"sform_code": 0, "qform_code": 1, "quatern_b": 3}, NotAnImage, "its quaternion is not that of a rotation"),
    ],
)
def test_what_is_wrong_has_its_own_sentence(put, fields, kind, sentence):
    path = put("a.nii", nifti(image(), **fields))
    with pytest.raises(ReadError) as caught:
        read(path)
    assert type(caught.value) is kind
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"Cannot read '{path}': ")


def test_a_header_cut_short(put):
    with pytest.raises(NotAnImage, match="cut short: the header should have 344 bytes, and 343 are there"):
        read(put("a.nii", image().to_bytes()[:347]))

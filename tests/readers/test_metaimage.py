"""MetaImage: its header, its voxels in the file and beside it, and what is wrong with either."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import NotAnImage, ReadError, UnsafeArchive, UnsupportedFormat
from hilum.provenance import sources
from hilum.readers import read
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings

sitk = pytest.importorskip("SimpleITK")

VOXELS = np.arange(24, dtype="<i2").reshape(2, 3, 4)
PLAIN = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "1 2 3",
    "ElementSpacing": "0.5 0.6 0.7",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def mha(data: bytes = VOXELS.tobytes(), **fields: str | None) -> bytes:
    """A file with some fields changed, or left out if None; they stand in their usual order, the last one last."""
    known = {**{k: v for k, v in PLAIN.items() if k != "ElementDataFile"}, **fields}
    known["ElementDataFile"] = fields.get("ElementDataFile") or "LOCAL"
    known["ElementDataFile"] = known.pop("ElementDataFile")
    return "".join(f"{k} = {v}\n" for k, v in known.items() if v is not None).encode() + data


def test_plain(put):
    scan = read(put("a.mha", mha()))
    assert np.array_equal(scan.array, VOXELS)
    assert scan.volume.spacing_mm == pytest.approx((0.7, 0.6, 0.5))
    assert scan.volume.position_mm(np.zeros(3)).tolist() == [1, 2, 3]


@pytest.mark.parametrize("field", ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
def test_big_endian(put, field):
    assert np.array_equal(read(put("a.mha", mha(VOXELS.astype(">i2").tobytes(), **{field: "True"}))).array, VOXELS)


def test_compressed(put):
    packed = zlib.compress(VOXELS.tobytes())
    assert np.array_equal(read(put("a.mha", mha(packed, CompressedData="True", CompressedDataSize="9"))).array, VOXELS)


def test_other_names_of_fields(put):
    made = mha(TransformMatrix=None, Rotation="0 1 0 1 0 0 0 0 1", Offset=None, Origin="4 5 6")
    scan = read(put("a.mha", made))
    assert scan.volume.affine[:3].tolist() == [[0, 0.6, 0, 4], [0, 0, 0.5, 5], [0.7, 0, 0, 6]]


def test_element_size_stands_in_for_the_spacing(put):
    scan = read(put("a.mha", mha(ElementSpacing=None, ElementSize="1 2 3")))
    assert scan.volume.spacing_mm == (3, 2, 1)


def test_slope_and_offset(put):
    scan = read(put("a.mha", mha(ElementToIntensityFunctionSlope="2", ElementToIntensityFunctionOffset="-1024")))
    assert scan.array.dtype == np.int16
    assert np.array_equal(scan.array, VOXELS * 2 - 1024)


def test_without_directions_they_are_assumed_and_told(put):
    assert [finding.code for finding in read(put("a.mha", mha(TransformMatrix=None))).findings] == [
        "orientation-assumed",
        "contrast-unknown",
    ]


@pytest.mark.parametrize(("skip", "before"), [("0", b""), ("5", b"12345"), ("-1", b"of any length")])
def test_voxels_beside_the_header(put, skip, before):
    put("scan.raw", before + VOXELS.tobytes())
    path = put("scan.mhd", mha(b"", HeaderSize=skip, ElementDataFile="scan.raw"))
    scan = read(path)
    assert np.array_equal(scan.array, VOXELS)
    assert [source.name for source in sources(scan.origin)] == ["scan.mhd", "scan.raw"]


def test_what_simpleitk_writes_in_two_files(tmp_path):
    image = sitk.GetImageFromArray(VOXELS)
    sitk.WriteImage(image, str(tmp_path / "scan.mhd"), useCompression=True)
    assert np.array_equal(read(tmp_path / "scan.mhd").array, VOXELS)


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        (
            {"DimSize": "100000 100000 900"},
            ReadError,
            "states 100000x100000x900 voxels (9,000,000 megavoxels), and the",
        ),
        ({"DimSize": "4 0 2"}, NotAnImage, "its header states a size of 4x0x2 voxels"),
        ({"DimSize": "4 -3 2"}, NotAnImage, "its header states a size of 4x-3x2 voxels"),
        ({"DimSize": "4 3"}, NotAnImage, "its header states 3 axes and 2 sizes"),
        ({"DimSize": "many"}, NotAnImage, "its header states 'many' for dimsize"),
        ({"ElementSpacing": "0.5 -0.6 0.7"}, NotAnImage, "its header states a spacing of 0.5, -0.6, 0.7"),
        ({"ElementSpacing": "0.5 0 0.7"}, NotAnImage, "its axis 2 has no direction or a spacing of 0"),
        ({"ElementSpacing": "0.5 nan 1"}, NotAnImage, "'0.5 nan 1' for elementspacing, and 3 numbers belong there"),
        ({"ElementSpacing": None}, NotAnImage, "its header states no spacing"),
        ({"TransformMatrix": "1 0 0 0 0 0 0 0 1"}, NotAnImage, "its axis 2 has no direction or a spacing of 0"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, NotAnImage, "its three axes do not span a volume"),
        ({"TransformMatrix": "1 0 0"}, NotAnImage, "'1 0 0' for transformmatrix, and 9 numbers belong there"),
        ({"ElementType": "MET_STRING"}, UnsupportedFormat, "its voxels are of the type 'MET_STRING'"),
        ({"ElementType": "MET_DOUBLE"}, NotAnImage, "cut short: the block of voxels should have 192 bytes, and 48 are"),
        ({"ElementNumberOfChannels": "3"}, UnsupportedFormat, "its voxels have 3 channels"),
        ({"BinaryData": "False"}, UnsupportedFormat, "its voxels are written as text"),
        ({"CompressedData": "True"}, NotAnImage, "its packed bytes are damaged"),
        ({"HeaderSize": "-7"}, NotAnImage, "its header skips -7 bytes"),
        ({"ElementDataFile": "LIST"}, UnsupportedFormat, "its voxels are spread over several files"),
        ({"ElementDataFile": "scan%03d.raw 1 9 1"}, UnsupportedFormat, "its voxels are spread over several files"),
        (
            {"ElementDataFile": "gone.raw"},
            NotAnImage,
            "its voxels should be in the file 'gone.raw' beside it, which is",
        ),
        (
            {"ElementDataFile": "../secret"},
            UnsafeArchive,
            "puts the voxels into '../secret', outside of its own folder",
        ),
        ({"ElementDataFile": "/etc/hosts"}, UnsafeArchive, "puts the voxels into '/etc/hosts', outside of its own"),
        ({"ElementDataFile": "C:\\secret"}, UnsafeArchive, "outside of its own folder"),
    ],
)
def test_what_is_wrong_has_its_own_sentence(put, changes, kind, sentence):
    path = put("a.mha", mha(**changes))
    with pytest.raises(ReadError) as caught:
        read(path)
    assert type(caught.value) is kind
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"Cannot read '{path}': ")


def test_a_header_that_does_not_end(put):
    with pytest.raises(NotAnImage, match="the header does not end with ElementDataFile"):
        read(put("a.mha", b"ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\n"))


def test_a_header_out_of_a_zip_file_cannot_reach_its_voxels(made):
    content = made.content(mha(b"", ElementDataFile="scan.raw"))
    with pytest.raises(ReadError, match=r"another file \('scan.raw'\), which cannot be reached from a zip file"):
        read_content(content, ReadSettings())


words = st.one_of(
    st.sampled_from(
        ["LOCAL", "True", "False", "4 3 2", "1 0 0 0 1 0 0 0 1", "MET_SHORT", "-1", "0", "1e400", "inf", ""]
    ),
    st.text(st.characters(codec="latin-1", exclude_characters="\n"), max_size=20),
)


@settings(max_examples=120, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from([*PLAIN, "HeaderSize", "CompressedData", "ElementSize", "ElementToIntensityFunctionSlope"]),
        words,
    ),
    order=st.randoms(use_true_random=False),
)
def test_any_header_gives_a_volume_or_an_error_of_ours(made, fields, order):
    known = list({**PLAIN, **fields, "ObjectType": "Image"}.items())[1:]
    order.shuffle(known)
    header = "".join(f"{k} = {v}\n" for k, v in [("ObjectType", "Image"), *known])
    try:
        scan = read_content(made.content(header.encode("latin-1") + VOXELS.tobytes()), ReadSettings())
    except ReadError as error:
        told = str(error)
    else:
        told = f"'{scan.origin.name}'"
        assert scan.array.size > 0
        assert np.isfinite(scan.volume.affine).all()
    assert "'film'" in told

"""NRRD: its spaces, its packings, its two files, and what is wrong with them."""

from __future__ import annotations

import bz2
import gzip

import nrrd
import numpy as np
import pytest

from hilum.errors import NotAnImage, ReadError, UnsafeArchive, UnsupportedFormat
from hilum.provenance import sources
from hilum.readers import read

VOXELS = np.arange(24, dtype="<i2").reshape(2, 3, 4)
PLAIN = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(0.5,0,0) (0,0.6,0) (0,0,0.7)",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(1,2,3)",
}


def file(data: bytes = VOXELS.tobytes(), **fields: str | None) -> bytes:
    """An NRRD file with some fields changed (``_`` stands for a space), or left out if None."""
    known = {**PLAIN, **{name.replace("_", " "): value for name, value in fields.items()}}
    lines = [f"{name}: {value}" for name, value in known.items() if value is not None]
    return "\n".join(["NRRD0004", "# a comment", *lines, "", ""]).encode() + data


def test_plain(put):
    scan = read(put("a.nrrd", file()))
    assert np.array_equal(scan.array, VOXELS)
    assert scan.volume.affine[:3].tolist() == [[0, 0, 0.5, 1], [0, 0.6, 0, 2], [0.7, 0, 0, 3]]


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("LPS", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("RAS", (-1, -1, 1)),
        ("left-anterior-superior", (1, -1, 1)),
        ("LAS", (1, -1, 1)),
    ],
)
def test_spaces(put, space, signs):
    affine = read(put("a.nrrd", file(space=space))).volume.affine
    assert affine[:3, 3].tolist() == [s * v for s, v in zip(signs, (1, 2, 3), strict=True)]
    assert affine[:3, :3].diagonal(0).tolist() == [0, signs[1] * 0.6, 0]
    assert affine[0, 2] == signs[0] * 0.5


@pytest.mark.parametrize("changes", [{"space": "scanner-xyz"}, {"space": None, "space_dimension": "3"}])
def test_a_space_without_sides_is_assumed_and_told(put, changes):
    scan = read(put("a.nrrd", file(**changes)))
    assert [finding.code for finding in scan.findings] == ["orientation-assumed", "contrast-unknown"]


def test_spacings_without_directions(put):
    plain = {"space": None, "space_directions": None, "space_origin": None}
    scan = read(put("a.nrrd", file(**plain, spacings="0.5 0.6 0.7")))
    assert scan.volume.spacing_mm == pytest.approx((0.7, 0.6, 0.5))
    assert scan.findings[0].code == "orientation-assumed"


def test_lengths_in_centimetres(put):
    scan = read(put("a.nrrd", file(space_units='"cm" "cm" "cm"')))
    assert scan.volume.spacing_mm == pytest.approx((7, 6, 5))


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("gz", gzip.compress), ("bzip2", bz2.compress), ("bz2", bz2.compress)],
)
def test_packings(put, encoding, pack):
    assert np.array_equal(read(put("a.nrrd", file(pack(VOXELS.tobytes()), encoding=encoding))).array, VOXELS)


def test_packed_twice(put):
    twice = gzip.compress(file(gzip.compress(VOXELS.tobytes()), encoding="gzip"))
    assert np.array_equal(read(put("a.nrrd.gz", twice)).array, VOXELS)


def test_big_endian(put):
    assert np.array_equal(read(put("a.nrrd", file(VOXELS.astype(">i2").tobytes(), endian="big"))).array, VOXELS)


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({}, VOXELS.tobytes()),
        ({"byte_skip": "5"}, b"12345" + VOXELS.tobytes()),
        ({"byte_skip": "-1"}, b"any" + VOXELS.tobytes()),
        ({"line_skip": "2", "byte_skip": "1"}, b"a\nb\nc" + VOXELS.tobytes()),
        ({"encoding": "gzip"}, gzip.compress(VOXELS.tobytes())),
    ],
)
@pytest.mark.parametrize("field", ["data_file", "datafile"])
def test_voxels_beside_the_header(put, changes, data, field):
    put("scan.raw", data)
    scan = read(put("scan.nhdr", file(b"", **changes, **{field: "scan.raw"})))
    assert np.array_equal(scan.array, VOXELS)
    assert [source.name for source in sources(scan.origin)] == ["scan.nhdr", "scan.raw"]


def test_what_pynrrd_writes_in_two_files(tmp_path):
    header = {"space": "left-posterior-superior", "space directions": np.diag([1.0, 2, 3]), "space origin": [0, 0, 0]}
    nrrd.write(str(tmp_path / "scan.nhdr"), VOXELS.T, header)
    scan = read(tmp_path / "scan.nhdr")
    assert np.array_equal(scan.array, VOXELS)
    assert scan.volume.spacing_mm == (3, 2, 1)


def test_an_axis_of_one_component_is_left_out(put):
    changes = {"dimension": "4", "sizes": "1 4 3 2", "space_directions": f"none {PLAIN['space directions']}"}
    assert np.array_equal(read(put("a.nrrd", file(**changes))).array, VOXELS)


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"sizes": "40000 40000 90"}, ReadError, "states 40000x40000x90 voxels (144,000 megavoxels), and the limit is"),
        ({"sizes": "4 0 2"}, NotAnImage, "its header states a size of 4x0x2 voxels"),
        ({"sizes": "4 3"}, NotAnImage, "states another number of axes than of sizes"),
        ({"sizes": None}, NotAnImage, "its header has no 'sizes'"),
        ({"type": "block"}, UnsupportedFormat, "its voxels are of the type 'block'"),
        ({"type": "double"}, NotAnImage, "cut short: the block of voxels should have 192 bytes, and 48 are there"),
        ({"endian": None}, NotAnImage, "its header does not state the order of bytes ('endian')"),
        ({"encoding": "hex"}, UnsupportedFormat, "its voxels are encoded as 'hex'"),
        ({"encoding": "gzip"}, NotAnImage, "its packed bytes are damaged"),
        ({"space": "talairach"}, UnsupportedFormat, "its space is 'talairach'"),
        ({"space_units": '"inch" "inch" "inch"'}, UnsupportedFormat, "its lengths are in inch"),
        ({"space_directions": "(1,0,0) (0,0,0) (0,0,1)"}, NotAnImage, "its axis 2 has no direction or a spacing of 0"),
        ({"space_directions": "(1,0,0) (2,0,0) (0,0,1)"}, NotAnImage, "its three axes do not span a volume"),
        ({"space_directions": "(1,0,0) (0,1"}, NotAnImage, "its header is damaged"),
        ({"space_directions": None}, NotAnImage, "its header states no spacing"),
        ({"space_directions": None, "spacings": "1 -1 1"}, NotAnImage, "its header states a spacing of 1, -1, 1"),
        ({"space_directions": "(1,0) (0,1) (1,1)"}, NotAnImage, "its axes do not lie in a space of three directions"),
        ({"space_origin": "(1,2)"}, NotAnImage, "its axes do not lie in a space of three directions"),
        ({"data_file": "LIST"}, UnsupportedFormat, "its voxels are spread over several files"),
        ({"data_file": "gone.raw"}, NotAnImage, "its voxels should be in the file 'gone.raw' beside it, which is not"),
        ({"data_file": "../../etc/passwd"}, UnsafeArchive, "outside of its own folder"),
        ({"line_skip": "-2"}, NotAnImage, "its header skips -2 lines and 0 bytes"),
        (
            {"dimension": "4", "sizes": "3 4 3 2", "space_directions": f"none {PLAIN['space directions']}"},
            UnsupportedFormat,
            "it holds 3 volumes (4x3x2x3 voxels), and one is wanted",
        ),
    ],
)
def test_what_is_wrong_has_its_own_sentence(put, changes, kind, sentence):
    path = put("a.nrrd", file(**changes))
    with pytest.raises(ReadError) as caught:
        read(path)
    assert type(caught.value) is kind
    assert sentence in str(caught.value)


def test_a_header_that_does_not_end(put):
    with pytest.raises(NotAnImage, match="its header does not end"):
        read(put("a.nrrd", b"NRRD0004\n" + b"# and so on\n" * 100_000))

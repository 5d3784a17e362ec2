"""MetaImage: MHA, one file, and MHD, a header with the voxels beside it.

References
----------
.. [1] The MetaIO documentation of ITK (names and meaning of the fields).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.image import Image
from hilum.measurement import Finding
from hilum.settings import ReadSettings

from .beside import beside
from .content import Content
from .flow import Flow, unpacked_head
from .volume import Volume, along, assumed, grid_of, packed_limit, samples_of, three

_KINDS = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""Numpy's names of the format's kinds of number; its long has 32 bits."""

_FIELDS_LIMIT = 1000
"""Most lines of a header; real ones have 10 to 40."""

_LAST = "elementdatafile"
"""The field that ends a header."""

_FIRST = (b"ObjectType", b"NDims", b"Comment", b"ID", b"Name")
"""Fields that a header may begin with."""

_TURNS = ("transformmatrix", "rotation", "orientation")
"""Fields that hold the directions of the axes; they mean the same."""

_SHIFTS = ("offset", "position", "origin")
"""Fields that hold the position of the first voxel; they mean the same."""

Fields = Mapping[str, str]
"""What a header says, by the name of the field in small letters."""


class MetaImage:
    """The reader of MetaImage."""

    title = "MetaImage"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is MetaImage, packed by gzip or not."""
        head = unpacked_head(head).lstrip()
        name, equals, _ = head.partition(b"=")
        return bool(equals) and name.strip() in _FIRST and b"NDims" in head

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The CT in the file; errors as for :meth:`load`."""
        return self.load(content, settings).image(content)

    def load(self, content: Content, settings: ReadSettings) -> Volume:
        """The voxels as they are stored.

        Raises
        ------
        UnsupportedFormat
            It holds several volumes or channels, text in place of bytes, or is spread over many files.
        NotAnImage
            It is damaged, cut short, or its position in space is none.
        UnsafeArchive
            It names a file of voxels outside of its folder.
        ReadError
            It states more voxels than the limit.
        """
        flow = Flow.of(content)
        fields = _fields(content, flow)
        sizes = three(content, _sizes(content, fields), settings)
        kind = _kind(content, fields)
        grid = grid_of(content, sizes, _affine(content, fields))
        apart, name = None, fields[_LAST]
        if name.upper() != "LOCAL":
            apart = beside(content, _one_file(content, name))
            flow = Flow(apart, apart.data)
        voxels = _voxels(content, fields, flow, sizes[0] * sizes[1] * sizes[2] * kind.itemsize)
        slope = _numbers(content, fields, "elementtointensityfunctionslope", 1, (1.0,))[0]
        intercept = _numbers(content, fields, "elementtointensityfunctionoffset", 1, (0.0,))[0]
        return Volume(samples_of(voxels, sizes, kind), grid, float(slope), float(intercept), _placement(fields), apart)


def _fields(content: Content, flow: Flow) -> Fields:
    """The header, up to and with the field that ends it; the flow then stands at what follows."""
    fields: dict[str, str] = {}
    for _ in range(_FIELDS_LIMIT):
        line = flow.take_line()
        name, equals, value = line.decode("latin-1").partition("=")
        if not line or (line.strip() and not equals):
            break
        if equals:
            fields[name.strip().lower()] = value.strip()
        if _LAST in fields:
            return fields
    raise content.error(
        NotAnImage,
        "it begins as a MetaImage header, but the header does not end with ElementDataFile",
        "Copy, download or export it again.",
    )


def _numbers(
    content: Content, fields: Fields, name: str, count: int, default: tuple[float, ...]
) -> NDArray[np.float64]:
    """The finite numbers of a field, or the default where it is missing."""
    if name not in fields:
        return np.array(default, dtype=np.float64)
    try:
        numbers = np.array([float(word) for word in fields[name].split()], dtype=np.float64)
    except ValueError:
        numbers = np.array([])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise content.error(
            NotAnImage,
            f"its header states {fields[name]!r} for {name}, and {count} numbers belong there",
            "Export it again.",
        )
    return numbers


def _is_true(fields: Fields, *names: str) -> bool:
    return any(fields.get(name, "").lower() in ("true", "1", "yes", "on") for name in names)


def _sizes(content: Content, fields: Fields) -> list[int]:
    words = fields.get("dimsize", "").split()
    if not words or not all(word.lstrip("-").isdecimal() and len(word) < 20 for word in words):
        raise content.error(
            NotAnImage, f"its header states {fields.get('dimsize', 'nothing')!r} for dimsize", "Export it again."
        )
    if fields.get("ndims", str(len(words))) != str(len(words)):
        raise content.error(
            NotAnImage, f"its header states {fields['ndims']} axes and {len(words)} sizes", "Export it again."
        )
    channels = fields.get("elementnumberofchannels", "1")
    if channels != "1":
        raise content.error(
            UnsupportedFormat, f"its voxels have {channels} channels", "Give the scan itself, in Hounsfield units."
        )
    return [int(word) for word in words]


def _kind(content: Content, fields: Fields) -> np.dtype[Any]:
    name = fields.get("elementtype", "").upper()
    if name not in _KINDS:
        raise content.error(
            UnsupportedFormat,
            f"its voxels are of the type {name or 'unknown'!r}",
            "Save it with 16-bit numbers (MET_SHORT).",
        )
    if "binarydata" in fields and not _is_true(fields, "binarydata"):
        raise content.error(UnsupportedFormat, "its voxels are written as text", "Save it with BinaryData = True.")
    is_big = _is_true(fields, "binarydatabyteordermsb", "elementbyteordermsb")
    return np.dtype(_KINDS[name]).newbyteorder(">" if is_big else "<")


def _affine(content: Content, fields: Fields) -> NDArray[np.float64]:
    """From the file's axes to LPS millimetres; each axis' direction is a row of the matrix in the file."""
    count = len(fields["dimsize"].split())
    turn = next((name for name in _TURNS if name in fields), _TURNS[0])
    shift = next((name for name in _SHIFTS if name in fields), _SHIFTS[0])
    matrix = _numbers(content, fields, turn, count * count, tuple(np.eye(count).ravel())).reshape(count, count)
    offset = _numbers(content, fields, shift, count, (0.0,) * count)
    step = "elementspacing" if "elementspacing" in fields else "elementsize"
    if step not in fields:
        raise content.error(NotAnImage, "its header states no spacing", "Export it again, with ElementSpacing.")
    spacing = _numbers(content, fields, step, count, ())
    if (spacing[:3] < 0).any():
        shown = ", ".join(f"{value:g}" for value in spacing[:3])
        raise content.error(NotAnImage, f"its header states a spacing of {shown}", "Export it again.")
    return along(matrix[:3, :3].T * spacing[:3], offset[:3])


def _placement(fields: Fields) -> tuple[Finding, ...]:
    """A warning where the header has no directions."""
    if any(name in fields for name in _TURNS):
        return ()
    return (assumed("columns towards the left, rows towards the back, slices towards the head"),)


def _one_file(content: Content, name: str) -> str:
    if name.upper().startswith("LIST") or "%" in name or len(name.split()) > 3:
        raise content.error(UnsupportedFormat, "its voxels are spread over several files", "Save it as one file, .mha.")
    return name


def _voxels(content: Content, fields: Fields, flow: Flow, size: int) -> Flow:
    """The flow of the voxels, past what the header says stands before them."""
    skip = int(_numbers(content, fields, "headersize", 1, (0.0,))[0])
    if skip == -1 and not _is_true(fields, "compresseddata"):
        return flow.last(size)
    if skip < 0:
        raise content.error(NotAnImage, f"its header skips {skip} bytes", "Export it again.")
    flow.take_exactly(skip, "what stands before the voxels")
    return flow.repacked("zlib" if _is_true(fields, "compresseddata") else "none", packed_limit(size))

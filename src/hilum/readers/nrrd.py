"""NRRD, with the voxels in the same file or beside it; the header through pynrrd, the voxels by our own means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Image
from hilum.measurement import Finding
from hilum.settings import ReadSettings

from .beside import beside
from .content import Content
from .flow import Flow, Packing, unpacked_head
from .volume import Volume, along, assumed, grid_of, packed_limit, samples_of, three

_HEADER_LIMIT = 1 << 20
"""Longest header in bytes; Slicer's, with the names of a hundred segments, stay below a tenth of it."""

_SIGNS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
"""Signs that turn a named space into left-posterior-superior."""

_NAMELESS = {"", "scanner-xyz", "3d-right-handed", "3d-left-handed"}
"""Spaces that say nothing of the patient's sides."""

_UNITS_MM = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "": 1.0}
"""Millimetres in a unit of length."""

_PACKING: dict[str, Packing] = {"raw": "none", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}

_KINDS = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"), "i8"
    ),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
"""Numpy's names of the format's kinds of number."""


class Nrrd:
    """The reader of NRRD."""

    title = "NRRD"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is NRRD, packed by gzip or not."""
        head = unpacked_head(head)
        return head.startswith(b"NRRD000") and head[8:9] in (b"\n", b"\r")

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The CT in the file; errors as for :meth:`load`."""
        return self.load(content, settings).image(content)

    def load(self, content: Content, settings: ReadSettings) -> Volume:
        """The voxels as they are stored.

        Raises
        ------
        UnsupportedFormat
            It holds several volumes or segments that overlap, or packs its voxels in a rare way.
        NotAnImage
            It is damaged, cut short, or its position in space is none.
        UnsafeArchive
            It names a file of voxels outside of its folder.
        ReadError
            It states more voxels than the limit.
        """
        flow = Flow.of(content)
        header = _header(content, flow)
        shown = [int(size) for size in header["sizes"]]
        axes = _axes(header, len(shown))
        others = [size for axis, size in enumerate(shown) if axis not in axes]
        sizes = three(content, [*(shown[axis] for axis in axes), *others], settings)
        kind, packing = _kind(content, header), _packing(content, header)
        affine, findings = _affine(content, header, axes)
        grid = grid_of(content, sizes, affine)
        apart, name = None, header.get("data file", header.get("datafile"))
        if name is not None:
            apart = beside(content, _one_file(content, str(name)))
            flow = Flow(apart, apart.data)
        flow = _skipped(content, header, flow, packing, sizes[0] * sizes[1] * sizes[2] * kind.itemsize)
        return Volume(samples_of(flow, sizes, kind), grid, findings=findings, apart=apart)


def load_layers(content: Content, settings: ReadSettings) -> tuple[NDArray[Any], VolumeGrid]:
    """The voxels of a file of several masks on one grid, shape (layers, slices, rows, columns), and that grid.

    Raises
    ------
    NotAnImage
        Its first axis is not that of layers, it does not say how the patient lies in it, or it is damaged.
    ReadError
        As for :meth:`Nrrd.load`; the limit of size is that of all layers together.
    """
    flow = Flow.of(content)
    header = _header(content, flow)
    shown = [int(size) for size in header["sizes"]]
    if len(shown) != 4 or _axes(header, 4) != [1, 2, 3]:
        raise content.error(NotAnImage, "it is no segmentation in layers", "Export it again.")
    sizes = three(content, [shown[1], shown[2], shown[3] * shown[0]], settings)
    kind, packing = _kind(content, header), _packing(content, header)
    affine, findings = _affine(content, header, [1, 2, 3])
    if findings:
        raise content.error(NotAnImage, "it does not say how the patient lies in it", "Export it again.")
    grid = grid_of(content, (shown[1], shown[2], shown[3]), affine)
    if {"data file", "datafile"} & set(header):
        raise content.error(UnsupportedFormat, "its voxels are in a file of their own", "Save it as one file.")
    flow = _skipped(content, header, flow, packing, sizes[0] * sizes[1] * sizes[2] * kind.itemsize)
    samples = samples_of(flow, (shown[0] * shown[1], shown[2], shown[3]), kind)
    return np.moveaxis(samples.reshape(*grid.shape, shown[0]), -1, 0), grid


def _header(content: Content, flow: Flow) -> Mapping[str, Any]:
    """The fields of the header; the flow then stands at what follows it."""
    from nrrd.errors import NRRDError
    from nrrd.reader import read_header

    lines = [line.decode("utf-8", "replace") for line in _lines(content, flow)]
    try:
        header: Mapping[str, Any] = read_header(lines)
    except (NRRDError, ValueError, TypeError, IndexError, KeyError, OverflowError, StopIteration) as error:
        reason = str(error) or type(error).__name__
        raise content.error(
            NotAnImage, f"it begins as an NRRD file, but its header is damaged ({reason})", "Export it again."
        ) from error
    missing = [name for name in ("dimension", "type", "encoding", "sizes") if name not in header]
    if missing or len(header["sizes"]) != header["dimension"]:
        reason = f"has no {missing[0]!r}" if missing else "states another number of axes than of sizes"
        raise content.error(NotAnImage, f"its header {reason}", "Export it again.")
    return header


def _lines(content: Content, flow: Flow) -> list[bytes]:
    """The header's lines up to the empty one that ends it, or to the end of the file."""
    lines: list[bytes] = []
    length = 0
    while line := flow.take_line():
        length += len(line)
        if not line.strip():
            break
        if length > _HEADER_LIMIT:
            raise content.error(NotAnImage, "its header does not end", "Copy, download or export it again.")
        lines.append(line)
    return lines


def _axes(header: Mapping[str, Any], count: int) -> list[int]:
    """The axes that lie in space: the first three with a direction, or, where none has, the first three."""
    directions = header.get("space directions")
    if directions is None:
        return list(range(min(count, 3)))
    rows = [None if row is None else np.asarray(row, dtype=np.float64) for row in directions]
    return [axis for axis, row in enumerate(rows) if row is not None and not np.isnan(row).all()][:3]


def _kind(content: Content, header: Mapping[str, Any]) -> np.dtype[Any]:
    name = _KINDS.get(str(header["type"]).lower())
    if name is None:
        raise content.error(
            UnsupportedFormat, f"its voxels are of the type {str(header['type'])!r}", "Save it with 16-bit numbers."
        )
    kind = np.dtype(name)
    order = str(header.get("endian", "")).lower()
    if kind.itemsize > 1 and order not in ("little", "big"):
        raise content.error(NotAnImage, "its header does not state the order of bytes ('endian')", "Export it again.")
    return kind.newbyteorder(">" if order == "big" else "<")


def _packing(content: Content, header: Mapping[str, Any]) -> Packing:
    name = str(header["encoding"]).lower()
    if name not in _PACKING:
        raise content.error(
            UnsupportedFormat, f"its voxels are encoded as {name!r}", "Save it with the encoding raw or gzip."
        )
    return _PACKING[name]


def _affine(
    content: Content, header: Mapping[str, Any], axes: list[int]
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """From the file's axes to LPS millimetres, and what was noticed about it."""
    space = str(header.get("space", "")).lower().removesuffix("-time").removesuffix("t")
    if space not in _SIGNS and space not in _NAMELESS:
        raise content.error(
            UnsupportedFormat,
            f"its space is {str(header['space'])!r}",
            "Save it in left-posterior-superior coordinates.",
        )
    findings: tuple[Finding, ...] = ()
    if "space directions" in header:
        directions = np.array([header["space directions"][axis] for axis in axes], dtype=np.float64)
        origin = np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)
        directions, origin = directions[:, :3], origin[:3]  # a fourth direction is that of time
    else:
        directions, origin = np.diag(_spacings(content, header, axes)), np.zeros(3)
    if directions.shape != (3, 3) or origin.shape != (3,):
        raise content.error(NotAnImage, "its axes do not lie in a space of three directions", "Export it again.")
    if space in _NAMELESS or "space directions" not in header:
        findings = (assumed("columns towards the left, rows towards the back, slices towards the head"),)
    scale = _unit_mm(content, header) * np.array(_SIGNS.get(space, (1, 1, 1)), dtype=np.float64)
    return along(scale[:, None] * directions.T, scale * np.nan_to_num(origin)), findings


def _spacings(content: Content, header: Mapping[str, Any], axes: list[int]) -> NDArray[np.float64]:
    spacings = [float(header["spacings"][axis]) for axis in axes] if "spacings" in header else []
    if len(spacings) != 3 or not all(np.isfinite(spacing) and spacing >= 0 for spacing in spacings):
        found = f"a spacing of {', '.join(f'{value:g}' for value in spacings)}" if spacings else "no spacing"
        raise content.error(NotAnImage, f"its header states {found}", "Export it again, with its spacing.")
    return np.array(spacings)


def _unit_mm(content: Content, header: Mapping[str, Any]) -> float:
    names = {str(name).lower() for name in header.get("space units", ["mm"])}
    if len(names) != 1 or not names <= set(_UNITS_MM):
        raise content.error(
            UnsupportedFormat, f"its lengths are in {', '.join(sorted(names))}", "Save it with lengths in mm."
        )
    return _UNITS_MM[names.pop()]


def _one_file(content: Content, name: str) -> str:
    if name.startswith("LIST") or "%" in name:
        raise content.error(
            UnsupportedFormat, "its voxels are spread over several files", "Save it as one file, .nrrd or .nhdr."
        )
    return name


def _skipped(content: Content, header: Mapping[str, Any], flow: Flow, packing: Packing, size: int) -> Flow:
    """The flow of the voxels, past what the header says stands before them."""
    lines = int(header.get("line skip", header.get("lineskip", 0)))
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if lines < 0 or skip < -1 or (skip == -1 and packing != "none"):
        raise content.error(NotAnImage, f"its header skips {lines} lines and {skip} bytes", "Export it again.")
    for _ in range(lines):
        flow.take_line()
    if skip == -1:
        return flow.last(size)
    voxels = flow.repacked(packing, packed_limit(size))
    voxels.take_exactly(skip, "what stands before the voxels")
    return voxels

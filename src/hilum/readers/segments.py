"""Segmentations of 3D Slicer (``.seg.nrrd``): their segments by name, overlapping ones too.

The names stand in fields of the header, ``Segment0_Name`` and so on, with the number and the layer of each segment.
Segments that overlap lie in layers, the first axis of a file of four.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage
from hilum.geometry import VolumeGrid

from .content import Content
from .volume import RAS_TO_LPS, along, grid_of

_HEADER_BYTES = 1 << 20
"""How much of a file is searched for the names of segments: that of a hundred takes a tenth of it."""

_FIELD = re.compile(rb"^Segment(\d+)_(Name|LabelValue|Layer):=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its name as it is shown, its number within its layer, and the layer."""

    name: str
    number: int
    layer: int


def segments(path: Path) -> tuple[Segment, ...]:
    """The segments that the header of a file states; empty for a file that states none."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(b"NRRD"):
        return ()
    head = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].replace(b"\r\n", b"\n")
    fields: dict[int, dict[bytes, str]] = {}
    for number, key, value in _FIELD.findall(head):
        fields.setdefault(int(number), {})[key] = value.decode("utf-8", "replace").strip()
    return tuple(
        Segment(each[b"Name"], int(each.get(b"LabelValue", "1")), int(each.get(b"Layer", "0")))
        for _, each in sorted(fields.items())
        if b"Name" in each
    )


def has_layers(path: Path) -> bool:
    """Whether the segments lie in several layers."""
    return any(each.layer for each in segments(path))


def layers(path: Path) -> tuple[NDArray[np.uint8], VolumeGrid]:
    """All layers of a file, shape (layers, slices, rows, columns), and the grid of each.

    Raises
    ------
    NotAnImage
        The file is damaged, or no such file.
    """
    import nrrd
    from nrrd.errors import NRRDError

    content = Content.of_file(path)
    try:
        read: tuple[NDArray[Any], dict[str, Any]] = nrrd.read(str(path), index_order="F")
    except (NRRDError, ValueError, TypeError, KeyError, OSError) as error:
        raise content.error(NotAnImage, f"its layers cannot be read ({error})", "Export it again.") from error
    data, header = read
    directions = np.asarray(header.get("space directions", []), dtype=np.float64)
    space = str(header.get("space", "")).lower()
    if (
        data.ndim != 4
        or directions.shape != (4, 3)
        or space not in ("left-posterior-superior", "right-anterior-superior")
    ):
        raise content.error(NotAnImage, "it is no segmentation in layers", "Export it again.")
    affine = along(directions[1:].T, np.asarray(header["space origin"], dtype=np.float64))
    if space == "right-anterior-superior":
        affine = RAS_TO_LPS @ affine
    sizes = (int(data.shape[1]), int(data.shape[2]), int(data.shape[3]))
    return data.transpose(0, 3, 2, 1).astype(np.uint8), grid_of(content, sizes, affine)

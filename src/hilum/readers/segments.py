"""Segmentations of 3D Slicer (``.seg.nrrd``): their segments by name, overlapping ones too.

The names stand in fields of the header, ``Segment0_Name`` and so on, with the number and the layer of each segment.
Segments that overlap lie in layers, the first axis of a file of four.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.settings import ReadSettings

from .content import Content
from .nrrd import load_layers

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
    """The segments that the header of a file states; empty for a file that states none; NotAnImage if damaged."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(b"NRRD"):
        return ()
    head = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].replace(b"\r\n", b"\n")
    fields: dict[int, dict[bytes, str]] = {}
    for number, key, value in _FIELD.findall(head):
        fields.setdefault(int(number), {})[key] = value.decode("utf-8", "replace").strip()
    return tuple(
        Segment(each[b"Name"], _number(path, each, b"LabelValue", 1), _number(path, each, b"Layer", 0))
        for _, each in sorted(fields.items())
        if b"Name" in each
    )


def _number(path: Path, fields: Mapping[bytes, str], key: bytes, default: int) -> int:
    """A number of a segment; NotAnImage if it is none."""
    text = fields.get(key, str(default))
    if not (text.isdecimal() and len(text) < 10):
        raise NotAnImage(
            f"Cannot read '{path}': its header states {text!r} for the {key.decode()} of the segment "
            f"{fields[b'Name']!r}. Export it again.",
            path=path,
        )
    return int(text)


def has_layers(path: Path) -> bool:
    """Whether the segments lie in several layers."""
    return any(each.layer for each in segments(path))


def layers(path: Path, settings: ReadSettings) -> tuple[NDArray[Any], VolumeGrid]:
    """All layers of a file, shape (layers, slices, rows, columns), whole numbers, and the grid of each.

    Raises
    ------
    NotAnImage
        The file is damaged, or no such file.
    UnsupportedFormat
        It holds fractions, or is packed in a rare way.
    ReadError
        It states more voxels than the limit.
    """
    content = Content.of_file(path)
    stack, grid = load_layers(content, settings)
    if stack.dtype.kind == "f" and not (stack == np.rint(stack)).all():
        raise content.error(UnsupportedFormat, "it holds fractions, as maps of probability do", "Give the mask.")
    missing = sorted({each.layer for each in segments(path)} - set(range(len(stack))))
    if missing:
        raise content.error(
            NotAnImage, f"its header puts segments into layer {missing[0]}, and it has {len(stack)}", "Export it again."
        )
    return stack, grid

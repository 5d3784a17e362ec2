"""PNG with 16 bits a sample and several samples a pixel, which Pillow would cut down to 8 bits.

A 12-bit film saved as 16-bit colour would keep 16 of its 4,096 grey values that way.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from hilum.errors import UnsupportedFormat

from .content import Content

_SAMPLES = {2: 3, 4: 2, 6: 4}
"""Samples a pixel by PNG colour type: colour, grey with alpha, colour with alpha."""

_HEADER = struct.Struct(">8xI4sIIBBBBB")
"""The signature and the first chunk: length, name, width, height, depth, colour type, three methods."""


def is_needed(head: bytes) -> bool:
    """Whether a file that begins so is a PNG of the kind that this module reads."""
    if not head.startswith(b"\x89PNG") or len(head) < _HEADER.size:
        return False
    depth, colour = _HEADER.unpack_from(head)[4:6]
    return depth == 16 and colour in _SAMPLES


def decode(content: Content) -> tuple[NDArray[np.uint16], bool]:
    """The samples, shape (rows, columns, 2 to 4), and whether the last is opacity.

    Raises
    ------
    UnsupportedFormat
        The file is interlaced.
    ValueError, zlib.error, struct.error
        It is damaged.
    """
    columns, rows, _, colour, _, _, interlace = _HEADER.unpack_from(content.data)[2:]
    if interlace:
        raise content.error(
            UnsupportedFormat, "it is an interlaced PNG with 16 bits a channel", "Save it as grey, not interlaced."
        )
    width = 2 * _SAMPLES[colour]
    size = rows * (1 + columns * width)
    unpacker = zlib.decompressobj()
    stream = b"".join(unpacker.decompress(part, size) for part in _image_data(content.data))[:size]
    if len(stream) < size:
        raise ValueError(f"{size - len(stream)} bytes of the image data are missing")
    lines = np.frombuffer(stream, dtype=np.uint8).reshape(rows, 1 + columns * width)
    plain = _unfilter(lines[:, 0], lines[:, 1:].reshape(rows, columns, width))
    return plain.view(">u2").astype(np.uint16), colour in (4, 6)


def _image_data(data: bytes) -> list[bytes]:
    """The content of the IDAT chunks, in order."""
    parts: list[bytes] = []
    place = 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == b"IDAT":
            parts.append(data[place + 8 : place + 8 + length])
        if name == b"IEND":
            break
        place += length + 12
    return parts


def _unfilter(filters: NDArray[np.uint8], filtered: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Undo PNG's line filters; a pixel leans on its left, upper and upper left neighbours.

    Pixels on one anti-diagonal do not lean on each other, so that each is done at once.

    Parameters
    ----------
    filters : (rows,), 0 to 4
    filtered : (rows, columns, bytes of a pixel)
    """
    if filters.max() > 4:
        raise ValueError(f"there is no PNG filter {filters.max()}")
    rows, columns, width = filtered.shape
    plain = np.zeros((rows + 1, columns + 1, width), dtype=np.int16)
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        left, above, corner = plain[row + 1, column], plain[row, column + 1], plain[row, column]
        kind = filters[row][:, None]
        guess = np.select(
            [kind == 1, kind == 2, kind == 3, kind == 4],
            [left, above, (left + above) >> 1, _paeth(left, above, corner)],
            np.int16(0),
        )
        plain[row + 1, column + 1] = (filtered[row, column] + guess) & 255
    return plain[1:, 1:].astype(np.uint8)


def _paeth(left: NDArray[np.int16], above: NDArray[np.int16], corner: NDArray[np.int16]) -> NDArray[np.int16]:
    """Whichever of the three neighbours is nearest to left + above - corner, in that order."""
    to_left, to_above = np.abs(above - corner), np.abs(left - corner)
    to_corner = np.abs(left + above - 2 * corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)

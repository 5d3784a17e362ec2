"""Checks the headers of a JPEG stream, so that none that is damaged reaches GDCM.

GDCM alone decodes JPEG Lossless here, and some damaged headers make it end the whole process, which no caller can
catch. What is damaged after the headers it reports as it should.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SOI, _EOI, _SOS, _DHT, _DQT, _DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3}
"""Start of frame: baseline, extended, progressive, lossless; Huffman coded all."""

_PASSED_OVER = {*range(0xE0, 0xF0), 0xFE, _DQT, _DRI}
"""Application data, comments, and tables in which nothing can be amiss but their length."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame header states: the sides in pixels, and the ids of the components."""

    rows: int
    columns: int
    components: frozenset[int]


def require_sound(stream: bytes, *, rows: int, columns: int, samples: int) -> None:
    """Raise ValueError unless the headers of a JPEG stream are whole and state the picture that is expected.

    Parameters
    ----------
    stream : from the start of image
    rows, columns, samples : of the picture, by the file around the stream

    References
    ----------
    .. [1] ITU-T T.81, annex B
    """
    if stream[:2] != bytes((0xFF, _SOI)):
        raise ValueError("there is no start of image")
    frame: Frame | None = None
    tables: set[int] = set()
    place = 2
    while True:
        marker, segment = _segment(stream, place)
        place += 4 + len(segment)
        if marker in _FRAMES and frame is None:
            frame = _frame(segment)
            if (frame.rows, frame.columns, len(frame.components)) != (rows, columns, samples):
                raise ValueError(f"the stream states {frame.columns}x{frame.rows} pixels, not {columns}x{rows}")
        elif marker == _DHT:
            tables |= _huffman_tables(segment)
        elif marker == _SOS and frame is not None:
            _check_scan(segment, frame, tables)
            return
        elif marker not in _PASSED_OVER:
            raise ValueError(f"the marker FF{marker:02X} does not belong there")


def _segment(stream: bytes, place: int) -> tuple[int, bytes]:
    """The marker at a place, and what follows it, without its length."""
    mark, marker, length = struct.unpack_from(">BBH", stream, place)
    segment = stream[place + 4 : place + 2 + length]
    if mark != 0xFF or length < 2 or len(segment) != length - 2:
        raise ValueError("a header is cut short")
    return marker, segment


def _frame(segment: bytes) -> Frame:
    precision, rows, columns, count = struct.unpack_from(">BHHB", segment)
    parts = [segment[start : start + 3] for start in range(6, len(segment), 3)]
    ids = frozenset(part[0] for part in parts)
    if not 2 <= precision <= 16 or not count == len(parts) == len(ids) or len(segment) != 6 + 3 * count:
        raise ValueError("the frame header is damaged")
    if any(part[1] >> 4 not in (1, 2) or part[1] & 15 not in (1, 2) for part in parts):
        raise ValueError("the frame header states impossible sampling")
    return Frame(rows, columns, ids)


def _huffman_tables(segment: bytes) -> set[int]:
    """Numbers of the tables in a segment, each of which must be a code that can be."""
    found: set[int] = set()
    while segment:
        number, counts = segment[0], segment[1:17]
        size = sum(counts)
        used = sum(count << (16 - length) for length, count in enumerate(counts, start=1))
        if number & 0xEC or len(counts) < 16 or used > 1 << 16 or not 1 <= size <= len(segment) - 17:
            raise ValueError("a Huffman table is damaged")
        found.add(number)
        segment = segment[17 + size :]
    return found


def _check_scan(segment: bytes, frame: Frame, tables: set[int]) -> None:
    """Raise ValueError unless the scan is of the frame's components and has the tables that it names."""
    count = segment[0] if segment else 0
    pairs = [segment[start : start + 2] for start in range(1, 1 + 2 * count, 2)]
    if len(segment) != 4 + 2 * count or frozenset(pair[0] for pair in pairs) != frame.components:
        raise ValueError("the scan header is damaged")
    if any(pair[1] >> 4 not in tables for pair in pairs):
        raise ValueError("the scan names a Huffman table that is not there")

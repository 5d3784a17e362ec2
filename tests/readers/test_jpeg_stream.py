"""The check of JPEG headers before GDCM sees them."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.readers.jpeg_stream import require_sound


def segment(marker, data):
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def frame(rows=37, columns=53, precision=12, parts=((1, 0x11, 0),), marker=0xC3):
    return segment(marker, struct.pack(">BHHB", precision, rows, columns, len(parts)) + b"".join(map(bytes, parts)))


def table(number=0, counts=(0, 1, 5), values=6):
    return segment(0xC4, bytes([number, *counts, *[0] * (16 - len(counts))]) + bytes(range(values)))


def scan(parts=((1, 0),), tail=bytes((1, 0, 0))):
    return segment(0xDA, bytes([len(parts)]) + b"".join(map(bytes, parts)) + tail)


START = b"\xff\xd8"
DATA = bytes(range(50))


def check(stream, **options):
    require_sound(stream, **({"rows": 37, "columns": 53, "samples": 1} | options))


@pytest.mark.parametrize("before", [b"", segment(0xE0, b"JFIF\0"), segment(0xFE, b"a comment"), segment(0xDD, b"\0\5")])
def test_a_sound_stream_passes(before):
    assert check(START + before + frame() + table() + scan() + DATA) is None
    assert check(START + table() + before + frame() + scan() + DATA) is None


def test_three_components_pass():
    parts = ((1, 0x21, 0), (2, 0x11, 0), (3, 0x11, 0))
    assert check(START + frame(parts=parts) + table() + scan(((1, 0), (2, 0), (3, 0))), samples=3) is None


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "no start of image"),
        (frame() + table() + scan(), "no start of image"),
        (START + frame(rows=36) + table() + scan(), "states 53x36 pixels, not 53x37"),
        (START + frame(parts=((1, 0x11, 0), (2, 0x11, 0))) + table() + scan(), "not 53x37"),
        (START + frame(precision=17) + table() + scan(), "frame header is damaged"),
        (START + frame(parts=((1, 0x11, 0), (1, 0x11, 0))) + table() + scan(), "frame header is damaged"),
        (START + frame(parts=((1, 0x71, 0),)) + table() + scan(), "impossible sampling"),
        (START + frame() + frame() + table() + scan(), "FFC3 does not belong there"),
        (START + frame() + b"\xff\xd9\0\2" + scan(), "FFD9 does not belong there"),
        (START + scan() + frame() + table(), "FFDA does not belong there"),
        (START + frame() + table(counts=(3,), values=3) + scan(), "Huffman table is damaged"),
        (START + frame() + table(values=5) + scan(), "Huffman table is damaged"),
        (START + frame() + table(number=9) + scan(), "Huffman table is damaged"),
        (START + frame() + scan(), "Huffman table that is not there"),
        (START + frame() + table() + scan(((1, 0x10),)), "Huffman table that is not there"),
        (START + frame() + table() + scan(((7, 0),)), "scan header is damaged"),
        (START + frame() + table() + scan(tail=b"\1"), "scan header is damaged"),
        (START + frame() + b"\xfe\xfe\0\2", "cut short"),
        (START + frame()[:-1], "cut short"),
    ],
)
def test_what_is_amiss_is_named(stream, message):
    with pytest.raises(ValueError, match=message):
        check(stream)


@given(st.integers(2, 60), st.integers(0, 255))
def test_a_changed_byte_brings_no_other_error(place, byte):
    stream = bytearray(START + frame() + table() + scan() + DATA)
    stream[place] = byte
    with suppress(ValueError, struct.error):
        assert check(bytes(stream)) is None


@given(st.integers(0, 50))
def test_a_cut_before_the_scan_is_found_out(length):
    stream = START + frame() + table() + scan()
    with pytest.raises((ValueError, struct.error)):
        check(stream[: min(length, len(stream) - 1)])

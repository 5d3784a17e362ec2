"""PNG with 16 bits a sample and several samples a pixel."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.readers import png16
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings

COLOUR_TYPES = {2: 4, 3: 2, 4: 6}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def predicted(kind, left, above, corner):
    """The PNG filters, byte by byte, as the standard writes them."""
    if kind < 4:
        return [0, left, above, (left + above) // 2][kind]
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def filtered(lines, width, filters):
    """Raw lines of bytes through one filter each."""
    made = b""
    for row, kind in enumerate(filters):
        made += bytes([kind])
        for place, byte in enumerate(lines[row]):
            left = lines[row][place - width] if place >= width else 0
            above = lines[row - 1][place] if row else 0
            corner = lines[row - 1][place - width] if row and place >= width else 0
            made += bytes([(byte - predicted(kind, left, above, corner)) % 256])
    return made


def encode(samples, filters=None, interlace=0, cut=0):
    rows, columns, channels = samples.shape
    lines = [row.astype(">u2").tobytes() for row in samples]
    stream = filtered(lines, 2 * channels, filters or [row % 5 for row in range(rows)])
    header = struct.pack(">IIBBBBB", columns, rows, 16, COLOUR_TYPES[channels], 0, 0, interlace)
    packed = zlib.compress(stream[: len(stream) - cut])
    half = len(packed) // 2
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))
def test_every_filter_is_undone(seed, rows, columns, channels):
    draw = np.random.default_rng(seed)
    samples = draw.integers(0, 65536, (rows, columns, channels), dtype=np.uint16)
    data = encode(samples, filters=draw.integers(0, 5, rows).tolist())
    decoded, has_alpha = png16.decode(content_of(data))
    assert np.array_equal(decoded, samples)
    assert has_alpha == (channels in (2, 4))


def content_of(data):
    from hilum.readers.content import Content

    return Content("film", "'film'", "film", data)


def test_agrees_with_pillow_in_the_eight_bits_that_pillow_keeps():
    import io

    samples = np.random.default_rng(3).integers(0, 65536, (7, 11, 3), dtype=np.uint16)
    data = encode(samples)
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(data))), samples >> 8)


def test_a_twelve_bit_film_saved_as_colour_keeps_its_steps(made):
    grey = made.ramp((13, 29), top=4095, dtype=np.uint16)
    film = read_content(made.content(encode(np.dstack([grey] * 3))), ReadSettings())
    assert film.array.dtype == np.uint16
    assert np.array_equal(film.array, grey)


def test_grey_with_alpha(made):
    grey = made.ramp((13, 29), top=65535, dtype=np.uint16)
    film = read_content(made.content(encode(np.dstack([grey, np.full_like(grey, 65535)]))), ReadSettings())
    assert np.array_equal(film.array, grey)


def test_interlaced_is_refused_with_a_way_out(made):
    samples = np.zeros((5, 7, 3), np.uint16)
    with pytest.raises(UnsupportedFormat, match=r"interlaced PNG with 16 bits a channel.*Save it as grey"):
        read_content(made.content(encode(samples, interlace=1)), ReadSettings())


@pytest.mark.parametrize(
    "data", [encode(np.zeros((5, 7, 3), np.uint16), cut=9), encode(np.ones((5, 7, 3), np.uint16))[:70]]
)
def test_cut_short(made, data):
    with pytest.raises(NotAnImage, match=r"damaged or cut short"):
        read_content(made.content(data), ReadSettings())


def test_a_filter_that_does_not_exist(made):
    stream = bytearray(filtered([bytes(18)] * 2, 6, [0, 0]))
    stream[0] = 7
    header = struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(stream)))
    with pytest.raises(NotAnImage, match=r"there is no PNG filter 7"):
        read_content(made.content(data), ReadSettings())


@pytest.mark.parametrize("head", [b"", b"\x89PNG", b"II*\0" + bytes(40)])
def test_is_not_needed_for_anything_else(head):
    assert not png16.is_needed(head)

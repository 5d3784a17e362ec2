"""The encoder: what Pillow reads is what was given."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Picture

from hilum.writers.png import SIGNATURE, encode_png

SIDES = st.sampled_from([1, 2, 7, 11, 13])


def read(content: bytes) -> np.ndarray:
    with Picture.open(io.BytesIO(content)) as picture:
        picture.verify()
    with Picture.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


@settings(max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.one_of(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES, st.just(3))),
    ),
    st.booleans(),
)
def test_round_trip(array, is_picture):
    if array.dtype == np.uint16 and array.ndim == 3:
        array = array[..., 0]  # Pillow has no 16-bit colour to read it into
    assert np.array_equal(read(encode_png(array, is_picture=is_picture)), array)


def test_colour_of_16_bits_is_what_the_standard_says():
    array = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3) * 3001
    content = encode_png(array, is_picture=False)
    start = content.index(b"IDAT")
    size = int.from_bytes(content[start - 4 : start], "big")
    lines = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + size]), np.uint8).reshape(2, -1)
    assert lines[:, 0].tolist() == [0, 0]
    assert np.array_equal(lines[:, 1:].copy().view(">u2").reshape(array.shape), array)


def test_views_and_other_byte_orders():
    array = np.arange(7 * 11, dtype=np.uint16).reshape(7, 11) * 700
    for each in (array[::-1, ::2], array.T, array.astype(">u2")):
        assert np.array_equal(read(encode_png(each, is_picture=True)), each)


def test_same_bytes_every_time():
    array = np.random.default_rng(3).integers(0, 255, (11, 13), dtype=np.uint8)
    assert encode_png(array, is_picture=True) == encode_png(array.copy(), is_picture=True)
    assert encode_png(array, is_picture=True).startswith(SIGNATURE)


def test_a_label_map_takes_little_room():
    labels = np.zeros((512, 512), dtype=np.uint8)
    labels[100:400, 50:200] = 1
    assert len(encode_png(labels, is_picture=False)) < 4096


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 3), dtype=np.float32),
        np.zeros((3, 3), dtype=bool),
        np.zeros((3, 3), dtype=np.int16),
        np.zeros(3, dtype=np.uint8),
        np.zeros((3, 3, 4), dtype=np.uint8),
        np.zeros((0, 3), dtype=np.uint8),
    ],
)
def test_what_png_cannot_hold(array):
    with pytest.raises(ValueError, match="PNG cannot hold"):
        encode_png(array, is_picture=False)

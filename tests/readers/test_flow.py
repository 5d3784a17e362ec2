"""Bytes in their order, whatever they are packed in."""

from __future__ import annotations

import bz2
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.readers.content import Content
from hilum.readers.flow import Flow, unpacked_head

PACKINGS = {"none": bytes, "gzip": gzip.compress, "zlib": zlib.compress, "bzip2": bz2.compress}


def flow(data: bytes, packing: str) -> Flow:
    return Flow(Content("a", "'a'", "a", b"x"), PACKINGS[packing](data), packing)


@pytest.mark.parametrize("packing", list(PACKINGS))
@given(data=st.binary(max_size=900), counts=st.lists(st.integers(0, 300), max_size=8))
def test_takes_what_there_is_in_order(packing, data, counts):
    stream, rest = flow(data, packing), data
    for count in counts:
        assert bytes(stream.take(count)) == rest[:count]
        rest = rest[count:]
    assert bytes(stream.take(10_000)) == rest
    assert bytes(stream.take(1)) == b""


@pytest.mark.parametrize("packing", list(PACKINGS))
@given(data=st.binary(max_size=200).map(lambda data: data.replace(b"\1", b"\n")), more=st.integers(0, 50))
def test_takes_lines_and_leaves_the_rest(packing, data, more):
    stream = flow(data, packing)
    line = stream.take_line()
    assert line == data[: data.find(b"\n") + 1 or len(data)]
    assert bytes(stream.take(more)) == data[len(line) : len(line) + more]
    assert stream.take_line() == data[len(line) + more :][: data[len(line) + more :].find(b"\n") + 1 or None]


@pytest.mark.parametrize("packing", list(PACKINGS))
def test_a_long_line_ends_at_the_limit(packing):
    stream = flow(b"a" * 300_000, packing)
    line = stream.take_line()
    assert 1 << 16 <= len(line) < 300_000
    assert len(stream.take(300_000)) == 300_000 - len(line)


@pytest.mark.parametrize("packing", list(PACKINGS))
def test_much_of_the_same_is_unpacked_to_its_end(packing):
    stream = flow(bytes(5_000_003), packing)
    assert len(stream.take_exactly(5_000_000, "it")) == 5_000_000
    assert bytes(stream.take(9)) == bytes(3)


def test_nothing_more_is_unpacked_than_was_asked_for():
    stream = flow(bytes(50_000_000), "gzip")
    stream.take(1000)
    assert len(stream._made) < 2_000_000


@pytest.mark.parametrize("packing", list(PACKINGS))
def test_too_few_bytes(packing):
    with pytest.raises(NotAnImage, match="it is cut short: the header should have 5 bytes, and 3 are there"):
        flow(b"abc", packing).take_exactly(5, "the header")


@pytest.mark.parametrize("packing", ["gzip", "zlib", "bzip2"])
def test_damaged_bytes(packing):
    packed = bytearray(PACKINGS[packing](bytes(range(256)) * 50))
    packed[len(packed) // 2] ^= 255
    stream = Flow(Content("a", "'a'", "a", b"x"), bytes(packed), packing)
    with pytest.raises(NotAnImage, match="its packed bytes are damaged"):
        stream.take_exactly(256 * 50, "it")


def test_a_flow_within_a_flow():
    outer = flow(b"head\n" + zlib.compress(b"voxels"), "gzip")
    assert outer.take_line() == b"head\n"
    assert bytes(outer.repacked("zlib", 1000).take(99)) == b"voxels"


def test_the_last_bytes():
    assert bytes(flow(b"abcdef", "none").last(2).take(9)) == b"ef"
    assert bytes(flow(b"abcdef", "none").last(20).take(9)) == b"abcdef"
    with pytest.raises(UnsupportedFormat, match="its voxels are counted from the end of a packed file"):
        flow(b"abcdef", "gzip").last(2)


@pytest.mark.parametrize("data", [b"plain", b""])
def test_the_head_of_what_is_not_packed(data):
    assert unpacked_head(data) == data


def test_the_head_of_what_is_packed():
    assert unpacked_head(gzip.compress(bytes(range(250)) * 9)[:512]).startswith(bytes(range(250)))
    assert unpacked_head(b"\x1f\x8b\xff\xff and nothing more") == b""

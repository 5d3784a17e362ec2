from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from hilum.writers import packed as packing
from hilum.writers.packed import GZIP, START, ZLIB, gzipped, packed


def crc32c(words: np.ndarray) -> np.ndarray:
    """CRC-32C (reversed polynomial 82F63B78) of four bytes each, as the processor's instruction gives it."""
    crc = words.astype(np.uint32)
    for _ in range(32):
        crc = (crc >> 1) ^ np.where(crc & 1, np.uint32(0x82F63B78), np.uint32(0))
    return crc


def words_of_every_hash() -> list[bytes]:
    """Four bytes for each place in ISA-L's table of 8,192 hashes."""
    words = np.arange(1 << 18, dtype=np.uint32) * np.uint32(16411) + np.uint32(0x20202020)
    _, chosen = np.unique(crc32c(words) & 8191, return_index=True)
    assert len(chosen) == 8192
    return [word.tobytes() for word in words[chosen].astype("<u4")]


WORDS = words_of_every_hash()
"""In the order of their hashes."""


def test_bytes_do_not_depend_on_where_in_memory_the_packer_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """ISA-L takes a part of the packer's address for the third byte, so a stream is made to suit each packer's."""
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    packers: list[object] = []

    def kept(*given: int) -> object:
        packers.append(isal_zlib.compressobj(*given))
        return packers[-1]

    def adverse() -> Iterator[memoryview]:
        address = np.array([id(packers[-1]) + 64 >> 16 & 0xFFFFFFFF])
        word = WORDS[int(crc32c(address)[0]) & 8191]
        yield memoryview(b"\x01\x02" + word + b"ABCDEFGH" + word + bytes(700))

    monkeypatch.setattr(packing, "compressobj", kept)
    for _ in range(8):
        stream = b"".join(packed(adverse(), GZIP))
        assert b"".join(packed([memoryview(zlib.decompress(stream, GZIP))], GZIP)) == stream


@pytest.mark.parametrize("container", [GZIP, ZLIB])
@pytest.mark.parametrize("length", [0, 1, START - 1, START, START + 1, 300, 70_001])
def test_what_is_packed_unpacks(length: int, container: int) -> None:
    data = np.random.default_rng(7).integers(0, 4, length, dtype=np.uint8).tobytes()
    made = {
        b"".join(packed([memoryview(part) for part in parts], container))
        for parts in ([data], [data, b""], [b"", data], [data[:5], data[5:11], data[11:]])
    }
    assert {zlib.decompress(each, container) for each in made} == {data}


@pytest.mark.parametrize("kind", ["<i2", ">i2", "|u1", "<f4"])
def test_arrays_are_packed_slice_by_slice_in_their_own_order(kind: str) -> None:
    array = np.arange(7 * 11 * 13).reshape(7, 11, 13).astype(kind)
    for each in (array, array[::-1], array.transpose(2, 0, 1), array[:, :1, :1], array[:0], array[:, :0]):
        stored = gzip.decompress(b"".join(gzipped(each, b"head")))
        assert stored == b"head" + each.astype(each.dtype.newbyteorder("<")).tobytes()


def test_there_is_no_time_in_a_stream() -> None:
    stream = b"".join(gzipped(np.zeros((2, 3, 4), np.uint8)))
    assert stream[4:8] == bytes(4)

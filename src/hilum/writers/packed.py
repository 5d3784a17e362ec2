"""Packed streams, piece by piece, and the same bytes on every run.

ISA-L packs several times as fast as zlib at its fastest, into as many bytes; where there is no build of it, zlib
takes its place.

On x86 ISA-L hashes, when it takes up the first byte of a stream, a part of the address at which the stream's state
lies in memory in place of the stream's third byte (``.write_first_byte`` in its ``igzip_icf_body_h1_gr_bt.asm`` and
``igzip_body.asm``, up to version 2.32.1 at least). The stream unpacks rightly, but about one place in memory in 8,192
gives other packed bytes than the rest. The code that ends a block begins a stream rightly; so the first bytes are a
block of their own, too short for the other code.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import Grid

try:
    from isal.isal_zlib import compressobj
except ImportError:  # pragma: no cover - where the package is not built for the processor
    from zlib import compressobj

GZIP = zlib.MAX_WBITS | 16
"""The container that files ``.gz`` have."""

ZLIB = zlib.MAX_WBITS
"""The container that PNG asks for."""

START = 16
"""Bytes of the first block: what ISA-L leaves to the code that ends blocks, and more than that takes for literals."""

_FASTEST = 1


class OnGrid(Protocol):
    """An array and where it lies: an image, a label map, or anything like them."""

    @property
    def array(self) -> NDArray[Any]:
        """The values, of the grid's shape."""
        ...

    @property
    def grid(self) -> Grid:
        """Where they lie."""
        ...


def packed(pieces: Iterable[memoryview], container: int) -> Iterator[bytes]:
    """A packed stream, without a time stamp, whatever the pieces and wherever they lie in memory.

    Parameters
    ----------
    pieces : bytes in their order
    container : :data:`GZIP` or :data:`ZLIB`
    """
    packer = compressobj(_FASTEST, zlib.DEFLATED, container)
    start = b""
    for piece in pieces:
        rest = piece
        if len(start) < START:
            taken = bytes(piece[: START - len(start)])
            start, rest = start + taken, piece[len(taken) :]
            if len(start) == START:
                yield packer.compress(start) + packer.flush(zlib.Z_SYNC_FLUSH)
        if len(rest):
            yield packer.compress(rest)
    if len(start) < START:
        yield packer.compress(start)
    yield packer.flush()


def gzipped(array: NDArray[Any], head: bytes = b"") -> Iterator[bytes]:
    """A gzip stream, without a time stamp, of ``head`` and then the array in its own order, little-endian."""
    return packed(_pieces(array, head), GZIP)


def _pieces(array: NDArray[Any], head: bytes) -> Iterator[memoryview]:
    yield memoryview(head)
    for part in array if array.size else ():
        yield np.ascontiguousarray(part, dtype=array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data

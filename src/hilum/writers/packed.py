"""Arrays as gzip streams: slice by slice, and the same bytes on every run.

ISA-L packs several times as fast as zlib at its fastest, into as many bytes; where there is no build of it, zlib
takes its place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import Grid

try:
    from isal.isal_zlib import compressobj
except ImportError:  # pragma: no cover - where the package is not built for the processor
    from zlib import compressobj

_FASTEST = 1
_GZIP = zlib.MAX_WBITS | 16


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


def gzipped(array: NDArray[Any], head: bytes = b"") -> Iterator[bytes]:
    """A gzip stream, without a time stamp, of ``head`` and then the array in its own order, little-endian."""
    packer = compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
    if head:
        yield packer.compress(head)
    for part in array:
        yield packer.compress(np.ascontiguousarray(part, dtype=array.dtype.newbyteorder("<")).data)
    yield packer.flush()

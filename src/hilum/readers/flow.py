"""Bytes in their order, unpacked as they are asked for: a header can be judged before anything large is made."""

from __future__ import annotations

import bz2
import zlib
from typing import Literal

from hilum.errors import NotAnImage, UnsupportedFormat

from .content import HEAD_BYTES, Content

Packing = Literal["none", "gzip", "zlib", "bzip2"]
"""How bytes are packed."""

_LINE_BYTES = 256
"""Bytes looked at first in search of the end of a line."""

_LINE_LIMIT = 1 << 16
"""Longest line of a header."""

GZIP = b"\x1f\x8b"
"""How gzip files begin."""

_BLOCK = 1 << 20
"""Most bytes unpacked at a time."""


class Flow:
    """Reads forward through bytes that may be packed.

    Parameters
    ----------
    content : the file, for messages
    data : what to read of it
    packing : how it is packed
    """

    def __init__(self, content: Content, data: bytes | memoryview, packing: Packing = "none") -> None:
        self._content = content
        self._packing: Packing = packing
        self._all = self._rest = memoryview(data)
        self._made = bytearray()
        self._unpacker = _unpacker(packing)
        self._is_done = False

    @classmethod
    def of(cls, content: Content) -> Flow:
        """All bytes of a file, unpacked if it is a gzip file."""
        return cls(content, content.data, "gzip" if content.data[:2] == GZIP else "none")

    def take(self, count: int) -> memoryview:
        """The next bytes, fewer if there are no more; no copy if they are not packed.

        Raises
        ------
        NotAnImage
            The packed bytes are damaged.
        """
        if self._packing == "none":
            taken, self._rest = self._rest[:count], self._rest[count:]
            return taken
        while len(self._made) < count and self._unpack(min(count - len(self._made), _BLOCK)):
            pass
        made = self._made
        if len(made) <= count:
            self._made = bytearray()
            return memoryview(made)
        self._made = made[count:]
        return memoryview(made)[:count]

    def take_exactly(self, count: int, what: str) -> memoryview:
        """The next bytes; NotAnImage, with ``what`` they are, if there are fewer, or if their checksum is wrong."""
        taken = self.take(count)
        if len(taken) < count:
            raise self._content.error(
                NotAnImage,
                f"it is cut short: {what} should have {count:,} bytes, and {len(taken):,} are there",
                "Copy, download or export it again.",
            )
        if self._packing != "none":
            self._made[:0] = self.take(1)  # so that the end of the packed bytes is reached, and its checksum checked
        return taken

    def take_line(self) -> bytes:
        """The next line with its end, at most as long as headers have them; nothing at the end."""
        start = self.take(_LINE_BYTES)
        while b"\n" not in (line := bytes(start)) and len(line) < _LINE_LIMIT and len(more := self.take(len(line))):
            start = memoryview(line + more)
        end = line.find(b"\n") + 1 or len(line)
        self._give_back(start, end)
        return line[:end]

    def last(self, size: int) -> Flow:
        """A flow of the last bytes there are.

        Raises
        ------
        UnsupportedFormat
            They are packed.
        """
        if self._packing != "none":
            raise self._content.error(
                UnsupportedFormat, "its voxels are counted from the end of a packed file", "Unpack it with gunzip."
            )
        return Flow(self._content, self._rest[max(0, len(self._rest) - size) :])

    def repacked(self, packing: Packing, limit: int) -> Flow:
        """A flow of what follows, itself packed another way; no more of it than the limit, in bytes."""
        if packing == "none":
            return self
        return Flow(self._content, self._rest if self._packing == "none" else self.take(limit), packing)

    def _unpack(self, wanted: int) -> bool:
        """Unpack a little more; False at the end."""
        if self._is_done:
            return False
        unpacker = self._unpacker
        try:
            if isinstance(unpacker, bz2.BZ2Decompressor):
                made = unpacker.decompress(self._next_block() if unpacker.needs_input else b"", wanted)
            else:
                made = unpacker.decompress(unpacker.unconsumed_tail or self._next_block(), wanted)
        except (zlib.error, OSError, EOFError, ValueError) as error:
            raise self._content.error(
                NotAnImage, f"its packed bytes are damaged ({error})", "Copy, download or export it again."
            ) from error
        self._made += made
        if unpacker.eof:
            self._rest = memoryview(unpacker.unused_data + bytes(self._rest))
            self._unpacker = _unpacker(self._packing)
            self._is_done = self._packing != "gzip" or bytes(self._rest[:2]) != GZIP
        elif not made and not self._rest:
            self._is_done = True
        return not self._is_done

    def _give_back(self, taken: memoryview, used: int) -> None:
        """Put what was taken last, but for its first bytes, back in front of the rest."""
        if self._packing == "none":
            self._rest = self._all[len(self._all) - len(self._rest) - len(taken) + used :]
        else:
            self._made[:0] = taken[used:]

    def _next_block(self) -> bytes:
        block, self._rest = bytes(self._rest[:_BLOCK]), self._rest[_BLOCK:]
        return block


def unpacked_head(head: bytes) -> bytes:
    """The first bytes of a file, unpacked if they are those of a gzip file; as many as come of them."""
    if head[:2] != GZIP:
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def _unpacker(packing: Packing) -> bz2.BZ2Decompressor | zlib._Decompress:  # pyright: ignore[reportPrivateUsage]
    if packing == "bzip2":
        return bz2.BZ2Decompressor()
    return zlib.decompressobj(zlib.MAX_WBITS | (16 if packing == "gzip" else 0))

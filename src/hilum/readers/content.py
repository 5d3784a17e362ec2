"""The bytes of one file, and how to speak of it."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hilum.errors import NotAnImage, ReadError
from hilum.provenance import DicomUids, Source

Failure = TypeVar("Failure", bound=ReadError)

HEAD_BYTES = 512
"""How much of a file the readers see to tell whether it is theirs; DICOM's mark ends at byte 132."""

_BLOCK = 1 << 20
"""Bytes unpacked at a time."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file in memory.

    Attributes
    ----------
    name : file name without folders
    place : how messages name it, quotes included, such as ``'a.png' in 'films.zip'``
    path : what errors carry
    data : all its bytes
    """

    name: str
    place: str
    path: Path | str
    data: bytes

    @classmethod
    def of_file(cls, path: Path) -> Content:
        """The content of a file on disk.

        Raises
        ------
        ReadError
            There is no such file, or it may not be read.
        NotAnImage
            The file is empty.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise ReadError(f"There is no file '{path}'. Check the path.", path=path) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReadError(f"Cannot open '{path}': {reason}. Check that you may read it.", path=path) from error
        return cls(path.name, f"'{path}'", path, data).require_bytes()

    def require_bytes(self) -> Content:
        """Itself, unless it is empty: then :class:`~hilum.errors.NotAnImage`."""
        if not self.data:
            raise self.error(NotAnImage, "the file is empty (0 bytes)", "Copy or export it again.")
        return self

    @property
    def head(self) -> bytes:
        """The first bytes, by which the format is told."""
        return self.data[:HEAD_BYTES]

    def error(self, kind: type[Failure], found: str, advice: str) -> Failure:
        """An error of a kind, not raised yet: what was found (a phrase) and what to do (a sentence)."""
        return kind(f"Cannot read {self.place}: {found}. {advice}", path=self.path)

    def too_large(self, rows: int, columns: int, max_megapixels: int) -> ReadError | None:
        """The error for a picture over the limit, by the size that its header states; None below it."""
        if rows * columns <= max_megapixels * 1_000_000:
            return None
        return self.error(
            ReadError,
            f"it states {columns}x{rows} pixels ({rows * columns / 1e6:.0f} megapixels), and the limit is "
            f"{max_megapixels} megapixels",
            "If it is a real film, raise the setting read.max_megapixels.",
        )

    def source(self, uids: DicomUids | None = None) -> Source:
        """The root of the history of everything made from this file; hashes the bytes."""
        return Source(self.name, hashlib.sha256(self.data).hexdigest(), uids)


def inflated_size(data: bytes | memoryview, *, limit: int, is_raw: bool = False) -> int:
    """How many bytes a deflated stream unpacks to; counting stops soon after the limit, and nothing is kept.

    Parameters
    ----------
    data : the stream
    limit : in bytes
    is_raw : the stream has no header of its own, as in DICOM

    Raises
    ------
    zlib.error
        The stream is damaged.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS)
    size = len(unpacker.decompress(data, _BLOCK))
    while unpacker.unconsumed_tail and not unpacker.eof and size <= limit:
        size += len(unpacker.decompress(unpacker.unconsumed_tail, _BLOCK))
    return size

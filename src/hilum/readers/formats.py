"""Which reader takes a file: told by its content, never by its name."""

from __future__ import annotations

from typing import Protocol

from hilum.errors import UnsupportedFormat
from hilum.image import Image
from hilum.registry import Registry
from hilum.settings import ReadSettings

from .content import Content
from .dicom import Dicom
from .metaimage import MetaImage
from .nifti import Nifti
from .nrrd import Nrrd
from .raster import BMP, JPEG, PNG
from .tiff import Tiff
from .volume import VolumeReader


class Reader(Protocol):
    """What every reader promises; the tests hold each entry of :data:`READERS` to it.

    A file that is its own is read or fails with a :class:`~hilum.errors.ReadError` that names it, and nothing else.
    """

    @property
    def title(self) -> str:
        """How messages name the format."""
        ...

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so (its first 512 bytes, or all of them) is of this format."""
        ...

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The film or CT in the file."""
        ...


READERS: Registry[Reader] = Registry("reader")
"""Readers by format; the first that recognises a file takes it, and no other is tried after it."""

READERS.add("png")(PNG)
READERS.add("jpeg")(JPEG)
READERS.add("tiff")(Tiff())
READERS.add("bmp")(BMP)
READERS.add("dicom")(Dicom())

VOLUME_READERS: Registry[VolumeReader] = Registry("reader of volumes")
"""The readers of files that hold a whole CT, or a mask of one, packed by gzip or not; also among the others."""

VOLUME_READERS.add("nifti")(Nifti())
VOLUME_READERS.add("nrrd")(Nrrd())
VOLUME_READERS.add("metaimage")(MetaImage())
for _name in VOLUME_READERS:
    READERS.add(_name)(VOLUME_READERS[_name])

_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF document",
    b"GIF8": "a GIF picture",
    b"\x1f\x8b": "compressed with gzip, and no volume",
    b"\x5c\x01\0\0": "an ANALYZE header, which does not say where right and left are",
    b"NRRD": "an NRRD file of a version that is not read",
    b"ObjectType": "a MetaImage object that is no image",
    b"RIFF": "a RIFF container (a WebP picture, perhaps)",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
}
"""Beginnings of files that people try, by what they are."""


def read_content(content: Content, settings: ReadSettings) -> Image:
    """The film or CT in a file's bytes.

    Raises
    ------
    UnsupportedFormat
        No reader recognises the file.
    ReadError
        As the reader of its format says.
    """
    head = content.head
    for name in READERS:
        if READERS[name].looks_like(head):
            return READERS[name].read(content, settings)
    known = ", ".join(READERS[name].title for name in READERS)
    raise content.error(
        UnsupportedFormat,
        f"it is {_what_it_is(head)}",
        f"Images are read from {known}, and from folders and zip files of these.",
    )


def _what_it_is(head: bytes) -> str:
    """A phrase for a file of no format that is read."""
    for beginning, phrase in _FOREIGN.items():
        if head.startswith(beginning):
            return phrase
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "a HEIC or AVIF picture"
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return "text, not an image"
    return "of no known image format"

"""PNG, JPEG and BMP, through Pillow's decoders of these formats and no others."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.image import Image
from hilum.settings import ReadSettings

from . import png16
from .content import Content
from .film import picture

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

BROKEN = (ArithmeticError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error, zlib.error)
"""What Pillow and tifffile raise about a damaged file."""

_ORIENTATION = 0x0112
"""EXIF tag of the orientation."""

_AS_STORED = {"L", "I;16", "I;16B", "I", "F", "1"}
"""Pillow's modes of one grey sample a pixel."""


@dataclass(frozen=True, slots=True)
class Raster:
    """A reader of one picture format.

    Attributes
    ----------
    title : how messages name the format
    magic : how every such file begins
    plugin : Pillow's module of the format
    opener : the class in it. It is called itself: ``PIL.Image.open`` would try other formats, and warn or
        refuse by a limit that belongs to the whole process.
    """

    title: str
    magic: re.Pattern[bytes]
    plugin: str
    opener: str

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format."""
        return self.magic.match(head) is not None

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The film in the file, on its own pixel grid; its EXIF orientation becomes the grid's.

        Raises
        ------
        NotAnImage
            The file is damaged or cut short.
        UnsupportedFormat
            It holds several pictures.
        ReadError
            It states more pixels than the limit.
        """
        try:
            opened: ImageFile = getattr(import_module(f"PIL.{self.plugin}"), self.opener)(BytesIO(content.data))
        except BROKEN as error:
            raise self._damaged(content, error) from error
        too_large = content.too_large(opened.height, opened.width, settings.max_megapixels)
        if too_large is not None:
            raise too_large
        if getattr(opened, "n_frames", 1) > 1:
            raise content.error(
                UnsupportedFormat,
                f"this {self.title} file holds {getattr(opened, 'n_frames', 2)} pictures, and a film is one",
                "Save the one that is meant as a file of its own.",
            )
        try:
            samples, has_alpha = _samples(opened, content)
            orientation = opened.getexif().get(_ORIENTATION, 1)
        except BROKEN as error:
            raise self._damaged(content, error) from error
        return picture(content, samples, has_alpha=has_alpha, orientation=orientation)

    def _damaged(self, content: Content, error: BaseException) -> NotAnImage:
        return content.error(
            NotAnImage,
            f"it begins as a {self.title} file, but it is damaged or cut short after {len(content.data):,} bytes "
            f"({str(error) or type(error).__name__})",
            "Copy, download or export it again.",
        )


def _samples(opened: ImageFile, content: Content) -> tuple[NDArray[Any], bool]:
    """The file's samples at their full depth, and whether the last channel is opacity."""
    if png16.is_needed(content.head):
        return png16.decode(content)
    if opened.mode in _AS_STORED:
        return np.asarray(opened), False
    has_alpha = opened.mode in {"LA", "RGBA", "PA"} or (opened.mode == "P" and "transparency" in opened.info)
    opened.load()
    return np.asarray(opened.convert("RGBA" if has_alpha else "RGB")), has_alpha


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


PNG = Raster("PNG", _begins(rb"\x89PNG\r\n\x1a\n"), "PngImagePlugin", "PngImageFile")
JPEG = Raster("JPEG", _begins(rb"\xff\xd8\xff"), "JpegImagePlugin", "JpegImageFile")
BMP = Raster("BMP", _begins(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"), "BmpImagePlugin", "BmpImageFile")

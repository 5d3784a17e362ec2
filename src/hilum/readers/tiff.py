"""TIFF: tifffile knows every layout and depth; Pillow brings the compressions that tifffile leaves to others."""

from __future__ import annotations

import math
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.image import Image
from hilum.settings import ReadSettings

from .content import Content, inflated_size
from .film import EXIF_ORIENTATIONS, picture
from .raster import BROKEN

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Little and big endian, TIFF and BigTIFF."""

_DEFLATE = {8, 32946}
"""The two numbers of this compression."""

_PLAIN_COMPRESSIONS = {1, *_DEFLATE}
"""What tifffile unpacks with Python's own library."""

_MOST_PAGES = 32
"""Pages that are looked at: a picture and its previews; a damaged file may chain pages without end."""

_MOST_SAMPLES = 5
"""Colours and extra samples of a pixel; a damaged file may state thousands."""

_PLAIN_DEPTHS = {8, 16, 32, 64}

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
"""Photometric interpretations."""

_UNASSOCIATED_ALPHA = 2
"""The kind of extra sample that still has to be multiplied in."""


class Tiff:
    """The reader of TIFF files of one picture, in any depth."""

    title = "TIFF"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is a TIFF."""
        return head.startswith(_MAGIC)

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The film in the file, on its own pixel grid; its orientation tag becomes the grid's.

        Raises
        ------
        NotAnImage
            The file is damaged or cut short.
        UnsupportedFormat
            It holds several pictures, or they are coded in a way that nothing here decodes.
        ReadError
            It states more pixels than the limit.
        """
        import tifffile

        try:
            with tifffile.TiffFile(BytesIO(content.data)) as file:
                page = _only_page(file, content)
                too_large = content.too_large(page.imagelength, page.imagewidth, settings.max_megapixels)
                if too_large is not None:
                    raise too_large
                _check_samples(page, content)
                tag = page.tags.get(274)
                orientation = 1 if tag is None else int(tag.value)
                samples, has_alpha = _plain(page) if _is_plain(page) else _through_pillow(page, content, orientation)
                return picture(content, samples, has_alpha=has_alpha, orientation=orientation)
        except BROKEN as error:
            raise content.error(
                NotAnImage,
                f"it begins as a TIFF file, but it is damaged or cut short after {len(content.data):,} bytes "
                f"({str(error) or type(error).__name__})",
                "Copy, download or export it again.",
            ) from error


def _only_page(file: TiffFile, content: Content) -> TiffPage:
    """The one picture at full size; previews do not count."""
    import tifffile

    first = islice(file.pages, _MOST_PAGES)
    full = (page for page in first if isinstance(page, tifffile.TiffPage) and not page.is_reduced)
    pages = list(islice(full, 2))
    in_imagej = int((file.imagej_metadata or {}).get("images", 1))
    if len(pages) > 1 or in_imagej > 1 or (pages and pages[0].imagedepth > 1):
        raise content.error(
            UnsupportedFormat,
            "this TIFF file holds several pictures, and a film is one",
            "Save the one that is meant as a file of its own.",
        )
    if not pages:
        raise content.error(NotAnImage, "this TIFF file holds no picture", "Export it again.")
    return pages[0]


def _check_samples(page: TiffPage, content: Content) -> None:
    """Raise ValueError if the page states more than pixels of a picture have, or unpacks to more than it states."""
    if not 1 <= page.samplesperpixel <= _MOST_SAMPLES:
        raise ValueError(f"{page.samplesperpixel} samples a pixel")
    if page.compression not in _DEFLATE:
        return
    limit = math.prod(page.chunks) * ((page.bitspersample + 7) // 8)
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if inflated_size(memoryview(content.data)[start : start + length], limit=limit) > limit:
            raise ValueError("its compressed parts unpack to more than they state")


def _is_plain(page: TiffPage) -> bool:
    """Whether tifffile decodes the page without further packages."""
    return (
        page.compression in _PLAIN_COMPRESSIONS
        and page.predictor in (1, 2)
        and page.bitspersample in _PLAIN_DEPTHS
        and page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE)
    )


def _plain(page: TiffPage) -> tuple[NDArray[Any], bool]:
    """Samples with larger as brighter, and whether the last channel is opacity."""
    samples = page.asarray(maxworkers=1)
    if page.axes == "SYX":
        samples = np.moveaxis(samples, 0, -1)
    if page.photometric == _PALETTE and page.colormap is not None:
        return np.moveaxis(page.colormap[:, samples], 0, -1), False
    if page.photometric == _WHITE_IS_ZERO:
        samples = _inverted(samples)
    if samples.ndim == 2:
        return samples, False
    colours = 3 if page.photometric == _RGB else 1
    has_alpha = _UNASSOCIATED_ALPHA in page.extrasamples[:1]
    return samples[..., : colours + has_alpha], has_alpha


def _inverted(samples: NDArray[Any]) -> NDArray[Any]:
    """The negative: within the type's range for whole numbers, within the picture's for others."""
    if np.issubdtype(samples.dtype, np.integer):
        return ~samples
    return samples.min() + samples.max() - samples


def _through_pillow(page: TiffPage, content: Content, orientation: int) -> tuple[NDArray[Any], bool]:
    """As :func:`_plain`, for LZW, JPEG, fax and the odd depths."""
    from PIL.TiffImagePlugin import TiffImageFile

    if page.bitspersample > 8 and page.samplesperpixel > 1:
        raise content.error(
            UnsupportedFormat,
            f"its {page.bitspersample}-bit colour samples are compressed (TIFF compression {int(page.compression)})",
            "Save it as grey, or without compression.",
        )
    with TiffImageFile(BytesIO(content.data)) as opened:
        is_grey = page.samplesperpixel == 1 and page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
        opened.load()
        shown = np.asarray(opened if is_grey else opened.convert("RGB"))
    if page.photometric == _WHITE_IS_ZERO and shown.dtype == np.uint16:
        shown = _inverted(shown)
    # Pillow turns the picture by its tag while loading; the file's own grid is wanted.
    return EXIF_ORIENTATIONS.get(orientation, EXIF_ORIENTATIONS[1]).from_upright(shown), False

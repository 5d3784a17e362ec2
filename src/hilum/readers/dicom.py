"""DICOM films: computed and digital radiography, and films captured secondarily."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import PlaneGrid
from hilum.image import Image, Quantity
from hilum.settings import ReadSettings

from .content import Content

if TYPE_CHECKING:
    from pydicom import Dataset

_BROKEN = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise about a damaged file."""

_DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: the class of a DICOMDIR."""

_VALUE_REPRESENTATIONS = {b"UL", b"CS", b"UI", b"SH", b"LO", b"DA", b"TM", b"OB", b"UN"}
"""Those of the first elements of a file."""


class Dicom:
    """The reader of DICOM files with one film."""

    title = "DICOM"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is DICOM, with or without the 128 bytes before its mark."""
        return head[128:132] == b"DICM" or _begins_with_an_element(head)

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The film as it is meant to be displayed: rescaled, windowed, larger as brighter; on the file's own grid.

        Raises
        ------
        NotAnImage
            The file has no pixels, or is damaged or cut short.
        UnsupportedFormat
            It holds several frames, more than 16 bits a pixel, or pixels that nothing here decodes.
        ReadError
            It states more pixels than the limit.
        """
        from . import dicom_pixels, dicom_tags

        dataset = _parse(content)
        _check(dataset, content, settings)
        try:
            pixels, findings = dicom_pixels.displayed(dataset, content)
        except ReadError:
            raise
        except _BROKEN as error:
            raise content.error(
                NotAnImage,
                f"its pixels, stored as {dicom_pixels.syntax(dataset)}, cannot be decoded: they are damaged, cut short "
                f"or coded against the standard ({str(error) or type(error).__name__})",
                "Export it again, uncompressed if that can be chosen.",
            ) from error
        spacing, spacing_at = dicom_tags.spacing(dataset)
        orientation, orientation_findings = dicom_tags.orientation(dataset)
        grid = PlaneGrid((pixels.shape[0], pixels.shape[1]), spacing, spacing_at, orientation)
        return Image(
            pixels,
            grid,
            Quantity.RADIOGRAPH,
            content.source(dicom_tags.uids(dataset)),
            dicom_tags.view(dataset),
            (*dicom_tags.findings(dataset), *orientation_findings, *findings),
        )


def _begins_with_an_element(head: bytes) -> bool:
    """Whether the bytes are a first element of group 2 or 8, as in files without the preamble."""
    if len(head) < 132:
        return False
    group, element, length = struct.unpack_from("<HHI", head)
    if group not in (2, 8) or element > 0x60:
        return False
    return head[4:6] in _VALUE_REPRESENTATIONS or (group == 8 and length <= 128)


def _parse(content: Content) -> Dataset:
    import pydicom
    from pydicom import uid

    try:
        dataset = pydicom.dcmread(BytesIO(content.data), force=content.data[128:132] != b"DICM")
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
            dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    except _BROKEN as error:
        raise content.error(
            NotAnImage,
            f"it begins as a DICOM file, but it is damaged or cut short ({str(error) or type(error).__name__})",
            "Export it again.",
        ) from error
    return dataset


def _check(dataset: Dataset, content: Content, settings: ReadSettings) -> None:
    """Raise what keeps the file from being one film, before anything is decoded."""
    from . import dicom_tags

    kind = dicom_tags.kind(dataset)
    if dataset.file_meta.get("MediaStorageSOPClassUID") == _DIRECTORY:
        raise content.error(
            NotAnImage, "it is a DICOMDIR, an index of other files", "Give the folder in which it stands."
        )
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise content.error(UnsupportedFormat, f"this {kind} holds floating-point pixels", "Films have integers.")
        raise content.error(
            NotAnImage, f"this {kind} holds no pixels, or was cut short before them", "Choose the image object itself."
        )
    frames = dicom_tags.whole(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise content.error(
            UnsupportedFormat,
            f"this {kind} holds {frames} frames, and a film is one",
            "Export the frame that is meant as an image of its own.",
        )
    depth = dicom_tags.whole(dataset, "BitsAllocated", 0)
    if depth > 16:
        raise content.error(UnsupportedFormat, f"this {kind} has {depth} bits a pixel", "Films have up to 16.")
    rows, columns = (dicom_tags.whole(dataset, keyword, 0) for keyword in ("Rows", "Columns"))
    if min(rows, columns) < 1:
        raise content.error(NotAnImage, f"this {kind} states {rows} rows and {columns} columns", "Export it again.")
    too_large = content.too_large(rows, columns, settings.max_megapixels)
    if too_large is not None:
        raise too_large

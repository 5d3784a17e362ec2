"""DICOM films: computed and digital radiography, and films captured secondarily."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from hilum.errors import NotAnImage, UnsafeArchive, UnsupportedFormat
from hilum.geometry import PlaneGrid
from hilum.image import Image, Quantity
from hilum.settings import ReadSettings

from .content import Content, inflated_size

if TYPE_CHECKING:
    from pydicom import Dataset

_DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: the class of a DICOMDIR."""

_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Deflated Explicit VR Little Endian: the elements are packed as a whole."""

_META_START = 144
"""Where the elements of group 2 begin, after preamble, mark and the group's length."""

_VALUE_REPRESENTATIONS = {b"UL", b"CS", b"UI", b"SH", b"LO", b"DA", b"TM", b"OB", b"UN"}
"""Those of the first elements of a file."""


class Dicom:
    """The reader of DICOM files with one film."""

    title = "DICOM"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is DICOM, with or without the 128 bytes before its mark."""
        return is_dicom(head)

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
        from .dicom_tags import BROKEN

        try:
            check_deflated(content, settings)
            dataset = parse(content.data)
            _check(dataset, content, settings)
            return _image(dataset, content)
        except BROKEN as error:
            raise damaged(content, error) from error


def damaged(content: Content, error: Exception) -> NotAnImage:
    """The error for a file that pydicom stumbles over; what it says may quote the header, and the patient's name."""
    found = f"it begins as a DICOM file, but it is damaged or cut short ({type(error).__name__})"
    return content.error(NotAnImage, found, "Export it again.")


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so is DICOM, with or without the 128 bytes before its mark."""
    return head[128:132] == b"DICM" or _begins_with_an_element(head)


def _begins_with_an_element(head: bytes) -> bool:
    """Whether the bytes are a first element of group 2 or 8, as in files without the preamble."""
    if len(head) < 132:
        return False
    group, element, length = struct.unpack_from("<HHI", head)
    if group not in (2, 8) or element > 0x60:
        return False
    return head[4:6] in _VALUE_REPRESENTATIONS or (group == 8 and length <= 128)


def is_deflated(head: bytes) -> bool:
    """Whether a DICOM file that begins so (1,024 bytes) has its elements packed as a whole."""
    return head[128:132] == b"DICM" and _DEFLATED in head[132:1024]


def check_deflated(content: Content, settings: ReadSettings) -> None:
    """Raise UnsafeArchive if the elements of a file of the deflated syntax unpack to more than a zip file's may."""
    data = content.data
    if not is_deflated(data[:1024]):
        return
    start = _META_START + struct.unpack_from("<I", data, _META_START - 4)[0]
    limit = settings.zip_max_ratio * len(data)
    if inflated_size(memoryview(data)[start:], limit=limit, is_raw=True) > limit:
        raise content.error(
            UnsafeArchive,
            f"its deflated content unpacks to more than {settings.zip_max_ratio} times its size",
            "Export it in another transfer syntax.",
        )


def parse(data: bytes, *, keywords: Sequence[str] = ()) -> Dataset:
    """The file's elements; where it does not say how it is coded, its first elements do.

    With ``keywords``, those elements alone, and no pixels.
    """
    import pydicom
    from pydicom import uid

    dataset = pydicom.dcmread(
        BytesIO(data),
        force=data[128:132] != b"DICM",
        stop_before_pixels=bool(keywords),
        specific_tags=list(keywords) or None,
    )
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if is_implicit else uid.ExplicitVRLittleEndian
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


def _image(dataset: Dataset, content: Content) -> Image:
    from . import dicom_pixels, dicom_tags

    try:
        pixels, findings = dicom_pixels.displayed(dataset, content)
    except dicom_pixels.DamagedTable as error:
        raise content.error(NotAnImage, str(error), "Export it again.") from error
    except dicom_tags.BROKEN as error:
        raise content.error(
            NotAnImage,
            f"its pixels, stored as {dicom_pixels.syntax(dataset)}, cannot be decoded: they are damaged, cut short "
            f"or coded against the standard ({type(error).__name__})",
            "Export it again, uncompressed if that can be chosen.",
        ) from error
    spacing, spacing_at = dicom_tags.spacing(dataset)
    orientation, orientation_findings = dicom_tags.orientation(dataset)
    return Image(
        pixels,
        PlaneGrid((pixels.shape[0], pixels.shape[1]), spacing, spacing_at, orientation),
        Quantity.RADIOGRAPH,
        content.source(dicom_tags.uids(dataset)),
        dicom_tags.view(dataset),
        (*dicom_tags.findings(dataset), *orientation_findings, *findings),
    )

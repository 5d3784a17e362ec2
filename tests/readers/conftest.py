"""Films in every format, made from arrays."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hilum.readers.content import Content

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def content(data: bytes, name: str = "film") -> Content:
    """A file's bytes, as the readers take them."""
    return Content(name, f"'{name}'", Path(name), data)


def ramp(shape: tuple[int, int] = (37, 53), top: int = 255, dtype: Any = np.uint8) -> NDArray[Any]:
    """A picture of every grey from 0 to ``top``, no two of whose corners are alike."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.rint((0.3 * rows / (shape[0] - 1) + 0.7 * columns / (shape[1] - 1)) * top).astype(dtype)


def saved(array: NDArray[Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    """A picture file as Pillow writes it."""
    from PIL import Image

    picture = Image.fromarray(array)
    buffer = io.BytesIO()
    (picture if mode is None else picture.convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(array: NDArray[Any], **options: Any) -> bytes:
    """A TIFF file as tifffile writes it."""
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def dataset(pixels: NDArray[Any] | None, *, bits: int | None = None, syntax: str = EXPLICIT, **tags: Any) -> Any:
    """A digital radiograph as a pydicom data set; ``tags`` add elements, or leave them out if None."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3.4"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2", "1.2.3"
    made.Modality, made.PatientOrientation, made.ViewPosition = "DX", ["L", "F"], "PA"
    if pixels is not None:
        made.Rows, made.Columns = pixels.shape[:2]
        made.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
        if pixels.ndim == 3:
            made.PlanarConfiguration = 0
        made.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
        made.BitsAllocated = 8 * pixels.dtype.itemsize
        made.BitsStored = bits or made.BitsAllocated
        made.HighBit = made.BitsStored - 1
        made.PixelRepresentation = int(pixels.dtype.kind == "i")
        order = ">" if syntax == BIG_ENDIAN else "<"
        data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        made.PixelData = data + b"\0" * (len(data) % 2)
        made["PixelData"].VR = "OW" if made.BitsAllocated > 8 else "OB"
    for keyword, value in tags.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def dicom(pixels: NDArray[Any] | None, *, has_preamble: bool = True, **options: Any) -> bytes:
    """A DICOM file; options as for :func:`dataset`."""
    return written(dataset(pixels, **options), has_preamble=has_preamble)


def written(made: Any, *, has_preamble: bool = True) -> bytes:
    """A data set as a file; without the preamble, its bare elements, as old archives export them."""
    from pydicom import dcmwrite

    buffer = io.BytesIO()
    if has_preamble:
        made.save_as(buffer, enforce_file_format=True)
    else:
        is_implicit = made.file_meta.TransferSyntaxUID == IMPLICIT
        del made.file_meta
        dcmwrite(buffer, made, implicit_vr=is_implicit, little_endian=True)
    return buffer.getvalue()


class Made:
    """The makers above as one fixture: test files cannot import each other."""

    content = staticmethod(content)
    ramp = staticmethod(ramp)
    saved = staticmethod(saved)
    tiff = staticmethod(tiff)
    dataset = staticmethod(dataset)
    dicom = staticmethod(dicom)
    written = staticmethod(written)
    EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED = EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED


@pytest.fixture(scope="session")
def made() -> type[Made]:
    """Makers of films in every format."""
    return Made


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes to a file below the test's own folder, and give its path."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write

"""Phantom films as DICOM files, in the variety in which films come: for tests of readers and for trying tools."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WriteError
from hilum.geometry import UPRIGHT, PlaneOrientation, SpacingAt
from hilum.image import Image, Quantity
from hilum.provenance import digest

from .film import PhantomFilm

if TYPE_CHECKING:
    from pydicom import Dataset

TransferSyntax = Literal[
    "explicit-little", "implicit-little", "explicit-big", "deflated", "rle", "jpeg-lossless", "jpeg-ls", "jpeg2000"
]

TRANSFER_SYNTAXES: Mapping[str, str] = MappingProxyType(
    {
        "implicit-little": "1.2.840.10008.1.2",
        "explicit-little": "1.2.840.10008.1.2.1",
        "deflated": "1.2.840.10008.1.2.1.99",
        "explicit-big": "1.2.840.10008.1.2.2",
        "jpeg-lossless": "1.2.840.10008.1.2.4.70",
        "jpeg-ls": "1.2.840.10008.1.2.4.80",
        "jpeg2000": "1.2.840.10008.1.2.4.90",
        "rle": "1.2.840.10008.1.2.5",
    }
)
"""UIDs of the transfer syntaxes in which a film can be written; all of them keep every grey value."""

GDCM_SYNTAXES: Mapping[str, str] = MappingProxyType(
    {"jpeg-lossless": "JPEGLosslessProcess14_1", "jpeg2000": "JPEG2000Lossless"}
)
"""Those that only GDCM encodes, by its own names."""

PLUGINS: Mapping[str, str] = MappingProxyType({"rle": "pydicom", "jpeg-ls": "pyjpegls"})
"""pydicom's encoders of the other compressed ones, named because GDCM's abort on odd numbers of 8-bit pixels."""

VIEW_CODES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "PA": ("272479007", "postero-anterior"),
        "AP": ("399348003", "antero-posterior"),
        "LATERAL": ("399173006", "left lateral"),
    }
)
"""SNOMED CT codes of the views (DICOM context group 4010)."""

SOP_CLASSES: Mapping[str, str] = MappingProxyType(
    {"DX": "1.2.840.10008.5.1.4.1.1.1.1", "CR": "1.2.840.10008.5.1.4.1.1.1"}
)
"""Digital X-Ray Image Storage - For Presentation, and Computed Radiography Image Storage."""


def write_dicom(
    source: PhantomFilm | Image,
    path: Path | str,
    *,
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    bits: int = 12,
    orientation: PlaneOrientation = UPRIGHT,
    transfer_syntax: TransferSyntax = "explicit-little",
    modality: Literal["DX", "CR"] = "DX",
) -> Path:
    """Write a film as a DICOM file whose patient is plainly synthetic, and give back the file's path.

    Parameters
    ----------
    source : a phantom film, or any film of unsigned grey values
    path : of the file; overwritten if it is there
    photometric : ``MONOCHROME1`` stores the film inverted
    bits : stored a pixel, 8 to 16; grey values are stretched to fill them
    orientation : which way the stored axes run, as Patient Orientation will say
    transfer_syntax : one of :data:`TRANSFER_SYNTAXES`
    modality : decides the SOP class

    Raises
    ------
    ValueError
        An argument is none of those above, or the source is not a film of uint8 or uint16.
    WriteError
        The file cannot be written.
    """
    image = source.image if isinstance(source, PhantomFilm) else source
    _check(image, photometric, bits, transfer_syntax, modality)
    path = Path(path)
    stored = np.ascontiguousarray(orientation.from_upright(_stretched(image.upright(), bits)))
    if photometric == "MONOCHROME1":
        stored = (2**bits - 1) - stored
    dataset = _header(image, modality, f"{photometric} {bits} {orientation} {transfer_syntax}")
    _add_geometry(dataset, image, orientation)
    is_odd = stored.size % 2 == 1 and transfer_syntax in GDCM_SYNTAXES  # GDCM takes the padding for a pixel
    _add_pixels(dataset, stored, photometric, bits, allocated=8 if bits == 8 and not is_odd else 16)
    try:
        save_dataset(dataset, path, transfer_syntax)
    except OSError as error:
        raise WriteError(f"Cannot write the film to {str(path)!r}: {error.strerror or error}.", path=path) from error
    return path


def _check(image: Image, photometric: str, bits: int, transfer_syntax: str, modality: str) -> None:
    image.require(Quantity.RADIOGRAPH)
    if image.array.dtype.name not in ("uint8", "uint16"):
        raise ValueError(f"a film of uint8 or uint16 grey values can be written, not one of {image.array.dtype}")
    if not 8 <= bits <= 16:
        raise ValueError(f"a DICOM film stores 8 to 16 bits a pixel, not {bits}")
    for value, known in (
        (photometric, ("MONOCHROME1", "MONOCHROME2")),
        (transfer_syntax, tuple(TRANSFER_SYNTAXES)),
        (modality, tuple(SOP_CLASSES)),
    ):
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")


def _stretched(image: Image, bits: int) -> NDArray[np.uint16]:
    top = np.iinfo(image.array.dtype).max
    return np.rint(image.array * ((2**bits - 1) / top)).astype(np.uint16)


def _header(image: Image, modality: str, variant: str) -> Dataset:
    """Patient, study, series and equipment; identifiers follow from the film's history, never from a clock."""
    from pydicom import Dataset
    from pydicom.uid import generate_uid

    key = hashlib.sha256(f"{digest(image.origin)} {variant} {modality}".encode()).hexdigest()
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASSES[modality]
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[key, "instance"])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[key, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[key, "series"])
    dataset.PatientName, dataset.PatientID = "PHANTOM^SYNTHETIC", f"PHANTOM-{key[:8]}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "", "", ""
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, 1
    dataset.ReferringPhysicianName = ""
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = modality, "Hilum", "Phantom"
    dataset.StudyDescription = "Synthetic chest phantom, not a patient"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.DerivationDescription = "Computed from a procedural thorax"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = {"PA": "PA", "AP": "AP", "LATERAL": "LL"}.get(image.view, "")
    dataset.BurnedInAnnotation = "NO"
    if modality == "DX":
        _add_dx(dataset, image.view)
    return dataset


def _add_dx(dataset: Dataset, view: str) -> None:
    """What the DX object needs beyond CR's attributes."""
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageLaterality = "U"
    dataset.PositionerType = "NONE"
    dataset.DetectorType = "DIRECT"
    dataset.AcquisitionContextSequence = []
    dataset.AnatomicRegionSequence = [_code("51185008", "SCT", "Chest")]
    if view in VIEW_CODES:
        item = _code(VIEW_CODES[view][0], "SCT", VIEW_CODES[view][1])
        item.ViewModifierCodeSequence = []
        dataset.ViewCodeSequence = [item]


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _add_geometry(dataset: Dataset, image: Image, orientation: PlaneOrientation) -> None:
    dataset.PatientOrientation = [orientation.columns, orientation.rows]
    if image.view == "LATERAL":
        dataset.PatientOrientation = ["P", "F"]
    upright = image.plane.upright
    if upright.spacing_mm is None:
        return
    rows, columns = upright.spacing_mm if not orientation.is_transposed else upright.spacing_mm[::-1]
    dataset.ImagerPixelSpacing = [f"{rows:.6g}", f"{columns:.6g}"]
    if upright.spacing_at is SpacingAt.PATIENT:
        dataset.PixelSpacing = dataset.ImagerPixelSpacing
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = "Parallel rays: no magnification"


def _add_pixels(dataset: Dataset, stored: NDArray[np.uint16], photometric: str, bits: int, *, allocated: int) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    if photometric == "MONOCHROME2":
        dataset.PixelIntensityRelationshipSign = 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY" if photometric == "MONOCHROME2" else "INVERSE"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (bits - 1), 2**bits
    dataset.LossyImageCompression = "00"
    dataset.PixelData = stored.astype("<u1" if allocated == 8 else "<u2").tobytes()
    dataset["PixelData"].VR = "OB" if allocated == 8 else "OW"


def save_dataset(dataset: Dataset, path: Path, transfer_syntax: TransferSyntax) -> None:
    """Write a data set of plain pixels in a transfer syntax: by pydicom's encoders where it has them, by GDCM's else.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    from pydicom import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    uid = UID(TRANSFER_SYNTAXES[transfer_syntax])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if uid.is_compressed else uid
    if transfer_syntax in PLUGINS:
        dataset.compress(uid, encoding_plugin=PLUGINS[transfer_syntax], generate_instance_uid=False)
    if transfer_syntax == "deflated":
        dataset.file_meta.TransferSyntaxUID = uid
    if transfer_syntax == "explicit-big":
        dataset.PixelData = _swapped(dataset.PixelData, dataset.BitsAllocated)
    if transfer_syntax not in GDCM_SYNTAXES:
        dataset.save_as(path, enforce_file_format=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.dcm"
        dataset.save_as(plain, enforce_file_format=True)
        _transcode(plain, path, transfer_syntax)


def _swapped(pixels: bytes, bits_allocated: int) -> bytes:
    return pixels if bits_allocated == 8 else np.frombuffer(pixels, "<u2").astype(">u2").tobytes()


def _transcode(plain: Path, path: Path, transfer_syntax: str) -> None:
    """Compress with GDCM, the one encoder of these syntaxes among the base packages."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, GDCM_SYNTAXES[transfer_syntax])))
    if not reader.Read():
        raise OSError("GDCM cannot read the film back")
    change.SetInput(reader.GetImage())
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    if not change.Change():
        raise OSError(f"GDCM cannot compress the film to {transfer_syntax}")
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise OSError("GDCM cannot write the compressed film")

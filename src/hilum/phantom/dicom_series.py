"""Phantom CTs as DICOM series, in the variety in which CTs come: for tests of readers and for trying tools."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WriteError
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.provenance import digest

from .dicom import TRANSFER_SYNTAXES, TransferSyntax, save_dataset
from .thorax import Thorax

if TYPE_CHECKING:
    from pydicom import Dataset

INTERCEPT = -1024
"""Hounsfield units of a stored 0: values are stored unsigned, as most scanners do."""

CT_CLASS, ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def write_series(
    source: Thorax | Image,
    folder: Path | str,
    *,
    transfer_syntax: TransferSyntax = "explicit-little",
    is_enhanced: bool = False,
    elements: Mapping[str, Any] = _NOTHING,
) -> tuple[Path, ...]:
    """Write a CT as a DICOM series whose patient is plainly synthetic, and give back its files, slice by slice.

    The geometry is the grid's own: a sheared one makes the series of a tilted gantry. Files are named by their
    identifiers, and so stand in no order. Series of one phantom share their study and frame of reference.

    Parameters
    ----------
    source : a phantom, or any volume of Hounsfield units
    folder : made if need be
    transfer_syntax : one of :data:`.dicom.TRANSFER_SYNTAXES`
    is_enhanced : write one file with all slices as its frames
    elements : values to set or replace, by DICOM keyword; None leaves an element out. They make a series of its own.

    Raises
    ------
    ValueError
        An argument is none of those above.
    WrongQuantity
        The source is no CT.
    WriteError
        The files cannot be written.
    """
    image = source.ct if isinstance(source, Thorax) else source
    image.require(Quantity.HOUNSFIELD)
    if transfer_syntax not in TRANSFER_SYNTAXES:
        raise ValueError(f"{transfer_syntax!r} is none of {', '.join(TRANSFER_SYNTAXES)}")
    folder = Path(folder)
    variant = f"{transfer_syntax} {is_enhanced} {json.dumps(dict(elements), sort_keys=True, default=str)}"
    objects = _enhanced(image, variant) if is_enhanced else _classic(image, variant)
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for dataset in objects:
            for keyword, value in elements.items():
                _set(dataset, keyword, value)
            paths.append(folder / f"{hashlib.sha256(dataset.SOPInstanceUID.encode()).hexdigest()[:12]}.dcm")
            save_dataset(dataset, paths[-1], transfer_syntax)
    except OSError as error:
        raise WriteError(f"Cannot write the series to '{folder}': {error.strerror or error}.", path=folder) from error
    return tuple(paths)


def _set(dataset: Dataset, keyword: str, value: Any) -> None:
    if value is not None:
        setattr(dataset, keyword, value)
    elif keyword in dataset:
        delattr(dataset, keyword)


def _classic(image: Image, variant: str) -> Iterator[Dataset]:
    """A data set a slice."""
    grid = image.volume
    for index, plane in enumerate(image.array):
        dataset = _header(image, variant, str(index))
        dataset.SOPClassUID = CT_CLASS
        dataset.InstanceNumber = len(image.array) - index
        dataset.ImagePositionPatient = _decimals(grid.position_mm(np.array([index, 0, 0])))
        dataset.ImageOrientationPatient = _axes(grid)
        _describe_pixels(dataset, grid)
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = INTERCEPT, 1, "HU"
        _add_pixels(dataset, plane)
        yield dataset


def _enhanced(image: Image, variant: str) -> Iterator[Dataset]:
    """One data set of all slices, the topmost first."""
    from pydicom import Dataset

    grid = image.volume
    dataset = _header(image, variant, "all")
    dataset.SOPClassUID = ENHANCED_CT_CLASS
    dataset.InstanceNumber, dataset.NumberOfFrames = 1, len(image.array)
    shared, measures, orientation, values = Dataset(), Dataset(), Dataset(), Dataset()
    _describe_pixels(measures, grid)
    orientation.ImageOrientationPatient = _axes(grid)
    values.RescaleIntercept, values.RescaleSlope, values.RescaleType = INTERCEPT, 1, "HU"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    shared.PixelValueTransformationSequence = [values]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(grid, index) for index in reversed(range(len(image.array)))]
    _add_pixels(dataset, image.array[::-1])
    yield dataset


def _frame(grid: VolumeGrid, index: int) -> Dataset:
    from pydicom import Dataset

    frame, position = Dataset(), Dataset()
    position.ImagePositionPatient = _decimals(grid.position_mm(np.array([index, 0, 0])))
    frame.PlanePositionSequence = [position]
    return frame


def _header(image: Image, variant: str, instance: str) -> Dataset:
    """Patient, study, series and equipment; identifiers follow from the volume's history, never from a clock."""
    from pydicom import Dataset
    from pydicom.uid import generate_uid

    body = digest(image.origin)
    dataset = Dataset()
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[body, "study"])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[body, "frame"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[body, variant, "series"])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[body, variant, "instance", instance])
    dataset.PatientName, dataset.PatientID = "PHANTOM^SYNTHETIC", f"PHANTOM-{body[:8]}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "", "", ""
    dataset.StudyID, dataset.SeriesNumber, dataset.AcquisitionNumber = "1", 1, 1
    dataset.ReferringPhysicianName, dataset.PositionReferenceIndicator = "", ""
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "CT", "Hilum", "Phantom"
    dataset.StudyDescription = "Synthetic chest phantom, not a patient"
    dataset.SeriesDescription, dataset.ConvolutionKernel = "Thorax", "STANDARD"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined, dataset.PatientPosition, dataset.KVP = "CHEST", "HFS", 120
    dataset.LossyImageCompression = "00"
    return dataset


def _describe_pixels(dataset: Dataset, grid: VolumeGrid) -> None:
    dataset.PixelSpacing = _decimals(np.array(grid.spacing_mm[1:]))
    across = 1000 * grid.voxel_ml / (grid.spacing_mm[1] * grid.spacing_mm[2])
    dataset.SliceThickness = _decimals(np.array([across]))[0]


def _axes(grid: VolumeGrid) -> list[str]:
    rows, columns = (grid.affine[:3, axis] / np.linalg.norm(grid.affine[:3, axis]) for axis in (1, 2))
    if abs(rows @ columns) > 1e-6:
        raise ValueError("a DICOM slice has rows and columns at right angles")
    return _decimals(np.concatenate([columns, rows]))


def _decimals(numbers: NDArray[np.float64]) -> list[str]:
    """Numbers as DICOM's decimal strings, which have up to 16 characters."""
    return [f"{round(float(number), 9) + 0.0:.10g}"[:16] for number in numbers]


def _add_pixels(dataset: Dataset, hu: NDArray[Any]) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.WindowCenter, dataset.WindowWidth = -600, 1500
    stored = np.clip(np.rint(hu).astype(np.int32) - INTERCEPT, 0, 65535)
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"

"""What the headers of DICOM files say before any pixel is read: whose series they are, and where their slices lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

from hilum.errors import ReadError
from hilum.settings import ReadSettings

from . import dicom
from .content import HEAD_BYTES
from .dicom_tags import BROKEN, kind, text, value, whole
from .lattice import Plane
from .spots import Spot

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image Storage",
}
"""SOP classes whose pixels are Hounsfield units."""

OTHER_VOLUME_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.128": "Positron Emission Tomography Image Storage",
    "1.2.840.10008.5.1.4.1.1.128.1": "Legacy Converted Enhanced PET Image Storage",
    "1.2.840.10008.5.1.4.1.1.130": "Enhanced PET Image Storage",
    "1.2.840.10008.5.1.4.1.1.20": "Nuclear Medicine Image Storage",
}
"""SOP classes that are volumes too, but of no CT."""

HOUNSFIELD_TYPES = ("", "HU", "HU_MOD", "US", "UNSPECIFIED")
"""Rescale Types that stand for Hounsfield units; older files say ``US``, unspecified."""

FILMS = {"CR", "DX", "RG"}
"""Modalities of films that are analysed by themselves even where they lie in the study of a CT."""

_SPACINGS = (1e-3, 100.0)
"""No volume's pixels are smaller or larger than this, in mm; other figures count as none."""

_FAR_MM = 1e5
"""No slice lies further than this from the origin."""

_MOST_FRAMES = 1 << 12
"""Of the frames that a header claims without describing them, only those below this are told of."""

_KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("SeriesNumber", "SeriesDescription", "ImageType", "BodyPartExamined", "ConvolutionKernel", "ContrastBolusAgent"),
    *("AcquisitionNumber", "TemporalPositionIdentifier", "InstanceNumber", "NumberOfFrames", "Rows", "Columns"),
    *("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SliceThickness", "RescaleType"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ContrastBolusAgentSequence"),
)
"""Elements that are read; the rest of a header, the patient's name with it, is not."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One cross-section: a file of its own, or a frame of a file of several.

    Attributes
    ----------
    spot : where its file is
    frame : its index within the file, from 0
    instance : SOP Instance UID of its file
    times : acquisition and temporal position, which tell apart scans of one place
    number : its number within the series
    shape : (rows, columns)
    plane : its pixels' lattice; None if the file does not say where it lies
    position_mm : LPS position of the first pixel; empty if the file does not say it
    image_type : such as ``("ORIGINAL", "PRIMARY", "AXIAL")``
    unit : Rescale Type in capitals
    kernel : reconstruction kernel
    """

    spot: Spot
    frame: int
    instance: str
    times: tuple[int, int]
    number: int
    shape: tuple[int, int]
    plane: Plane | None
    position_mm: tuple[float, ...]
    image_type: tuple[str, ...]
    unit: str
    kernel: str

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout: a projection by which the scan was planned."""
        return "LOCALIZER" in self.image_type


@dataclass(frozen=True, slots=True)
class Header:
    """One DICOM file.

    Attributes
    ----------
    spot : where it is
    sop_class : UID of its kind
    title : its kind, as messages name it
    modality : such as ``CT``
    study, series : UIDs; empty if they are not stated
    number : of the series, None if it is not stated
    description : of the series
    body_part : in capitals, empty if it is not stated
    contrast : the agent that was given, empty if none is stated
    slices : its cross-sections; none if it is no volume's
    """

    spot: Spot
    sop_class: str
    title: str
    modality: str
    study: str
    series: str
    number: int | None
    description: str
    body_part: str
    contrast: str
    slices: tuple[Slice, ...]

    @property
    def is_ct(self) -> bool:
        """Whether its pixels are Hounsfield units by its SOP class."""
        return self.sop_class in CT_CLASSES

    @property
    def is_volume(self) -> bool:
        """Whether it is a part of a volume, or one: of CT or of anything else."""
        return self.is_ct or self.sop_class in OTHER_VOLUME_CLASSES

    @property
    def is_film(self) -> bool:
        """Whether it is analysed by itself even where its study holds a volume."""
        return not self.is_volume and self.modality in FILMS


def read_header(spot: Spot, settings: ReadSettings) -> Header | None:
    """What a DICOM file says of itself; None if it is damaged.

    Whoever opens the file will hear what is wrong with it.
    """
    try:
        if spot.member is None and not _is_deflated(spot.path):
            return _of_file(spot)
        content = spot.load(settings)
        dicom.check_deflated(content, settings)
        return header(dicom.parse(content.data, keywords=_KEYWORDS), spot)
    except (ReadError, *BROKEN):
        return None


def _is_deflated(path: Path) -> bool:
    with path.open("rb") as file:
        return dicom.is_deflated(file.read(1024))


def _of_file(spot: Spot) -> Header | None:
    """The header of a file on disk, of which little more than that is read."""
    with spot.path.open("rb") as file:
        is_bare = file.read(HEAD_BYTES)[128:132] != b"DICM"
        file.seek(0)
        made = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_KEYWORDS), force=is_bare)
        return header(made, spot)


def header(dataset: Dataset, spot: Spot) -> Header:
    """What a data set says of its file."""
    sop_class = str(value(dataset, "SOPClassUID") or "")
    is_volume = sop_class in CT_CLASSES or sop_class in OTHER_VOLUME_CLASSES
    number = value(dataset, "SeriesNumber")
    return Header(
        spot=spot,
        sop_class=sop_class,
        title=kind(dataset),
        modality=text(dataset, "Modality"),
        study=str(value(dataset, "StudyInstanceUID") or ""),
        series=str(value(dataset, "SeriesInstanceUID") or ""),
        number=None if number is None else whole(dataset, "SeriesNumber", 0),
        description=str(value(dataset, "SeriesDescription") or "").strip(),
        body_part=text(dataset, "BodyPartExamined"),
        contrast=_contrast(dataset),
        slices=tuple(_slices(dataset, spot)) if is_volume else (),
    )


def _contrast(dataset: Dataset) -> str:
    stated = text(dataset, "ContrastBolusAgent")
    return stated or ("stated" if value(dataset, "ContrastBolusAgentSequence") else "")


def _slices(dataset: Dataset, spot: Spot) -> Iterator[Slice]:
    frames: Sequence[Dataset] = value(dataset, "PerFrameFunctionalGroupsSequence") or ()
    if not frames:
        yield _slice(dataset, spot, 0, (dataset,))
        return
    shared: Sequence[Dataset] = value(dataset, "SharedFunctionalGroupsSequence") or ()
    for index, frame in enumerate(frames):
        yield _slice(dataset, spot, index, (frame, *shared))
    for index in range(len(frames), min(whole(dataset, "NumberOfFrames", 0), _MOST_FRAMES)):
        yield _slice(dataset, spot, index, tuple(shared))  # of which nothing says where it lies


def _slice(dataset: Dataset, spot: Spot, index: int, groups: tuple[Dataset, ...]) -> Slice:
    """A frame by the functional groups that describe it: its own before those of all frames."""
    content = group(groups, "FrameContentSequence", dataset)
    temporal = "TemporalPositionIndex" if "TemporalPositionIndex" in content else "TemporalPositionIdentifier"
    acquisition = "FrameAcquisitionNumber" if "FrameAcquisitionNumber" in content else "AcquisitionNumber"
    types = value(group(groups, "CTImageFrameTypeSequence", dataset), "FrameType") or value(dataset, "ImageType") or ()
    position = numbers(group(groups, "PlanePositionSequence", dataset), "ImagePositionPatient", 3) or ()
    is_placed = bool(position) and max(map(abs, position)) < _FAR_MM
    return Slice(
        spot=spot,
        frame=index,
        instance=str(value(dataset, "SOPInstanceUID") or ""),
        times=(whole(content, acquisition, 0), whole(content, temporal, 0)),
        number=whole(dataset, "InstanceNumber", 0),
        shape=(whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)),
        plane=_plane(dataset, groups) if is_placed else None,
        position_mm=position,
        image_type=tuple(str(part).upper() for part in ([types] if isinstance(types, str) else types)),
        unit=text(group(groups, "PixelValueTransformationSequence", dataset), "RescaleType"),
        kernel=_kernel(group(groups, "CTReconstructionSequence", dataset)),
    )


def _plane(dataset: Dataset, groups: tuple[Dataset, ...]) -> Plane | None:
    """The lattice of a slice's pixels; None if the file does not tell it."""
    measures = group(groups, "PixelMeasuresSequence", dataset)
    shape = (whole(dataset, "Rows", 0), whole(dataset, "Columns", 0))
    spacing = numbers(measures, "PixelSpacing", 2)
    axes = numbers(group(groups, "PlaneOrientationSequence", dataset), "ImageOrientationPatient", 6)
    if axes is None or spacing is None or not _is_pitch(*spacing) or min(shape) < 1:
        return None
    thickness = numbers(measures, "SliceThickness", 1)
    frame = str(value(dataset, "FrameOfReferenceUID") or "") or None
    return Plane(shape, (spacing[0], spacing[1]), axes, None if thickness is None else thickness[0], frame)


def _is_pitch(*spacing: float) -> bool:
    return _SPACINGS[0] < min(spacing) <= max(spacing) < _SPACINGS[1]


def group(groups: tuple[Dataset, ...], keyword: str, otherwise: Dataset) -> Dataset:
    """The first item of a functional group, sought in several places; the data set itself if it is in none."""
    for place in groups:
        items = value(place, keyword)
        if items:
            return items[0]
    return otherwise


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """An element's finite numbers; None if there are not ``count`` of them."""
    found = value(dataset, keyword)
    if found is None:
        return None
    parts: Sequence[Any] = [found] if isinstance(found, int | float | str) else found
    try:
        made = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return made if len(made) == count and all(map(math.isfinite, made)) else None


def _kernel(dataset: Dataset) -> str:
    found = value(dataset, "ConvolutionKernel")
    if not found:
        return ""
    return str(found) if isinstance(found, str) else "\\".join(str(part) for part in found)

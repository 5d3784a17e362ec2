"""Objects without the patient: of the source nothing is taken over but what geometry and display need.

The Basic Application Level Confidentiality Profile (PS3.15, E) says for each element whether it is removed, emptied or
replaced. Here everything goes that is not in a short list of elements that tell nothing of a person, and identifiers
are replaced by others that follow from them, so that the objects of one run, and of later runs, fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hilum.image import Code
from hilum.readers.dicom_source import DicomSource

from .frame import coded
from .identity import uid_of

if TYPE_CHECKING:
    from pydicom import Dataset

_KEPT = (
    *("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "InstanceNumber", "SeriesNumber"),
    *("PixelSpacing", "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "PatientOrientation"),
    *("ImageOrientationPatient", "ImagePositionPatient", "LossyImageCompression"),
)
"""Elements that are taken over as they are."""

_KEPT_GROUPS = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")
"""Functional groups of multi-frame sources that are taken over, with the elements of :data:`_KEPT` in them."""

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
"""Identifiers that are replaced."""


_PROFILE = Code("113100", "DCM", "Basic Application Confidentiality Profile")


def without_patient(source: DicomSource) -> DicomSource:
    """The same source with new headers, from which nobody can tell whose images they are."""
    return replace(source, headers=tuple(_stripped(header) for header in source.headers))


def mark(made: Dataset) -> None:
    """Say in an object that the patient's identity was removed, and by which profile; changes it in place."""
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "Hilum: only geometry taken over from the source"
    made.DeidentificationMethodCodeSequence = [coded(_PROFILE)]
    made.LongitudinalTemporalInformationModified = "REMOVED"


def _stripped(header: Dataset) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    _copy(header, made)
    for keyword in _UIDS:
        if header.get(keyword):
            setattr(made, keyword, uid_of(f"without the patient\0{header.get(keyword)}"))
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if keyword in header:
            setattr(made, keyword, [_groups(item) for item in header.get(keyword)])
    return made


def _groups(item: Dataset) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    for keyword in _KEPT_GROUPS:
        found: Sequence[Any] = item.get(keyword) or ()
        if found:
            setattr(made, keyword, [_copied(each) for each in found])
    return made


def _copied(item: Dataset) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    _copy(item, made)
    return made


def _copy(source: Dataset, made: Dataset) -> None:
    for keyword in _KEPT:
        if keyword in source:
            made[keyword] = source[keyword]

"""What all objects have in common: patient and study from the source, equipment, dates, and how they are saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hilum import __version__
from hilum.errors import MissingExtra
from hilum.image import Code
from hilum.readers.dicom_source import DicomSource

from .identity import Identity, uid_of

if TYPE_CHECKING:
    from pydicom import Dataset

MAKER = "Hilum"
NO_SERIAL = "not-applicable"
"""Enhanced equipment has to state a serial number, and software has none."""

NO_DATE, NO_TIME = "19000101", "000000"
"""Of contents whose source states no date: the element must have one, and the clock's would change from run to run."""

CHARACTERS = "ISO_IR 192"
"""Objects are in Unicode, whatever the character set of the source."""

_TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
"""Elements that every object has, empty if the source does not state them."""

_CLOCKS = (
    *("InstanceCreationDate", "InstanceCreationTime", "ContributionDateTime"),
    *("DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
)
"""When the object was made: left out, since objects of one identifier must be one object."""

_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "PatientBirthDate")
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
_DATE, _TIME = re.compile(r"\d{8}"), re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Everything that the makers of objects need besides the case.

    Attributes
    ----------
    source : headers of the files that the image was read from, put right and, if asked for, without the patient
    identity : of the objects
    patient_name : as the source states it; it stands apart since highdicom warns of names of one word
    is_deidentified : whether the objects must not tell who the patient is
    """

    source: DicomSource
    identity: Identity
    patient_name: str = ""
    is_deidentified: bool = False

    @classmethod
    def of(cls, source: DicomSource, identity: Identity, *, is_film: bool, is_deidentified: bool = False) -> Frame:
        """The frame of a case, whose source is put right first; the headers that are given stay as they are."""
        source = put_right(source, is_film=is_film)
        name = str(source.first.PatientName)
        put(source.first, "PatientName", "")
        return cls(source, identity, name, is_deidentified)

    def series(self, kind: str, number: int) -> dict[str, Any]:
        """Arguments of highdicom's constructors for an object that is a series of its own.

        Parameters
        ----------
        kind : such as ``sr``; tells the objects of one case apart
        number : from 1; the last two digits of the series' number, after the number of the source's series
        """
        first = self.source.first
        before = first.get("SeriesNumber")
        return {
            "series_instance_uid": self.identity.uid(kind, "series"),
            "series_number": min(abs(int(before or 0)), 9_999_999) * 100 + number,
            "sop_instance_uid": self.identity.uid(kind, "instance"),
            "instance_number": 1,
            "manufacturer": MAKER,
            "manufacturer_model_name": MAKER,
            "software_versions": __version__,
            "device_serial_number": NO_SERIAL,
        }

    def study(self) -> dict[str, Any]:
        """Arguments of highdicom's constructors for patient and study."""
        first = self.source.first
        return {
            "study_instance_uid": first.StudyInstanceUID,
            "patient_id": first.PatientID,
            "patient_name": "",
            "patient_birth_date": first.PatientBirthDate,
            "patient_sex": first.PatientSex,
            "accession_number": first.AccessionNumber,
            "study_id": first.StudyID,
            "study_date": first.StudyDate or None,
            "study_time": first.StudyTime or None,
            "referring_physician_name": first.ReferringPhysicianName,
            "specific_character_set": CHARACTERS,
        }

    def settle(self, made: Dataset, description: str, kind: str) -> None:
        """Take out of an object what a clock or chance has put there, and say whose patient is not named in it.

        Parameters
        ----------
        made : the object, changed in place
        description : of its series
        kind : as in :meth:`series`
        """
        first = self.source.first
        put(made, "PatientName", self.patient_name)
        made.SeriesDescription = description
        made.ContentDate, made.ContentTime = _dated(first)
        replaced: dict[str, str] = {}
        for parent, element in list(_all(made)):
            if element.keyword in _CLOCKS:
                del parent[element.tag]
            elif element.keyword == "DimensionOrganizationUID":
                uid = self.identity.uid(kind, "dimensions", len(replaced))
                element.value = replaced.setdefault(element.value, uid)
        for keyword in ("StudyDate", "StudyTime"):
            if made.get(keyword) is None:
                setattr(made, keyword, "")
        if self.is_deidentified:
            from .confidential import mark

            mark(made)


def highdicom() -> Any:
    """The library highdicom; MissingExtra if it is not installed."""
    try:
        import highdicom
    except ImportError as error:
        raise MissingExtra("Writing DICOM results", "dicom") from error
    return highdicom


def coded(code: Code) -> Any:
    """A coded concept of ours as highdicom's."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning[:64])


def reference(instance: Dataset) -> Dataset:
    """How an object names an image, or another object."""
    from pydicom import Dataset

    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = instance.SOPClassUID, instance.SOPInstanceUID
    return made


def put_right(source: DicomSource, *, is_film: bool) -> DicomSource:
    """The same source with every element that results need, none of them of a form that the standard does not know.

    Elements that are missing or malformed become empty; a volume without a frame of reference gets one that follows
    from its series, a film has none, and no spacing.
    """
    source = replace(source, headers=tuple(_copied(header) for header in source.headers))
    first = source.first
    first.decode()
    first.SpecificCharacterSet = CHARACTERS
    for keyword in _TYPE_2:
        if first.get(keyword) is None:
            setattr(first, keyword, "")
    _clear_unless(first, _DATES, _DATE)
    _clear_unless(first, _TIMES, _TIME)
    if str(first.PatientSex) not in ("M", "F", "O"):
        put(first, "PatientSex", "")
    for header in source.headers:
        for keyword in ("FrameOfReferenceUID", "PixelSpacing") if is_film else ():
            if keyword in header:
                delattr(header, keyword)  # of a spacing highdicom makes what it then refuses to read
        if not is_film and not header.get("FrameOfReferenceUID"):
            header.FrameOfReferenceUID = uid_of(f"frame of reference\0{first.SeriesInstanceUID}")
        header.StudyInstanceUID, header.SeriesInstanceUID = first.StudyInstanceUID, first.SeriesInstanceUID
    return source


def put(dataset: Dataset, keyword: str, value: Any) -> None:
    """Set an element anew: the old one may be another data set's too, or of another kind than the standard's."""
    if keyword in dataset:
        delattr(dataset, keyword)
    setattr(dataset, keyword, value)


def _copied(header: Dataset) -> Dataset:
    """A header whose elements may be changed; sequences are those of the original."""
    from pydicom import Dataset

    made = Dataset()
    for element in header:
        made.add(element if element.VR == "SQ" else deepcopy(element))
    return made


def _clear_unless(header: Dataset, keywords: tuple[str, ...], pattern: re.Pattern[str]) -> None:
    for keyword in keywords:
        if keyword in header and not pattern.fullmatch(str(header.get(keyword) or "").strip()):
            put(header, keyword, "")


def _dated(header: Dataset) -> tuple[str, str]:
    """Date and time of the source's content, or of its acquisition, series or study."""
    for event in ("Acquisition", "Content", "Series", "Study"):
        date, time = str(header.get(f"{event}Date") or ""), str(header.get(f"{event}Time") or "")
        if date:
            return date, time or NO_TIME
    return NO_DATE, NO_TIME


def _all(dataset: Dataset) -> Iterator[tuple[Dataset, Any]]:
    """Every element with the data set that it stands in, those of sequences too."""
    for element in dataset:
        yield dataset, element
        if element.VR == "SQ":
            for item in element.value:
                yield from _all(item)

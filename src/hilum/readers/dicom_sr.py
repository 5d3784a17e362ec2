"""The numbers in a DICOM structured report: those of Hilum by their names in results, any tool's by their codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import UnsupportedFormat
from hilum.image import Code
from hilum.measurement import NotMeasured
from hilum.settings import ReadSettings

from . import dicom_codes as codes
from . import dicom_tags
from .content import Content
from .dicom_header import numbers
from .dicom_seg import code_value, parsed
from .dicom_tags import value
from .entries import DEFAULTS

if TYPE_CHECKING:
    from pydicom import Dataset

GROUP, TRACKING, FINDING, METHOD, SITE = "125007", "112039", "121071", "370129005", "363698007"
_SIDE, _PART, _UNCERTAINTY, _SEGMENT, _FRAME = "272741003", "106233006", "371886008", "121191", "121214"

_Key = tuple[str, str]


def _by_key(concepts: Mapping[str, Code]) -> dict[_Key, str]:
    """Our names by scheme and value of their codes."""
    return {(code.scheme, code.value): name for name, code in concepts.items()}


_OF_CODES = {(codes.SCHEME, code): name for name, code in codes.SCORES.items()} | _by_key(
    {
        **codes.MEASURES,
        "disease-probability": codes.DISEASE,
        "disease-threshold": codes.DISEASE_THRESHOLD,
        "consolidation-volume": codes.CONSOLIDATED,
    }
)
_OF_UNITS = {code.value: name for name, code in codes.UNITS.items()}
_OF_STRUCTURES = _by_key(codes.STRUCTURES)
_OF_METHODS = _by_key({**codes.METHODS, "single-lesion": codes.SINGLE})


@dataclass(frozen=True, slots=True)
class ReportedNumber:
    """One number of a structured report.

    Attributes
    ----------
    id : ours, such as ``six-zone`` or ``volume``; empty if it is none of Hilum's
    region : ours, such as ``both`` or ``right-upper``; empty if it is none
    structure : ours, such as ``lung`` or ``ground-glass``; empty if it is none, as that of a score
    value : or why there is none
    unit : ours, such as ``ml``; the code's value if it is none of ours
    uncertainty : in the same unit; None if it is not stated
    method : ours; the code's meaning if it is none of ours, empty if it is not stated
    name, finding : as the report codes them
    group : tracking identifier of the group
    segment : UID of the Segmentation that was measured, and the number of the segment, or else of the frame; None if
        it is not stated
    """

    id: str
    region: str
    structure: str
    value: float | NotMeasured
    unit: str
    uncertainty: float | None
    method: str
    name: Code
    finding: Code | None
    group: str
    segment: tuple[str, int] | None


def read_sr(path: Path | str, settings: ReadSettings = DEFAULTS) -> tuple[ReportedNumber, ...]:
    """Every number in the measurement groups of a structured report (TID 1500), in their order.

    Parameters
    ----------
    path : of the file
    settings : limits of size

    Raises
    ------
    UnsupportedFormat
        It is no structured report.
    ReadError
        It cannot be read.
    """
    content = Content.of_file(Path(path))
    dataset = parsed(content, settings)
    if value(dataset, "ContentSequence") is None:
        raise content.error(
            UnsupportedFormat, f"it is a {dicom_tags.kind(dataset)}, and no structured report", "Give a report."
        )
    try:
        return tuple(row for each in _groups(dataset) for row in _of_group(each))
    except dicom_tags.BROKEN as error:
        raise content.error(
            UnsupportedFormat, f"it is a damaged structured report ({type(error).__name__})", "Export it again."
        ) from error


def _items(item: Dataset) -> Sequence[Dataset]:
    return value(item, "ContentSequence") or ()


def _concept(item: Dataset, keyword: str = "ConceptNameCodeSequence") -> Code | None:
    found: Sequence[Dataset] = value(item, keyword) or ()
    if not found:
        return None
    first = found[0]
    scheme, meaning = (str(value(first, key) or "") for key in ("CodingSchemeDesignator", "CodeMeaning"))
    return Code(code_value(first), scheme, meaning)


def _is(item: Dataset, name: str) -> bool:
    concept = _concept(item)
    return concept is not None and concept.value == name


def _groups(item: Dataset) -> Iterator[Dataset]:
    """The measurement groups at any depth."""
    for each in _items(item):
        if _is(each, GROUP):
            yield each
        else:
            yield from _groups(each)


def _coded(items: Sequence[Dataset], name: str) -> Code | None:
    return next((_concept(each, "ConceptCodeSequence") for each in items if _is(each, name)), None)


def _of_group(item: Dataset) -> Iterator[ReportedNumber]:
    items = _items(item)
    finding, method = _coded(items, FINDING), _coded(items, METHOD)
    tracking = next((str(value(each, "TextValue")) for each in items if _is(each, TRACKING)), "")
    reasons = [str(value(each, "TextValue")) for each in items if _is(each, codes.REASON.value)]
    region, segment = _region(items), _segment(items)
    for each in items:
        name, answer = _concept(each), _concept(each, "ConceptCodeSequence")
        is_absent = answer is not None and answer.value == codes.FAILED.value
        if name is None or not (is_absent or value(each, "ValueType") == "NUM"):
            continue
        own = _region(_items(each))
        number, unit = _number(each, name, own, reasons)
        yield ReportedNumber(
            id=_OF_CODES.get((name.scheme, name.value), ""),
            region=own or region,
            structure="" if finding is None else _OF_STRUCTURES.get((finding.scheme, finding.value), ""),
            value=number,
            unit=_OF_UNITS.get(unit, unit),
            uncertainty=_uncertainty(each),
            method="" if method is None else _OF_METHODS.get((method.scheme, method.value), method.meaning),
            name=name,
            finding=finding,
            group=tracking,
            segment=segment,
        )


def _number(item: Dataset, name: Code, region: str, reasons: Sequence[str]) -> tuple[float | NotMeasured, str]:
    """The value, or why there is none, and the unit's code."""
    measured: Sequence[Dataset] = value(item, "MeasuredValueSequence") or ()
    if measured:
        units = _concept(measured[0], "MeasurementUnitsCodeSequence")
        found = numbers(measured[0], "FloatingPointValue", 1) or numbers(measured[0], "NumericValue", 1)
        if found is not None:
            return found[0], "" if units is None else units.value
    called = f"{name.meaning} ({region})" if region else name.meaning
    for reason in reasons:
        names, _, words = reason.partition(": ")
        if called in names.split("; "):
            return NotMeasured(words), ""
    qualifier = _concept(item, "NumericValueQualifierCodeSequence") or _concept(item, "ConceptCodeSequence")
    return NotMeasured("the report does not say why" if qualifier is None else qualifier.meaning), ""


def _region(items: Sequence[Dataset]) -> str:
    """The region that a finding site is; empty if there is none, or none of ours."""
    for item in items:
        place = _concept(item, "ConceptCodeSequence")
        if _is(item, SITE) and place is not None:
            side, part = _coded(_items(item), _SIDE), _coded(_items(item), _PART)
            return codes.region_of(place.value, "" if side is None else side.value, "" if part is None else part.value)
    return ""


def _uncertainty(item: Dataset) -> float | None:
    for each in _items(item):
        measured: Sequence[Dataset] = value(each, "MeasuredValueSequence") or ()
        if _is(each, _UNCERTAINTY) and measured:
            found = numbers(measured[0], "NumericValue", 1)
            return None if found is None else found[0]
    return None


def _segment(items: Sequence[Dataset]) -> tuple[str, int] | None:
    for item in items:
        if _is(item, _SEGMENT) or _is(item, _FRAME):
            reference = item.ReferencedSOPSequence[0]
            found = value(reference, "ReferencedSegmentNumber") or value(reference, "ReferencedFrameNumber")
            return None if found is None else (str(reference.ReferencedSOPInstanceUID), int(found))
    return None

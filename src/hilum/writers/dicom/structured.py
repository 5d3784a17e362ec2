"""A case as a structured report: a Measurement Report (TID 1500) with a group for each structure and region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum import __version__
from hilum.case import Case
from hilum.geometry import PlaneGrid
from hilum.image import Code
from hilum.measurement import NotMeasured
from hilum.readers import dicom_codes as codes
from hilum.writers.result_json import rounded

from .content import Group, Number, groups, texts
from .frame import MAKER, Frame, coded, highdicom, reference
from .identity import uid_of
from .segmentation import SegmentationObject, frames_of

if TYPE_CHECKING:
    from pydicom import Dataset

_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")


def structured_report(
    case: Case, frame: Frame, segmentations: Mapping[str, SegmentationObject], number: int
) -> Dataset:
    """The report of a case, linked to the segments that it measures.

    Parameters
    ----------
    case : of a film or a volume
    frame : of the case
    segmentations : by content, ``lungs`` and ``lesions``; groups of segments that are not there stand without a link
    number : of the series
    """
    library = highdicom()
    kind = f"sr {' '.join(segmentations)}"  # with links it is another object than without
    first, *others = (_group(group, frame, segmentations, case) for group in groups(case))
    report = library.sr.MeasurementReport(
        observation_context=_observer(library),
        procedure_reported=coded(codes.CHEST_FILM if isinstance(case.image.grid, PlaneGrid) else codes.CHEST_CT),
        imaging_measurements=[first],
    )
    made = library.sr.Comprehensive3DSR(
        evidence=[frame.source.first],
        content=report,
        is_complete=True,
        coding_schemes=[_scheme()],
        **frame.series(kind, number),
    )
    # The rest is put in here since the constructor copies what it is given and searches all of it for each instance.
    container = made.ContentSequence[-1]
    for each in others:
        container.ContentSequence.extend(each)
    made.ContentSequence.append(_in_words(case, library))
    _add_evidence(made, [*frame.source.headers, *(each.dataset for each in segmentations.values())])
    frame.settle(made, "Hilum measurements and scores", kind)
    return made


def _add_evidence(made: Dataset, instances: Sequence[Dataset]) -> None:
    """The instances that the report is made from, by series."""
    from pydicom import Dataset

    series: dict[str, list[Dataset]] = {}
    for instance in instances:
        series.setdefault(str(instance.SeriesInstanceUID), []).append(reference(instance))
    study = Dataset()
    study.StudyInstanceUID, study.ReferencedSeriesSequence = made.StudyInstanceUID, []
    for uid, items in series.items():
        of_series = Dataset()
        of_series.SeriesInstanceUID, of_series.ReferencedSOPSequence = uid, items
        study.ReferencedSeriesSequence.append(of_series)
    made.CurrentRequestedProcedureEvidenceSequence = [study]
    if "PertinentOtherEvidenceSequence" in made:
        del made.PertinentOtherEvidenceSequence


def _scheme() -> Any:
    """Whose the private codes are."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        codes.SCHEME, name="Hilum private codes", version=__version__, responsible_organization=MAKER
    )


def _observer(library: Any) -> Any:
    """Hilum as the one who observed."""
    device = library.sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of(f"device\0{MAKER}\0{__version__}"), name=MAKER, manufacturer_name=MAKER, model_name=__version__
    )
    return library.sr.ObservationContext(
        observer_device_context=library.sr.ObserverContext(
            observer_type=library.sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=device
        )
    )


def _in_words(case: Case, library: Any) -> Any:
    """What is said in words, at the end of the report."""
    container = library.sr.ContainerContentItem(coded(_EVALUATIONS), relationship_type="CONTAINS")
    container.ContentSequence = library.sr.ContentSequence(
        [library.sr.TextContentItem(coded(name), text, "CONTAINS") for name, text in texts(case)]
    )
    return container


def _group(group: Group, frame: Frame, segmentations: Mapping[str, SegmentationObject], case: Case) -> Any:
    """A measurement group, of a segment if it is one's."""
    library = highdicom()
    is_film = isinstance(case.image.grid, PlaneGrid)
    facts: dict[str, Any] = {
        "tracking_identifier": library.sr.TrackingIdentifier(
            uid=_tracking_uid(group, frame), identifier=group.segment[1] if group.segment else group.id
        ),
        "finding_type": coded(group.finding),
        "finding_sites": [_site(group.region, library)],
        "method": None if group.method is None else coded(group.method),
        "measurements": [
            _measurement(number, number.value, group, frame, library)
            for number in group.numbers
            if not isinstance(number.value, NotMeasured)
        ],
        "qualitative_evaluations": [
            _absence(number, library) for number in group.numbers if isinstance(number.value, NotMeasured)
        ],
    }
    segmentation = segmentations.get(group.segment[0]) if group.segment else None
    if segmentation is None:
        made = library.sr.MeasurementsAndQualitativeEvaluations(**facts)
    elif is_film:
        reference = _segment_of_film(segmentation, group.segment[1], frame, library)
        made = library.sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **facts)
    else:
        reference = _segment_of_volume(segmentation, group.segment[1], frame, library)
        made = library.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **facts)
    for text in _reasons(group):
        made[0].ContentSequence.append(library.sr.TextContentItem(coded(codes.REASON), text, "CONTAINS"))
    return made


def _tracking_uid(group: Group, frame: Frame) -> str:
    """That of its segment, if it has one."""
    return frame.identity.uid("tracking", group.segment[1] if group.segment else f"group {group.id}")


def _segment_of_film(segmentation: SegmentationObject, name: str, frame: Frame, library: Any) -> Any:
    """The segment of a film is one frame; a reference to a frame must not name its segment as well."""
    number, dataset = segmentation.numbers[name], segmentation.dataset
    first = frame.source.first
    made = library.sr.ReferencedSegmentationFrame(
        sop_class_uid=dataset.SOPClassUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        frame_number=next(frames_of(dataset, number)),
        segment_number=number,
        source_image=library.sr.SourceImageForSegmentation(first.SOPClassUID, first.SOPInstanceUID),
    )
    del made[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
    return made


def _segment_of_volume(segmentation: SegmentationObject, name: str, frame: Frame, library: Any) -> Any:
    dataset = segmentation.dataset
    return library.sr.ReferencedSegment(
        sop_class_uid=dataset.SOPClassUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        segment_number=segmentation.numbers[name],
        source_series=library.sr.SourceSeriesForSegmentation(frame.source.first.SeriesInstanceUID),
    )


def _site(region: str, library: Any) -> Any:
    location, side, part = (None if code is None else coded(code) for code in codes.site_of(region))
    return library.sr.FindingSite(location, side, part)


def _absence(number: Number, library: Any) -> Any:
    """That a number could not be measured, as a coded answer: many readers stumble over a number without a value."""
    made = library.sr.QualitativeEvaluation(coded(number.name), coded(codes.FAILED))
    if number.region:
        made[0].ContentSequence = library.sr.ContentSequence([_site(number.region, library)])
    return made


def _measurement(number: Number, value: float, group: Group, frame: Frame, library: Any) -> Any:
    """A number that was measured."""
    properties = None
    if number.uncertainty is not None:
        half = float(rounded(number.uncertainty))
        properties = library.sr.MeasurementProperties(
            upper_measurement_uncertainty=half, lower_measurement_uncertainty=half
        )
    point = None
    if group.point_mm:
        point = [
            library.sr.CoordinatesForMeasurement3D(
                "POINT", np.array([group.point_mm]), frame.source.first.FrameOfReferenceUID
            )
        ]
    return library.sr.Measurement(
        name=coded(number.name),
        value=float(rounded(value)),
        unit=coded(codes.UNITS[number.unit]),
        derivation=coded(codes.MEAN) if number.is_mean else None,
        finding_sites=[_site(number.region, library)] if number.region else None,
        properties=properties,
        referenced_coordinates=point,
    )


def _reasons(group: Group) -> Iterator[str]:
    """Why numbers of a group are absent, each reason once with the names of those that it holds for."""
    absent: dict[str, list[str]] = {}
    for number in group.numbers:
        if isinstance(number.value, NotMeasured):
            where = f" ({number.region})" if number.region else ""
            absent.setdefault(number.value.reason, []).append(f"{number.name.meaning}{where}")
    for reason, names in absent.items():
        yield f"{'; '.join(names)}: {reason}"

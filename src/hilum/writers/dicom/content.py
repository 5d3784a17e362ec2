"""What a structured report says: every number of a case, in groups, before any DICOM is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from hilum.case import Case
from hilum.geometry import PlaneGrid
from hilum.image import Code, LabelMap
from hilum.measurement import NotMeasured
from hilum.readers import dicom_codes as codes
from hilum.scoring.measure import LesionInstance, Measure
from hilum.scoring.regions import Measured
from hilum.scoring.score import Score


@dataclass(frozen=True, slots=True)
class Number:
    """One number.

    Attributes
    ----------
    name : what it is
    value : or why there is none
    unit : a key of :data:`.dicom_codes.UNITS`
    region : where, if not that of its group
    uncertainty : in the same unit
    is_mean : it is the mean over the region
    """

    name: Code
    value: Measured
    unit: str
    region: str = ""
    uncertainty: float | None = None
    is_mean: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of one structure in one region.

    Attributes
    ----------
    id : tells the groups of a report apart, and stays the same from run to run
    finding : what was measured
    region : where
    numbers : in the order of the result
    method : how; None if there is one way only
    segment : the map (``lungs``, ``lesions``) and the structure whose segment this is; empty if it is none's
    point_mm : LPS position of its centre, empty if there is none to tell
    """

    id: str
    finding: Code
    region: str
    numbers: tuple[Number, ...]
    method: Code | None = None
    segment: tuple[str, ...] = ()
    point_mm: tuple[float, ...] = field(default=())


def groups(case: Case) -> Iterator[Group]:
    """Every number of a case: its scores, then its measures, or on a film the areas of what was drawn."""
    yield Group("severity", codes.SCORE_GROUP, "both", tuple(_scores(case)))
    if isinstance(case.image.grid, PlaneGrid):
        yield from _areas("lungs", case.lungs)
        yield from _areas("lesions", case.lesions)
        return
    yield from _measures(case)
    yield from (_instance(each) for each in case.measures.instances)


def texts(case: Case) -> Iterator[tuple[Code, str]]:
    """What a report says in words: conditions of use, what was noticed, how each score is defined."""
    yield (
        codes.RESEARCH_ONLY,
        "For research only. Not a medical device: no result may be used for the care of a patient.",
    )
    for finding in case.findings:
        yield codes.FINDING, f"{finding.gravity.value} {finding.code}: {finding.message}"


def _scores(case: Case) -> Iterator[Number]:
    for score in case.scores.values():
        yield from _score(score)
    if not isinstance(case.disease, NotMeasured):
        yield Number(codes.DISEASE, case.disease.probability, "")
        yield Number(codes.DISEASE_THRESHOLD, case.disease.threshold, "")


def _score(score: Score) -> Iterator[Number]:
    name, unit = codes.score_code(score.definition.id, score.definition.title), score.definition.unit
    yield Number(name, score.value, unit)
    for region, value in score.parts.items():
        yield Number(name, value, unit, region)


def _areas(content: str, labels: LabelMap) -> Iterator[Group]:
    """The area of each structure that was drawn on a film."""
    spacing = labels.plane.spacing_mm
    for label in labels.labels.values():
        pixels = labels.pixels(label.name)
        if label.name == "effusion" and pixels == 0:
            continue  # films are not searched for it
        area: Measured = NotMeasured("the file states no pixel spacing")
        if spacing is not None:
            area = pixels * spacing[0] * spacing[1]
        side = label.name.partition("-")[0]
        region = side if content == "lungs" else "both"
        segment = (content, label.name) if pixels else ()
        numbers = (Number(codes.MEASURES["area"], area, "mm2"),)
        yield Group(label.name, label.code, region, numbers, segment=segment)


def _measures(case: Case) -> Iterator[Group]:
    """Rows of one region, structure and method together; lobes only if they were given."""
    rows = [row for row in case.measures.table if case.lobes is not None or not row.region.endswith("-lobe")]

    def key(row: Measure) -> tuple[str, str, str]:
        return row.region, row.structure, row.method

    order = {each: place for place, each in enumerate(dict.fromkeys(key(row) for row in rows))}
    for (region, structure, method), members in groupby(sorted(rows, key=lambda row: order[key(row)]), key):
        yield Group(
            f"{region} {structure} {method}",
            codes.STRUCTURES[structure],
            region,
            tuple(_number(row) for row in members),
            codes.METHODS[method],
            _segment(case, region, structure, method),
        )


def _number(row: Measure) -> Number:
    return Number(codes.MEASURES[row.id], row.value, row.unit, uncertainty=row.uncertainty, is_mean=row.id == "mean-hu")


def _segment(case: Case, region: str, structure: str, method: str) -> tuple[str, ...]:
    """The segment of which a group's numbers are, if they are of a whole one."""
    if method != "masks":
        return ()
    if structure == "lung" and region in ("right", "left"):
        found, name = ("lungs", case.lungs), f"{region}-lung"
    elif region == "both" and structure in ("ground-glass", "consolidation", "effusion"):
        found, name = ("lesions", case.lesions), structure
    else:
        return ()
    content, labels = found
    return (content, name) if labels.pixels(name) else ()


def _instance(each: LesionInstance) -> Group:
    numbers = [Number(codes.MEASURES["volume"], each.volume_ml, "ml")]
    if each.structure == "opacity":
        numbers.append(Number(codes.CONSOLIDATED, each.consolidation_ml, "ml"))
    return Group(
        f"lesion {each.number}",
        codes.STRUCTURES[each.structure],
        each.region,
        tuple(numbers),
        codes.SINGLE,
        point_mm=each.centroid_mm,
    )

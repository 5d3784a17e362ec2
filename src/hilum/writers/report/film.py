"""What the report of a film says besides what every report says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hilum.case import Case, Disease
from hilum.geometry import PlaneGrid, SpacingAt
from hilum.measurement import NotMeasured
from hilum.provenance import sources
from hilum.scoring.film_lesions import FilmLesion
from hilum.writers.captions import caption, number

MOST_INSTANCES = 8
"""How many single lesions are listed; ``result.json`` has them all."""

_SIDES = ("right", "left")
_LEVELS = ("upper", "middle", "lower")

_PLANES = {
    SpacingAt.DETECTOR: "at the detector",
    SpacingAt.PATIENT: "at the patient",
    SpacingAt.UNKNOWN: "at an unknown plane",
}


_MADE_BY = {
    "connected-parts": "Connected parts of what is drawn as a lesion, the largest first.",
    "detector": "As a detector of single lesions found them, the most certain first; outlines and scores are not its.",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """A cell of the table that is drawn like the lungs.

    Attributes
    ----------
    opacity : percentage as text, or a dash
    tint : 0 to 1, strength of the cell's colour
    is_hit : counts for the six-zone score; None if not measured
    brixia : grade as text, or a dash
    """

    opacity: str
    tint: float
    is_hit: bool | None
    brixia: str


@dataclass(frozen=True, slots=True)
class Lesion:
    """A row of the table of single lesions, each cell as text."""

    number: str
    structure: str
    place: str
    area: str
    consolidation: str
    certainty: str


@dataclass(frozen=True, slots=True)
class FilmView:
    """What the report of a film shows besides what every report shows."""

    disease: Disease | NotMeasured
    zones: Mapping[str, Mapping[str, Zone]]
    lungs: Mapping[str, tuple[str, str]]
    hit_rule: str
    instances: tuple[Lesion, ...]
    others: str
    made_by: str


def film_view(case: Case) -> FilmView:
    """What the report of a film says of zones, lungs and disease."""
    return FilmView(
        disease=case.disease,
        zones={level: {side: _zone(case, f"{side}-{level}") for side in _SIDES} for level in _LEVELS},
        lungs={side: (_part(case, "opacity-percent", side), _part(case, "geographic-extent", side)) for side in _SIDES},
        hit_rule=_hit_rule(case),
        instances=tuple(_lesion(each, case.image.plane) for each in case.instances[:MOST_INSTANCES]),
        others=_others(case),
        made_by=_MADE_BY[case.instances[0].method] if case.instances else "",
    )


def film_facts(case: Case) -> Iterator[tuple[str, str]]:
    """What the report says about the film itself, each with its label."""
    grid = case.image.plane
    yield "File", ", ".join(source.name for source in sources(case.image.origin)) or "none: a computed film"
    yield "View", case.image.view or "not stated"
    yield "Pixels", f"{grid.shape[1]} × {grid.shape[0]}"
    yield "Pixel spacing", _spacing(grid)


def _lesion(each: FilmLesion, grid: PlaneGrid) -> Lesion:
    return Lesion(
        number=f"{each.number}",
        structure=caption(each.structure),
        place="Outside both lungs" if isinstance(each.zone, NotMeasured) else caption(each.zone),
        area=_area(each.pixels, grid),
        consolidation=number(100 * each.consolidation_pixels / each.pixels, "%"),
        certainty="–" if isinstance(each.score, NotMeasured) else f"{each.score:.2f}",
    )


def _area(pixels: int, grid: PlaneGrid) -> str:
    """In cm2 where the file states how large a pixel is, otherwise as a share of the film."""
    if grid.spacing_mm is None:
        return f"{number(100 * pixels / (grid.shape[0] * grid.shape[1]), '%')} of the film"
    return f"{number(round(pixels * grid.spacing_mm[0] * grid.spacing_mm[1] / 100, 1))} cm²"


def _others(case: Case) -> str:
    """What of the single lesions is not listed."""
    rest = len(case.instances) - MOST_INSTANCES
    return f"And {rest} more, which result.json lists." if rest > 0 else ""


def _spacing(grid: PlaneGrid) -> str:
    if grid.spacing_mm is None:
        return "not stated"
    rows, columns = grid.spacing_mm
    return f"{columns:.3g} × {rows:.3g} mm {_PLANES[grid.spacing_at]}"


def _zone(case: Case, name: str) -> Zone:
    share = _value(case, "opacity-percent", name)
    hit = _value(case, "six-zone", name)
    return Zone(
        opacity=_part(case, "opacity-percent", name),
        tint=0.0 if isinstance(share, NotMeasured) else round(0.62 * share / 100.0, 3),
        is_hit=None if isinstance(hit, NotMeasured) else hit > 0,
        brixia=_part(case, "brixia", name),
    )


def _value(case: Case, score: str, region: str) -> float | NotMeasured:
    absent = NotMeasured("it is not part of this result")
    return case.scores[score].parts.get(region, absent) if score in case.scores else absent


def _part(case: Case, score: str, region: str) -> str:
    unit = case.scores[score].definition.unit if score in case.scores else ""
    return number(_value(case, score, region), unit)


def _hit_rule(case: Case) -> str:
    """How a zone came to count, in a sentence; empty if the case does not tell."""
    score = case.scores.get("six-zone")
    if score is None or "threshold" not in score.settings:
        return ""
    threshold = score.settings["threshold"]
    if "spread" in score.settings:
        told = (
            "The six-zone score is the number of zones that readers are expected to count; marked are those that most "
            f"would count. Half of them count a zone of which {100 * threshold:.0f} % has opacity"
        )
        if score.method != "zone-evidence":
            return f"{told}."
        return f"{told}, faint opacity below what is drawn included: a zone may be marked before one with more drawn."
    if score.method == "zone-evidence":
        return f"A zone is affected if the network's evidence for it, on a scale from 0 to 1, is above {threshold:.2f}."
    return f"A zone is affected if more than {100 * threshold:.0f} % of its area has opacity."

"""What the report says, as words and numbers; how it looks is the template's business."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hilum import __version__
from hilum.case import Case, Disease
from hilum.geometry import PlaneGrid, SpacingAt
from hilum.measurement import Finding, NotMeasured
from hilum.provenance import Json, Source, Step, digest, sources, walk
from hilum.scoring.score import Score
from hilum.writers.captions import Colour, caption, colours, number

_SIDES = ("right", "left")
_LEVELS = ("upper", "middle", "lower")

_PLANES = {
    SpacingAt.DETECTOR: "at the detector",
    SpacingAt.PATIENT: "at the patient",
    SpacingAt.UNKNOWN: "at an unknown plane",
}


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """A score as it is shown.

    Attributes
    ----------
    title, value, of, definition : words
    share : 0 to 1, the value's place in its range; None if not measured
    is_estimate : marked so
    reason : why it was not measured, else empty
    source, limits : for the table of definitions
    """

    title: str
    value: str
    of: str
    definition: str
    share: float | None
    is_estimate: bool
    reason: str
    source: str
    limits: str


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
class View:
    """Everything that the template shows, in its order."""

    case: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    colours: tuple[tuple[str, Colour], ...]
    disease: Disease | NotMeasured
    scores: tuple[ScoreCard, ...]
    zones: Mapping[str, Mapping[str, Zone]]
    lungs: Mapping[str, tuple[str, str]]
    hit_rule: str
    not_measured: Mapping[str, Sequence[str]]
    limits: Mapping[str, Sequence[str]]
    sources: tuple[Source, ...]
    steps: tuple[tuple[Step, str], ...]
    digest: str
    version: str


def view_of(case: Case, limits: Mapping[str, Sequence[str]]) -> View:
    """What the report of a case says; parameters as of :func:`~hilum.writers.report.render_report`."""
    cards = tuple(_card(score) for score in case.scores.values())
    return View(
        case=case.name,
        facts=tuple(_facts(case)),
        findings=case.findings,
        colours=tuple(colours(case)),
        disease=case.disease,
        scores=cards,
        zones={level: {side: _zone(case, f"{side}-{level}") for side in _SIDES} for level in _LEVELS},
        lungs={side: (_part(case, "opacity-percent", side), _part(case, "geographic-extent", side)) for side in _SIDES},
        hit_rule=_hit_rule(case),
        not_measured=_not_measured(case),
        limits=limits,
        sources=sources(case.provenance),
        steps=tuple((node, _settings(node.settings)) for node in walk(case.provenance) if isinstance(node, Step)),
        digest=digest(case.provenance),
        version=__version__,
    )


def _facts(case: Case) -> Iterator[tuple[str, str]]:
    grid = case.image.plane
    yield "File", ", ".join(source.name for source in sources(case.image.origin)) or "none: a computed film"
    yield "View", case.image.view or "not stated"
    yield "Pixels", f"{grid.shape[1]} × {grid.shape[0]}"
    yield "Pixel spacing", _spacing(grid)


def _spacing(grid: PlaneGrid) -> str:
    if grid.spacing_mm is None:
        return "not stated"
    rows, columns = grid.spacing_mm
    return f"{columns:.3g} × {rows:.3g} mm {_PLANES[grid.spacing_at]}"


def _card(score: Score) -> ScoreCard:
    definition, value = score.definition, score.value
    low, high = definition.range
    is_absent = isinstance(value, NotMeasured)
    return ScoreCard(
        title=definition.title.removesuffix(" (estimated)"),
        value=number(value, definition.unit),
        of="" if is_absent or definition.unit == "%" else f"of {number(high)}",
        definition=definition.definition,
        share=None if is_absent else (value - low) / (high - low),
        is_estimate=definition.is_estimate,
        reason=value.reason if is_absent else "",
        source=definition.source,
        limits=definition.limits,
    )


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
    if score.method == "zone-evidence":
        return f"A zone is affected if the network's evidence for it, on a scale from 0 to 1, is above {threshold:.2f}."
    return f"A zone is affected if more than {100 * threshold:.0f} % of its area has opacity."


def _not_measured(case: Case) -> dict[str, list[str]]:
    """What is missing, by reason: whole scores, and the regions of those that have others."""
    made: dict[str, dict[str, None]] = {}
    if isinstance(case.disease, NotMeasured):
        made.setdefault(case.disease.reason, {})["probability of disease"] = None
    for score in case.scores.values():
        if isinstance(score.value, NotMeasured):
            made.setdefault(score.value.reason, {})[score.definition.title] = None
        for region, value in score.parts.items():
            if isinstance(value, NotMeasured) and value != score.value:
                made.setdefault(value.reason, {})[caption(region).lower()] = None
    return {reason: list(missing) for reason, missing in made.items()}


def _settings(settings: Mapping[str, Json]) -> str:
    """Settings on one line: ``runtime.engine = "auto", ...``."""
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in _flat(settings))


def _flat(settings: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

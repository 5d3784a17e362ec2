"""What every report says, as words and numbers; how it looks is the templates' business."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hilum import __version__
from hilum.case import Case
from hilum.geometry import PlaneGrid
from hilum.measurement import Finding, NotMeasured
from hilum.provenance import Json, Source, Step, digest, sources, walk
from hilum.scoring.score import Score
from hilum.writers.captions import Colour, caption, colours, number


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
class View:
    """What the reports of films and volumes have in common."""

    case: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    colours: tuple[tuple[str, Colour], ...]
    scores: tuple[ScoreCard, ...]
    not_measured: Mapping[str, Sequence[str]]
    limits: Mapping[str, Sequence[str]]
    sources: tuple[Source, ...]
    steps: tuple[tuple[Step, str], ...]
    digest: str
    version: str


def common_view(case: Case, kind: str, facts: Iterable[tuple[str, str]], limits: Mapping[str, Sequence[str]]) -> View:
    """What the report of any case says.

    Parameters
    ----------
    case : of a film or a volume
    kind : what the image is, in words
    facts : about the image, each with its label
    limits : by name of a network, sentences of its card that a reader must know
    """
    return View(
        case=case.name,
        kind=kind,
        facts=tuple(facts),
        findings=case.findings,
        colours=tuple(colours(case)),
        scores=tuple(_card(score) for score in case.scores.values()),
        not_measured=_not_measured(case),
        limits=limits,
        sources=sources(case.provenance),
        steps=tuple((node, _settings(node.settings)) for node in walk(case.provenance) if isinstance(node, Step)),
        digest=digest(case.provenance),
        version=__version__,
    )


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


def _not_measured(case: Case) -> dict[str, list[str]]:
    """What is missing, by reason: whole scores, and the regions of those that have others."""
    made: dict[str, dict[str, None]] = {}
    if isinstance(case.disease, NotMeasured) and isinstance(case.image.grid, PlaneGrid):
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

"""Short words for what is drawn and tabled; the ids stay the same everywhere else."""

from __future__ import annotations

from hilum.case import Case
from hilum.measurement import NotMeasured
from hilum.scoring.score import Score

_SHORT = {"six-zone": "Six-zone", "brixia": "Brixia", "geographic-extent": "Extent", "opacity-percent": "Opacity"}


def caption(name: str) -> str:
    """An id as words: ``ground-glass`` becomes ``Ground-glass``, ``right-lung`` becomes ``Right lung``."""
    words = name if name == "ground-glass" else name.replace("-", " ")
    return words[:1].upper() + words[1:]


def number(value: float | NotMeasured, unit: str = "") -> str:
    """A value for people: no decimals for points, at most one for percentages, a dash for what was not measured."""
    if isinstance(value, NotMeasured):
        return "–"
    if unit == "%":
        return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def score_line(case: Case) -> list[str]:
    """Each score in a few letters, such as ``Six-zone 4/6`` and ``Brixia 9/18 (est.)``."""
    return [_short(score) for score in case.scores.values()]


def _short(score: Score) -> str:
    definition = score.definition
    title = _SHORT.get(definition.id, definition.title)
    if isinstance(score.value, NotMeasured):
        return f"{title} not measured"
    of = "" if definition.unit == "%" else f"/{number(definition.range[1])}"
    estimate = " (est.)" if definition.is_estimate else ""
    return f"{title} {number(score.value, definition.unit)}{of}{estimate}"

"""Short words for what is drawn and tabled; the ids stay the same everywhere else."""

from __future__ import annotations

from hilum.case import Case
from hilum.measurement import NotMeasured
from hilum.scoring.score import Score

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_SHORT = {
    "six-zone": "Six-zone",
    "brixia": "Brixia",
    "geographic-extent": "Extent",
    "opacity-percent": "Opacity",
    "high-opacity-percent": "High opacity",
    "ct-severity-25": "CT severity",
    "total-severity-20": "TSS",
    "lung-severity-score": "LSS",
    "lung-high-opacity-score": "LHOS",
    "zonal-24": "Zonal",
    "mosmed": "CT-0 to 4, worse lung",
    "mosmed-whole": "CT-0 to 4, both lungs",
}


def caption(name: str) -> str:
    """An id as words: ``ground-glass`` becomes ``Ground-glass``, ``right-lung`` becomes ``Right lung``."""
    words = name if name == "ground-glass" else name.replace("-", " ")
    return words[:1].upper() + words[1:]


def region_caption(region: str) -> str:
    """A region of the lungs as words: ``both`` becomes ``Both lungs``, ``right`` becomes ``Right lung``."""
    return {"both": "Both lungs", "right": "Right lung", "left": "Left lung"}.get(region, caption(region))


def number(value: float | NotMeasured, unit: str = "") -> str:
    """A value for people: no decimals for points, at most one for percentages, a dash for what was not measured."""
    if isinstance(value, NotMeasured):
        return "–"
    if unit == "%":
        if 0 < value < 0.05:
            return "< 0.1 %"
        return f"{value:.1f} %" if 0 < value < 9.95 else f"{value:.0f} %"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def millimetres(value: float) -> str:
    """A position or length, whole; 0 has no sign."""
    return f"{round(value)} mm"


def colours(case: Case) -> list[tuple[str, Colour]]:
    """Name and colour of every structure that is there."""
    return [
        (caption(label.name), label.colour)
        for labels in (case.lungs, case.lesions)
        for label in labels.labels.values()
        if labels.pixels(label.name)
    ]


def score_line(case: Case) -> list[str]:
    """Each score in a few letters, such as ``Brixia 9/18 (est.)``; at the end those that were not measured."""
    measured = [text for score in case.scores.values() if (text := _measured(score))]
    absent = [_title(score) for score in case.scores.values() if isinstance(score.value, NotMeasured)]
    if not absent:
        return measured
    return [*measured, f"Not measured: {', '.join(absent)}"] if measured else ["Scores not measured"]


def _measured(score: Score) -> str:
    if isinstance(score.value, NotMeasured):
        return ""
    definition = score.definition
    of = "" if definition.unit == "%" else f"/{number(definition.range[1])}"
    estimate = " (est.)" if definition.is_estimate else ""
    return f"{_title(score)} {number(score.value, definition.unit)}{of}{estimate}"


def _title(score: Score) -> str:
    return _SHORT.get(score.definition.id, score.definition.title)

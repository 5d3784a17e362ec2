"""What a score is: its value with everything needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.measurement import NotMeasured


@dataclass(frozen=True, slots=True)
class ScoreDefinition:
    """A score, apart from any patient.

    Attributes
    ----------
    id : stable; the key in JSON and the column in CSV
    title : for reports
    range : lowest and highest value that exist
    unit : ``points`` or ``%``
    definition : one or two sentences
    inputs : what it is computed from
    source : the publication, with DOI or identifier
    limits : when it cannot be measured, and what it is not
    is_estimate : learned from readers' scores rather than measured by the published rule
    """

    id: str
    title: str
    range: tuple[float, float]
    unit: str
    definition: str
    inputs: tuple[str, ...]
    source: str
    limits: str
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """A score of one patient.

    Attributes
    ----------
    definition : what it means
    value : within the definition's range, or why there is none
    parts : by region id (``right-upper``, ``left``...), each a value or why there is none
    settings : the numbers that were chosen, such as a threshold
    method : which of several ways to the value was taken, such as ``zone-evidence``; empty where there is one
    """

    definition: ScoreDefinition
    value: float | NotMeasured
    parts: Mapping[str, float | NotMeasured] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    method: str = ""

"""A version's folder: a case written whole, and what of it goes into the worklist."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hilum.case import Case
from hilum.geometry import VolumeGrid
from hilum.image import Image
from hilum.measurement import Finding, NotMeasured
from hilum.settings import OutputSettings, Settings
from hilum.worklist.store import IMAGE, LAYERS
from hilum.writers import write_case
from hilum.writers.masks import write_straight
from hilum.writers.whole import MARKER

from .layers import write_layers
from .shown import Shown

SORTED_BY = {"CXR": ("six-zone", "opacity-percent"), "CT": ("ct-severity-25", "zonal-24", "opacity-percent")}
"""Scores by whose share of their range studies are sorted: the first that was measured."""

Modality = Literal["CXR", "CT"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the worklist tells of a version.

    Attributes
    ----------
    modality : of the image
    scores : by id; None where it could not be measured
    severity : share of its range of the score by which studies are sorted; None if none was measured
    findings : code, severity, message
    """

    modality: Modality
    scores: dict[str, float | None]
    severity: float | None
    findings: list[dict[str, Any]]


def output_settings(settings: Settings) -> OutputSettings:
    """What is written of a case for the reader: everything but DICOM objects, which need the archive's identities."""
    return replace(settings.output, overlay=True, report=True, probability=True, dicom=())


def summary_of(case: Case) -> Summary:
    """What the worklist tells of a case."""
    modality: Modality = "CT" if isinstance(case.image.grid, VolumeGrid) else "CXR"
    scores = {
        name: None if isinstance(each.value, NotMeasured) else float(each.value) for name, each in case.scores.items()
    }
    ranges = {name: each.definition.range for name, each in case.scores.items()}
    return Summary(modality, scores, severity(modality, scores, ranges), [as_row(each) for each in case.findings])


def severity(
    modality: str, scores: dict[str, float | None], ranges: dict[str, tuple[float, float]]
) -> float | None:
    """The share of its range of the first score in :data:`SORTED_BY` that was measured."""
    for name in SORTED_BY.get(modality, ()):
        value = scores.get(name)
        if value is not None:
            low, high = ranges[name]
            return (value - low) / (high - low)
    return None


def as_row(finding: Finding) -> dict[str, Any]:
    """A finding for the worklist."""
    return {"code": finding.code, "severity": finding.gravity.value, "message": finding.message}


def write_version(case: Case, folder: Path, settings: Settings) -> Path:
    """Write a case and its layers into a folder below an empty one; give back that folder.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    made = write_case(case, folder, output_settings(settings))
    write_layers(case, made / LAYERS)
    return made


def write_image(image: Image, folder: Path) -> Path:
    """Write an image as a browser shows it into a folder; give back the file.

    Raises
    ------
    WriteError
        The file could not be written.
    """
    path = folder / IMAGE
    write_straight(Shown.of(image.grid).image(image), path)
    return path


def read_result(folder: Path) -> dict[str, Any]:
    """The ``result.json`` of a version."""
    return json.loads((folder / MARKER).read_bytes())

"""What is kept of a case: its image as a browser shows it, a version's folder, and columns of the worklist.

Reader and node keep cases by the same functions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from hilum.case import Case
from hilum.geometry import VolumeGrid
from hilum.image import Image
from hilum.measurement import Finding, NotMeasured
from hilum.settings import OutputSettings, Settings
from hilum.writers import write_case
from hilum.writers.masks import write_straight
from hilum.writers.whole import MARKER, write_error

from .layers import write_layers
from .models import Study, Version
from .shown import Shown
from .store import IMAGE, IMAGE_FACTS, LAYERS, SafePaths, Store

SORTED_BY = {"CXR": ("six-zone", "opacity-percent"), "CT": ("ct-severity-25", "zonal-24", "opacity-percent")}
"""Scores by whose share of their range studies are sorted: the first that was measured."""

THUMBNAIL, THUMBNAIL_FILE = 240, "thumbnail.png"
"""Longest side of the small picture of a version, and its file among the layers."""

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

    def put_on(self, row: Study) -> None:
        """Tell it in the row of the study."""
        for name, value in asdict(self).items():
            setattr(row, name, value)


def enter_result(session: Session, row: Study, summary: Summary) -> None:
    """Enter into the worklist that a study is done, with Hilum's own version of it."""
    row.state, row.stage, row.progress, row.code, row.message, row.latest_version = "done", "", 1.0, "", "", 0
    summary.put_on(row)
    session.merge(Version(study_id=row.id, number=0, author="hilum", scores=summary.scores, warnings=summary.findings))


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


def severity(modality: str, scores: dict[str, float | None], ranges: dict[str, tuple[float, float]]) -> float | None:
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
    write_layers(case.lungs, case.lesions, made / LAYERS, case.probability)
    write_thumbnail(made)
    return made


def write_thumbnail(version: Path) -> None:
    """Make a small picture of the overlay of a version, if it has one; it lies among the layers."""
    from PIL import Image as Picture

    if not (version / "overlay.png").is_file():
        return
    with Picture.open(version / "overlay.png") as overlay:
        small = overlay.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(version / LAYERS / THUMBNAIL_FILE)


def write_image(image: Image, folder: Path) -> Path:
    """Write an image as a browser shows it, and its facts, into a folder; give back the folder.

    Raises
    ------
    WriteError
        A file could not be written.
    """
    shown = Shown.of(image.grid).image(image)
    write_straight(shown, folder / IMAGE)
    grid = shown.grid
    facts = {
        "kind": "volume" if isinstance(grid, VolumeGrid) else "film",
        "shape": list(grid.shape),
        "spacing_mm": None if grid.spacing_mm is None else [round(each, 6) for each in grid.spacing_mm],
        "quantity": image.quantity.value,
    }
    (folder / IMAGE_FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return folder


def keep_case(store: Store, study: str, case: Case, settings: Settings, files: Iterable[Path] = ()) -> Summary:
    """Put a finished case into the store, as a study with version 0 in place of an earlier one of that id.

    Parameters
    ----------
    store : of the reader
    study : id of the study
    case : of a film or a volume
    settings : what is written of it
    files : that it was read from; they are copied, and a correction needs them

    Returns
    -------
    What the worklist tells of it.

    Raises
    ------
    WriteError
        The disk refuses.
    """
    with store.incoming() as part:
        paths, copies = SafePaths(), part / "files"
        for source in files:
            target = copies / paths.add(source.name)
            target.parent.mkdir(exist_ok=True)
            try:
                shutil.copyfile(source, target)
            except OSError as error:
                raise write_error(target, error) from error
        (part / "image").mkdir()
        write_image(case.image, part / "image")
        version = write_version(case, part / "version", settings)
        store.remove(study)
        store.admit({path.name: path for path in sorted(copies.glob("*"))}, study)
        store.put_image(study, part / "image")
        store.put_version(study, 0, version)
    return summary_of(case)


def facts_of(store: Store, study: str) -> dict[str, Any] | None:
    """Kind, shape, spacing in mm and quantity of the image of a study as it is shown; None if there is none."""
    try:
        return json.loads((store.path(study) / IMAGE_FACTS).read_bytes())
    except FileNotFoundError:
        return None


def read_result(folder: Path) -> dict[str, Any]:
    """The ``result.json`` of a version."""
    return json.loads((folder / MARKER).read_bytes())

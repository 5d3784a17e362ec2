"""Corrections: a case from masks that a reader drew, scored by the same public function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.case import Case, Disease
from hilum.errors import ReadError
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, Image, Label, LabelMap, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import Source, Step, hash_file
from hilum.readers import read_labels
from hilum.readers.structures import laid_on
from hilum.scoring import Measures, measure_volumes, score
from hilum.scoring.film_lesions import film_lesions
from hilum.worklist.results import read_result
from hilum.worklist.shown import Shown
from hilum.writers.masks import ENDINGS
from hilum.writers.whole import MARKER

CORRECTED = Finding(
    "corrected-by-reader",
    Gravity.NOTE,
    "A reader corrected the masks, and the scores were counted from them; what only a network estimates has no value.",
)
"""Stands in every correction."""


def correct(image: Image, base: Path, name: str, *, lungs: Path | None = None, lesions: Path | None = None) -> Case:
    """The case of an image whose masks a reader corrected.

    Parameters
    ----------
    image : that the study is of
    base : folder of the version that was corrected
    name : of the case
    lungs, lesions : drawings on the grid that is shown; None leaves those of the version

    Raises
    ------
    ReadError
        A drawing is no mask, or holds numbers that mean nothing.
    GridMismatch
        A drawing does not lie on the image that is shown.
    """
    lungs_before, lesions_before = masks_of(base, image)
    right_left = lungs_before if lungs is None else _drawn(lungs, lungs_before, LUNGS)
    found = lesions_before if lesions is None else _drawn(lesions, lesions_before, LESIONS)
    result = read_result(base)
    is_film = isinstance(image.grid, PlaneGrid)
    densities = image if image.quantity is Quantity.HOUNSFIELD else None
    return Case(
        name=name,
        image=image,
        lungs=right_left,
        lesions=found,
        disease=_disease(result["disease"]),
        scores=score(right_left, found, image=densities),
        findings=(*_findings(result["findings"]), CORRECTED),
        provenance=Step("correct", {}, (Source(MARKER, hash_file(base / MARKER)), right_left.origin, found.origin)),
        measures=Measures() if is_film else measure_volumes(densities, right_left, found, None),
        instances=film_lesions(right_left, found) if is_film else (),
    )


def masks_of(folder: Path, image: Image) -> tuple[LabelMap, LabelMap]:
    """Lungs and lesions of a version, on the grid of its image.

    Raises
    ------
    ReadError
        There are none in a format that can be read.
    GridMismatch
        They lie on another grid.
    """
    return _mask(folder, "lungs", LUNGS, image), _mask(folder, "lesions", LESIONS, image)


def _mask(folder: Path, name: str, labels: Mapping[int, Label], image: Image) -> LabelMap:
    paths = [folder / f"{name}{ending}" for ending in ENDINGS.values()]
    path = next((each for each in paths if each.is_file()), None)
    if path is None:
        raise ReadError(f"This version has no mask of the {name}, so nothing can be drawn on it.")
    read = read_labels(path, labels)
    if isinstance(image.grid, PlaneGrid) and not isinstance(read.grid, PlaneGrid):
        return LabelMap(read.array.reshape(image.grid.shape), image.grid, labels, read.origin)
    return laid_on(read, image.grid, path.name)


def _drawn(path: Path, before: LabelMap, labels: Mapping[int, Label]) -> LabelMap:
    """A drawing on the image's own grid."""
    shown = Shown.of(before.grid)
    array = shown.back(shown.read(path, labels), before)
    return replace(before, array=array, origin=Step("draw", {}, (before.origin, Source(path.name, hash_file(path)))))


def _disease(stated: Mapping[str, Any]) -> Disease | NotMeasured:
    """The network's verdict on the whole image, which no drawing changes."""
    if "not_measured" in stated:
        return NotMeasured(stated["not_measured"])
    return Disease(stated["probability"], stated["threshold"])


def _findings(stated: list[Mapping[str, str]]) -> tuple[Finding, ...]:
    """Those of the image; that of an earlier correction is said anew."""
    made = (Finding(each["code"], Gravity(each["gravity"]), each["message"]) for each in stated)
    return tuple(each for each in made if each.code != CORRECTED.code)

"""Films drawn from a CT: each with a geometry, an exposure and a crop of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.schema import MaskKind
from hilum.image import LESIONS, LUNGS, Image, Label, LabelMap
from hilum.projection import project
from hilum.projection.exposure import draw_exposure
from hilum.segmentation.either import segment_lungs
from hilum.settings import ProjectSettings

INFECTION = 4
"""Number of disease of no known class in an opened mask of lesions; it shows on a film as ground-glass does."""

MARGIN = 0.06
"""Share of the film's side that is left about the lungs when it is cropped."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFilm:
    """A projected film before its manner is matched.

    Attributes
    ----------
    grey : float32, 0 to 255
    masks : numbers as in an opened mask of that kind, uint8, by kind
    view : ``PA`` or ``AP``
    settings : of its projection
    """

    grey: NDArray[np.float32]
    masks: Mapping[MaskKind, NDArray[np.uint8]]
    view: str
    settings: ProjectSettings


def draw_settings(rng: np.random.Generator, seed: int) -> ProjectSettings:
    """A projection as films differ in practice: most PA at 1.8 m, some AP at 1 m, exposures of all kinds."""
    is_bedside = rng.random() < 0.35
    exposure = draw_exposure(seed)
    return ProjectSettings(
        view="AP" if is_bedside else "PA",
        source_mm=float(rng.uniform(950, 1200) if is_bedside else rng.uniform(1500, 1900)),
        gap_mm=float(rng.uniform(10, 80)),
        energy_kev=float(rng.uniform(48, 72)),
        photons=exposure.photons,
        scatter=exposure.scatter,
        contrast=exposure.contrast,
        brightness=exposure.brightness,
        sharpening=exposure.sharpening,
        flattening=exposure.flattening,
        marker=exposure.marker,
        seed=seed,
    )


def projectable(image: Image, masks: Mapping[MaskKind, LabelMap]) -> dict[MaskKind, LabelMap]:
    """Masks of a CT as they are projected: lungs by side, found by the network where a source does not have them."""
    made: dict[MaskKind, LabelMap] = {}
    lungs = masks.get("lungs")
    if lungs is not None and all(lungs.pixels(label.name) for label in LUNGS.values()):
        made["lungs"] = _of(lungs, LUNGS, np.where(lungs.array <= len(LUNGS), lungs.array, np.uint8(0)))
    else:
        made["lungs"] = segment_lungs(image).lungs
    lesions = masks.get("lesions")
    if lesions is not None:
        known = np.where(lesions.array <= len(LESIONS), lesions.array, np.uint8(0))
        known[lesions.array == INFECTION] = 1
        made["lesions"] = _of(lesions, LESIONS, known)
    return made


def _of(mask: LabelMap, labels: Mapping[int, Label], array: NDArray[np.uint8]) -> LabelMap:
    return LabelMap(array, mask.grid, labels, mask.origin)


def draw_film(
    image: Image, masks: Mapping[MaskKind, LabelMap], settings: ProjectSettings, *, aspect: float, is_infection: bool
) -> DrawnFilm:
    """A film of a CT with its masks, cropped towards a shape.

    Parameters
    ----------
    image : a CT
    masks : from :func:`projectable`
    settings : of the projection
    aspect : width over height that is wanted; the lungs are never cropped
    is_infection : disease has no class, and is to have none on the film
    """
    made = project(image, {str(kind): mask for kind, mask in masks.items()}, settings)
    arrays: dict[MaskKind, NDArray[np.uint8]] = {kind: made.masks[kind].array.copy() for kind in masks}
    if is_infection and "lesions" in arrays:
        arrays["lesions"][arrays["lesions"] == 1] = INFECTION
    box = _crop(arrays["lungs"] > 0, aspect)
    grey = made.film.array[box].astype(np.float32) * np.float32(255 / 65535)
    return DrawnFilm(grey, {kind: array[box] for kind, array in arrays.items()}, settings.view, replace(settings))


def _crop(lungs: NDArray[np.bool_], aspect: float) -> tuple[slice, slice]:
    """Rows and columns nearest to a shape of those that hold the lungs with a margin about them."""
    rows, columns = lungs.shape
    kept = [_reach(np.asarray(lungs.any(axis=axis))) for axis in (1, 0)]
    high = min(rows, max(kept[0][1] - kept[0][0], round(columns / aspect)))
    wide = min(columns, max(kept[1][1] - kept[1][0], round(rows * aspect)))
    return _slice(kept[0], high, rows), _slice(kept[1], wide, columns)


def _reach(line: NDArray[np.bool_]) -> tuple[int, int]:
    found = np.flatnonzero(line)
    if not len(found):
        return 0, len(line)
    margin = round(MARGIN * len(line))
    return max(0, int(found[0]) - margin), min(len(line), int(found[-1]) + 1 + margin)


def _slice(kept: tuple[int, int], length: int, most: int) -> slice:
    start = (kept[0] + kept[1] - length) // 2
    start = min(max(start, 0), most - length)
    return slice(start, start + length)

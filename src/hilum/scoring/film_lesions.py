"""The single lesions of a film as its result has them: numbers on the film's own pixels, without their outlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid
from hilum.image import LabelMap
from hilum.measurement import NotMeasured
from hilum.segmentation.postprocess import numbered_parts
from hilum.segmentation.zones import ZONES, zones

from .film_instances import LEAST_INSTANCE_SHARE, FilmInstance

OUTSIDE = NotMeasured("it lies outside both lungs")
"""Why a lesion has neither side nor zone."""

NO_CERTAINTY = NotMeasured("the masks do not tell how certain they are")
"""Why a lesion that somebody drew has no score."""

_STRUCTURES = {"opacity": ("ground-glass", "consolidation"), "effusion": ("effusion",)}


@dataclass(frozen=True, slots=True)
class FilmLesion:
    """One lesion of a film.

    Attributes
    ----------
    number : 1 for the first: the largest, or of a detector the most certain
    structure : ``opacity`` (ground-glass and consolidation together) or ``effusion``
    box : first row, first column, rows, columns, on the film's own pixels
    pixels : of the whole of it
    consolidation_pixels : of the consolidation in it
    score : how certain the network is, 0 to 1; or why that is not known
    side : ``right`` or ``left`` of the patient, or why neither
    zone : of :data:`hilum.segmentation.zones.ZONES`, the one that holds most of it, or why none
    method : ``connected-parts`` of the mask of lesions, or ``detector``
    """

    number: int
    structure: str
    box: tuple[int, int, int, int]
    pixels: int
    consolidation_pixels: int
    score: float | NotMeasured
    side: str | NotMeasured
    zone: str | NotMeasured
    method: Literal["connected-parts", "detector"] = "connected-parts"


def film_lesions(
    lungs: LabelMap,
    lesions: LabelMap,
    chance: NDArray[np.uint8] | None = None,
    *,
    least_share: float = LEAST_INSTANCE_SHARE,
) -> tuple[FilmLesion, ...]:
    """The connected parts (8 neighbours) of a film's lesions, the largest first.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left
    lesions : on the same grid
    chance : (rows, columns) on the same grid, 0 to 255, probability of opacity: its mean is the score of a lesion
    least_share : of the film; smaller parts are left out

    Raises
    ------
    GridMismatch
        The masks do not lie on one grid.
    WrongQuantity
        The masks are of a volume.

    Examples
    --------
    >>> from hilum.geometry import PlaneGrid
    >>> from hilum.image import LESIONS, LUNGS
    >>> from hilum.provenance import Step
    >>> drawn, grid = Step("draw"), PlaneGrid((3, 4))
    >>> lungs = LabelMap(np.array([[1, 1, 0, 2]] * 3, np.uint8), grid, LUNGS, drawn)
    >>> opacity = LabelMap(np.array([[1, 2, 0, 0]] + [[0] * 4] * 2, np.uint8), grid, LESIONS, drawn)
    >>> [(each.box, each.zone, each.consolidation_pixels) for each in film_lesions(lungs, opacity)]
    [((0, 0, 1, 2), 'right-upper', 1)]
    """
    plane = lungs.plane
    plane.require_same(lesions.plane)
    zoned = _Zones(lungs)
    made = [
        _lesion(structure, place, part, lesions, zoned, chance)
        for structure in _STRUCTURES
        for place, part in _parts(lesions, structure, least_share * lesions.array.size)
    ]
    made.sort(key=lambda each: (-each.pixels, each.box))
    return _numbered(made)


def detected_lesions(found: Sequence[FilmInstance], lungs: LabelMap, lesions: LabelMap) -> tuple[FilmLesion, ...]:
    """What a detector found, for the result of a film.

    Parameters
    ----------
    found : on the upright film, in the order in which they are to stand
    lungs : of the film: side and zone are those that the detector's instances have
    lesions : on the film, for the consolidation in each

    Raises
    ------
    ValueError
        An instance does not lie on the film.
    """
    plane = lungs.plane
    made: list[FilmLesion] = []
    for each in found:
        if each.mask.shape != plane.upright.shape:
            raise ValueError(f"an instance of shape {each.mask.shape} does not lie on a film of {plane.upright.shape}")
        own = plane.orientation.from_upright(each.mask)
        rows, columns = _extent(own)
        made.append(
            FilmLesion(
                number=0,
                structure="opacity",
                box=(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start),
                pixels=each.area_px,
                consolidation_pixels=_consolidation(lesions, (rows, columns), own[rows, columns]),
                score=each.score,
                side=each.side or OUTSIDE,
                zone=each.zone or OUTSIDE,
                method="detector",
            )
        )
    return _numbered(made)


class _Zones:
    """The zones of a film on its own pixels, made when the first lesion asks for them."""

    def __init__(self, lungs: LabelMap) -> None:
        self._lungs = lungs
        self._zones: NDArray[np.uint8] | None = None

    def __getitem__(self, place: tuple[slice, slice]) -> NDArray[np.uint8]:
        if self._zones is None:
            orientation = self._lungs.plane.orientation
            upright = np.ascontiguousarray(orientation.to_upright(self._lungs.array))
            self._zones = orientation.from_upright(zones(upright))
        return self._zones[place]


def _lesion(
    structure: str,
    place: tuple[slice, slice],
    part: NDArray[np.bool_],
    lesions: LabelMap,
    zoned: _Zones,
    chance: NDArray[np.uint8] | None,
) -> FilmLesion:
    counts = np.bincount(zoned[place][part], minlength=len(ZONES) + 1)[1:]
    zone = ZONES[int(counts.argmax())] if counts.any() else None
    is_known = chance is not None and structure == "opacity"
    return FilmLesion(
        number=0,
        structure=structure,
        box=(place[0].start, place[1].start, *part.shape),
        pixels=int(np.count_nonzero(part)),
        consolidation_pixels=_consolidation(lesions, place, part),
        score=float(chance[place][part].mean()) / 255 if is_known and chance is not None else NO_CERTAINTY,
        side=OUTSIDE if zone is None else zone.partition("-")[0],
        zone=OUTSIDE if zone is None else zone,
    )


def _consolidation(lesions: LabelMap, place: tuple[slice, slice], part: NDArray[np.bool_]) -> int:
    return sum(
        int(np.count_nonzero(lesions.array[place][part] == number))
        for number, label in lesions.labels.items()
        if label.name == "consolidation" and lesions.pixels(label.name)
    )


def _parts(
    lesions: LabelMap, structure: str, least_px: float
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """The place of each connected part of a structure that is large enough, and which pixels there are its."""
    from PIL import Image as Picture

    wanted = [
        number
        for number, label in lesions.labels.items()
        if label.name in _STRUCTURES[structure] and lesions.pixels(label.name)
    ]
    box = Picture.fromarray(np.ascontiguousarray(lesions.array)).getbbox() if wanted else None
    if box is None:
        return
    left, top, right, bottom = box
    crop = lesions.array[top:bottom, left:right]
    numbered = numbered_parts(np.logical_or.reduce([crop == number for number in wanted]), connectivity=8)
    for number, size in enumerate(np.bincount(numbered.ravel())[1:].tolist(), start=1):
        if size >= least_px:
            whole = numbered == number
            rows, columns = _extent(whole)
            place = slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop)
            yield place, whole[rows, columns]


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that hold all of a mask, which is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _numbered(made: Sequence[FilmLesion]) -> tuple[FilmLesion, ...]:
    return tuple(replace(each, number=number) for number, each in enumerate(made, start=1))


def box_on_upright(box: tuple[int, int, int, int], plane: PlaneGrid) -> tuple[int, int, int, int]:
    """First row, first column, rows and columns, on the upright film, of a box on the film's own pixels."""
    top, left, height, width = box
    orientation = plane.orientation
    across, down = orientation.columns, orientation.rows
    if orientation.is_transposed:
        top, left, height, width, across, down = left, top, width, height, down, across
    rows, columns = plane.upright.shape
    return (
        rows - top - height if down == "H" else top,
        columns - left - width if across == "R" else left,
        height,
        width,
    )

"""The figures by which films are judged, and what one film adds to each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.case import Case
from hilum.datasets.films import FilmCase, read_labels
from hilum.errors import Error
from hilum.image import LabelMap
from hilum.measurement import NotMeasured
from hilum.registry import Registry
from hilum.scoring import DEFINITIONS

from .overlap import overlap

OPACITY = (1, 2)
"""Numbers of ground-glass and consolidation in the reference masks."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over films, with the value to reach.

    Attributes
    ----------
    id : stable; the key in JSON
    title : for tables
    goal : the value to reach, None if none was set
    is_error : the lower the better; otherwise the higher
    """

    id: str
    title: str
    goal: float | None = None
    is_error: bool = False

    def is_reached(self, value: float) -> bool | None:
        """Whether a value is as good as the goal; None without a goal."""
        if self.goal is None:
            return None
        return value <= self.goal if self.is_error else value >= self.goal


FIGURES: Registry[Figure] = Registry("figure")
"""Every figure by its id, in the order of tables."""

for _figure in (
    Figure("lungs-union", "Lungs, Dice of both together (lungs_lr)", 0.955),
    Figure("lungs-right", "Lungs, Dice of the patient's right (lungs_lr)", 0.945),
    Figure("lungs-left", "Lungs, Dice of the patient's left (lungs_lr)", 0.945),
    Figure("lungs-union-v7", "Lungs, Dice of both together (lungs_v7)", 0.955),
    Figure("fields-union", "Lung fields, Dice of both together"),
    Figure("fields-right", "Lung fields, Dice of the patient's right"),
    Figure("fields-left", "Lung fields, Dice of the patient's left"),
    Figure("lesions-opacity", "Lesions, Dice of ground-glass and consolidation together", 0.75),
    Figure("healthy-zero", "Healthy films with a six-zone score of 0, share", 0.95),
    Figure("six-zone-error", "Six-zone score, mean absolute error against the readers' mean", 0.70, is_error=True),
    Figure("six-zone-readers", "Six-zone score, mean absolute difference of the two readers", is_error=True),
    Figure("brixia-error", "Brixia score, mean absolute error against the senior reader", 2.4, is_error=True),
    Figure("brixia-readers", "Brixia score, mean absolute difference of the two readers", is_error=True),
    Figure("geographic-extent-error", "Geographic extent, mean absolute error against the readers", is_error=True),
):
    FIGURES.add(_figure.id)(_figure)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one film adds to one figure.

    Attributes
    ----------
    figure : its id
    group : rows of their own are made for the groups of a figure; empty for none
    film : the film's name
    patient : whose film it is
    value : what the figure is the mean of: a Dice, 0 or 1, or an absolute error
    failure : why the result was missing, empty if it was not. A missing result counts with the worst value there is
    """

    figure: str
    group: str
    film: str
    patient: str
    value: float
    failure: str = ""


def is_of_use(film: FilmCase) -> bool:
    """Whether there is anything that the result on a film could be compared with."""
    references = (film.lungs, film.lungs_union, film.lung_fields, film.lesions, film.six_zone, film.brixia_senior)
    return film.is_healthy or any(item is not None for item in (*references, film.geographic_extent))


def observe(film: FilmCase, result: Case | Error) -> Iterator[Observation]:
    """What a film adds to every figure that it has a reference for.

    Parameters
    ----------
    film : the film and its references
    result : of analysing it, or why that failed; then each of its figures has a failure

    Raises
    ------
    ReadError
        A reference mask cannot be read.
    """
    yield from _lungs(film, result)
    yield from _lesions(film, result)
    yield from _scores(film, result)
    yield from _readers(film)


def _lungs(film: FilmCase, result: Case | Error) -> Iterator[Observation]:
    found = result if isinstance(result, Error) else result.lungs
    if film.lungs:
        yield from _sides("lungs", "", film, film.lungs, found)
    if film.lungs_union:
        yield _dice("lungs-union-v7", "", film, read_labels(film.lungs_union) > 0, found)
    if film.lung_fields:
        fields = result if isinstance(result, Error) else result.lung_fields
        yield from _sides("fields", film.source, film, film.lung_fields, fields)


def _sides(
    prefix: str, group: str, film: FilmCase, mask: Path, found: LabelMap | Error | None
) -> Iterator[Observation]:
    labels = read_labels(mask)
    yield _dice(f"{prefix}-union", group, film, labels > 0, found)
    yield _dice(f"{prefix}-right", group, film, labels == 1, found, "right-lung")
    yield _dice(f"{prefix}-left", group, film, labels == 2, found, "left-lung")


def _lesions(film: FilmCase, result: Case | Error) -> Iterator[Observation]:
    if not film.lesions:
        return
    opacity = np.isin(read_labels(film.lesions), OPACITY)
    if opacity.any():
        found = result if isinstance(result, Error) else result.lesions
        yield _dice("lesions-opacity", "", film, opacity, found, "ground-glass", "consolidation")


def _dice(
    figure: str,
    group: str,
    film: FilmCase,
    reference: NDArray[np.bool_],
    found: LabelMap | Error | None,
    *names: str,
) -> Observation:
    """Dice of the named structures, all if none is named; 0 where there is no result on the grid of the film."""
    if isinstance(found, LabelMap) and found.array.shape == reference.shape:
        dice = overlap(reference, found.mask(*names)).dice
        if not isinstance(dice, NotMeasured):
            return Observation(figure, group, film.case, film.patient, dice)
        failure = dice.reason
    elif isinstance(found, LabelMap):
        failure = f"the mask has the shape {found.array.shape} and the reference {reference.shape}"
    else:
        failure = str(found) if found else "no such mask was made"
    return Observation(figure, group, film.case, film.patient, 0.0, failure)


def _scores(film: FilmCase, result: Case | Error) -> Iterator[Observation]:
    if film.is_healthy:
        value = _value(result, "six-zone")
        failure = value.reason if isinstance(value, NotMeasured) else ""
        yield Observation("healthy-zero", film.layout, film.case, film.patient, float(value == 0), failure)
    elif film.six_zone is not None:
        yield _error("six-zone", film, film.six_zone, result)
    if film.brixia_senior:
        yield _error("brixia", film, film.brixia_senior.total, result)
    if film.geographic_extent is not None:
        yield _error("geographic-extent", film, film.geographic_extent, result)


def _error(name: str, film: FilmCase, reference: float, result: Case | Error) -> Observation:
    value = _value(result, name)
    if isinstance(value, NotMeasured):
        low, high = DEFINITIONS[name].range
        worst = max(reference - low, high - reference)
        return Observation(f"{name}-error", "", film.case, film.patient, worst, value.reason)
    return Observation(f"{name}-error", "", film.case, film.patient, abs(value - reference))


def _value(result: Case | Error, name: str) -> float | NotMeasured:
    if isinstance(result, Error):
        return NotMeasured(str(result))
    return result.scores[name].value if name in result.scores else NotMeasured(f"there is no score {name!r}")


def _readers(film: FilmCase) -> Iterator[Observation]:
    """How far two readers are apart, on the same films."""
    if film.six_zone_r is not None and film.six_zone_d is not None and not film.is_healthy:
        difference = abs(film.six_zone_r - film.six_zone_d)
        yield Observation("six-zone-readers", "", film.case, film.patient, difference)
    if film.brixia_senior and film.brixia_junior:
        difference = abs(film.brixia_senior.total - film.brixia_junior.total)
        yield Observation("brixia-readers", "", film.case, film.patient, difference)

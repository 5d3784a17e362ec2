"""Films as training samples: pictures, partial labels, and scores that are NaN where nobody gave them.

Every sample belongs to one kind, and a recipe's ``mix`` says how much of each kind a batch holds:

========================  ==========================================================================
``lungs``                 whole lungs, sides told apart
``lungs-union``           whole lungs, both as one
``fields-expert``         lung fields drawn by readers
``fields-coarse``         lung fields made with the help of a network
``not-a-film``            CT slices, corners of films, patterns
``outlined``              lesions outlined by radiologists
``scored``                severity scores without outlines
``coarse``                coarse infection masks
``healthy``               films on which there is nothing to find
``other-disease``         diseased films without masks or scores
``phantom``               films of computed chests, with exact lesions or none
========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hilum.datasets.films import FilmCase, read_labels
from hilum.datasets.stored import picture
from hilum.preprocessing.radiograph import film_window, lung_window, stretch_grey
from hilum.segmentation.zones import ZONES, zones

from .augment import Placement, expose_anyhow, place, place_anyhow, seen, seen_labels
from .losses import UNKNOWN
from .recipe import Recipe

STORED_SIDE = 420
"""Longest side of a film in memory: a little more than any network's input."""

SENIOR_WEIGHT = 0.65
"""Of the senior reader's Brixia grades against the junior's: the senior is the reference."""

AFFECTED_SHARE, AFFECTED_SPREAD = 0.17, 0.08
"""Share of a zone that opacity has to cover for readers of the six-zone score to count it, and how sharply they do:
the logistic curve through the outlines that agrees best with readers on training films that have both."""

AFFECTED_BY_GRADE = np.array([0.08, 0.55, 0.95, 0.98])
"""How often readers of the six-zone score count a zone of each Brixia grade, on training films that have both."""

PHANTOM_SOURCE = "phantom"
"""What the column ``source`` says of computed films."""

Lungs = Callable[[FilmCase], NDArray[np.uint8] | None]
"""Gives a film's lungs, 1 right and 2 left, at any size of the film's proportions."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A film of one kind; ``picture`` instead of a case for what is no film."""

    kind: str
    case: FilmCase | None = None
    picture: Callable[[np.random.Generator], NDArray[np.uint8]] | None = field(default=None, compare=False)


def kind_for_lungs(case: FilmCase) -> str | None:
    """The kind of a film in stage I; None if it teaches nothing there."""
    if case.lungs is not None:
        return "lungs"
    if case.lungs_union is not None:
        return "lungs-union"
    if case.lung_fields is not None:
        return "fields-coarse" if case.source == "quex" else "fields-expert"
    return None


def kind_for_lesions(case: FilmCase) -> str | None:
    """The kind of a film in stage II; None if nothing is known of it."""
    if case.source == PHANTOM_SOURCE:
        return "phantom"
    if case.lesions is not None:
        return "outlined"
    if case.is_healthy:
        return "healthy"
    if case.six_zone is not None or case.brixia_senior is not None or case.geographic_extent is not None:
        return "scored"
    if case.infection is not None:
        return "coarse"
    return "other-disease" if case.finding.casefold() not in ("", "todo") else None


def shrunk(array: NDArray[np.uint8], *, labels: bool) -> NDArray[np.uint8]:
    """A film or mask at no more than :data:`STORED_SIDE`."""
    scale = STORED_SIDE / max(array.shape)
    if scale >= 1:
        return array
    size = (round(array.shape[1] * scale), round(array.shape[0] * scale))
    return resized(array, size, labels=labels)


def resized(array: NDArray[np.uint8], size: tuple[int, int], *, labels: bool) -> NDArray[np.uint8]:
    """A film, by area, or a mask, by nearest neighbour, at ``size`` (columns, rows)."""
    how = cv2.INTER_NEAREST if labels else cv2.INTER_AREA
    return np.asarray(cv2.resize(array, size, interpolation=how), dtype=np.uint8)


@cache
def stored(path: str, labels: bool, aspect: float | None) -> NDArray[np.uint8]:
    """A picture file in grey, or a mask's numbers, small, with its proportions restored where they are known.

    Raises
    ------
    ReadError
        The file is none, or a mask of more than 8 bits.
    """
    array = read_labels(Path(path)) if labels else picture(Path(path), as_grey=True)
    if aspect is not None:
        array = resized(array, (round(array.shape[0] * aspect), array.shape[0]), labels=labels)
    return shrunk(array, labels=labels)


def _picture(case: FilmCase) -> NDArray[np.uint8]:
    return stored(str(case.image), False, case.aspect)


def _shown(sample: Sample, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a sample shows: its picture, or else its film."""
    if sample.picture is not None:
        return sample.picture(rng)
    if sample.case is None:
        raise ValueError("a sample needs a film or a picture")
    return _picture(sample.case)


def _labels(case: FilmCase, path: object) -> NDArray[np.uint8] | None:
    return None if path is None else stored(str(path), True, case.aspect)


class Films(Dataset[dict[str, Tensor]]):
    """Samples of a recipe.

    Parameters
    ----------
    samples : what to draw from
    recipe : the network's input and the changes made to films
    lungs : gives the lungs of a film; stage II only
    augment : False looks at each film plainly, for validation
    """

    def __init__(self, samples: Sequence[Sample], recipe: Recipe, *, lungs: Lungs | None, augment: bool) -> None:
        self.samples = list(samples)
        self._recipe, self._lungs, self._augment = recipe, lungs, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.drawn(0, index)

    def drawn(self, draw: int, index: int) -> dict[str, Tensor]:
        """A sample as it is shown at one draw of a training: its changes follow from the draw's number."""
        rng = np.random.default_rng([self._recipe.seed, draw, index])
        sample = self.samples[index]
        made = self._for_lungs(sample, rng) if self._recipe.task == "cxr-lungs" else self._for_lesions(sample, rng)
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in made.items()}

    def _film(self, film: NDArray[np.uint8], placement: Placement, rng: np.random.Generator) -> NDArray[np.float32]:
        picture = seen(film, placement)
        if not self._augment:
            return stretch_grey(picture.astype(np.float32))[None]
        return stretch_grey(expose_anyhow(picture, self._recipe.augment.intensity, rng))[None]

    def _for_lungs(self, sample: Sample, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        size, how = self._recipe.size_px, self._recipe.augment
        case = sample.case
        film = _shown(sample, rng)
        window = film_window(film.shape[:2])
        placement = place_anyhow(window, size, how, rng) if self._augment else place(window, size)
        picture = self._film(film, placement, rng)
        lungs, fields = np.full((2, size, size), UNKNOWN, dtype=np.uint8)
        kind = np.array([sample.picture is None, 0, 0], dtype=np.float32)
        if case is None:
            lungs[:], fields[:], kind[1:] = 1, 1, np.nan
        else:
            lungs = _bits(_labels(case, case.lungs), placement, lungs)
            if case.lungs is None:
                lungs = _bits(_labels(case, case.lungs_union), placement, lungs, one_of=True)
            fields = _bits(_labels(case, case.lung_fields), placement, fields)
        if self._augment and case is not None:
            if rng.random() < how.inverted:
                picture, kind[1] = 1.0 - picture, 1.0
            if rng.random() < how.turned:
                picture = np.rot90(picture, int(rng.integers(1, 4)), axes=(1, 2))
                lungs[:], fields[:], kind[2] = UNKNOWN, UNKNOWN, 1.0
        return {"film": picture, "lungs": lungs, "fields": fields, "kind": kind}

    def _for_lesions(self, sample: Sample, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        size, case = self._recipe.size_px, sample.case
        if case is None or self._lungs is None:
            raise ValueError("stage II learns from films with lungs only")
        film, lungs = _picture(case), self._lungs(case)
        if lungs is None or not lungs.any():
            lungs = np.ones(film.shape, dtype=np.uint8)
        if lungs.shape != film.shape:
            lungs = resized(lungs, (film.shape[1], film.shape[0]), labels=True)
        window = lung_window(lungs)
        if window is None:
            raise ValueError(f"no lungs on {case.case}")
        placement = place_anyhow(window, size, self._recipe.augment, rng) if self._augment else place(window, size)
        here = seen_labels(lungs, placement, 0)
        if placement.is_flipped:
            here = np.array([0, 2, 1], dtype=np.uint8)[here]
        numbers = zones(here)
        stacked = (numbers[None] == np.arange(1, 7, dtype=np.uint8)[:, None, None]).astype(np.float32)
        lesions = _lesion_bits(case, placement)
        scores = _scores(case, is_flipped=placement.is_flipped)
        if case.lesions is not None:
            scores["affected"] = _affected(lesions, stacked)
        return {"film": self._film(film, placement, rng), "zones": stacked, "lesions": lesions, **scores}


def _bits(
    labels: NDArray[np.uint8] | None, placement: Placement, unknown: NDArray[np.uint8], *, one_of: bool = False
) -> NDArray[np.uint8]:
    if labels is None:
        return unknown
    table = np.array([1, 6, 6] if one_of else [1, 2, 4], dtype=np.uint8)
    if placement.is_flipped:
        table[1:] = table[:0:-1]
    return table[np.minimum(seen_labels(labels, placement, 0), 2)]


def _lesion_bits(case: FilmCase, placement: Placement) -> NDArray[np.uint8]:
    if case.lesions is not None:
        labels = seen_labels(stored(str(case.lesions), True, case.aspect), placement, 0)
        return np.array([1, 2, 4, UNKNOWN, UNKNOWN], dtype=np.uint8)[labels]
    if case.infection is not None:
        labels = seen_labels(stored(str(case.infection), True, case.aspect), placement, 0)
        return np.array([1, 6], dtype=np.uint8)[np.minimum(labels, 1)]
    return np.full((placement.size, placement.size), 1 if case.is_healthy else UNKNOWN, dtype=np.uint8)


def _affected(lesions: NDArray[np.uint8], in_zone: NDArray[np.float32]) -> NDArray[np.float32]:
    """By zone, how likely readers count it, from the outlines in it; NaN for a zone out of sight. Shape (6,)."""
    opacity = ((lesions & 1) == 0).astype(np.float32)
    area = in_zone.sum(axis=(1, 2))
    share = (in_zone * opacity).sum(axis=(1, 2)) / np.maximum(area, 1.0)
    chance = 1.0 / (1.0 + np.exp((AFFECTED_SHARE - share) / AFFECTED_SPREAD))
    return np.where(area > 0, chance, np.nan).astype(np.float32)


def _scores(case: FilmCase, *, is_flipped: bool) -> dict[str, NDArray[np.float32]]:
    """Targets from readers: NaN where unknown. Zones are exchanged where the film is mirrored."""
    brixia = np.full((len(ZONES), 3), np.nan, dtype=np.float32)
    affected = np.full(len(ZONES), np.nan, dtype=np.float32)
    six_zone, extent = case.six_zone, case.geographic_extent
    if case.is_healthy:
        brixia[:], affected[:], six_zone, extent = 0.0, 0.0, 0.0, 0.0
    elif case.brixia_senior is not None:
        senior = _at_least(case.brixia_senior.zones)
        junior = senior if case.brixia_junior is None else _at_least(case.brixia_junior.zones)
        brixia = SENIOR_WEIGHT * senior + (1 - SENIOR_WEIGHT) * junior
        affected = np.interp(brixia.sum(axis=1), np.arange(4), AFFECTED_BY_GRADE).astype(np.float32)
    if is_flipped:
        order = [3, 4, 5, 0, 1, 2]
        brixia, affected = brixia[order], affected[order]
    nan = float("nan")
    return {
        "disease": np.array([0.0 if case.is_healthy else 1.0], dtype=np.float32),
        "brixia": brixia.astype(np.float32),
        "affected": affected,
        "six-zone": np.array([nan if six_zone is None else six_zone], dtype=np.float32),
        "extent": np.array([nan if extent is None else extent], dtype=np.float32),
    }


def _at_least(grades: Sequence[float]) -> NDArray[np.float32]:
    """(6, 3): whether each zone's grade is at least 1, 2, 3."""
    return (np.asarray(grades, dtype=np.float32)[:, None] >= np.array([1, 2, 3])).astype(np.float32)

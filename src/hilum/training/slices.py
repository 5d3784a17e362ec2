"""Axial CT slices as training samples: pictures, and for each pixel the set of classes that it may be.

Every sample belongs to one kind, and a recipe's ``mix`` says how much of each kind a batch holds:

====================  =============================================================================================
``outlined``          infection and both lungs outlined by experts on 8-bit slices
``classes``           ground-glass and consolidation outlined apart on 8-bit slices cut out about the lungs, which
                      are known where a lesion is
``phantom``           slices of computed volumes in Hounsfield units, everything exact
``classical``         slices of real volumes whose lungs the classical method outlines; what it may miss is left open
``host``              slices of real volumes with lung masks, into which opacities are put
====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hilum.datasets.slices import SliceCase, in_split, read_lesions, read_lungs, read_picture, read_slices
from hilum.datasets.volumes import VolumeCase, read_volume, read_volume_lungs, read_volumes
from hilum.image import Image
from hilum.preprocessing.ct import LUNG_MARGIN, grey
from hilum.preprocessing.radiograph import Window, film_window
from hilum.segmentation.ct_lungs import segment_ct_lungs

from .augment import expose_anyhow, place, place_anyhow, seen, seen_labels
from .insertions import insert
from .losses import UNKNOWN, UNKNOWN_ON_CT
from .phantom_volumes import StoredPhantom, read_phantom_volumes
from .recipe import Recipe

WINDOW_HU = (-1000.0, 300.0)
"""The window through which the shipped networks see Hounsfield units."""

ONE_OF_BOTH = 6
"""The set of a pixel that is one of the two lungs, or ground-glass or consolidation."""

NO_OPACITY = 9
"""The set of a pixel outside the outlined lungs: nothing, or fluid, which nobody outlined."""

DENSE_HU = -650
"""In a lung whose lesions nobody outlined, what is denser may be one."""

LEAST_SIDE_SHARE = 0.25
"""Of two parts of a lung mask the smaller has at least this share of the larger, or they are not the two lungs."""

Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class SliceSample:
    """One slice with what is known of it.

    Attributes
    ----------
    kind : see the module's table
    picture : (rows, columns), uint8 grey or int16 Hounsfield units
    lungs : sets of none (1), right (2), left (4)
    lesions : sets of none (1), ground-glass (2), consolidation (4), effusion (8)
    window : where a lesion network looks: about the lungs of the whole volume
    """

    kind: str
    picture: NDArray[Any]
    lungs: Bits
    lesions: Bits
    window: Window


class Slices(Dataset[dict[str, Tensor]]):
    """Samples of a recipe.

    Parameters
    ----------
    samples : what to draw from
    recipe : the network's input and the changes made to slices
    augment : False looks at each slice plainly, through the declared window, for validation
    """

    def __init__(self, samples: Sequence[SliceSample], recipe: Recipe, *, augment: bool) -> None:
        self.samples = list(samples)
        self._recipe, self._augment = recipe, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.drawn(0, index)

    def drawn(self, draw: int, index: int) -> dict[str, Tensor]:
        """A sample as it is shown at one draw of a training: its changes follow from the draw's number."""
        rng = np.random.default_rng([self._recipe.seed, draw, index])
        sample = self.samples[index]
        name, bits, outside = (
            ("lungs", sample.lungs, 1) if self._recipe.task == "ct-lungs" else ("lesions", sample.lesions, NO_OPACITY)
        )
        is_close = name == "lesions" or (self._augment and rng.random() < self._recipe.augment.close)
        window = sample.window if is_close else film_window(sample.picture.shape)
        picture, lungs = _as_grey(sample.picture, rng, augment=self._augment), sample.lungs
        if self._augment and rng.random() < self._recipe.augment.turned:
            picture, bits, lungs = picture[::-1], bits[::-1], lungs[::-1]
            window = Window(picture.shape[0] - window.top - window.side, window.left, window.side)
        size, how = self._recipe.size_px, self._recipe.augment
        placement = place_anyhow(window, size, how, rng) if self._augment else place(window, size)
        shown = seen(np.ascontiguousarray(picture), placement)
        target = seen_labels(np.ascontiguousarray(bits), placement, outside)
        if name == "lungs" and placement.is_flipped:
            target = _FLIPPED[target]
        if self._augment and (sample.kind == "host" or rng.random() < how.inserted):
            here = seen_labels(np.ascontiguousarray(lungs), placement, 1)
            shown, target = _with_insertions(shown, target, (here & 1) == 0, is_lungs=name == "lungs", rng=rng)
        if self._augment and sample.picture.dtype != np.uint8 and rng.random() < how.equalised:
            shown = equalised(shown, rng)
        film = expose_anyhow(shown, how.intensity, rng) if self._augment else shown.astype(np.float32) / 255.0
        film = np.clip(film, 0.0, 1.0)[None].astype(np.float32)
        return {"slice": torch.from_numpy(film), name: torch.from_numpy(np.ascontiguousarray(target))}


_FLIPPED = np.array([(n & ~6) | ((n & 2) << 1) | ((n & 4) >> 1) for n in range(8)], dtype=np.uint8)
"""Sets of lungs in a mirror image."""


def _as_grey(picture: NDArray[Any], rng: np.random.Generator, *, augment: bool) -> NDArray[np.uint8]:
    """The slice in 8 bits: Hounsfield units through the declared window, or through any other one."""
    if picture.dtype == np.uint8:
        return picture
    if not augment or rng.random() < 0.5:
        return grey(picture, WINDOW_HU)
    low = float(rng.uniform(-1350, -850))
    return grey(picture, (low, float(rng.uniform(50, 600))))


def equalised(shown: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The slice noisy, and then equalised place by place, which brings the noise out."""
    noise = rng.normal(0.0, float(rng.uniform(2, 10)), shown.shape)
    noisy = np.clip(shown + cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.3, 1.0))), 0, 255).astype(np.uint8)
    tiles = int(rng.integers(2, 9))
    equaliser = cv2.createCLAHE(clipLimit=float(rng.uniform(1, 4)), tileGridSize=(tiles, tiles))
    return np.asarray(equaliser.apply(noisy), dtype=np.uint8)


def _with_insertions(
    shown: NDArray[np.uint8], target: Bits, lungs: NDArray[np.bool_], *, is_lungs: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Bits]:
    """The slice with opacities put into it; the lungs stay what they are."""
    made = insert(shown, lungs, rng, largest=0.3 if is_lungs else 0.2, effusion=0.0 if is_lungs else 0.12)
    if is_lungs:
        return made.picture, target
    denser = np.array([0, 2, 4, 8], dtype=np.uint8)[made.lesions]
    was_infected = ((target & 1) == 0) & (made.lesions == 1)
    return made.picture, np.where((made.lesions > 0) & ~was_infected, denser, target)


def samples_for(recipe: Recipe, data: Sequence[Path], split: str) -> list[SliceSample]:
    """All samples of the kinds in a recipe's mix.

    Parameters
    ----------
    recipe : its mix says which kinds
    data : folders in the layouts of :mod:`hilum.datasets.slices`, or of computed volumes
    split : ``train`` or ``val``; every fifth computed volume is for validation
    """
    made: list[SliceSample] = []
    for folder in data:
        phantoms = read_phantom_volumes(folder)
        if phantoms:
            chosen = [p for n, p in enumerate(phantoms) if (n % 5 == 4) == (split == "val")]
            made += [sample for p in chosen for sample in _of_phantom(p)]
            continue
        for case in in_split(read_slices(folder, ("ma20-slices", "medseg-slices")), split):
            made.append(_of_case(case))
        if split == "train" and "classical" in recipe.mix:
            made += [s for case in read_volumes(folder, ("covid-ct-md",)) for s in _outlined_classically(case)]
        if split == "train" and "host" in recipe.mix:
            made += [s for case in read_volumes(folder, ("imlab-lung3d",)) for s in _hosts(case)]
    return [sample for sample in made if sample.kind in recipe.mix]


def _of_case(case: SliceCase) -> SliceSample:
    picture, lesions, lungs = read_picture(case), read_lesions(case), read_lungs(case)
    if lesions is None:
        raise ValueError(f"{case.name} has no outlines")
    if lungs is None:
        bits = np.array([1, 2, 4], dtype=np.uint8)[lesions]
        known = np.where(lesions > 0, ONE_OF_BOTH, UNKNOWN).astype(np.uint8)
        return SliceSample("classes", picture, known, bits, film_window(picture.shape))
    bits = np.where(lungs > 0, np.where(lesions > 0, ONE_OF_BOTH, 1), NO_OPACITY).astype(np.uint8)
    return SliceSample("outlined", picture, by_side(lungs), bits, _about(lungs))


def by_side(lungs: NDArray[np.uint8]) -> Bits:
    """Sets of lungs from a mask of both: the two large parts by their place, else one of the two."""
    count, parts, facts, middles = cv2.connectedComponentsWithStats((lungs > 0).astype(np.uint8), connectivity=8)
    bits = np.where(lungs > 0, ONE_OF_BOTH, 1).astype(np.uint8)
    order = sorted(range(1, count), key=lambda n: -facts[n, cv2.CC_STAT_AREA])[:2]
    if len(order) < 2 or facts[order[1], cv2.CC_STAT_AREA] < LEAST_SIDE_SHARE * facts[order[0], cv2.CC_STAT_AREA]:
        return bits
    right, left = sorted(order, key=lambda n: middles[n][0])
    reach = facts[right, cv2.CC_STAT_LEFT] + facts[right, cv2.CC_STAT_WIDTH] - facts[left, cv2.CC_STAT_LEFT]
    if reach > 0.4 * min(facts[right, cv2.CC_STAT_WIDTH], facts[left, cv2.CC_STAT_WIDTH]):
        return bits
    bits[parts == right], bits[parts == left] = 2, 4
    return bits


def _about(lungs: NDArray[np.uint8]) -> Window:
    """The square about the lungs of one slice, a little wider: those of the volume reach farther."""
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    if not len(rows):
        return film_window(lungs.shape)
    middle = (rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2
    side = max(rows[-1] - rows[0], columns[-1] - columns[0], 0.55 * max(lungs.shape)) * (1 + 2 * LUNG_MARGIN)
    return Window(round(middle[0] - side / 2), round(middle[1] - side / 2), round(side))


def _of_phantom(phantom: StoredPhantom) -> Iterator[SliceSample]:
    """Every second slice; an effusion may be counted to the lung or not."""
    window = _about(np.asarray((phantom.lungs > 0).any(axis=0), dtype=np.uint8))
    for n in range(0, len(phantom.ct), 2):
        lungs = np.array([1, 2, 4], dtype=np.uint8)[phantom.lungs[n]]
        lungs[phantom.lesions[n] == 3] |= 1
        lesions = np.array([1, 2, 4, 8], dtype=np.uint8)[phantom.lesions[n]]
        yield SliceSample("phantom", phantom.ct[n], lungs, lesions, window)


def _outlined_classically(case: VolumeCase) -> Iterator[SliceSample]:
    """Slices of a real volume at about 5 mm; between the outline and its hull nothing is said.

    A volume in which the method does not find both lungs gives none.
    """
    image = read_volume(case)
    found = segment_ct_lungs(image, method="classical").lungs
    if not (found.pixels("right-lung") and found.pixels("left-lung")):
        return
    lungs = found.array
    window = _about(np.asarray((lungs > 0).any(axis=0), dtype=np.uint8))
    for n in range(0, image.array.shape[0], _step(image)):
        bits = np.array([1, 2, 4], dtype=np.uint8)[lungs[n]]
        bits[_closed(lungs[n] > 0, 10) & (lungs[n] == 0)] = UNKNOWN
        unknown = np.full(bits.shape, UNKNOWN_ON_CT, dtype=np.uint8)
        yield SliceSample("classical", np.asarray(image.array[n]), bits, unknown, window)


def _hosts(case: VolumeCase) -> Iterator[SliceSample]:
    """Slices with lung; what is dense in them already may be a lesion."""
    image, lungs = read_volume(case), read_volume_lungs(case)
    if lungs is None:
        raise ValueError(f"{case.name} has no lung mask")
    window = _about(np.asarray(lungs.any(axis=0), dtype=np.uint8))
    for n in range(len(lungs)):
        if np.count_nonzero(lungs[n]) < 100:
            continue
        dense = (lungs[n] > 0) & (image.array[n] > DENSE_HU)
        lesions = np.where(dense, UNKNOWN_ON_CT, np.where(lungs[n] > 0, 1, NO_OPACITY)).astype(np.uint8)
        yield SliceSample("host", np.asarray(image.array[n]), by_side(lungs[n]), lesions, window)


def _step(image: Image) -> int:
    return max(1, round(5.0 / image.volume.spacing_mm[0]))


def _closed(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc)) > 0

"""Films of a table of cases as samples: each drawn from its number alone, so that a training can go on anywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor
from torch.utils.data import Dataset

from hilum.datasets.open import open_image, open_mask
from hilum.datasets.schema import DatasetCase
from hilum.datasets.split.severity import HEALTHY
from hilum.errors import SettingsError
from hilum.geometry import PlaneGrid
from hilum.image import Image
from hilum.preprocessing.radiograph import in_eight_bits
from hilum.segmentation.one_mask import Frame, seen
from hilum.segmentation.patches import starts

from .augment import Change
from .recipe import FilmRecipe

log = logging.getLogger(__name__)

UNKNOWN = 255
"""A pixel of which nobody knows what it is."""

HELD_BYTES = 2 * 1024**3
"""Prepared films are kept in memory up to this much; further ones are read each time."""

_LUNGS = np.array([0, 1, 1, 1, UNKNOWN], dtype=np.uint8)
"""From the numbers of an opened mask of lungs to lung, 0 or 1."""

_OPACITY = np.array([0, 1, 1, 0, 1, 0, UNKNOWN], dtype=np.uint8)
"""From the numbers of an opened mask of lesions to opacity, 0 or 1: effusion and air are none."""

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the network sees of a case.

    Attributes
    ----------
    name : of the case
    grey : (size, size), 0 to 255
    truth : (size, size), 0, 1 or :data:`UNKNOWN`
    """

    name: str
    grey: Plane
    truth: Plane


def teaches(case: DatasetCase, recipe: FilmRecipe) -> bool:
    """Whether a case has what the recipe learns from: its mask, or word that there is nothing to see."""
    if case.modality != "CXR":
        return False
    if recipe.task == "cxr-lungs":
        return "lungs" in case.masks
    has_lungs = recipe.view.region == "image" or recipe.view.lungs != "reference" or "lungs" in case.masks
    return has_lungs and ("lesions" in case.masks or case.finding.casefold() in HEALTHY)


class Viewer:
    """Gives the views of cases, and remembers them.

    Parameters
    ----------
    recipe : all settings
    """

    def __init__(self, recipe: FilmRecipe) -> None:
        self._recipe = recipe
        self._held: dict[str, tuple[View, ...]] = {}
        self._bytes = 0

    def __call__(self, case: DatasetCase) -> tuple[View, ...]:
        """One view, or one a lung; none where no lungs were found and the view needs them."""
        known = self._held.get(case.key)
        if known is not None:
            return known
        made = tuple(self._made(case))
        size = sum(view.grey.nbytes + view.truth.nbytes for view in made)
        if self._bytes + size <= HELD_BYTES:
            self._held[case.key] = made
            self._bytes += size
        return made

    def _made(self, case: DatasetCase) -> Iterator[View]:
        image = open_image(case)
        if not isinstance(image.grid, PlaneGrid):
            raise SettingsError(f"The case {case.key!r} is no film, and the recipe {self._recipe.name} is for films.")
        image, truth = image.upright(), self._truth(case, image)
        region = self._recipe.view.region
        if region == "image":
            yield self._view(case.key, image.array, truth, (truth.shape[0], truth.shape[1]))
            return
        lungs = self._lungs(case, image)
        if not lungs.any():
            log.warning("no lungs were found on %s; it is left out", case.key)
            return
        if region == "each-lung":
            for side in (1, 2):
                if (lungs == side).any():
                    yield self._view(f"{case.key}:{side}", image.array, truth, lungs == side)
            return
        grey = image.array
        if region in ("lungs-only", "masked"):
            darkest = 0 if grey.dtype == np.uint8 else grey.min()
            grey = np.where(lungs > 0, grey, np.asarray(darkest, dtype=grey.dtype))
        yield self._view(case.key, grey, truth, truth.shape if region == "masked" else lungs > 0)

    def _view(
        self, name: str, grey: NDArray[np.generic], truth: Plane, about: NDArray[np.bool_] | tuple[int, ...]
    ) -> View:
        """Through the card's own frame, about a mask or of a whole shape."""
        spec = self._recipe.input
        rows, columns = ((0, about[0]), (0, about[1])) if isinstance(about, tuple) else _extent(about)
        frame = Frame.about(rows, columns, spec)
        plain = replace(spec, shape=("batch", 1, *spec.size_px), mean=(0.0,), std=(1.0,))
        return View(name, in_eight_bits(seen(grey, frame, plain)[0]), _labels(truth, frame, spec.size_px))

    def _truth(self, case: DatasetCase, image: Image) -> Plane:
        kind = "lungs" if self._recipe.task == "cxr-lungs" else "lesions"
        if kind not in case.masks:
            return np.zeros(image.plane.shape, dtype=np.uint8)
        numbers = open_mask(case, kind, image).upright().array
        return (_LUNGS if kind == "lungs" else _OPACITY)[numbers]

    def _lungs(self, case: DatasetCase, image: Image) -> Plane:
        """1 right, 2 left; where the sides of a mask are not told apart, by parts."""
        source = self._recipe.view.lungs
        if "lungs" in case.masks and source != "network":
            found = np.asarray(open_mask(case, "lungs", image).upright().array)
            return np.where(found == 3, _by_part(found > 0), np.where(found > 3, 0, found)).astype(np.uint8)
        from hilum.models.network import open_networks
        from hilum.segmentation.lungs import segment_lungs
        from hilum.settings import RuntimeSettings

        if not hasattr(self, "_network"):
            (self._network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(threads=1), many=False)
        return np.asarray(segment_lungs(image, self._network).lungs.upright().array)


def _by_part(lungs: NDArray[np.bool_]) -> Plane:
    from hilum.segmentation.one_mask import sides

    right, _ = sides(lungs)
    return np.where(right, 1, 2).astype(np.uint8)


def _extent(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def _labels(labels: Plane, frame: Frame, size: tuple[int, int]) -> Plane:
    """Numbers through a frame, by nearest neighbour; 0 beyond the film."""
    box = (frame.left, frame.top, frame.left + frame.width, frame.top + frame.height)
    part = Picture.fromarray(np.ascontiguousarray(labels)).crop(box)
    return np.asarray(part.resize((size[1], size[0]), Picture.Resampling.NEAREST), dtype=np.uint8)


class Films(Dataset[dict[str, Tensor]]):
    """Samples of a recipe, changed at random: number n is always the same sample, whoever draws it.

    A round goes through the training cases once, in an order of its own.

    Parameters
    ----------
    cases : to draw from
    recipe : all settings
    """

    def __init__(self, cases: Sequence[DatasetCase], recipe: FilmRecipe) -> None:
        self._recipe, self._viewer = recipe, Viewer(recipe)
        self._places = places_of(cases, recipe, self._viewer)
        if not self._places:
            raise SettingsError(f"None of the cases for training teaches what the recipe {recipe.name} is for.")
        self._change = Change(recipe)

    @property
    def round_length(self) -> int:
        """Samples in a round."""
        return len(self._places)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        recipe, (lap, place) = self._recipe, divmod(number, len(self._places))
        order = np.random.default_rng([recipe.seed, 1, lap]).permutation(len(self._places))
        rng = np.random.default_rng([recipe.seed, 2, number])
        where = self._places[order[place]]
        views = self._viewer(where.case)
        view = views[where.view]
        grey, truth = view.grey, view.truth
        if recipe.sampling.mode == "patch-crop":
            grey, truth = _cut(grey, truth, _anywhere(truth, recipe, rng), recipe.sampling.patch_px)
        elif where.corner is not None:
            grey, truth = _cut(grey, truth, where.corner, recipe.sampling.patch_px)
        return sample(*self._change(grey, truth, rng), recipe)


class Watched(Dataset[dict[str, Tensor]]):
    """The whole views of the validation cases, unchanged.

    Parameters
    ----------
    cases, recipe : as of :class:`Films`
    """

    def __init__(self, cases: Sequence[DatasetCase], recipe: FilmRecipe) -> None:
        self._recipe, self._viewer = recipe, Viewer(recipe)
        whole = replace(recipe, sampling=replace(recipe.sampling, mode="full-image"))
        self._places = places_of(cases, whole, self._viewer)
        if not self._places:
            raise SettingsError(f"None of the cases for validation can tell how good the recipe {recipe.name} is.")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        where = self._places[number]
        view = self._viewer(where.case)[where.view]
        return sample(view.grey.astype(np.float32) / 255.0, view.truth, self._recipe)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sample comes from: a case, one of its views, and a corner of the grid."""

    case: DatasetCase
    view: int = 0
    corner: tuple[int, int] | None = None


def places_of(cases: Sequence[DatasetCase], recipe: FilmRecipe, viewer: Viewer) -> list[Place]:
    """All places that samples come from, in the order of the cases."""
    useful = [case for case in cases if teaches(case, recipe)]
    if recipe.view.region == "image" and recipe.sampling.mode != "patch-grid":
        return [Place(case) for case in useful]
    made: list[Place] = []
    for case in useful:
        for number, view in enumerate(viewer(case)):
            made += [Place(case, number, corner) for corner in _corners(view, recipe)]
    return made


def _corners(view: View, recipe: FilmRecipe) -> Iterator[tuple[int, int] | None]:
    how = recipe.sampling
    if how.mode != "patch-grid":
        yield None
        return
    along = list(starts(recipe.view.size_px, how.patch_px, how.overlap_px))
    for top, left in product(along, along):
        if not how.skip_blank or (view.truth[top : top + how.patch_px, left : left + how.patch_px] == 1).any():
            yield top, left


def _anywhere(truth: Plane, recipe: FilmRecipe, rng: np.random.Generator) -> tuple[int, int]:
    """A random corner, or one about a random pixel of the structure."""
    size, room = recipe.sampling.patch_px, truth.shape[0] - recipe.sampling.patch_px
    places = np.argwhere(truth == 1)
    if len(places) and rng.random() < recipe.sampling.balanced:
        row, column = np.clip(places[rng.integers(len(places))] - rng.integers(0, size, 2), 0, room)
    else:
        row, column = rng.integers(0, room + 1, 2)
    return int(row), int(column)


def _cut(grey: Plane, truth: Plane, corner: tuple[int, int], size: int) -> tuple[Plane, Plane]:
    here = (slice(corner[0], corner[0] + size), slice(corner[1], corner[1] + size))
    return grey[here], truth[here]


def sample(grey: NDArray[np.float32], truth: Plane, recipe: FilmRecipe) -> dict[str, Tensor]:
    """A sample for a batch.

    Parameters
    ----------
    grey : (size, size), 0 to 1
    truth : (size, size), 0, 1 or :data:`UNKNOWN`
    recipe : mean and deviation of each channel

    Returns
    -------
    ``film`` (channels, size, size) float32, ``truth`` (1, size, size) float32, ``unknown`` (1, size, size) bool, and
    ``presence`` (1,) float32
    """
    spec = recipe.input
    mean, std = (np.asarray(each, dtype=np.float32)[:, None, None] for each in (spec.mean, spec.std))
    there = truth == 1
    return {
        "film": torch.from_numpy(np.ascontiguousarray((grey[None] - mean) / std, dtype=np.float32)),
        "truth": torch.from_numpy(there[None].astype(np.float32)),
        "unknown": torch.from_numpy(np.ascontiguousarray(truth[None] == UNKNOWN)),
        "presence": torch.tensor([float(there.any())]),
    }

"""Films with their single lesions as samples: each drawn from its number alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hilum.datasets.schema import DatasetCase
from hilum.errors import SettingsError
from hilum.scoring.film_instances import parts_of
from hilum.training.lab.augment import Change
from hilum.training.lab.films import Viewer, places_of

from .network import Target
from .recipe import InstanceRecipe


def numbered(truth: NDArray[np.uint8], recipe: InstanceRecipe) -> NDArray[np.uint8]:
    """From a view's truth to the numbers of its lesions, the largest first; 0 elsewhere and where nobody knows.

    More than the recipe allows are left out, and so are those that are too small.
    """
    parts = sorted(parts_of(truth == 1, recipe.least_share * truth.size), key=np.count_nonzero, reverse=True)
    made = np.zeros(truth.shape, dtype=np.uint8)
    for number, part in enumerate(parts[: recipe.detector.most_instances], start=1):
        made[part] = number
    return made


def masks_of(numbers: Tensor) -> Tensor:
    """Masks (n, rows, columns) uint8 of the lesions that are left of a map of numbers (rows, columns)."""
    present = torch.unique(numbers)
    return (numbers[None] == present[present > 0][:, None, None]).to(torch.uint8)


def target_of(numbers: Tensor) -> Target:
    """What Mask R-CNN learns from; of no lesion, arrays of none."""
    masks = masks_of(numbers)
    count, side_of = len(masks), torch.arange
    boxes = torch.zeros((count, 4), device=numbers.device)
    for number, mask in enumerate(masks > 0):
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        down = side_of(len(rows), device=numbers.device)[rows]
        across = side_of(len(columns), device=numbers.device)[columns]
        boxes[number] = torch.stack([across[0], down[0], across[-1] + 1, down[-1] + 1])
    return {
        "boxes": boxes,
        "labels": torch.ones(count, dtype=torch.int64, device=numbers.device),
        "masks": masks,
    }


class InstanceFilms(Dataset[dict[str, Tensor]]):
    """Samples of a recipe: number n is always the same one, whoever draws it; a round goes through the cases once.

    Parameters
    ----------
    cases : to draw from
    recipe : all settings
    watched : whole and unchanged, in the order of the cases
    """

    def __init__(self, cases: Sequence[DatasetCase], recipe: InstanceRecipe, *, watched: bool = False) -> None:
        films = recipe.films
        self._recipe, self._viewer = recipe, Viewer(films)
        self._places = places_of(cases, films, self._viewer)
        if not self._places:
            raise SettingsError(f"None of these cases teaches what the recipe {recipe.name} is for: outlined lesions.")
        self._change = None if watched else Change(films)

    @property
    def round_length(self) -> int:
        """Samples in a round."""
        return len(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """``film`` (1, size, size) float32, 0 to 1, and ``instances`` (size, size) uint8, numbers of lesions."""
        lap, place = divmod(number, len(self._places))
        if self._change is not None:
            place = int(np.random.default_rng([self._recipe.seed, 1, lap]).permutation(len(self._places))[place])
        where = self._places[place]
        view = self._viewer(where.case)[where.view]
        labels = numbered(view.truth, self._recipe)
        grey = view.grey.astype(np.float32) / np.float32(255)
        if self._change is not None:
            grey, labels = self._change(view.grey, labels, np.random.default_rng([self._recipe.seed, 2, number]))
        return {
            "film": torch.from_numpy(np.ascontiguousarray(grey[None], dtype=np.float32)),
            "instances": torch.from_numpy(np.ascontiguousarray(labels)),
        }

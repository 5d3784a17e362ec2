"""Changes of films: those of covid_scoring, and those of MIScnn in two dimensions."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.training.volume_augment import Change as BlockChange

from .recipe import FilmRecipe

CLIP_LIMIT, TILES = 4.0, (8, 8)
"""Highest clip limit of the local contrast, and its tiles, as albumentations has them."""

Grey = NDArray[np.float32]
Labels = NDArray[np.uint8]


class Change:
    """All changes of a recipe.

    Parameters
    ----------
    recipe : all settings
    """

    def __init__(self, recipe: FilmRecipe) -> None:
        self._how = recipe.augment
        side = recipe.sample_px
        has_further = recipe.further.probability > 0
        self._further = BlockChange(recipe.further, (side, side)) if has_further else None

    def __call__(self, grey: NDArray[np.uint8], labels: Labels, rng: np.random.Generator) -> tuple[Grey, Labels]:
        """A changed copy: grey 0 to 1, and labels, (size, size) both."""
        how = self._how
        if rng.random() < how.clahe:
            equaliser = cv2.createCLAHE(float(rng.uniform(1.0, CLIP_LIMIT)), TILES)
            grey = np.asarray(equaliser.apply(np.ascontiguousarray(grey)), dtype=np.uint8)
        matrix = self._place(grey.shape[0], rng)
        if matrix is not None:
            grey, labels = _warp(grey, matrix, cv2.INTER_LINEAR), _warp(labels, matrix, cv2.INTER_NEAREST)
        made = grey.astype(np.float32) / np.float32(255)
        if rng.random() < how.grey:
            factor = 1.0 + rng.uniform(-how.contrast, how.contrast)
            made = np.clip(made * factor + rng.uniform(-how.brightness, how.brightness), 0, 1).astype(np.float32)
        if self._further is not None:
            made, labels = self._further(made, labels, rng)
        return made, labels

    def _place(self, size: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
        """From the pixels of the sample to those of the film: (2, 3); None where nothing moves."""
        how, middle = self._how, (size - 1) / 2
        matrix = np.eye(3)
        if rng.random() < how.crop:
            share = rng.uniform(*how.crop_from)
            start = rng.uniform(0, (1 - share) * (size - 1), 2)
            matrix = np.array([[share, 0, start[0]], [0, share, start[1]], [0, 0, 1.0]])
        if rng.random() < how.rotate:
            turn = cv2.getRotationMatrix2D((middle, middle), float(rng.uniform(-1, 1)) * how.rotation_degrees, 1.0)
            matrix = matrix @ np.vstack([turn, [0, 0, 1]])
        if rng.random() < how.flip:
            matrix = matrix @ np.array([[-1.0, 0, 2 * middle], [0, 1, 0], [0, 0, 1]])
        return None if np.array_equal(matrix, np.eye(3)) else matrix[:2]


def _warp(array: NDArray[np.uint8], matrix: NDArray[np.float64], how: int) -> NDArray[np.uint8]:
    size = (array.shape[1], array.shape[0])
    made = cv2.warpAffine(np.ascontiguousarray(array), matrix, size, flags=how | cv2.WARP_INVERSE_MAP)
    return np.asarray(made, dtype=np.uint8)

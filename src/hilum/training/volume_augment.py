"""Changes of blocks of CT for training: where things lie by MONAI, mirror images and densities here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import RandGaussianSmoothd
from monai.transforms.spatial.dictionary import Rand2DElasticd, Rand3DElasticd, RandAffined
from numpy.typing import NDArray

from .volume_recipe import VolumeAugment

AXES = {"columns": -1, "rows": -2, "slices": -3}

MIRRORED = np.array([0, 2, 1, 3], dtype=np.uint8)
"""Classes of a voxel in a mirror image of the columns: the sides are exchanged."""

SMOOTH_PX = (9.0, 13.0)
"""Least and largest standard deviation of the smoothing of elastic displacements, as published with covid19.MIScnn."""

KEYS = ("volume", "classes")

Block = tuple[NDArray[np.float32], NDArray[np.uint8]]


class Change:
    """All changes of a recipe.

    Parameters
    ----------
    how : how far
    shape : of the blocks: (slices, rows, columns), or (rows, columns)
    """

    def __init__(self, how: VolumeAugment, shape: tuple[int, ...]) -> None:
        self._how = how
        self._flips = [name for name in how.flips if -AXES[name] <= len(shape)]
        self._move = Compose(_moves(how, shape))

    def __call__(self, density: NDArray[np.float32], classes: NDArray[np.uint8], rng: np.random.Generator) -> Block:
        """A changed copy of a block: densities and classes, of the same shape."""
        how = self._how
        for name in self._flips:
            if rng.random() < how.probability:
                density, classes = np.flip(density, AXES[name]), np.flip(classes, AXES[name])
                classes = MIRRORED[classes] if name == "columns" else classes
        self._move.set_random_state(seed=int(rng.integers(2**31)))
        given = {"volume": np.ascontiguousarray(density)[None], "classes": np.ascontiguousarray(classes)[None]}
        moved: Any = self._move(given)
        plain = np.asarray(moved["volume"], dtype=np.float32)[0]
        return self._exposed(plain, rng), np.rint(np.asarray(moved["classes"])[0]).astype(np.uint8)

    def _exposed(self, density: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Brightness, contrast, gamma and noise, each with the recipe's probability."""
        how = self._how
        low, high, middle = float(density.min()), float(density.max()), float(density.mean())
        if rng.random() < how.probability:
            density = density * np.float32(rng.uniform(*how.brightness))
        if rng.random() < how.probability:
            density = np.clip((density - middle) * np.float32(rng.uniform(*how.contrast)) + middle, low, high)
        if rng.random() < how.probability and how.gamma != (1.0, 1.0):
            density = _with_gamma(density, float(rng.uniform(*how.gamma)))
        if rng.random() < how.probability and how.noise > 0:
            density = density + rng.normal(0, rng.uniform(0, how.noise), density.shape).astype(np.float32)
        return density.astype(np.float32)


def _with_gamma(density: NDArray[np.float32], gamma: float) -> NDArray[np.float32]:
    """A power of the values between least and largest, with the mean and deviation that they had."""
    low, span = float(density.min()), max(float(np.ptp(density)), 1e-6)
    bent = ((density - low) / span) ** gamma
    made = (bent - bent.mean()) / max(float(bent.std()), 1e-6) * density.std() + density.mean()
    return made.astype(np.float32)


def _elastic(largest: float, dimensions: int, options: dict[str, Any]) -> Any:
    """Elastic displacements; in two dimensions of a grid as wide as the smoothing would be, by what it leaves."""
    if dimensions == 3:
        return Rand3DElasticd(KEYS, sigma_range=SMOOTH_PX, magnitude_range=(0, largest), **options)
    pitch = (SMOOTH_PX[0] + SMOOTH_PX[1]) / 2
    left = largest / (2 * math.sqrt(math.pi) * pitch)  # of noise, by a Gaussian of that width in two dimensions
    return Rand2DElasticd(KEYS, spacing=(2 * pitch, 2 * pitch), magnitude_range=(0.0, left), **options)


def _moves(how: VolumeAugment, shape: tuple[int, ...]) -> list[Any]:
    """Turns, sizes, shifts, elastic displacements and blur, as far as the recipe has them."""
    options: dict[str, Any] = {"mode": ("bilinear", "nearest"), "padding_mode": "border", "prob": how.probability}
    made: list[Any] = []
    if how.rotation_degrees or how.shift or how.scale != (1.0, 1.0):
        turn, turns = math.radians(how.rotation_degrees), 3 if len(shape) == 3 else 1
        low, high = how.scale
        made.append(
            RandAffined(
                KEYS,
                rotate_range=[(-turn, turn)] * turns,
                scale_range=[(1 / high - 1, 1 / low - 1)] * len(shape),  # of the way back, from a block to its source
                translate_range=[how.shift * side for side in shape],
                **options,
            )
        )
    if how.elastic:
        made.append(_elastic(how.elastic, len(shape), options))
    if how.blur_px:
        width = (0.0, how.blur_px)
        made.append(RandGaussianSmoothd("volume", width, width, width, prob=how.probability))
    return made

"""Opacities put into the lungs of a real volume: their outline is exact, and nobody trained on them.

They are made in Hounsfield units and in three dimensions, by other rules than the training slices' are. What is
denser already, such as a vessel, stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.image import Image
from hilum.phantom.noise import value_noise
from hilum.provenance import Step

GROUND_GLASS_HU, CONSOLIDATION_HU = (-620.0, -420.0), (-40.0, 50.0)
"""Mean density of an opacity, drawn evenly between these."""

RADIUS_MM = (10.0, 35.0)
"""Of an opacity, drawn evenly between these."""

COUNT = 7
"""Opacities in a volume."""

DENSE_SHARE = 0.35
"""Share of opacities that are consolidations."""

EDGE = 0.15
"""Width of an opacity's soft edge, as a share of its radius."""

REACH = 1.8
"""No opacity extends farther than this many radii from its centre."""


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A volume with new opacities.

    Attributes
    ----------
    image : axial, int16, HOUNSFIELD
    lesions : uint8, 1 ground-glass, 2 consolidation; only what was put in
    """

    image: Image
    lesions: NDArray[np.uint8]


def insert_opacities(image: Image, lungs: NDArray[np.bool_], seed: int) -> Inserted:
    """Put opacities into the lungs of an axial volume; none where there is no lung.

    Parameters
    ----------
    image : axial, HOUNSFIELD
    lungs : of its shape
    seed : of places, sizes and textures
    """
    rng = np.random.default_rng(seed)
    densities = image.array.astype(np.float32)
    lesions = np.zeros(image.array.shape, np.uint8)
    inside = np.flatnonzero(lungs)
    for _ in range(COUNT if len(inside) else 0):
        centre = np.unravel_index(int(inside[rng.integers(len(inside))]), lungs.shape)
        is_dense = bool(rng.random() < DENSE_SHARE)
        radius = float(rng.uniform(*RADIUS_MM)) * (0.7 if is_dense else 1.0)
        spacing = image.volume.spacing_mm
        box = tuple(
            slice(max(0, int(place - REACH * radius / step)), int(place + REACH * radius / step) + 2)
            for place, step in zip(centre, spacing, strict=True)
        )
        places = [np.arange(part.start, min(part.stop, size)) * step
                  for part, size, step in zip(box, lungs.shape, spacing, strict=True)]  # fmt: skip
        z, y, x = np.meshgrid(*places, indexing="ij", sparse=True)
        middle = [place * step for place, step in zip(centre, spacing, strict=True)]
        depth = _depth((z - middle[0], y - middle[1], x - middle[2]), radius, rng)
        fine = value_noise(x, y, z, cell_mm=8.0, seed=int(rng.integers(1 << 20)))
        _raise(densities[box], depth, fine, lungs[box], hu=_density(rng, is_dense=is_dense))
        covered = (depth > 0) & lungs[box]
        lesions[box][covered] = np.maximum(lesions[box][covered], 2 if is_dense else 1)
    array = np.rint(densities).astype(np.int16)
    origin = Step("insert-opacities", {"seed": seed}, (image.origin,))
    return Inserted(replace(image, array=array, origin=origin), lesions)


def _density(rng: np.random.Generator, *, is_dense: bool) -> tuple[float, float]:
    """Mean and texture of an opacity, in Hounsfield units."""
    low, high = CONSOLIDATION_HU if is_dense else GROUND_GLASS_HU
    return float(rng.uniform(low, high)), 25.0 if is_dense else 70.0


def _depth(away: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], radius: float, rng: np.random.Generator) -> Any:
    """Above 0 inside an irregular outline, about 1 in its middle, falling by 1 over a radius."""
    stretch = rng.uniform(0.8, 1.4, 3)
    z, y, x = (line / radius for line in away)
    distance = np.sqrt((z * stretch[0]) ** 2 + (y * stretch[1]) ** 2 + (x * stretch[2]) ** 2)
    seed = int(rng.integers(1 << 20))
    rough = value_noise(*(line.astype(np.float32) for line in (x, y, z)), cell_mm=0.7, seed=seed)
    return (1 - distance + 0.35 * rough).astype(np.float32)


def _raise(
    densities: NDArray[np.float32], depth: Any, fine: Any, lungs: NDArray[np.bool_], *, hu: tuple[float, float]
) -> None:
    """Bring lung up to a density, softly over the edge."""
    mean, texture = hu
    share = np.clip(0.5 + depth / (2 * EDGE), 0, 1) * lungs
    densities += share * np.maximum(mean + texture * fine - densities, 0)

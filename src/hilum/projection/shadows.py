"""From the way of rays through structures to masks of a film."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS

from .attenuation import Field

LESION_SHARES: Mapping[str, float] = MappingProxyType({"ground-glass": 0.14, "consolidation": 0.13, "effusion": 0.2})
"""A pixel is a lesion where the rays run through it for at least this share of their way through lung."""

LESION_LEAST_MM = 7.0
"""... and for at least this length."""


def longest(ways_mm: Mapping[int, Field], least_mm: float) -> NDArray[np.uint8]:
    """Where rays run at least so far through all structures together, the number of the one with the longest way.

    Parameters
    ----------
    ways_mm : way of the rays by number of the structure; not empty
    least_mm : shorter ways are none
    """
    shape = next(iter(ways_mm.values())).shape
    total, most = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    made = np.zeros(shape, dtype=np.uint8)
    for number, way in ways_mm.items():
        total += way
        is_longer = way > most
        made[is_longer] = number
        most[is_longer] = way[is_longer]
    made[total < least_mm] = 0
    return made


def lesions_seen(ways_mm: Mapping[str, Field], lung_mm: Field, lungs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lesions that show on a film, by number: within the lungs, where they make up enough of the rays' way through it.

    Parameters
    ----------
    ways_mm : way of the rays through each lesion of :data:`hilum.image.LESIONS`, by name
    lung_mm : through the lungs, lesions included
    lungs : outlines of the lungs on the film, 0 outside
    """
    made = np.zeros(lungs.shape, dtype=np.uint8)
    for number, label in LESIONS.items():
        least = np.maximum(lung_mm * np.float32(LESION_SHARES[label.name]), np.float32(LESION_LEAST_MM))
        made[(ways_mm[label.name] >= least) & (lungs > 0)] = number
    return made

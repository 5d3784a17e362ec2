"""Density beside a network's verdict on what is consolidated.

Few slices tell ground-glass and consolidation apart, so a network learns the difference from little. But consolidation
is dense by definition: it hides the vessels in it, ground-glass does not (Hansell et al., Fleischner Society: glossary
of terms for thoracic imaging, Radiology 2008;246:697, doi:10.1148/radiol.2462070712). Densities are taken between
aerated lung and soft tissue of the same patient, so that pictures of unknown windows have them too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageFilter

from .slices import Maps, in_threads
from .solids import Solid

DENSE_AT = 0.6
"""Where density says neither: this far from aerated lung, 0, to soft tissue, 1; about -320 HU."""

SOFTNESS = 0.1
"""How far from there, in the same unit, the odds are e to 1."""

NETWORK_SHARE = 0.3
"""What the network's verdict counts; density counts the rest."""

BLUR_PX = 1.5
"""Standard deviation, in pixels of a look, over which density is averaged: the vessels in ground-glass are thinner."""

LUNG_PERCENTILE = 30.0
"""Of the grey levels in the lungs, that of aerated lung; disease and vessels are above it."""

SOFT_FROM = 0.3
"""Outside the lungs, what is nearer to black than this share of the way from aerated lung to white is air or fat."""

FEW = 100
"""Pixels below which a level is not told."""


def weigh_density(maps: Maps, grey: NDArray[np.uint8], lung: Solid) -> None:
    """Bring density into the map of consolidation, in place; nothing where lung or tissue cannot be told.

    Parameters
    ----------
    maps : opacity, consolidation (its share of that) and effusion, (3, looks, size, size), 0 to 255
    grey : the looks, (looks, size, size), soft tissue brighter than lung
    lung : where lung is, of the same shape
    """
    levels = levels_of(grey, lung)
    if levels is None:
        return
    aerated, soft = levels
    place = (np.arange(256) - aerated) / (soft - aerated)
    told = 255.0 / (1.0 + np.exp(np.clip((DENSE_AT - place) / SOFTNESS, -50, 50)))
    table = np.rint(told * (1.0 - NETWORK_SHARE)).astype(np.uint8)
    share = np.rint(np.arange(256) * NETWORK_SHARE).astype(np.uint8)

    def work(look: int) -> None:
        blurred = np.asarray(Picture.fromarray(grey[look]).filter(ImageFilter.GaussianBlur(BLUR_PX)))
        maps[1, look] = share[maps[1, look]] + table[blurred]

    for _ in in_threads(work, [look for look in range(len(grey)) if maps[0, look].any()]):
        pass


def levels_of(grey: NDArray[np.uint8], lung: Solid) -> tuple[float, float] | None:
    """Grey levels of aerated lung and of soft tissue; None where there is too little of either to tell."""
    inside = _counts(grey, lung)
    if inside.sum() < FEW:
        return None
    aerated = _percentile(inside, LUNG_PERCENTILE)
    outside = _counts(grey, ~lung)
    outside[: int(aerated + SOFT_FROM * (255 - aerated)) + 1] = 0
    if outside.sum() < FEW:
        return None
    return aerated, max(_percentile(outside, 50.0), aerated + 20.0)


def _counts(grey: NDArray[np.uint8], where: Solid) -> NDArray[np.intp]:
    """How many pixels of each grey level there are, look by look, so that no copy of all is made."""
    made = np.zeros(256, dtype=np.intp)
    for plane, mask in zip(grey, where, strict=True):
        made += np.bincount(plane[mask], minlength=256)
    return made


def _percentile(counts: NDArray[np.intp], percent: float) -> float:
    return float(np.searchsorted(np.cumsum(counts), counts.sum() * percent / 100.0))

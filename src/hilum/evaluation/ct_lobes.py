"""In which lobe a place in the lung lies, as far as its height and depth tell.

Nothing here sees a fissure. A lung's box is cut by two planes where fissures lie in most people, and a band about
each plane is left out, for there the lobe cannot be told. Good enough to compare with labels that say in which lobe
something is to be seen; not good enough to measure a lobe.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.image import LOBES, LabelMap

OBLIQUE = {"right": (0.30, 0.70), "left": (0.09, 0.92)}
"""Heights of the oblique fissure at the front and at the back of the lung's box, as shares of the box: the mean of
lines drawn by eye along the fissures on sagittal cuts of three volumes of ``covid-ct-md``, without a look at labels.
Surface markings put it at 0 to 0.72, on both sides; the left one is steeper in all three."""

HORIZONTAL = 0.60
"""Height of the right lung's horizontal fissure, as a share of the box, measured likewise on two of them."""

BAND = 0.06
"""Places nearer to a plane than this share of the lung's height belong to no lobe."""

INVOLVED_ML = 1.0
"""Opacity that makes a lobe an involved one: a patch of 12 mm, less than which is vessels and noise."""

_NUMBER = {label.name: number for number, label in LOBES.items()}


def probable_lobes(lungs: LabelMap) -> NDArray[np.uint8]:
    """Numbers of :data:`hilum.image.LOBES` where a lobe can be told, of the axial map's shape; 0 elsewhere.

    Parameters
    ----------
    lungs : right and left, an axial volume

    References
    ----------
    .. [1] Standring (editor), Gray's Anatomy, 41st edition, 2015, chapter 54 (the fissures)
    """
    made = np.zeros(lungs.array.shape, np.uint8)
    for side in ("right", "left"):
        mask = lungs.mask(f"{side}-lung")
        if mask.any():
            height, depth = (_share(mask, axis) for axis in (0, 1))
            made += np.where(mask, _side(side, height[:, None, None], depth[None, :, None]), np.uint8(0))
    return made


def opacity_ml(lobes: NDArray[np.uint8], opacity: NDArray[np.bool_], voxel_ml: float) -> Mapping[str, float]:
    """Millilitres of opacity in each lobe, by name.

    Parameters
    ----------
    lobes : (slices, rows, columns), numbers of :data:`~hilum.image.LOBES`, 0 outside
    opacity : of the same shape
    voxel_ml : volume of one voxel
    """
    counts = np.bincount(lobes[opacity], minlength=len(LOBES) + 1)
    return {name: float(counts[number] * voxel_ml) for name, number in _NUMBER.items()}


def _share(mask: NDArray[np.bool_], axis: int) -> NDArray[np.float64]:
    """Place along an axis as a share of the mask's extent, 0 at its first index; a few stray voxels do not count."""
    others = tuple(other for other in range(3) if other != axis)
    gathered = np.cumsum(mask.sum(axis=others))
    first, last = np.searchsorted(gathered, [0.002 * gathered[-1], 0.998 * gathered[-1]])
    return (np.arange(len(gathered)) - first) / max(1, last - first)


def _side(side: str, height: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Lobes of one lung by height from the bottom and depth from the front, as shares of its box."""
    front, back = OBLIQUE[side]
    above = height - (front + (back - front) * depth)
    made = np.zeros(np.broadcast_shapes(height.shape, depth.shape), np.uint8)
    made[above < -BAND] = _NUMBER[f"{side}-lower-lobe"]
    over = above > BAND
    if side == "left":
        made[over] = _NUMBER["left-upper-lobe"]
        return made
    made[over & (height > HORIZONTAL + BAND)] = _NUMBER["right-upper-lobe"]
    made[over & (height < HORIZONTAL - BAND)] = _NUMBER["right-middle-lobe"]
    return made

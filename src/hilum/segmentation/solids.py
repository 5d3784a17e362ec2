"""Morphology of masks in three dimensions, in numpy and connected components alone.

Masks are (slices, rows, columns), bool. Balls are approximated by steps to neighbours: within a slice by steps to 4
and to 8 neighbours in turn, across slices whenever the distance gone within the slice has caught up.
"""

from __future__ import annotations

from typing import Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

Solid = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def parts_of(mask: Solid, *, connectivity: Literal[6, 26] = 6) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """Numbers of the connected parts, of the mask's shape, and the voxels of each; number 0 is outside."""
    solid = np.ascontiguousarray(mask).view(np.uint8)
    numbers = np.asarray(cc3d.connected_components(solid, connectivity=connectivity))
    return numbers, np.bincount(numbers.ravel())


def solids_of_at_least(mask: Solid, voxels: float, *, connectivity: Literal[6, 26] = 26) -> Solid:
    """The connected parts of at least so many voxels."""
    if not mask.any():
        return mask
    numbers, counts = parts_of(mask, connectivity=connectivity)
    keep = counts >= voxels
    keep[0] = False
    return mask if keep[1:].all() else keep[numbers]


def voxels_of(least_ml: float, least_mm2: float, slices: int, spacing_mm: Spacing) -> float:
    """Voxels of a volume; in a thin stack, where there is no room for it, those of an area in each slice."""
    area = spacing_mm[1] * spacing_mm[2]
    return min(1000.0 * least_ml / (spacing_mm[0] * area), least_mm2 * slices / area)


def swollen(mask: Solid, radius_mm: float, spacing_mm: Spacing) -> Solid:
    """The mask and everything within about ``radius_mm`` of it."""
    made = mask.copy()
    pixel = min(spacing_mm[1:])
    gone = across = 0.0
    turn = 0
    while gone + pixel / 2 < radius_mm or across + spacing_mm[0] / 2 < radius_mm:
        if across + spacing_mm[0] / 2 < radius_mm and across <= gone:
            made = _stepped_across(made)
            across += spacing_mm[0]
        elif gone + pixel / 2 < radius_mm:
            made = _stepped(made, diagonal=turn % 2 == 1)
            gone += pixel
            turn += 1
        else:
            made = _stepped_across(made)
            across += spacing_mm[0]
    return made


def shrunken(mask: Solid, radius_mm: float, spacing_mm: Spacing) -> Solid:
    """The mask without what is within about ``radius_mm`` of its outside; the edges of the picture do not count."""
    return ~swollen(~mask, radius_mm, spacing_mm)


def closed(mask: Solid, radius_mm: float, spacing_mm: Spacing) -> Solid:
    """The mask with its gaps narrower than twice the radius; nothing is made at the picture's own edges."""
    return shrunken(swollen(mask, radius_mm, spacing_mm), radius_mm, spacing_mm) | mask


def opened(mask: Solid, radius_mm: float, spacing_mm: Spacing, *, regrow_mm: float = 0.0) -> Solid:
    """The mask without its parts thinner than twice the radius, grown back into it by ``regrow_mm`` more."""
    core = shrunken(mask, radius_mm, spacing_mm)
    return swollen(core, radius_mm + regrow_mm, spacing_mm) & mask


def shared_out(region: Solid, first: Solid, second: Solid) -> tuple[Solid, Solid]:
    """A region's voxels, each to the nearer of two seeds as one walks within the region; the rest to neither.

    Equal distances go to the first.
    """
    one, two = first & region, second & region & ~first
    free = region & ~one & ~two
    while free.any():
        near_one = _stepped3(one) & free
        near_two = _stepped3(two) & free & ~near_one
        if not (near_one.any() or near_two.any()):
            break
        one |= near_one
        two |= near_two
        free &= ~(near_one | near_two)
    return one, two


def _stepped(mask: Solid, *, diagonal: bool) -> Solid:
    """The mask and its neighbours within slices: 4 of them, or 8."""
    made = mask.copy()
    made[:, 1:] |= mask[:, :-1]
    made[:, :-1] |= mask[:, 1:]
    source = made.copy() if diagonal else mask
    made[:, :, 1:] |= source[:, :, :-1]
    made[:, :, :-1] |= source[:, :, 1:]
    return made


def _stepped_across(mask: Solid) -> Solid:
    """The mask and its neighbours in the slices before and after."""
    made = mask.copy()
    made[1:] |= mask[:-1]
    made[:-1] |= mask[1:]
    return made


def _stepped3(mask: Solid) -> Solid:
    return _stepped(mask, diagonal=False) | _stepped_across(mask)

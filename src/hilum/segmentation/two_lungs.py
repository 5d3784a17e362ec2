"""One right and one left lung from what a method holds to be lung, in three dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .postprocess import filled, parts_of_at_least
from .slices import Maps
from .solids import Solid, Spacing, parts_of, swollen, voxels_of

LEAST_LUNG_ML, LEAST_LUNG_MM2 = 40.0, 300.0
"""A part below this volume is no lung, less than a tenth of a child's; of a few slices, below this area in each."""

SECOND_PART_SHARE = 0.1
"""A further part of one lung is kept from this share of its largest part on: disease can cut a lung in two."""

SCRAP_SHARE, SCRAP_CONTACT = 0.5, 0.12
"""A lung below this share of the other one, of whose surface more than this touches the other, is a part of it: two
lungs meet in a thin line at most, 0.01 of the surface in whole scans. Where one lung was cut out of a scan, networks
take what lies nearest to the spine for the other side."""

HOLE_MM2 = 400.0
"""Largest hole in one slice that is filled: a vessel's. The dome of the diaphragm is a hole too, and a larger one."""

INSIDE = 160
"""Least of 0 to 255 where a hole was filled."""


def tidy(maps: Maps, spacing_mm: Spacing) -> Maps:
    """Lungs without stray parts and holes, each a side of its own.

    Parameters
    ----------
    maps : (2, looks, size, size), 0 to 255, of the patient's right and left lung
    spacing_mm : between looks, and between their rows and columns

    Returns
    -------
    Of the same shape: any lung, 0 where none may be; and the right lung's share of it.
    """
    chance = np.maximum(maps[0], maps[1])
    np.copyto(chance, np.minimum(maps[0].astype(np.uint16) + maps[1], 255).astype(np.uint8))
    lung = chance >= 128
    right, left = _sides(lung, maps[0] >= maps[1], voxels_of(LEAST_LUNG_ML, LEAST_LUNG_MM2, len(lung), spacing_mm))
    right, left = without_holes(right, spacing_mm), without_holes(left, spacing_mm)
    left &= ~right
    both = right | left
    chance[both] = np.maximum(chance[both], INSIDE)
    near_right, near_left = swollen(right, 1.0, (1.0, 1.0, 1.0)), swollen(left, 1.0, (1.0, 1.0, 1.0))
    chance[~(near_right | near_left)] = 0
    side = np.where(right | (near_right & ~left), np.uint8(255), np.uint8(0))
    return np.stack([chance, side])


def without_holes(lung: Solid, spacing_mm: Spacing) -> Solid:
    """A lung with what it encloses in three dimensions, and with small holes of single slices."""
    numbers, _ = parts_of(np.pad(~lung, 1, constant_values=True))
    made = numbers[1:-1, 1:-1, 1:-1] != numbers[0, 0, 0]
    most = HOLE_MM2 / (spacing_mm[1] * spacing_mm[2])
    for place in np.flatnonzero(made.any(axis=(1, 2))):
        holes = filled(made[place]) & ~made[place]
        made[place] |= holes & ~parts_of_at_least(holes, most)
    return made


def _sides(lung: Solid, is_right: Solid, least: float) -> tuple[Solid, Solid]:
    """The right and the left lung: large parts of each, and the bits that touch them."""
    right, left = (_main(lung & side, least) for side in (is_right, ~is_right))
    if _is_scrap_of(left, right):
        right, left = right | left, np.zeros_like(left)
    elif _is_scrap_of(right, left):
        right, left = np.zeros_like(right), right | left
    if right.any() and left.any() and _middle(right) > _middle(left):
        right, left = left, right
    numbers, counts = parts_of(lung & ~right & ~left)
    if len(counts) > 1:
        towards_right = _contacts(numbers, right, len(counts))
        towards_left = _contacts(numbers, left, len(counts))
        right |= ((towards_right > 0) & (towards_right >= towards_left))[numbers]
        left |= ((towards_left > 0) & (towards_left > towards_right))[numbers]
    return right, left


def _is_scrap_of(lung: Solid, other: Solid) -> bool:
    """Whether what was taken for a lung is a small part of the other one."""
    size = int(np.count_nonzero(lung))
    if not 0 < size < SCRAP_SHARE * np.count_nonzero(other):
        return False
    voxel = (1.0, 1.0, 1.0)
    surface = np.count_nonzero(lung & swollen(~lung, 1.0, voxel))
    return bool(np.count_nonzero(lung & swollen(other, 1.0, voxel)) > SCRAP_CONTACT * surface)


def _main(side: Solid, least: float) -> Solid:
    """The largest part of one lung, and others large enough; nothing if even the largest is below ``least`` voxels."""
    numbers, counts = parts_of(side)
    if len(counts) < 2:
        return np.zeros_like(side)
    keep = counts >= max(SECOND_PART_SHARE * counts[1:].max(), least)
    keep[0] = False
    return keep[numbers]


def _middle(mask: Solid) -> float:
    """Mean column of a mask."""
    columns = np.count_nonzero(mask, axis=(0, 1))
    return float(columns @ np.arange(len(columns)) / columns.sum())


def _contacts(numbers: NDArray[np.integer], mask: Solid, count: int) -> NDArray[np.intp]:
    """How many voxels of each part are neighbours of a mask; 0 for part 0."""
    touching = np.bincount(numbers[swollen(mask, 1.0, (1.0, 1.0, 1.0)) & (numbers > 0)], minlength=count)
    touching[0] = 0
    return touching

"""Trachea and main bronchi, by region growing that stops before it leaks into the lung."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from .solids import Solid, Spacing, swollen

TRACHEA_MM2 = (40.0, 800.0)
"""Areas of the trachea's lumen in one slice, from a child's to a dilated one."""

TRACHEA_LENGTH_MM = 25.0
"""Least length of a tube that is taken for the trachea."""

FROM_MIDDLE_MM = 45.0
"""The trachea's centre lies no farther from the middle of the body."""

TRACHEA_HU = -850.0
"""Lumen is darker than this in every slice of the trachea."""

LEVELS_HU = (-980.0, -960.0, -940.0, -920.0, -900.0, -880.0)
"""Thresholds of the growth; the last one that does not leak is taken."""

BRONCHI_ML = 60.0
"""Growth by more than this beyond the trachea is a leak into the lung."""

WALL_MM = 2.0
"""Thickness of the airways' wall, taken away with them."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """One dark spot of one slice."""

    slice: int
    number: int
    column: float
    area_mm2: float


def airways(hounsfield: NDArray[np.int16], air: Solid, spacing_mm: Spacing, middle: float) -> Solid:
    """Lumen and wall of trachea and main bronchi, inside ``air``; empty if no trachea is found.

    Parameters
    ----------
    hounsfield : (slices, rows, columns), axial
    air : dark voxels within the body
    spacing_mm : of the voxels
    middle : column of the body's middle
    """
    trachea = _trachea((hounsfield < TRACHEA_HU) & air, spacing_mm, middle)
    if not trachea.any():
        return trachea
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    most = np.count_nonzero(trachea) + BRONCHI_ML / voxel_ml
    grown = trachea
    for threshold in LEVELS_HU:
        candidate = _connected_to(trachea, ((hounsfield < threshold) & air) | trachea)
        if np.count_nonzero(candidate) > most:
            break
        grown = candidate
    return swollen(grown, WALL_MM, spacing_mm) & air


def _connected_to(seed: Solid, mask: Solid) -> Solid:
    """The parts of a mask that hold voxels of a seed."""
    numbers = np.asarray(cc3d.connected_components(np.ascontiguousarray(mask).view(np.uint8), connectivity=6))
    hit = np.zeros(int(numbers.max()) + 1, dtype=bool)
    hit[numbers[seed]] = True
    hit[0] = False
    return hit[numbers]


def _trachea(dark: Solid, spacing_mm: Spacing, middle: float) -> Solid:
    """The longest tube of dark spots of a trachea's size, each overlapping the next, near the body's middle."""
    numbers = np.zeros(dark.shape, dtype=np.uint16)
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
    above: list[_Spot] = []
    for place in range(len(dark) - 1, -1, -1):
        numbers[place], spots = _spots(place, dark[place], spacing_mm, middle)
        for spot in spots:
            best[place, spot.number] = _longest_above(spot, above, numbers, best, spacing_mm[0])
        above = spots
    made = np.zeros_like(dark)
    if not best:
        return made
    at: tuple[int, int] | None = max(best, key=lambda key: best[key][0])
    if best[at][0] < TRACHEA_LENGTH_MM:
        return made
    while at is not None:
        made[at[0]] |= numbers[at[0]] == at[1]
        at = best[at][1]
    return made


def _longest_above(
    spot: _Spot,
    above: list[_Spot],
    numbers: NDArray[np.uint16],
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]],
    step_mm: float,
) -> tuple[float, tuple[int, int] | None]:
    """Length of the longest tube that ends in a spot, and the spot before it."""
    here = numbers[spot.slice] == spot.number
    longest: tuple[float, tuple[int, int] | None] = (step_mm, None)
    for other in above:
        alike = 0.4 < spot.area_mm2 / other.area_mm2 < 2.5
        if alike and (numbers[other.slice][here] == other.number).any():
            length = best[other.slice, other.number][0] + step_mm
            longest = max(longest, (length, (other.slice, other.number)), key=lambda item: item[0])
    return longest


def _spots(place: int, dark: Solid, spacing_mm: Spacing, middle: float) -> tuple[NDArray[np.uint16], list[_Spot]]:
    """Dark spots of one slice that could be the trachea: of its size, round, near the middle."""
    numbers = np.asarray(cc3d.connected_components(np.ascontiguousarray(dark).view(np.uint8), connectivity=4))
    about = cc3d.statistics(numbers)
    pixel = spacing_mm[1] * spacing_mm[2]
    spots: list[_Spot] = []
    for number in range(1, len(about["voxel_counts"])):
        area = float(about["voxel_counts"][number]) * pixel
        if not TRACHEA_MM2[0] <= area <= TRACHEA_MM2[1]:
            continue
        rows, columns = (side.stop - side.start for side in about["bounding_boxes"][number][:2])
        high, wide = rows * spacing_mm[1], columns * spacing_mm[2]
        column = float(about["centroids"][number][1])
        is_round = max(high, wide) <= 2.5 * min(high, wide) and area >= 0.5 * high * wide
        if is_round and abs(column - middle) * spacing_mm[2] <= FROM_MIDDLE_MM:
            spots.append(_Spot(place, number, column, area))
    return numbers.astype(np.uint16), spots

"""Lungs of a CT without a network: thresholds, connected parts and morphology.

Air within the body, less the airways, is lung; what is dense between that and the ribs is lung too as long as lung
lies about it. A lobe that is dense down to the diaphragm has no edge that a threshold could find: there the method
misses lung, and the network does not.
"""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray

from hilum.image import Image, Quantity
from hilum.preprocessing.ct import whole_slice_window

from .airways import airways
from .chest_wall import filled_to_the_ribs
from .gas import WINDOW_HU, gas_in, hounsfield_of
from .postprocess import filled
from .slices import Maps, Stack, looked_at, shrunk
from .solids import (
    Solid,
    Spacing,
    closed,
    opened,
    parts_of,
    shared_out,
    shrunken,
    solids_of_at_least,
    swollen,
    voxels_of,
)
from .two_lungs import without_holes

PIXEL_MM = 2.0
"""Pixels and distances of slices in which the method works."""

AIR_HU = -400.0
"""Midway between lung and soft tissue: where the edge of a lung lies in a slice of finite thickness."""

SOFT_HU, SHELL_MM = -300.0, 3.0
"""What is denser belongs to the body, unless it is a shell thinner than twice this, as a table's is."""

WALL_MM = 10.0
"""Thin places of the chest wall up to this distance from thick ones belong to the body."""

OUTSIDE_HU = -930.0
"""Air at a slice's edge is darker than this on average; lung that a narrow field of view cuts is not."""

LEAST_LUNG_ML, LEAST_LUNG_MM2 = 60.0, 300.0
"""A part of air below this volume is no lung; of a few slices, below this area in each."""

CLOSED_MM = 7.0
"""Vessels and scars up to twice this width are lung."""

LARGE_SHARE = 0.03
"""Parts of at least this share of all lung say on which side they are; smaller ones go with what they touch."""

BEYOND_SHARE = 0.15
"""A lung reaches into the other half of the body with no more than this share of it."""

APART_MM = (2.0, 4.0, 6.0, 9.0, 12.0)
"""Depths to which lungs that touch are peeled until they come apart."""


def classical_lungs(axial: Image) -> tuple[Maps, Stack]:
    """Lungs by thresholds, as maps of a stack: any lung, and the right one's share.

    Parameters
    ----------
    axial : a CT in Hounsfield units, axial

    Raises
    ------
    WrongQuantity
        The image does not hold Hounsfield units.
    """
    axial.require(Quantity.HOUNSFIELD)
    grid = axial.volume
    window = whole_slice_window(grid)
    size = max(16, round(window.side_mm / PIXEL_MM))
    stack = Stack(grid, window, size, looked_at(grid, PIXEL_MM))
    hounsfield = hounsfield_of(shrunk(axial.array, stack, WINDOW_HU))
    right, left = two_lungs(hounsfield, stack.spacing_mm)
    return _maps(hounsfield, right, left), stack


def two_lungs(hounsfield: NDArray[np.int16], spacing_mm: Spacing) -> tuple[Solid, Solid]:
    """The right and the left lung of a small volume, (slices, rows, columns), axial."""
    air = hounsfield < AIR_HU
    outside = _outside(air, hounsfield) | ~_within(_body(hounsfield, spacing_mm))
    air &= ~outside
    middle = _middle_column(~outside)
    tubes = airways(hounsfield, air, spacing_mm, middle)
    air &= ~tubes
    air &= ~gas_in(air, hounsfield, spacing_mm)
    lung = _lung_parts(air, spacing_mm)
    right, left = split_in_two(lung, spacing_mm, middle)
    free = ~outside & ~tubes
    made: list[Solid] = []
    for side, other in ((right, left), (left, right)):
        whole = closed(side, CLOSED_MM, spacing_mm) & free & ~other
        whole = filled_to_the_ribs(whole, hounsfield, spacing_mm, middle) & free & ~other
        made.append(without_holes(whole, spacing_mm) & free & ~other)
    return made[0], made[1] & ~made[0]


def _outside(air: Solid, hounsfield: NDArray[np.int16]) -> Solid:
    """Air that reaches a slice's edge and is as dark as air there."""
    made = np.zeros_like(air)
    for place, plane in enumerate(air):
        numbers = np.asarray(cc3d.connected_components(np.ascontiguousarray(plane).view(np.uint8), connectivity=4))
        edge = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
        values = hounsfield[place]
        levels = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
        count = np.bincount(edge, minlength=int(numbers.max()) + 1)
        mean = np.bincount(edge, levels, minlength=len(count)) / np.maximum(count, 1)
        is_outside = (count > 0) & (mean < OUTSIDE_HU)
        is_outside[0] = False
        made[place] = is_outside[numbers]
    return made


def _body(hounsfield: NDArray[np.int16], spacing_mm: Spacing) -> Solid:
    """The largest solid of soft tissue and bone: chest wall and all, without table, tubes and clothes."""
    numbers, counts = parts_of(opened(hounsfield > SOFT_HU, SHELL_MM, spacing_mm, regrow_mm=WALL_MM))
    if len(counts) < 2:
        return np.zeros(hounsfield.shape, dtype=bool)
    return numbers == counts[1:].argmax() + 1


def _within(body: Solid) -> Solid:
    """The body with what it encloses in each slice; where the slice's edge cuts it, the edge encloses."""
    made = body.copy()
    for place in np.flatnonzero(body.any(axis=(1, 2))):
        ring = made[place]
        for edge in (ring[0], ring[-1], ring[:, 0], ring[:, -1]):
            touched = np.flatnonzero(edge)
            if len(touched):
                edge[touched[0] : touched[-1] + 1] = True
        made[place] = filled(ring)
    return made


def _middle_column(body: Solid) -> float:
    """Column that halves the body, arms and table included; the picture's middle if there is no body."""
    columns = np.cumsum(np.count_nonzero(body, axis=(0, 1)))
    return float(np.searchsorted(columns, columns[-1] / 2)) if columns[-1] else body.shape[2] / 2


def _lung_parts(air: Solid, spacing_mm: Spacing) -> Solid:
    """Parts of air large enough for a lung."""
    least = voxels_of(LEAST_LUNG_ML, LEAST_LUNG_MM2, len(air), spacing_mm)
    return solids_of_at_least(air, least, connectivity=6)


def split_in_two(lung: Solid, spacing_mm: Spacing, middle: float) -> tuple[Solid, Solid]:
    """Right and left lung: parts by the side they lie on, those that touch peeled until they come apart."""
    if not lung.any():
        return lung, lung.copy()
    solid = closed(lung, PIXEL_MM, spacing_mm)
    for depth in (0.0, *APART_MM):
        numbers, counts = parts_of(shrunken(solid, depth, spacing_mm) if depth else lung)
        columns = _mean_columns(numbers, len(counts))
        large = counts >= LARGE_SHARE * counts[1:].sum()
        large[0] = False
        right, left = large & (columns < middle), large & (columns >= middle)
        if large.any() and _balanced(numbers, counts, right, left, middle):
            return shared_out(lung, right[numbers], left[numbers])
    halves = np.broadcast_to(np.arange(lung.shape[2]) < middle, lung.shape)
    return lung & halves, lung & ~halves


def _balanced(
    numbers: NDArray[np.integer],
    counts: NDArray[np.intp],
    right: NDArray[np.bool_],
    left: NDArray[np.bool_],
    middle: float,
) -> bool:
    """Whether no part of a lung reaches far into the other half of the body."""
    beyond = np.zeros(len(counts))
    beyond += np.bincount(numbers[:, :, round(middle) :].ravel(), minlength=len(counts)) * right
    beyond += np.bincount(numbers[:, :, : round(middle)].ravel(), minlength=len(counts)) * left
    return bool((beyond <= BEYOND_SHARE * counts).all())


def _mean_columns(numbers: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    total = np.zeros(count)
    weighted = np.zeros(count)
    for column in range(numbers.shape[2]):
        here = np.bincount(numbers[:, :, column].ravel(), minlength=count)
        total += here
        weighted += column * here
    return weighted / np.maximum(total, 1)


def _maps(hounsfield: NDArray[np.int16], right: Solid, left: Solid) -> Maps:
    """Any lung, and the right one's share, 0 to 255.

    Where a lung's edge is one of densities, the map crosses 128 where they cross :data:`AIR_HU`, so that the edge
    is had finer than the pixels of the stack.
    """
    both = right | left
    step = (1.0, 1.0, 1.0)
    ramp = np.clip(128.0 - 0.28 * (np.arange(-1000, 276) - AIR_HU), 0, 255).astype(np.uint8)
    chance = np.where(both, np.uint8(0), ramp[hounsfield + 1000])
    near = swollen(both, 1.0, step) & ~both
    chance[~near] = 0
    np.minimum(chance, 127, out=chance)
    chance[both] = np.maximum(ramp[hounsfield[both] + 1000], 129)
    inner = shrunken(both, 1.0, step)
    chance[inner] = 255
    near_right, near_left = swollen(right, 1.0, step), swollen(left, 1.0, step)
    side = np.where(right | (near_right & ~left & ~(near_left & ~near_right)), np.uint8(255), np.uint8(0))
    return np.stack([chance, side])

"""Lungs on a frontal film as readers of severity scores outline them, from the lungs of its CT.

Rays cross lung in more places than a reader can see it: below the dome of the diaphragm, in the recess behind it, and
beside the spine, behind and before the vertebral bodies. An outline of the whole lungs runs behind the heart, but ends
at the dome and at the edge of the spine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attenuation import Field
from .beam import Layout
from .rays import Rays

SPINE_MM = 17.0
"""From the middle of the spine to the edge of the vertebral bodies."""

BONE_HU = 180.0
"""Denser voxels are bone."""

SPINE_REACH_MM = 45.0
"""The spine is looked for within this distance of the middle between the lungs."""

BELOW_MM = 10.0
"""A ray that runs this far beneath the lungs passes below the dome."""

HEART_MM = 8.0
"""Lung that ends this much above the dome's top ends on the heart, or at the hilum."""

DOME_SLOPE = 0.3
"""From its top towards the spine, an outline falls by no more than this share of the way."""

_SIDES = ((1, -1), (2, 1))
"""Numbers of the right and of the left lung, and the direction of their outer side along the columns."""

Solid = NDArray[np.bool_]


def outlined(
    shadow: NDArray[np.uint8], lungs: NDArray[np.uint8], hounsfield: NDArray[Any], rays: Rays
) -> NDArray[np.uint8]:
    """The part of the lungs' shadow that an outline of the whole lungs holds.

    Parameters
    ----------
    shadow : numbers of the lungs wherever rays cross them, of the film's shape
    lungs : axial, 1 the patient's right, 2 the left
    hounsfield : of the same shape
    rays : of a frontal view

    Returns
    -------
    uint8, of the film's shape
    """
    made, layout = shadow.copy(), rays.layout
    made[_spine(lungs, hounsfield, layout)] = 0
    for number, outward in _SIDES:
        beneath = _beneath(lungs == number, outward, layout)
        if beneath is None:
            continue
        limit = _dome_rows(rays.way(beneath, 1), shadow == number, outward)
        below = np.arange(len(made))[:, None] >= limit[None]
        made[below & (made == number)] = 0
    return made


def _beneath(lung: Solid, outward: int, layout: Layout) -> Solid | None:
    """All that lies under a lung where that rests on the diaphragm; None if there is no such place."""
    columns = lung.any(axis=0)
    if not columns.any():
        return None
    base = lung.argmax(axis=0)
    rows, across = np.nonzero(columns)
    outer = (across - np.median(across)) * outward >= 0
    middle = (rows >= np.quantile(rows, 0.25)) & (rows <= np.quantile(rows, 0.75))
    chosen = base[rows[outer & middle], across[outer & middle]]
    if not len(chosen):
        return None
    top = np.quantile(chosen, 0.9) + HEART_MM / layout.spacing_mm[1]
    depth = np.where(columns & (base <= top), base, 0)
    return np.arange(len(lung))[:, None, None] < depth[None]


def _dome_rows(way: Field, shadow: Solid, outward: int) -> NDArray[np.intp]:
    """First row below the dome, by column of the film; the film's height where there is none."""
    height, width = shadow.shape
    crossed: Solid = np.asarray(shadow.any(axis=0))
    below = (way >= BELOW_MM) & crossed[None]
    limit = np.where(below.any(axis=0), below.argmax(axis=0), height)
    if not below.any():
        return limit
    top = int(np.median(np.flatnonzero(below[int(np.min(limit))])))
    inward = (np.arange(width) - top) * -outward
    ceiling = limit[top] + DOME_SLOPE * np.maximum(inward, 0)
    return np.where((inward > 0) & (limit > ceiling), np.ceil(ceiling), limit).astype(np.intp)


def _spine(lungs: NDArray[np.uint8], hounsfield: NDArray[Any], layout: Layout) -> Solid:
    """The film's pixels before the spine: a band along a straight line through the middle of its bone."""
    seen = (lungs > 0).any(axis=(0, 1))
    if not seen.any():
        return np.zeros(layout.grid.shape, dtype=bool)
    spacing = layout.spacing_mm
    middle = (np.flatnonzero(lungs.any(axis=(0, 1)))[[0, -1]]).mean()
    behind = round(float(np.flatnonzero((lungs > 0).any(axis=(0, 2))).mean()))
    reach = round(SPINE_REACH_MM / spacing[2])
    start = max(0, round(middle) - reach)
    bone = np.count_nonzero(hounsfield[:, behind:, start : round(middle) + reach + 1] > BONE_HU, axis=1)
    weight = bone.sum(axis=1)
    found = np.flatnonzero(weight > 0)
    line = np.full(len(lungs), middle)
    if len(found) > 1:
        centre = start + (bone[found] @ np.arange(bone.shape[1])) / weight[found]
        slope, offset = np.polyfit(found, centre, 1, w=np.sqrt(weight[found]))
        line = offset + slope * np.arange(len(lungs))
    scale = float(np.median(layout.magnification))
    slices = (len(lungs) - 1) / 2 - layout.down_mm / scale / spacing[1]
    centres = np.interp(slices, np.arange(len(lungs)), (line - (lungs.shape[2] - 1) / 2) * spacing[2])
    return np.abs(layout.across_mm[None] / scale - centres[:, None]) < SPINE_MM

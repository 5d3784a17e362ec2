"""Dense disease at the chest wall: dents of a lung's outer surface that the ribs do not explain.

A lung's surface is read off round the middle of the chest, as its distance by height and angle, in shares of the
lung's widest distance at that angle. Closing that map fills dents that lung surrounds; ribs bound what is filled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .solids import Solid, Spacing

BONE_HU = 160.0
"""Ribs are denser than this, averaged over the pixels that are worked in."""

ANGLES = 180
"""Directions round the middle of the chest."""

DENT_DEGREES, DENT_MM = 44.0, 36.0
"""Width and height of the dents that are filled."""

DEPTH_MM = (8.0, 50.0)
"""Depths of dents: ribs make shallower ones, and a deeper gap is the liver between two recesses."""

FAR = np.float32(1e6)


def filled_to_the_ribs(lung: Solid, hounsfield: NDArray[np.int16], spacing_mm: Spacing, middle: float) -> Solid:
    """One lung with the dents of its outer surface, as far as the ribs.

    Parameters
    ----------
    lung : (slices, rows, columns), axial
    hounsfield : of the same shape
    spacing_mm : of the voxels
    middle : column of the body's middle
    """
    if not lung.any():
        return lung
    radius, angle = _polar(lung, spacing_mm, middle)
    outer, inner = _reach(lung, radius, angle)
    window = (_odd(DENT_MM / spacing_mm[0]), _odd(DENT_DEGREES / 360 * ANGLES))
    widest = np.maximum(outer.max(axis=0), np.float32(1))
    surface = _least(_most(outer / widest, window), window) * widest
    start = np.where(outer > 0, outer, _most(_least(inner, window), window))
    bone = hounsfield > BONE_HU
    for place in np.flatnonzero(lung.any(axis=(1, 2))):
        limit = np.full(ANGLES, FAR, dtype=np.float32)
        ribs = bone[place] & (radius > start[place][angle])
        np.minimum.at(limit, angle[ribs], radius[ribs])
        stop = np.minimum(surface[place], limit - np.float32(spacing_mm[1]))
        depth = stop - start[place]
        stop[(depth < DEPTH_MM[0]) | (depth > DEPTH_MM[1])] = 0
        lung[place] |= (radius >= start[place][angle]) & (radius <= stop[angle]) & ~bone[place]
    return lung


def _polar(lung: Solid, spacing_mm: Spacing, middle: float) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Distance in mm and direction of each pixel of a slice from the middle of the chest."""
    rows = np.count_nonzero(lung, axis=(0, 2))
    centre = float(rows @ np.arange(len(rows)) / max(rows.sum(), 1))
    down = (np.arange(lung.shape[1]) - centre)[:, None] * spacing_mm[1]
    across = (np.arange(lung.shape[2]) - middle)[None] * spacing_mm[2]
    turn = np.arctan2(down, across) / (2 * np.pi) % 1.0
    return np.hypot(down, across).astype(np.float32), (turn * ANGLES).astype(np.intp) % ANGLES


def _reach(
    lung: Solid, radius: NDArray[np.float32], angle: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Farthest and nearest lung by slice and direction, (slices, ANGLES); 0 and FAR where there is none."""
    outer = np.zeros((len(lung), ANGLES), dtype=np.float32)
    inner = np.full((len(lung), ANGLES), FAR, dtype=np.float32)
    for place, plane in enumerate(lung):
        np.maximum.at(outer[place], angle[plane], radius[plane])
        np.minimum.at(inner[place], angle[plane], radius[plane])
    return outer, inner


def _odd(length: float) -> int:
    return 2 * round(length / 2) + 1


def _most(values: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    """Largest value of each window; directions go round, slices end."""
    across = np.pad(values, ((0, 0), (window[1] // 2, window[1] // 2)), mode="wrap")
    made = np.lib.stride_tricks.sliding_window_view(across, window[1], axis=1).max(axis=-1)
    down = np.pad(made, ((window[0] // 2, window[0] // 2), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(down, window[0], axis=0).max(axis=-1)


def _least(values: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    """Smallest value of each window."""
    return -_most(-values, window)

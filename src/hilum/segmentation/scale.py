"""Lengths of a CT whose spacing nobody stated: what is judged in millimetres is judged by the size of a usual scan."""

from __future__ import annotations

from dataclasses import replace

from hilum.geometry import VolumeGrid
from hilum.image import Image

FIELD_MM = 350.0
"""The longer side of slices of a chest: usual fields of view are 300 to 400 mm."""

APART_MM = 5.0
"""So far apart that each slice is looked at, and none is averaged with its neighbours."""


def to_judge_by(axial: Image) -> Image:
    """The image itself, or where its spacing was assumed, the same voxels on :func:`usual_grid`.

    What counts as too small to be a lung, a lesion or a hole is then too small for a chest, whatever was assumed.
    Masks are the same on both grids.

    Parameters
    ----------
    axial : a CT, axial
    """
    return axial if axial.is_to_scale else replace(axial, grid=usual_grid(axial.volume))


def usual_grid(grid: VolumeGrid) -> VolumeGrid:
    """An axial grid with slices as wide or deep as a chest, :data:`APART_MM` apart; pixels keep their shape."""
    _, high, wide = grid.spacing_mm
    factor = FIELD_MM / max(grid.shape[1] * high, grid.shape[2] * wide)
    return VolumeGrid.of_spacing(grid.shape, (APART_MM, high * factor, wide * factor))

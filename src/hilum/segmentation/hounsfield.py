"""Opacity by bands of Hounsfield units: the cross-check that stands beside every network's lesions.

Densities from -750 to -400 HU count as ground-glass, denser ones as consolidation, -950 to -750 is inflated lung,
below is emphysema and air (the bands of Slicer's Lung CT Analyzer). Vessels, walls of airways and the lung's blurred
rim have the same densities, but they are thin: what does not hold a ball of :data:`THICK_MM` is not counted. So it
misses small and streaky lesions, and counts lung that is dense for being breathed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS, Image, Label, LabelMap, Quantity
from hilum.preprocessing.ct import look_at_labels, lung_slice_window
from hilum.provenance import Json, Step

from .scale import to_judge_by
from .slices import Maps, Stack, looked_at, put_back, shrunk
from .solids import Solid, opened, solids_of_at_least, voxels_of

BANDS_HU = (-1050, -950, -750, -400, 0, 3000)
"""Edges of emphysema, inflated lung, ground-glass, consolidation, and what is denser than water."""

OPACITY_HU, DENSE_HU = -750.0, -400.0
"""Least densities of ground-glass and of consolidation."""

PIXEL_MM = 2.0
"""Pixels in which densities are averaged before they are judged, against noise."""

SLICE_MM = 2.5
"""Distance of the slices that are judged."""

THICK_MM = 4.0
"""Radius of the ball that an opacity has to hold: vessels of the lung are thinner, but for those at the hilum."""

LEAST_ML, LEAST_MM2 = 0.5, 50.0
"""A connected opacity below this volume is not counted; of a few slices, below this area in each."""

LABELS: Mapping[int, Label] = MappingProxyType({number: LESIONS[number] for number in (1, 2)})
"""What density tells: effusion is as dense as consolidation, and was not looked for."""

WINDOW_HU = (-1000.0, 275.0)
"""What is kept of densities, in steps of 5 HU."""


def hounsfield_opacity(image: Image, lungs: LabelMap) -> LabelMap:
    """Ground-glass and consolidation by density alone, on the image's grid.

    Parameters
    ----------
    image : a CT in Hounsfield units
    lungs : its lungs, on the same grid; trachea and main bronchi are not among them

    Raises
    ------
    WrongQuantity
        The image does not hold Hounsfield units.
    GridMismatch
        The lungs lie on another grid.
    """
    image.require(Quantity.HOUNSFIELD)
    image.volume.require_same(lungs.volume)
    axial, masks = to_judge_by(image.axial()), lungs.axial().array
    grid = axial.volume
    settings: dict[str, Json] = {
        "bands-hu": [float(edge) for edge in BANDS_HU],
        "pixel-mm": PIXEL_MM,
        "thick-mm": THICK_MM,
        "least-ml": LEAST_ML,
    }
    step = Step("hounsfield-opacity", settings, (image.origin, lungs.origin))
    home = image.volume.orientation.from_axial
    window = lung_slice_window(masks, grid)
    if window is None:
        return LabelMap(np.zeros(image.array.shape, dtype=np.uint8), image.grid, LABELS, step)
    stack = Stack(grid, window, max(16, round(window.side_mm / PIXEL_MM)), looked_at(grid, SLICE_MM))

    def decide(place: int, planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        opacity, dense = planes[0] >= 128, planes[1] >= 128
        inside = opacity & (masks[place] > 0)
        return inside.view(np.uint8) + (inside & dense).view(np.uint8)

    return LabelMap(home(put_back(_maps(axial, masks, stack), stack, decide)), image.grid, LABELS, step)


def _maps(axial: Image, masks: NDArray[np.uint8], stack: Stack) -> Maps:
    """Opacity and consolidation, 0 or 255, (2, looks, size, size)."""
    grey = shrunk(axial.array, stack, WINDOW_HU)
    spacing = stack.grid.spacing_mm[1:]
    lung: Solid = np.zeros(grey.shape, dtype=bool)
    for number, place in enumerate(stack.places):
        lung[number] = look_at_labels(masks[place], spacing, stack.window, stack.size) > 0
    opacity = opened((grey >= _grey(OPACITY_HU)) & lung, THICK_MM, stack.spacing_mm, regrow_mm=PIXEL_MM)
    opacity = solids_of_at_least(opacity, voxels_of(LEAST_ML, LEAST_MM2, len(grey), stack.spacing_mm))
    dense = opacity & (grey >= _grey(DENSE_HU))
    return np.stack([opacity, dense]).view(np.uint8) * np.uint8(255)


def _grey(hounsfield: float) -> int:
    low, high = WINDOW_HU
    return round((hounsfield - low) * 255 / (high - low))

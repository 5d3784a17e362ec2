"""Gas of stomach and bowel under the diaphragm, which is as dark as lung to thresholds and to networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .solids import Solid, Spacing, closed, opened, parts_of, swollen

WINDOW_HU = (-1000.0, 275.0)
"""What is kept of densities, in steps of 5 HU."""

GAS_HU = -945.0
"""Gas in stomach and bowel is darker than this; so are bullae, but they lie in lung."""

GAS_MEAN_HU = -955.0
"""A whole part of gas is darker than this on average; lung in deep inspiration is not, however noisy."""

GAS_MM, GAS_RIM_MM = 6.0, 8.0
"""Half the width from which on gas is looked for, and the width of its blurred rim."""

IN_LUNG_SHARE = 0.35
"""Gas is a bulla if lung makes up more than this share of what surrounds it."""


def hounsfield_of(grey: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Densities, int16, of slices seen in 8 bits through :data:`WINDOW_HU`."""
    low, high = WINDOW_HU
    return np.rint(np.linspace(low, high, 256)).astype(np.int16)[grey]


def gas_in(air: Solid, hounsfield: NDArray[np.int16], spacing_mm: Spacing) -> Solid:
    """What of the air, or of what was taken for lung, is gas with its rim: wide, as dark as air, not within lung.

    Parameters
    ----------
    air : (slices, rows, columns)
    hounsfield : of the same shape
    spacing_mm : of its voxels
    """
    made = np.zeros_like(air)
    dark = closed((hounsfield < GAS_HU) & air, spacing_mm[1], spacing_mm)
    numbers, counts = parts_of(opened(dark, GAS_MM, spacing_mm))
    if len(counts) < 2:
        return made
    mean = np.bincount(numbers.ravel(), hounsfield.ravel()) / counts
    for number in np.flatnonzero(mean[1:] < GAS_MEAN_HU) + 1:
        rim = swollen(numbers == number, GAS_RIM_MM, spacing_mm)
        around = swollen(rim, GAS_MM, spacing_mm) & ~rim
        if np.count_nonzero(around & air) < IN_LUNG_SHARE * np.count_nonzero(around):
            made |= rim
    return made & air

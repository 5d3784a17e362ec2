"""Upper, middle and lower thirds of a lung in a volume, by its height or by its volume.

The cuts lie between slices. The thirds by height stand in for the zones that readers tell apart at the carina and at
the inferior pulmonary veins.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

THIRDS = ("upper", "middle", "lower")
"""Names of the thirds, from the head down."""

ThirdRule = Literal["height", "volume"]
"""How a lung is cut: thirds of equal height, or thirds of equal volume."""


def thirds(voxels: NDArray[np.integer], rule: ThirdRule = "height") -> dict[str, slice]:
    """The slices of each third of a lung.

    Parameters
    ----------
    voxels : (slices,); how many voxels of the lung each slice has, slices from the feet to the head
    rule : ``height`` cuts between the lowest and the highest slice of the lung, at the boundaries of slices nearest to
        a third and two thirds; ``volume`` where a third and two thirds of the voxels lie below

    Returns
    -------
    dict
        Ranges of slices by the names in :data:`THIRDS`; they join, and together hold the lung. A range may be empty:
        all three are without a lung, and some in a lung of fewer than three slices.
    """
    filled = np.flatnonzero(voxels)
    if len(filled) == 0:
        return dict.fromkeys(THIRDS, slice(0, 0))
    bottom, top = int(filled[0]), int(filled[-1]) + 1
    if rule == "height":
        lower, middle = bottom + round((top - bottom) / 3), top - round((top - bottom) / 3)
    else:
        lower, middle = (max(bottom, cut) for cut in _equal_volume_cuts(voxels))
    return {"upper": slice(middle, top), "middle": slice(lower, middle), "lower": slice(bottom, lower)}


def _equal_volume_cuts(voxels: NDArray[np.integer]) -> tuple[int, int]:
    """First slices of the middle and the upper third: the cuts nearest to a third and two thirds of the volume."""
    below = np.concatenate([[0], np.cumsum(voxels, dtype=np.int64)])
    lower, middle = (int(np.argmin(np.abs(3 * below - part * below[-1]))) for part in (1, 2))
    return lower, middle

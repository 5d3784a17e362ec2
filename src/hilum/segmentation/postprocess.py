"""What is done to a network's masks: stray parts go, holes are filled."""

from __future__ import annotations

from typing import Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def largest_parts(mask: Mask, *, share: float) -> Mask:
    """The largest connected part (8 neighbours), and those of at least ``share`` of its area."""
    parts, areas = _parts(mask, connectivity=8)
    if len(areas) < 2:
        return mask
    keep = areas >= share * areas[1:].max()
    keep[0] = False
    return keep[parts]


def parts_of_at_least(mask: Mask, pixels: float) -> Mask:
    """The connected parts (8 neighbours) of at least so many pixels."""
    if not mask.any():
        return mask
    parts, areas = _parts(mask, connectivity=8)
    keep = areas >= pixels
    keep[0] = False
    return mask if keep[1:].all() else keep[parts]


def filled(mask: Mask) -> Mask:
    """The mask with its holes: what is outside it and not connected (4 neighbours) to the edge of the picture."""
    parts, areas = _parts(~np.pad(mask, 1), connectivity=4)
    outside = np.zeros(len(areas), dtype=bool)
    outside[parts[0, 0]] = True
    return ~outside[parts][1:-1, 1:-1]


def grown(mask: Mask) -> Mask:
    """The mask and its 4 neighbours."""
    made = mask.copy()
    made[1:] |= mask[:-1]
    made[:-1] |= mask[1:]
    made[:, 1:] |= mask[:, :-1]
    made[:, :-1] |= mask[:, 1:]
    return made


def _parts(mask: Mask, *, connectivity: Literal[4, 8]) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """Numbers of the connected parts, and their areas; number 0 is outside."""
    parts = np.asarray(cc3d.connected_components(np.ascontiguousarray(mask, dtype=np.uint8), connectivity=connectivity))
    return parts, np.bincount(parts.ravel())

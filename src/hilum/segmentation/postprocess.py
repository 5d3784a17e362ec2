"""What is done to a network's masks: stray parts go, holes are filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def largest_parts(mask: Mask, *, share: float) -> Mask:
    """The largest connected part (8 neighbours), and those of at least ``share`` of its area."""
    return _kept(mask, lambda areas: areas >= share * areas.max())


def parts_of_at_least(mask: Mask, pixels: float) -> Mask:
    """The connected parts (8 neighbours) of at least so many pixels."""
    return _kept(mask, lambda areas: areas >= pixels)


def filled(mask: Mask) -> Mask:
    """The mask with its holes: what is outside it and not connected (4 neighbours) to the edge of the picture."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return mask
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    parts = numbered_parts(~np.pad(mask[box], 1), connectivity=4)
    made = mask.copy()
    made[box] = parts[1:-1, 1:-1] != parts[0, 0]
    return made


def grown(mask: Mask) -> Mask:
    """The mask and its 4 neighbours."""
    made = mask.copy()
    made[1:] |= mask[:-1]
    made[:-1] |= mask[1:]
    made[:, 1:] |= mask[:, :-1]
    made[:, :-1] |= mask[:, 1:]
    return made


def _kept(mask: Mask, choose: Callable[[NDArray[np.intp]], Mask]) -> Mask:
    """The connected parts (8 neighbours) that are chosen by their areas."""
    numbers = numbered_parts(mask, connectivity=8)[mask]
    if not len(numbers):
        return mask
    keep = np.concatenate(([False], choose(np.bincount(numbers)[1:])))
    if keep[1:].all():
        return mask
    made = np.zeros_like(mask)
    made[mask] = keep[numbers]
    return made


def numbered_parts(mask: Mask, *, connectivity: Literal[4, 8]) -> NDArray[np.integer]:
    """Numbers of the connected parts of a plane, from 1; 0 is outside."""
    # As numbers: of a plane of truth values, cc3d 4.1 gives some pixels at the left edge of the background a part, too.
    plane = np.ascontiguousarray(mask).view(np.uint8)
    return np.asarray(cc3d.connected_components(plane, connectivity=connectivity))

"""Dense bodies within the lungs, which are opacity whatever a network says.

A network that sees one slice at a time cannot tell a round, even consolidation or mass from the dome of the
diaphragm. In three dimensions it can be told: nothing of a healthy lung is so thick and without air, vessels least.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .solids import Solid, Spacing, opened, swollen

BODY_HU = -500.0
"""A body is denser than this throughout: half as dense as soft tissue."""

BODY_MM = 8.0
"""Half the least thickness of a body in every direction: the largest vessels that count as lung are thinner, and so is
what a dome or a chest wall blurs into the edge of a lung."""

EDGE_MM = 4.0
"""A body reaches so much farther than balls of that size fit into it: its corners, as far as they are dense."""

MARKED = 230
"""Probability of opacity that a body has at least, of 255."""


def mark_dense_bodies(
    opacity: NDArray[np.uint8],
    grey: NDArray[np.uint8],
    lung: Solid,
    *,
    window_hu: tuple[float, float],
    spacing_mm: Spacing,
) -> None:
    """Raise the probability of opacity where a dense body lies in the lungs, in place.

    Parameters
    ----------
    opacity : (looks, rows, columns), 0 to 255
    grey : the looks themselves, of the same shape, seen through ``window_hu``
    lung : of the same shape
    window_hu : lower and upper end of the window, in Hounsfield units
    spacing_mm : between looks, rows and columns
    """
    if len(lung) < 2:
        return
    low, high = window_hu
    dense = lung & (grey > 255.0 * (BODY_HU - low) / (high - low))
    slices, rows, columns = dense.shape
    step = 1 if rows % 2 or columns % 2 else 2
    blocks = np.asarray(dense.reshape(slices, rows // step, step, columns // step, step).all(axis=(2, 4)))
    coarse = (spacing_mm[0], step * spacing_mm[1], step * spacing_mm[2])
    bodies = opened(blocks, BODY_MM, coarse)
    if bodies.any():
        where = swollen(bodies.repeat(step, axis=1).repeat(step, axis=2), EDGE_MM, spacing_mm) & dense
        np.maximum(opacity, np.uint8(MARKED), out=opacity, where=where)

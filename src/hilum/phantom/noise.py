"""Soft random fields that are anchored in space: the same place gives the same value on every grid."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""Numbers at positions; float32 in practice, and anything that broadcasts."""

LATTICE = 32
"""Random values along each axis before the field repeats; 32 cells of 20 mm are wider than a thorax."""


@lru_cache(maxsize=8)
def _lattice(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (LATTICE,) * 3).astype(np.float32)


def value_noise(x: Field, y: Field, z: Field, *, cell_mm: float, seed: int, octaves: int = 2) -> Field:
    """Smooth noise in about [-1, 1] at positions in millimetres.

    Random values on a cubic lattice, blended between its nodes by a smooth step; each further octave has half
    the cell and half the strength.

    Parameters
    ----------
    x, y, z : positions, arrays that broadcast together
    cell_mm : edge of the coarsest lattice cell
    seed : of the lattice
    octaves : how many scales are added
    """
    made = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
    for octave in range(octaves):
        scale = 2.0**octave
        made += _one_octave(x * (scale / cell_mm), y * (scale / cell_mm), z * (scale / cell_mm), seed + octave) / scale
    return made


def _one_octave(x: Field, y: Field, z: Field, seed: int) -> Field:
    lattice = _lattice(seed)
    if x.ndim == 3 and all(axis.size == max(axis.shape) for axis in (x, y, z)):
        return _separable(x, y, z, lattice)
    axes = [_cell(axis) for axis in (z, y, x)]
    made = np.float32(0)
    for corner in np.ndindex(2, 2, 2):
        nodes = tuple((cell + step) % LATTICE for (cell, _), step in zip(axes, corner, strict=True))
        weights = [blend if step else 1 - blend for (_, blend), step in zip(axes, corner, strict=True)]
        made = made + lattice[nodes] * (weights[0] * weights[1] * weights[2])
    return np.asarray(made, dtype=np.float32)


def _separable(x: Field, y: Field, z: Field, lattice: NDArray[np.float32]) -> Field:
    """The same on a grid along the axes: one small matrix product an axis instead of eight look-ups a voxel."""
    made = lattice
    for line in (z, y, x):
        cell, blend = _cell(line.ravel())
        weights = np.zeros((cell.size, LATTICE), dtype=np.float32)
        np.add.at(weights, (np.arange(cell.size), cell % LATTICE), 1 - blend)
        np.add.at(weights, (np.arange(cell.size), (cell + 1) % LATTICE), blend)
        made = np.tensordot(made, weights, axes=(0, 1))
    order = [int(np.argmax(line.shape)) if line.size > 1 else -1 for line in (z, y, x)]
    free = [axis for axis in range(3) if axis not in order]
    order = [axis if axis >= 0 else free.pop() for axis in order]
    return np.asarray(np.moveaxis(made, (0, 1, 2), order), dtype=np.float32)


def _cell(position: Field) -> tuple[NDArray[np.int32], Field]:
    """Lattice cell of a position, and how far it lies into it after the smooth step."""
    cell = np.floor(position)
    fraction = position - cell
    return cell.astype(np.int32), (fraction * fraction * (3 - 2 * fraction)).astype(np.float32)

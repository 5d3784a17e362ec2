"""Volumes in every way in which they lie, for the tests of writers."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LabelMap
from hilum.provenance import Source

SOURCE = Source("scan.nii.gz", "ab" * 32)
SHAPE = (7, 11, 13)
SPACING = (2.5, 0.7, 0.8)

AXES = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
"""All 48 orders and directions of three axes."""


def grid(order: tuple[int, ...] = (2, 1, 0), signs: tuple[int, ...] = (1, 1, 1), turn: float = 0.0) -> VolumeGrid:
    """A grid whose axes run along the LPS axes ``order``, one way or the other, turned by some degrees."""
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * np.array(signs) * SPACING
    angle = np.deg2rad(turn)
    about_z = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    about_x = about_z[[2, 0, 1]][:, [2, 0, 1]]
    affine[:3, :3] = about_x @ about_z @ affine[:3, :3]
    affine[:3, 3] = (-11.0, 23.5, 1005.25)
    return VolumeGrid(SHAPE, affine)


def tilted(degrees: float = 15.0) -> VolumeGrid:
    """Axial slices of a gantry that was tilted: each lies farther back than the one below it."""
    affine = grid().affine.copy()
    affine[1, 0] = SPACING[0] * np.tan(np.deg2rad(degrees))
    return VolumeGrid(SHAPE, affine)


def labels(place: VolumeGrid) -> LabelMap:
    """Numbers 0 to 3 at random."""
    array = np.random.default_rng(5).integers(0, 4, place.shape).astype(np.uint8)
    return LabelMap(array, place, LESIONS, SOURCE)


def values_in_the_patient(array: np.ndarray, affine: np.ndarray) -> dict[tuple[int, ...], int]:
    """The value at each LPS position in hundredths of a mm, given the affine of (i, j, k, 1) to LPS."""
    indices = np.indices(array.shape).reshape(3, -1)
    places = affine[:3, :3] @ indices + affine[:3, 3:]
    keys = np.rint(places * 100).astype(int).T.tolist()
    return dict(zip(map(tuple, keys), array.reshape(-1).tolist(), strict=True))

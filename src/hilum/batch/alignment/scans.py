"""Scans that are aligned: their masks, where their voxels lie, and straight grids about their lungs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import Error, MissingExtra, WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap, Quantity

Points = NDArray[np.float64]
"""LPS positions in mm, shape (..., 3)."""

MOST_VOXELS = 1_500_000
"""Of a grid for registration or its quality."""

MARGIN_MM = 24.0
"""About the lungs on every side; distances to their surface are cut off there."""


class AlignmentError(Error):
    """Two scans could not be laid on one another well enough to compare them place by place."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What is aligned: masks on one grid, and the CT if it is there.

    Attributes
    ----------
    lungs : 1 the patient's right, 2 the left
    lesions : on the same grid
    lobes : on the same grid; None where there are none
    image : on the same grid, Hounsfield units; None registers the masks alone
    """

    lungs: LabelMap
    lesions: LabelMap
    lobes: LabelMap | None = None
    image: Image | None = None

    def require_whole(self) -> None:
        """Raise what :func:`~hilum.batch.alignment.align` does, unless there are lungs, and all lies on one grid."""
        for each in (self.lesions, self.lobes, self.image):
            if each is not None:
                self.lungs.volume.require_same(each.volume)
        if self.image is not None and self.image.quantity is not Quantity.HOUNSFIELD:
            raise WrongQuantity(
                "Scans are aligned by Hounsfield units, and one is in grey levels: leave the images out."
            )
        if not self.lungs.array.any():
            raise AlignmentError("A scan without lungs cannot be aligned.")


def labels_at(labels: LabelMap, points: Points) -> NDArray[np.uint8]:
    """The labels of the voxels in which points (n, 3) lie; 0 outside the scan."""
    index, inside = voxel_index(labels.volume, points)
    made = np.zeros(len(points), dtype=np.uint8)
    made[inside] = labels.array[tuple(index[inside].T)]
    return made


def voxel_points(grid: VolumeGrid, places: NDArray[np.intp]) -> Points:
    """LPS positions (n, 3) of voxels, given by their places in the flat array."""
    return grid.position_mm(np.stack(np.unravel_index(places, grid.shape), axis=-1).astype(np.float64))


def voxel_index(grid: VolumeGrid, points: Points) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The voxel (n, 3) in which each point lies, or would lie, and whether the grid has it."""
    home = np.linalg.inv(grid.affine)
    index = np.rint(points @ home[:3, :3].T + home[:3, 3]).astype(np.intp)
    return index, np.asarray(((index >= 0) & (index < grid.shape)).all(axis=-1))


def box_about(lungs: LabelMap, spacing_mm: float) -> VolumeGrid:
    """A straight grid (slices to the head, rows to the back, columns to the left) about lungs, with a margin."""
    places = np.flatnonzero(lungs.array)
    if len(places) > 200_000:
        places = np.concatenate([places[:: len(places) // 200_000], places[[0, -1]]])
    points = voxel_points(lungs.volume, places)
    low, high = points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
    spacing = max(spacing_mm, float(np.cbrt(np.prod(high - low) / MOST_VOXELS)))
    slices, rows, columns = (int(n) + 1 for n in np.ceil((high - low) / spacing)[::-1])
    return VolumeGrid.of_spacing((slices, rows, columns), (spacing, spacing, spacing), tuple(low.tolist()))


def all_points(grid: VolumeGrid) -> Points:
    """LPS positions (n, 3) of all voxels, in the order of the flat array."""
    return grid.position_mm(np.indices(grid.shape, dtype=np.float64).reshape(3, -1).T)


def centre_of(lungs: LabelMap) -> Points:
    """Centre of mass of the lungs, LPS mm."""
    total = np.zeros(3)
    for place, plane in enumerate(lungs.array):
        rows, columns = np.nonzero(plane)
        total += (len(rows) * place, rows.sum(), columns.sum())
    return lungs.volume.position_mm(total / np.count_nonzero(lungs.array))


def simpleitk() -> Any:
    """SimpleITK; MissingExtra where it is not installed."""
    try:
        import SimpleITK
    except ModuleNotFoundError as error:
        raise MissingExtra("The alignment of CTs", "ct") from error
    return SimpleITK

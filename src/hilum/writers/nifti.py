"""NIfTI: films and volumes with their place in the patient.

A film becomes a volume one slice thick that stands upright in the patient, so that a viewer shows it as a coronal
picture with the right side labels whichever way its rows and columns run: the first axis is the column index, the
second the row index, the directions are those of the film's orientation, the origin is the centre of the first
pixel. A film whose spacing is unknown gets 1 mm a pixel, and the header's description says so; so it does when the
spacing holds at the detector, where lengths are larger than in the patient.

A volume's affine goes into the sform as it is, a tilted gantry's shear too. The qform cannot hold a shear, so a
sheared volume has none: readers that know the qform only, ITK among them, then refuse the file rather than put its
voxels in the wrong place. NRRD serves those.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid, SpacingAt, VolumeGrid

from .packed import OnGrid, gzipped

if TYPE_CHECKING:
    from nibabel import Nifti1Image

SHEAR = 1e-4
"""Largest cosine between two axes of a volume that still counts as a right angle, which a qform can hold."""

_DIRECTIONS = {"L": (1.0, 0.0, 0.0), "R": (-1.0, 0.0, 0.0), "H": (0.0, 0.0, 1.0), "F": (0.0, 0.0, -1.0)}

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

_DESCRIPTIONS = {
    SpacingAt.UNKNOWN: "film; plane of the spacing unknown",
    SpacingAt.DETECTOR: "film; spacing holds at the detector",
    SpacingAt.PATIENT: "film; spacing holds at the patient",
}


def write_nifti(artefact: OnGrid, path: Path) -> None:
    """Write an image or a label map; ValueError if NIfTI cannot hold numbers of its type."""
    import nibabel
    from nibabel.spatialimages import HeaderDataError

    try:
        made = to_nibabel(artefact)
    except HeaderDataError as error:
        raise ValueError(str(error)) from error
    if path.name.endswith(".gz") and isinstance(artefact.grid, VolumeGrid):
        with path.open("wb") as file:
            for part in gzipped(artefact.array, _head(made)):
                file.write(part)
    else:
        nibabel.save(made, path)


def _head(made: Nifti1Image) -> bytes:
    """What stands before the voxels of a file: the header, and that there are no extensions."""
    header = made.header.copy()
    header["magic"], header["vox_offset"] = b"n+1", header.single_vox_offset
    header.set_slope_inter(1.0, 0.0)
    return header.binaryblock + bytes(4)


def to_nibabel(artefact: OnGrid) -> Nifti1Image:
    """A NIfTI image of the same values in the same place; a film becomes one slice (see the module's text)."""
    grid = artefact.grid
    if isinstance(grid, PlaneGrid):
        made = _placed(artefact.array.T[:, :, np.newaxis], film_affine(grid), with_qform=True)
        unscaled = "film; spacing unknown, 1 mm stands for a pixel"
        made.header["descrip"] = unscaled if grid.spacing_mm is None else _DESCRIPTIONS[grid.spacing_at]
        return made
    return _placed(artefact.array.T, grid.affine[:, [2, 1, 0, 3]], with_qform=not is_sheared(grid))


def is_sheared(grid: VolumeGrid) -> bool:
    """Whether the axes of a volume stand at other than right angles, as those of a tilted gantry do."""
    axes = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR)


def film_affine(grid: PlaneGrid) -> NDArray[np.float64]:
    """(4, 4), from (column, row, depth, 1) of a film to LPS mm, as if it stood in the patient."""
    columns, rows = _DIRECTIONS[grid.orientation.columns], _DIRECTIONS[grid.orientation.rows]
    spacing = grid.spacing_mm or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([columns, rows, np.cross(columns, rows)], axis=1) * (spacing[1], spacing[0], 1.0)
    return affine


def _placed(volume: NDArray[Any], affine: NDArray[np.float64], *, with_qform: bool) -> Nifti1Image:
    """An image of (columns, rows, slices) values at an LPS affine of that order."""
    from nibabel import Nifti1Image

    made = Nifti1Image(volume, _TO_RAS @ affine)
    made.header.set_xyzt_units("mm")
    made.set_sform(made.affine, code="scanner")
    made.set_qform(made.affine if with_qform else None, code="scanner" if with_qform else "unknown")
    return made

"""Masks and images as files: PNG for films, NIfTI for films and volumes, always on the image's own grid.

PNG holds the numbers of a label map as they are (8-bit grey: 0 nothing, 1, 2, 3 the structures), in the rows and
columns of the input; it carries no spacing and no orientation.

NIfTI holds a film as a volume one slice thick that stands upright in the patient, so that a viewer shows it as a
coronal picture with the right side labels whichever way its rows and columns run: the first axis is the column
index, the second the row index, the directions are those of the film's orientation, the origin is the centre of
the first pixel. A film whose spacing is unknown gets 1 mm a pixel, and the header's description says so; so it
does when the spacing holds at the detector, where lengths are larger than in the patient.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WriteError
from hilum.geometry import PlaneGrid, SpacingAt, VolumeGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.registry import unknown

from .png import encode_png
from .whole import whole_file

if TYPE_CHECKING:
    from nibabel import Nifti1Image

ENDINGS = {"png": ".png", "nifti": ".nii.gz"}
"""The formats of ``settings.output.masks`` and the endings of their files."""

FORMATS = (".png", ".nii", ".nii.gz")
"""The endings that :func:`write` knows."""

_DIRECTIONS = {"L": (1.0, 0.0, 0.0), "R": (-1.0, 0.0, 0.0), "H": (0.0, 0.0, 1.0), "F": (0.0, 0.0, -1.0)}

_DESCRIPTIONS = {
    SpacingAt.UNKNOWN: "film; plane of the spacing unknown",
    SpacingAt.DETECTOR: "film; spacing holds at the detector",
    SpacingAt.PATIENT: "film; spacing holds at the patient",
}


def write(artefact: Image | LabelMap, path: Path | str) -> Path:
    """Write a label map or an image to a file, in the format of its ending, and give back the path.

    The file appears when it is whole. What it holds is the array on its own grid, value by value; only an image
    of probabilities becomes 0 to 255 in a PNG file.

    Parameters
    ----------
    artefact : a film's or a volume's label map or image
    path : ends in ``.png``, ``.nii`` or ``.nii.gz``; its folder is created

    Raises
    ------
    WriteError
        The ending is unknown, the format cannot hold such an array, or the disk refuses.
    """
    path = Path(path)
    if not path.name.lower().endswith(FORMATS):
        raise WriteError(f"Cannot write {str(path)!r}: {unknown('format', path.suffix, FORMATS)}", path=path)
    with whole_file(path) as unfinished:
        write_straight(artefact, unfinished)
    return path


def write_straight(artefact: Image | LabelMap, path: Path) -> None:
    """Write like :func:`write`, but to the path itself: for folders that are renamed when they are whole."""
    is_png = path.suffix.lower() == ".png"
    try:
        if is_png:
            path.write_bytes(_as_png(artefact))
        else:
            _write_nifti(artefact, path)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        kind, dtype = "PNG" if is_png else "NIfTI", artefact.array.dtype
        raise WriteError(f"Cannot write an image of {dtype} values as {kind}: {error}.") from error


def as_bytes(probability: NDArray[Any]) -> NDArray[np.uint8]:
    """Probabilities 0 to 1 as 0 to 255, rounded; of the same shape."""
    return np.rint(np.clip(probability, 0.0, 1.0) * np.float32(255)).astype(np.uint8)


def _as_png(artefact: Image | LabelMap) -> bytes:
    array = artefact.array
    if isinstance(artefact, Image) and artefact.quantity is Quantity.PROBABILITY:
        array = as_bytes(array)
    return encode_png(array, is_picture=isinstance(artefact, Image))


def _write_nifti(artefact: Image | LabelMap, path: Path) -> None:
    import nibabel
    from nibabel.spatialimages import HeaderDataError

    try:
        nibabel.save(to_nibabel(artefact), path)
    except HeaderDataError as error:
        raise ValueError(str(error)) from error


def to_nibabel(artefact: Image | LabelMap) -> Nifti1Image:
    """A NIfTI image of the same values in the same place; a film becomes one slice (see the module's text)."""
    from nibabel import Nifti1Image

    grid, array = artefact.grid, artefact.array
    volume = array.T[:, :, np.newaxis] if isinstance(grid, PlaneGrid) else array.T
    axes, spacing = _film_axes(grid) if isinstance(grid, PlaneGrid) else _volume_axes(grid)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array(spacing)
    if isinstance(grid, VolumeGrid):
        affine[:3, 3] = grid.affine[:3, 3]
    made = Nifti1Image(volume, to_ras @ affine)
    made.header.set_xyzt_units("mm")
    made.set_sform(made.affine, code="scanner")
    made.set_qform(made.affine, code="scanner")
    if isinstance(grid, PlaneGrid):
        unscaled = "film; spacing unknown, 1 mm stands for a pixel"
        made.header["descrip"] = unscaled if grid.spacing_mm is None else _DESCRIPTIONS[grid.spacing_at]
    return made


def _film_axes(grid: PlaneGrid) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Unit vectors (LPS, one a column) and spacing in mm of a film's column, row and depth axes."""
    columns, rows = _DIRECTIONS[grid.orientation.columns], _DIRECTIONS[grid.orientation.rows]
    spacing = grid.spacing_mm or (1.0, 1.0)
    return np.stack([columns, rows, np.cross(columns, rows)], axis=1), (spacing[1], spacing[0], 1.0)


def _volume_axes(grid: VolumeGrid) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Unit vectors (LPS, one a column) and spacing in mm of a volume's column, row and slice axes."""
    spacing = grid.spacing_mm[::-1]
    return grid.affine[:3, 2::-1] / np.array(spacing), spacing

"""Masks and images as files: PNG for films, NIfTI and NRRD for films and volumes, always on the image's own grid.

PNG holds the numbers of a label map as they are (8-bit grey: 0 nothing, 1, 2, 3 the structures), in the rows and
columns of the input; it carries no spacing and no orientation. NIfTI and NRRD carry both; a film in them is a volume
one slice thick.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import SettingsError, WriteError
from hilum.geometry import Grid, PlaneGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.registry import unknown

from .nifti import write_nifti
from .nrrd import write_nrrd
from .png import encode_png
from .whole import whole_file

ENDINGS = {"png": ".png", "nifti": ".nii.gz", "nrrd": ".nrrd"}
"""The formats of ``settings.output.masks`` and the endings of their files."""

FORMATS = (".png", ".nii", ".nii.gz", ".nrrd")
"""The endings that :func:`write` knows."""


def endings(formats: Iterable[str], grid: Grid) -> tuple[str, ...]:
    """The endings of the mask files on a grid, each once: a volume is written as NIfTI where PNG is asked for.

    Raises
    ------
    SettingsError
        A format is not known.
    """
    made: dict[str, None] = {}
    for name in formats:
        if name not in ENDINGS:
            raise SettingsError(unknown("mask format", name, ENDINGS))
        made[ENDINGS["nifti" if name == "png" and not isinstance(grid, PlaneGrid) else name]] = None
    return tuple(made)


def write(artefact: Image | LabelMap, path: Path | str) -> Path:
    """Write a label map or an image to a file, in the format of its ending, and give back the path.

    The file appears when it is whole. What it holds is the array on its own grid, value by value; only an image
    of probabilities becomes 0 to 255 in a PNG file.

    Parameters
    ----------
    artefact : a film's or a volume's label map or image
    path : ends in ``.png``, ``.nii``, ``.nii.gz`` or ``.nrrd``; its folder is created

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
    """Write like :func:`write`, but to the path itself: for folders that are renamed when they are whole.

    Raises
    ------
    WriteError
        The format cannot hold such values, or such a grid.
    """
    kind = {".png": "PNG", ".nrrd": "NRRD"}.get(path.suffix.lower(), "NIfTI")
    try:
        if kind == "PNG":
            path.write_bytes(_as_png(artefact))
        elif kind == "NRRD":
            write_nrrd(artefact, path)
        else:
            write_nifti(artefact, path)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise WriteError(f"Cannot write an image of {artefact.array.dtype} values as {kind}: {error}.") from error


def as_bytes(probability: NDArray[Any]) -> NDArray[np.uint8]:
    """Probabilities 0 to 1 as 0 to 255, rounded; of the same shape. What is uint8 is that already."""
    if probability.dtype == np.uint8:
        return probability
    return np.rint(np.clip(probability, 0.0, 1.0) * np.float32(255)).astype(np.uint8)


def _as_png(artefact: Image | LabelMap) -> bytes:
    array = artefact.array
    if isinstance(artefact, Image) and artefact.quantity is Quantity.PROBABILITY:
        array = as_bytes(array)
    return encode_png(array, is_picture=isinstance(artefact, Image))

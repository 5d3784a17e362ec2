"""The pixels of images and the plain numbers of masks, upright, without refusing what an audit has to report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import SPACING_ASSUMED, open_image, open_mask, turned
from hilum.datasets.schema import DatasetCase, MaskKind
from hilum.datasets.stored import is_volume, picture
from hilum.errors import ReadError
from hilum.geometry import VolumeGrid
from hilum.image import Image


@dataclass(frozen=True, slots=True)
class Pixels:
    """An image, upright (films, slices) or axial (volumes).

    Attributes
    ----------
    image : as it was opened
    array : shape (rows, columns) of a film or a single slice, or (slices, rows, columns)
    spacing_mm : one for each axis; None if nobody states any
    """

    image: Image
    array: NDArray[Any]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """A mask as it is stored, turned like its image.

    Attributes
    ----------
    array : of whatever shape it has; of the image's, if all is well
    labels : number to structure
    grid : of a volume, None where the file has none
    """

    array: NDArray[Any]
    labels: Mapping[int, str]
    grid: VolumeGrid | None = None


def image_pixels(case: DatasetCase) -> Pixels:
    """The pixels of a case's image.

    Raises
    ------
    Error
        A file is not there or cannot be read, or is not what the case says.
    """
    image = open_image(case)
    array, spacing = image.array, image.grid.spacing_mm
    if SPACING_ASSUMED in image.findings:
        spacing = None
    if array.ndim == 3 and len(array) == 1:
        array, spacing = array[0], None if spacing is None else spacing[1:]
    return Pixels(image, array, spacing)


def mask_numbers(case: DatasetCase, kind: MaskKind, image: Image) -> Numbers:
    """A mask's numbers as its file holds them; those of :func:`hilum.datasets.open.open_mask` if it takes more than
    one file, or a form, to make it.

    Raises
    ------
    Error
        A file is not there or cannot be read, or holds fractions.
    """
    mask = case.masks[kind]
    if mask.form or mask.beside:
        opened = open_mask(case, kind, image)
        return Numbers(_flat(opened.array), {number: label.name for number, label in opened.labels.items()})
    if is_volume(mask.path):
        return _volume(case, kind)
    array = picture(mask.path, as_grey=mask.above is not None)
    if mask.above is not None:
        array = (array > mask.above).astype(np.uint8)
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise ReadError(f"The mask {str(mask.path)!r} holds fractions, as maps of probability do.", path=mask.path)
    return Numbers(turned(array, mask.turn), mask.labels)


def _volume(case: DatasetCase, kind: MaskKind) -> Numbers:
    from hilum.readers import read

    mask = case.masks[kind]
    opened = read(mask.path)
    if not isinstance(opened.grid, VolumeGrid):
        return Numbers(opened.upright().array, mask.labels)
    opened = opened.axial()
    return Numbers(_flat(opened.array), mask.labels, opened.volume)


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """The one slice of a volume of one slice."""
    return array[0] if array.ndim == 3 and len(array) == 1 else array

"""Builds the image of a film from what a reader found, or from an array in memory."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation
from hilum.image import Image, Quantity
from hilum.provenance import Source

from .content import Content
from .grey import grey

EXIF_ORIENTATIONS = {
    1: UPRIGHT,
    2: PlaneOrientation(columns="R", rows="F"),
    3: PlaneOrientation(columns="R", rows="H"),
    4: PlaneOrientation(columns="L", rows="H"),
    5: PlaneOrientation(columns="F", rows="L"),
    6: PlaneOrientation(columns="F", rows="R"),
    7: PlaneOrientation(columns="H", rows="R"),
    8: PlaneOrientation(columns="H", rows="L"),
}
"""EXIF and TIFF tag 274: which way the axes run, if the picture shown by the tag's rule is upright."""


def picture(content: Content, samples: NDArray[Any], *, has_alpha: bool = False, orientation: int = 1) -> Image:
    """The film in a PNG, JPEG, BMP or TIFF file, on the file's own pixel grid.

    Parameters
    ----------
    content : the file
    samples : shape (rows, columns) or (rows, columns, channels), as stored; larger is brighter
    has_alpha : the last channel is opacity, not yet multiplied in
    orientation : EXIF orientation, 1 to 8; other numbers count as 1
    """
    array, findings = grey(samples, has_alpha=has_alpha)
    grid = PlaneGrid((array.shape[0], array.shape[1]), orientation=EXIF_ORIENTATIONS.get(orientation, UPRIGHT))
    return Image(array, grid, Quantity.RADIOGRAPH, content.source(), findings=findings)


def from_array(
    array: NDArray[Any], *, spacing_mm: float | tuple[float, float] | None = None, name: str = "array"
) -> Image:
    """A film from an array in memory, copied, so that later changes of the array do not reach it.

    Parameters
    ----------
    array : shape (rows, columns), or (rows, columns, 3 or 4) with red, green, blue and opacity; any real numbers,
        larger is brighter; upright, the patient's right at the left edge
    spacing_mm : distance between neighbouring (rows, columns), one number if they are alike, None if unknown
    name : takes the place of the file name

    Raises
    ------
    ValueError
        The array has another shape, no pixels, or holds no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from hilum.readers import from_array
    >>> from_array(np.zeros((7, 11), dtype=np.uint16), spacing_mm=0.143).plane.spacing_mm
    (0.143, 0.143)
    """
    array = np.array(array, order="C")
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ValueError(f"a film is an array of shape (rows, columns) or (rows, columns, 3 or 4), not {array.shape}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"a film's array holds real numbers, not {array.dtype}")
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(array.tobytes())
    made, findings = grey(array, has_alpha=array.ndim == 3 and array.shape[2] == 4)
    spacing = (spacing_mm, spacing_mm) if isinstance(spacing_mm, int | float) else spacing_mm
    grid = PlaneGrid((made.shape[0], made.shape[1]), spacing)
    return Image(made, grid, Quantity.RADIOGRAPH, Source(name, digest.hexdigest()), findings=findings)

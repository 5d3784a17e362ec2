"""CT volumes that are in memory already: numpy arrays, nibabel's and SimpleITK's images.

Neither library is imported here: whoever has one of their images has imported it.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.measurement import Finding
from hilum.provenance import Source

from .film import from_array
from .nifti import UNITS_MM, UNPLACED
from .volume import CONTRAST_UNKNOWN, RAS_TO_LPS, along
from .voxels import hounsfield


class NibabelImage(Protocol):
    """What an image of nibabel has."""

    @property
    def dataobj(self) -> Any:
        """Its voxels, which ``numpy.asanyarray`` takes."""
        ...

    @property
    def affine(self) -> Any:
        """From (i, j, k) to RAS millimetres, shape (4, 4)."""
        ...


class SimpleItkImage(Protocol):
    """What an image of SimpleITK has."""

    def GetDirection(self) -> Any:  # noqa: N802 - the library's name
        """The directions of its axes, nine numbers row by row."""
        ...

    def GetSpacing(self) -> Any:  # noqa: N802 - the library's name
        """The distances along its axes."""
        ...


InMemory = NDArray[Any] | NibabelImage | SimpleItkImage
"""What is in memory and can be made an image."""


def from_object(source: InMemory, *, name: str = "") -> Image:
    """A film or a CT from an object in memory: a numpy array (a film), a nibabel or a SimpleITK image (a CT).

    Parameters
    ----------
    source : a three-dimensional array says nothing of its spacing: make it an image with :func:`volume_from_array`
    name : takes the place of the file name; empty says what it is

    Raises
    ------
    TypeError
        It is none of these.
    ValueError
        Its shape or its numbers are not those of a film or a CT.
    """
    if isinstance(source, np.ndarray):
        if source.ndim == 3 and source.shape[2] not in (1, 3, 4):
            raise ValueError(
                f"an array of shape {source.shape} is no film, and as a CT it lacks its spacing: use "
                "hilum.readers.volume_from_array(array, spacing_mm=(between slices, rows, columns))"
            )
        return from_array(source, name=name or "array")
    if hasattr(source, "dataobj") and hasattr(source, "affine"):
        return from_nibabel(source, name=name or "nibabel image")
    if hasattr(source, "GetDirection") and hasattr(source, "GetSpacing"):
        return from_simpleitk(source, name=name or "SimpleITK image")
    raise TypeError(
        f"a film or CT is a path, a numpy array, or an image of hilum, nibabel or SimpleITK, not {type(source)}"
    )


def volume_from_array(
    array: NDArray[Any],
    *,
    spacing_mm: tuple[float, float, float] | None = None,
    affine: NDArray[Any] | None = None,
    quantity: Quantity = Quantity.HOUNSFIELD,
    name: str = "array",
) -> Image:
    """A CT from an array in memory, copied, so that later changes of the array do not reach it.

    Parameters
    ----------
    array : shape (slices, rows, columns), Hounsfield units; for ``WINDOWED_CT`` uint8
    spacing_mm : between neighbouring (slices, rows, columns), which then run towards the head, the back and the left
    affine : in its place, shape (4, 4): takes (slice, row, column, 1) to LPS millimetres
    quantity : ``HOUNSFIELD`` or ``WINDOWED_CT``
    name : takes the place of the file name

    Raises
    ------
    ValueError
        The array has another shape or kind; both or neither of spacing and affine are given; they span no volume.

    Examples
    --------
    >>> import numpy as np
    >>> from hilum.readers import volume_from_array
    >>> volume_from_array(np.zeros((7, 11, 13)), spacing_mm=(2.5, 0.7, 0.7)).array.dtype
    dtype('int16')
    """
    array = np.array(array, order="C")
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"a CT is an array of real numbers of shape (slices, rows, columns), not {array.dtype} of {array.shape}"
        )
    if (spacing_mm is None) == (affine is None):
        raise ValueError("a CT in an array needs either spacing_mm or affine")
    shape = (array.shape[0], array.shape[1], array.shape[2])
    grid = VolumeGrid(shape, np.asarray(affine)) if affine is not None else _plain_grid(shape, spacing_mm)
    return _image(array, grid, quantity, name=name)


def from_nibabel(image: Any, *, name: str = "nibabel image") -> Image:
    """A CT from an image of nibabel, in Hounsfield units; its affine goes from (i, j, k) to RAS.

    Its header tells the unit of length, millimetres unless it says otherwise, and whether the affine was assumed.

    Raises
    ------
    ValueError
        It has not three axes, no real numbers, or no affine.
    """
    if image.affine is None:
        raise ValueError("the image of nibabel has no affine, and a CT needs one: give its spacing and directions")
    array = _three_axes(np.asanyarray(image.dataobj))
    header = getattr(image, "header", {})
    fields = header.keys() if hasattr(header, "keys") else ()
    unit = UNITS_MM.get(int(header["xyzt_units"]) % 8, 1.0) if "xyzt_units" in fields else 1.0
    affine = RAS_TO_LPS @ np.diag([unit, unit, unit, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    made = volume_from_array(array.transpose(2, 1, 0), affine=affine[:, [2, 1, 0, 3]], name=name)
    if "sform_code" in fields and int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        return replace(made, findings=(UNPLACED, *made.findings))
    return made


def from_simpleitk(image: Any, *, name: str = "SimpleITK image") -> Image:
    """A CT from an image of SimpleITK, in Hounsfield units.

    Raises
    ------
    ValueError
        It has not three axes, or several channels.
    """
    library = sys.modules[type(image).__module__.partition(".")[0]]
    array: NDArray[Any] = library.GetArrayViewFromImage(image)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(
            f"a CT has three axes and one channel, not {image.GetDimension()} and "
            f"{image.GetNumberOfComponentsPerPixel()}"
        )
    directions = np.array(image.GetDirection(), dtype=np.float64).reshape(3, 3) * image.GetSpacing()
    affine = along(directions, np.array(image.GetOrigin(), dtype=np.float64))
    return volume_from_array(array, affine=affine[:, [2, 1, 0, 3]], name=name)


def _three_axes(array: NDArray[Any]) -> NDArray[Any]:
    """An array without the further axes of length 1 that some libraries add."""
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise ValueError(f"a CT has three axes, not the shape {array.shape}")
    return array


def _plain_grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float] | None) -> VolumeGrid:
    if spacing_mm is None or not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise ValueError(f"a CT's spacing must be positive, not {spacing_mm} mm")
    return VolumeGrid.of_spacing(shape, spacing_mm)


def _image(array: NDArray[Any], grid: VolumeGrid, quantity: Quantity, *, name: str) -> Image:
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(array.data)
    source = Source(name, digest.hexdigest())
    found: tuple[Finding, ...] = ()
    if quantity is Quantity.HOUNSFIELD:
        array, found = hounsfield(array)
    elif quantity is not Quantity.WINDOWED_CT or array.dtype != np.uint8:
        raise ValueError(f"a CT holds Hounsfield units or 8-bit pictures (uint8), not {quantity.value} {array.dtype}")
    return Image(array, grid, quantity, source, findings=(*found, CONTRAST_UNKNOWN))

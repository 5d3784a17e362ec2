"""The grid that a browser shows: that of the image, or of a large film a whole-number fraction of it.

A browser draws an image through a texture, whose sides have at most 2048 pixels on many machines, and films are often
larger. What a reader draws on the smaller grid goes back onto the film where it differs from what was shown there;
every other pixel of the film stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch
from hilum.geometry import Grid, PlaneGrid, VolumeGrid
from hilum.image import Image, Label, LabelMap
from hilum.readers import read_labels
from hilum.writers.nifti import film_affine

MOST_PIXELS = 2048
"""Longest side of a film as it is shown."""

_TOLERANCE = 1e-2
"""Millimetres by which a corner of a drawing may lie off the shown grid: headers hold float32."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The way between an image's grid and the one that is shown.

    Attributes
    ----------
    grid : of the image
    step : pixels of the film, along each axis, that one shown pixel stands for
    """

    grid: Grid
    step: int

    @classmethod
    def of(cls, grid: Grid) -> Shown:
        """The way for an image's grid."""
        is_film = isinstance(grid, PlaneGrid)
        return cls(grid, -(-max(grid.shape) // MOST_PIXELS) if is_film else 1)

    @property
    def small(self) -> Grid:
        """The grid that is shown."""
        if self.step == 1 or not isinstance(self.grid, PlaneGrid):
            return self.grid
        rows, columns = (-(-side // self.step) for side in self.grid.shape)
        spacing = self.grid.spacing_mm
        wide = None if spacing is None else (spacing[0] * self.step, spacing[1] * self.step)
        return replace(self.grid, shape=(rows, columns), spacing_mm=wide)

    def image(self, image: Image) -> Image:
        """An image as it is shown: means of what each pixel stands for; numbers of a type that NIfTI holds."""
        array = image.array
        if array.dtype.kind == "f" and array.dtype != np.float32:
            array = array.astype(np.float32)
        if self.step > 1:
            array = _means(array, self.step)
        return replace(image, array=array, grid=self.small)

    def nearest(self, array: NDArray[Any]) -> NDArray[Any]:
        """Labels or a map on the image's grid as they are shown: the pixel in the middle speaks for all."""
        if self.step == 1:
            return array
        rows, columns = (np.minimum(np.arange(0, side, self.step) + self.step // 2, side - 1) for side in array.shape)
        return array[np.ix_(rows, columns)]

    def back(self, drawn: NDArray[np.uint8], before: LabelMap) -> NDArray[np.uint8]:
        """A label map on the image's grid after somebody drew on it as it was shown.

        Parameters
        ----------
        drawn : on the shown grid
        before : on the image's grid, from which it was shown
        """
        if self.step == 1:
            return drawn
        changed = drawn != self.nearest(before.array)
        rows, columns = before.array.shape

        def wide(array: NDArray[Any]) -> NDArray[Any]:
            return array.repeat(self.step, 0)[:rows].repeat(self.step, 1)[:, :columns]

        return np.where(wide(changed), wide(drawn), before.array)

    def read(self, path: Path, labels: Mapping[int, Label]) -> NDArray[np.uint8]:
        """The numbers of a drawing on the shown grid, of that grid's shape.

        Parameters
        ----------
        path : NIfTI, or any other format of masks that states where it lies
        labels : the structures that it may hold

        Raises
        ------
        ReadError
            It is no mask, damaged, or holds other numbers.
        GridMismatch
            It does not lie on the shown grid.
        """
        drawn = read_labels(path, labels)
        self._require(drawn.grid)
        return drawn.array.reshape(self.small.shape)

    def _require(self, drawn: Grid) -> None:
        """Raise GridMismatch unless a drawing has the shown image's size and place."""
        small = self.small
        if isinstance(drawn, PlaneGrid):
            raise GridMismatch("The mask is a picture, which does not say where it lies: send it as NIfTI.")
        expected = small if isinstance(small, VolumeGrid) else _film_as_volume(small)
        if drawn.shape != expected.shape:
            found, wanted = ("x".join(map(str, each.shape[::-1])) for each in (drawn, expected))
            raise GridMismatch(
                f"The mask has {found} voxels, and the image that is shown has {wanted}: draw on that image."
            )
        corners = np.array(np.meshgrid(*[(0, side - 1) for side in drawn.shape])).reshape(3, -1).T
        drift = float(np.abs(drawn.position_mm(corners) - expected.position_mm(corners)).max())
        if not drift <= _TOLERANCE:
            raise GridMismatch(
                f"A corner of the mask lies {drift:.3g} mm from that of the image that is shown: keep the place that "
                "the header of that image states."
            )


def _film_as_volume(grid: PlaneGrid) -> VolumeGrid:
    """Where a film lies as a NIfTI file of one slice."""
    return VolumeGrid((1, *grid.shape), film_affine(grid)[:, [2, 1, 0, 3]])


def _means(array: NDArray[Any], step: int) -> NDArray[Any]:
    """Means of squares of pixels, in the array's own type; squares at the far edges may be smaller."""
    starts = [np.arange(0, side, step) for side in array.shape]
    sums = np.add.reduceat(np.add.reduceat(array, starts[0], axis=0, dtype=np.float64), starts[1], axis=1)
    counts = [np.minimum(step, side - start) for side, start in zip(array.shape, starts, strict=True)]
    means = sums / np.multiply.outer(counts[0], counts[1])
    return (np.rint(means) if array.dtype.kind in "iu" else means).astype(array.dtype)

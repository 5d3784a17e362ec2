"""How a network that goes over a CT block by block sees it: on a lattice of its own spacing, its densities scaled.

Training and inference share these functions. Volumes are axial; a lattice is a square in the plane of the slices,
which may reach beyond their edges, and all of the volume's length. Across slices, voxels are the mean of what they
cover, weighted by a triangle; within slices too (Pillow's bilinear filter). Beyond the slices there is air.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.models.card import ImageInput, Patches
from hilum.preprocessing.ct import SliceMap, SliceWindow, look_at_density, look_at_labels, whole_slice_window

ALL_HU = (-1024.0, 3071.0)
"""The window of a network whose card has none: what a CT can say in 12 bits."""

BODY_HU = -500.0
"""What is denser, and connected, is a body or in it."""

SCOUT_MM = 2.5
"""Least pitch, within slices, of the look that a volume's mean, deviation and percentiles are taken from."""

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where a network's voxels lie.

    Attributes
    ----------
    grid : of the volume, axial
    window : in the plane of its slices
    shape : (slices, size, size) of the lattice
    """

    grid: VolumeGrid
    window: SliceWindow
    shape: tuple[int, int, int]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between the lattice's voxels: what was asked for, but for whole numbers of them."""
        pixel = self.window.side_mm / self.shape[1]
        return self.grid.spacing_mm[0] * self.grid.shape[0] / self.shape[0], pixel, pixel

    def density(self, array: NDArray[Any], place: int, window_hu: tuple[float, float] | None) -> Values:
        """One slice of the lattice: 0 to 1 through the window, (size, size); ``array`` is the volume, axial."""
        first, weights = shares(self.grid.shape[0], self.shape[0], place)
        slab = clipped(array[first : first + len(weights)], window_hu)
        plane = np.tensordot(weights, slab, axes=1)
        return look_at_density(plane, self.grid.spacing_mm[1:], self.window, self.shape[1])

    def labels(self, array: SliceMap, place: int) -> SliceMap:
        """Label numbers of one slice of the lattice, by nearest neighbour, (size, size); 0 beyond the volume."""
        nearest = int((place + 0.5) * self.grid.shape[0] / self.shape[0])
        return look_at_labels(array[nearest], self.grid.spacing_mm[1:], self.window, self.shape[1])


@dataclass(frozen=True, slots=True)
class Scale:
    """How densities, 0 to 1 through the window, become what a network is given.

    Attributes
    ----------
    zero, unit : what becomes 0, and the step that becomes 1
    is_clipped : nothing below 0 or above 1 is given
    """

    zero: float
    unit: float
    is_clipped: bool

    def __call__(self, density: Values) -> Values:
        """Scaled, of the same shape."""
        made = (density - np.float32(self.zero)) / np.float32(self.unit)
        return np.clip(made, 0.0, 1.0) if self.is_clipped else made


def lattice_of(grid: VolumeGrid, patches: Patches, window: SliceWindow | None = None) -> Lattice:
    """The lattice of a network on a volume.

    Parameters
    ----------
    grid : axial
    patches : of the network's card
    window : what the network is to see of the slices; None for whole slices. It is widened to a block's width.
    """
    window = window or whole_slice_window(grid)
    pitch = patches.spacing_mm if patches.spacing_mm[0] else (grid.spacing_mm[0], *(min(grid.spacing_mm[1:]),) * 2)
    least_mm = patches.size[1] * pitch[1]
    if window.side_mm < least_mm:
        more = (least_mm - window.side_mm) / 2
        window = SliceWindow(window.top_mm - more, window.left_mm - more, least_mm)
    size = max(patches.size[1], round(window.side_mm / pitch[1]))
    return Lattice(grid, window, (max(1, round(grid.shape[0] * grid.spacing_mm[0] / pitch[0])), size, size))


def window_hu_of(entry: ImageInput, *, is_hounsfield: bool) -> tuple[float, float] | None:
    """What becomes 0 and 1 of an image's numbers; None for 8-bit pictures, whose 0 and 255 do."""
    return (entry.window_hu or ALL_HU) if is_hounsfield else None


def clipped(array: NDArray[Any], window_hu: tuple[float, float] | None) -> Values:
    """Densities through a window, 0 to 1, or 8-bit grey if it is None; NaN counts as air. Of the same shape."""
    low, high = window_hu or (0.0, 255.0)
    inside = np.fmin(np.fmax(np.asarray(array, dtype=np.float32), np.float32(low)), np.float32(high))
    return (inside - np.float32(low)) / np.float32(high - low)


def shares(length: int, wanted: int, place: int) -> tuple[int, Values]:
    """Which of ``length`` voxels in a row make up voxel ``place`` of ``wanted``, and how much of it each.

    The two rows cover one stretch. A voxel reaches to the middles of its neighbours, in the coarser of the rows.

    Returns
    -------
    The first of them, and the weights of it and its followers, whose sum is 1.
    """
    ratio = length / wanted
    middle, reach = (place + 0.5) * ratio - 0.5, max(ratio, 1.0)
    first, last = max(int(np.ceil(middle - reach)), 0), min(int(np.floor(middle + reach)), length - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(first, last + 1) - middle) / reach)
    return first, (weights / weights.sum()).astype(np.float32)


def scale_of(array: NDArray[Any], grid: VolumeGrid, entry: ImageInput, *, is_hounsfield: bool) -> Scale:
    """How the densities of a volume are scaled for a network of blocks.

    Parameters
    ----------
    array : (slices, rows, columns), axial; Hounsfield units, or 8-bit grey
    grid : of the volume
    entry : of the network's card, with ``patches``
    is_hounsfield : False for 8-bit pictures

    Raises
    ------
    ValueError
        The card has no patches.
    """
    patches = entry.patches
    if patches is None:
        raise ValueError(f"the input {entry.name!r} is not one of blocks")
    window_hu = window_hu_of(entry, is_hounsfield=is_hounsfield)
    if patches.scale == "none":
        return Scale(0.0, 1.0, is_clipped=False)
    pitch = patches.spacing_mm[0] or grid.spacing_mm[0]
    side = max(patches.spacing_mm[1] or min(grid.spacing_mm[1:]), SCOUT_MM)
    scout = lattice_of(grid, Patches((1, 1, 1), (0, 0, 0), (pitch, side, side), patches.scale))
    seen = np.stack([scout.density(array, place, window_hu) for place in range(scout.shape[0])])
    if patches.within == "body":
        low, high = window_hu or (0.0, 0.0)
        body = body_of(seen, (BODY_HU - low) / (high - low) if window_hu else _middle(seen))
        seen = seen[body] if body.any() else seen
    if patches.scale == "z-score":
        return Scale(float(seen.mean()), max(float(seen.std()), 1e-6), is_clipped=False)
    dark, bright = np.percentile(seen, entry.window_percentiles)
    return Scale(float(dark), max(float(bright - dark), 1e-6), is_clipped=True)


def body_of(density: Values, least: float) -> NDArray[np.bool_]:
    """The largest connected part of at least a density, with the air that it encloses in a slice, and no table."""
    solid = density >= least
    numbers = np.asarray(cc3d.connected_components(solid.view(np.uint8), connectivity=6))
    counts = np.bincount(numbers.ravel())
    counts[0] = 0
    body = (numbers == int(counts.argmax())) & solid
    for plane in body:
        _fill(plane)
    return body


def _fill(plane: NDArray[np.bool_]) -> None:
    """Fill a slice's holes: the outside that no edge of the picture belongs to."""
    outside = np.asarray(cc3d.connected_components((~plane).view(np.uint8), connectivity=4))
    edges = np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]])
    is_open = np.zeros(int(outside.max()) + 1, dtype=bool)
    is_open[edges] = True
    is_open[0] = False
    plane |= ~is_open[outside]


def _middle(density: Values) -> float:
    """A density between those of air and tissue in a picture of unknown window."""
    low, high = np.percentile(density, (5, 95))
    return float(low + high) / 2

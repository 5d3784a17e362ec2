"""Where pixels lie: in the patient for CT, on the film for radiographs.

Axes are (slice, row, column) or (row, column). World coordinates are LPS millimetres. A film has no depth,
so :class:`PlaneGrid` is not a volume one slice thick: it is a type of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch

GRID_TOLERANCE_MM = 1e-3
"""Two grids are the same if no corner moves by more than this: far below any detector's pitch."""


class Side(Enum):
    """A side of the patient, never of the screen."""

    RIGHT = "right"
    LEFT = "left"


class SpacingAt(Enum):
    """The plane at which a film's pixel spacing holds."""

    DETECTOR = "detector"
    PATIENT = "patient"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PlaneOrientation:
    """Which way a film's axes run, in the patient's directions.

    Attributes
    ----------
    columns : direction in which the column index grows: ``L``, ``R``, ``H`` (head) or ``F`` (feet)
    rows : direction in which the row index grows

    Raises
    ------
    ValueError
        A letter is unknown, or both axes run along the same line.
    """

    columns: str = "L"
    rows: str = "F"

    def __post_init__(self) -> None:
        axes = {"L": 0, "R": 0, "F": 1, "H": 1}
        if self.columns not in axes or self.rows not in axes or axes[self.columns] == axes[self.rows]:
            raise ValueError(
                f"no film can run towards {self.columns!r} along its columns and {self.rows!r} along its rows"
            )

    @property
    def is_upright(self) -> bool:
        """Head up and the patient's right at the left edge: the radiological display."""
        return (self.columns, self.rows) == ("L", "F")

    @property
    def is_transposed(self) -> bool:
        """The columns run between head and feet."""
        return self.columns in "HF"

    def to_upright(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same pixels with the head up and the patient's right at the left edge; shape (rows, columns, ...)."""
        if self.is_transposed:
            array = array.swapaxes(0, 1)
        left_right, head_feet = (self.rows, self.columns) if self.is_transposed else (self.columns, self.rows)
        if left_right == "R":
            array = array[:, ::-1]
        if head_feet == "H":
            array = array[::-1]
        return array

    def from_upright(self, array: NDArray[Any]) -> NDArray[Any]:
        """The inverse of :meth:`to_upright`, exactly."""
        left_right, head_feet = (self.rows, self.columns) if self.is_transposed else (self.columns, self.rows)
        if head_feet == "H":
            array = array[::-1]
        if left_right == "R":
            array = array[:, ::-1]
        return array.swapaxes(0, 1) if self.is_transposed else array


UPRIGHT = PlaneOrientation()
"""Head up, patient's right at the left edge."""


@dataclass(frozen=True, slots=True)
class PlaneGrid:
    """The pixel lattice of a film.

    Attributes
    ----------
    shape : (rows, columns)
    spacing_mm : distance between the centres of neighbouring (rows, columns), None when the file states none
    spacing_at : plane at which the spacing holds; a film's lengths are those of the patient only for ``PATIENT``
    orientation : which way the axes run
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float] | None = None
    spacing_at: SpacingAt = SpacingAt.UNKNOWN
    orientation: PlaneOrientation = UPRIGHT

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"a film cannot have the shape {self.shape}")
        if self.spacing_mm is not None and not all(np.isfinite(s) and s > 0 for s in self.spacing_mm):
            raise ValueError(f"a film's spacing must be positive, not {self.spacing_mm} mm")

    @property
    def upright(self) -> PlaneGrid:
        """The grid of the same film turned upright."""
        if not self.orientation.is_transposed:
            return replace(self, orientation=UPRIGHT)
        spacing = None if self.spacing_mm is None else (self.spacing_mm[1], self.spacing_mm[0])
        return replace(self, shape=(self.shape[1], self.shape[0]), spacing_mm=spacing, orientation=UPRIGHT)

    def difference(self, other: PlaneGrid) -> str | None:
        """What differs between two grids, as a phrase; None if nothing does."""
        if self.shape != other.shape:
            return f"{self.shape[0]}x{self.shape[1]} against {other.shape[0]}x{other.shape[1]} pixels"
        if self.orientation != other.orientation:
            return f"orientation {self.orientation} against {other.orientation}"
        mine, theirs = self.spacing_mm, other.spacing_mm
        if (mine is None) != (theirs is None):
            return f"spacing {mine} against {theirs} mm"
        if mine is not None and theirs is not None:
            drift = max(abs(a - b) * n for a, b, n in zip(mine, theirs, self.shape, strict=True))
            if drift > GRID_TOLERANCE_MM:
                return f"spacing {mine} against {theirs} mm"
        return None

    def same_as(self, other: PlaneGrid) -> bool:
        """Whether both films have one lattice."""
        return self.difference(other) is None

    def require_same(self, other: PlaneGrid) -> None:
        """Raise :class:`~hilum.errors.GridMismatch`, saying what differs, unless both lattices are one."""
        difference = self.difference(other)
        if difference is not None:
            raise GridMismatch(
                f"Two images do not lie on one grid: {difference}. Resample one of them onto the other's grid first."
            )


@dataclass(frozen=True, slots=True)
class VolumeOrientation:
    """Which axis of a volume runs along which of the patient's, to the nearest right angle, and which way.

    Attributes
    ----------
    axes : the volume's own axes that run along the patient's length, depth and width; a permutation of 0, 1, 2
    flips : whether each of those runs the other way than towards the head, the back and the left
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    @property
    def is_axial(self) -> bool:
        """Slices towards the head, rows towards the back, columns towards the left: how CT is processed here."""
        return self == VolumeOrientation()

    def to_axial(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same voxels, a view of them, with slices towards the head, rows to the back, columns to the left."""
        turned = array.transpose(self.axes)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def from_axial(self, array: NDArray[Any]) -> NDArray[Any]:
        """The inverse of :meth:`to_axial`, exactly."""
        turned = array[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return turned.transpose(np.argsort(self.axes).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class VolumeGrid:
    """A regular lattice of voxels in patient space.

    Attributes
    ----------
    shape : (slices, rows, columns)
    affine : shape (4, 4), float64, read-only; takes (slice, row, column, 1), counted from the centre of the
        first voxel, to LPS millimetres
    frame : DICOM Frame of Reference UID, None when the file states none
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    frame: str | None = None

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if min(self.shape) < 1:
            raise ValueError(f"a volume cannot have the shape {self.shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.array_equal(affine[3], [0, 0, 0, 1]):
            raise ValueError("a volume's affine must be a finite 4x4 matrix whose last row is 0 0 0 1")
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        if abs(np.linalg.det(affine[:3, :3])) <= 1e-9 * np.prod(edges):
            raise ValueError("a volume's affine must not be singular")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def of_spacing(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        origin_mm: tuple[float, ...] = (0, 0, 0),
    ) -> VolumeGrid:
        """An axis-aligned grid: slices towards the head, rows towards the back, columns towards the left.

        ``origin_mm`` is the LPS position of the first voxel's centre.
        """
        affine = np.eye(4)
        affine[:3, :3] = [[0, 0, spacing_mm[2]], [0, spacing_mm[1], 0], [spacing_mm[0], 0, 0]]
        affine[:3, 3] = origin_mm
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring (slices, rows, columns) along each axis."""
        slices, rows, columns = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(slices), float(rows), float(columns)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel: the determinant, which is right for a tilted gantry too."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def orientation(self) -> VolumeOrientation:
        """How the axes lie in the patient: each goes to the direction it is nearest to, the best fit of all three."""
        cosines = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        along = cosines[[2, 1, 0]]
        axes = max(permutations(range(3)), key=lambda order: sum(abs(along[n, order[n]]) for n in range(3)))
        flips = [bool(along[n, axis] < 0) for n, axis in enumerate(axes)]
        return VolumeOrientation((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))

    @property
    def axial(self) -> VolumeGrid:
        """The grid of the same voxels in the order of :meth:`VolumeOrientation.to_axial`."""
        orientation, grid = self.orientation, self
        if orientation.is_axial:
            return self
        for axis, flip in zip(orientation.axes, orientation.flips, strict=True):
            grid = grid.flipped(axis) if flip else grid
        affine = np.column_stack([grid.affine[:, orientation.axes], grid.affine[:, 3]])
        shape = tuple(self.shape[axis] for axis in orientation.axes)
        return VolumeGrid((shape[0], shape[1], shape[2]), affine, self.frame)

    def position_mm(self, indices: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS positions, shape (..., 3), of (slice, row, column) indices of the same shape."""
        return np.asarray(indices, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def difference(self, other: VolumeGrid) -> str | None:
        """What differs between two grids, as a phrase; None if nothing does."""
        if self.shape != other.shape:
            return f"shape {self.shape} against {other.shape}"
        if self.frame and other.frame and self.frame != other.frame:
            return f"frame of reference {self.frame} against {other.frame}"
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        drift = np.abs(self.position_mm(corners) - other.position_mm(corners)).max()
        return f"a corner of one lies {drift:.3g} mm from the other's" if drift > GRID_TOLERANCE_MM else None

    def same_as(self, other: VolumeGrid) -> bool:
        """Whether both volumes have one lattice."""
        return self.difference(other) is None

    def require_same(self, other: VolumeGrid) -> None:
        """Raise :class:`~hilum.errors.GridMismatch`, saying what differs, unless both lattices are one."""
        difference = self.difference(other)
        if difference is not None:
            raise GridMismatch(
                f"Two volumes do not lie on one grid: {difference}. Resample one of them onto the other's grid first."
            )

    def flipped(self, axis: int) -> VolumeGrid:
        """The grid whose index runs the other way along one axis, over the same voxels."""
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, axis] * (self.shape[axis] - 1)
        affine[:3, axis] *= -1
        return VolumeGrid(self.shape, affine, self.frame)

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> VolumeGrid:
        """The grid of ``array[start:start + shape]``; a negative start or a larger shape pads."""
        affine = self.affine.copy()
        affine[:3, 3] = self.position_mm(np.array(start, dtype=np.float64))
        return VolumeGrid(shape, affine, self.frame)


Grid = PlaneGrid | VolumeGrid
"""Where an image lies."""

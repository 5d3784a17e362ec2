"""How the rays run: view, source, detector, and where the patient stands between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch
from hilum.geometry import PlaneGrid, SpacingAt, VolumeGrid

View = Literal["PA", "AP", "LATERAL"]
"""From back to front, from front to back, or from the right (the left side at the detector)."""

Geometry = Literal["parallel", "point"]
"""Rays that never meet, or that come from one point."""

_AXES: Mapping[View, tuple[tuple[int, int, int], bool]] = MappingProxyType(
    {"PA": ((1, 0, 2), True), "AP": ((1, 0, 2), False), "LATERAL": ((2, 0, 1), False)}
)
"""Of each view, the axes of an axial volume that run along the rays, down and across the film; and whether the rays
run against the first."""

MOST_PIXELS = 60_000_000
"""A film of more is a slip in the pitch."""

_TILT = 1e-3
"""Tangent of the largest tilt between a volume's axes and the patient's that is none: 0.3 mm over a chest."""


@dataclass(frozen=True, slots=True)
class Beam:
    """Rays through a patient onto a flat detector that they meet at a right angle in its middle.

    Attributes
    ----------
    view : in which direction
    geometry : ``parallel``, or ``point`` for a source at a finite distance
    source_mm : from the source to the detector; of ``point`` only
    gap_mm : from the last plane of the volume to the detector; of ``point`` only
    pitch_mm : of the detector's pixels

    Raises
    ------
    ValueError
        A distance is not positive, or a word is unknown.
    """

    view: View = "PA"
    geometry: Geometry = "point"
    source_mm: float = 1800.0
    gap_mm: float = 30.0
    pitch_mm: float = 0.4

    def __post_init__(self) -> None:
        if self.view not in _AXES or self.geometry not in ("parallel", "point"):
            raise ValueError(f"there are no rays {self.geometry!r} for a view {self.view!r}")
        if not (self.source_mm > 0 and self.gap_mm >= 0 and self.pitch_mm > 0):
            raise ValueError(
                f"a source at {self.source_mm:g} mm, a gap of {self.gap_mm:g} mm and a pitch of {self.pitch_mm:g} mm "
                "make no film"
            )


@dataclass(frozen=True, slots=True)
class Layout:
    """A volume in the axes of a beam, and the film that its rays give.

    Attributes
    ----------
    order : axes of the axial volume along the rays (from source to detector), down and across the film
    flips : whether each of them is reversed
    spacing_mm : of the volume along these axes
    shape : of the volume along these axes
    magnification : of each plane along the rays, shape (planes,), from source to detector; 1 for parallel rays
    down_mm, across_mm : where the film's pixels lie on the detector, from the central ray, at their centres
    grid : of the film; its spacing is that of the patient's middle plane
    source_mm : from source to detector; infinite for parallel rays
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    magnification: NDArray[np.float64]
    down_mm: NDArray[np.float64]
    across_mm: NDArray[np.float64]
    grid: PlaneGrid
    source_mm: float

    def turned(self, axial: NDArray[Any]) -> NDArray[Any]:
        """A view of an axial array along (rays, down, across)."""
        array = axial.transpose(self.order)
        return array[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def obliquity(self) -> NDArray[np.float32]:
        """How much longer a pixel's ray runs through a plane than the central one does, of the film's shape."""
        squares = (self.down_mm / self.source_mm)[:, None] ** 2 + (self.across_mm / self.source_mm)[None] ** 2
        return np.sqrt(1 + squares).astype(np.float32)


def lay_out(beam: Beam, grid: VolumeGrid, shape: tuple[int, int] | None = None) -> Layout:
    """The film of a beam through a volume: its pixels cover the shadow of the volume's middle plane.

    The central ray runs through the middle of the volume.

    Parameters
    ----------
    beam : the rays
    grid : axial, its axes along the patient's
    shape : (rows, columns) of the film about the central ray; None takes as many as the shadow needs

    Raises
    ------
    GridMismatch
        The grid is tilted against the patient's axes.
    ValueError
        The source would stand in the patient, or the film would have too many pixels.
    """
    require_straight(grid)
    order, is_against = _AXES[beam.view]
    spacing = tuple(grid.spacing_mm[axis] for axis in order)
    extent = tuple(grid.shape[axis] for axis in order)
    magnification = _magnification(beam, extent[0], spacing[0])
    middle = float(magnification[[(extent[0] - 1) // 2, extent[0] // 2]].mean())
    if shape is None:
        high, wide = (extent[axis] * spacing[axis] * middle / beam.pitch_mm for axis in (1, 2))
        shape = max(1, round(high)), max(1, round(wide))
    if min(shape) < 1 or shape[0] * shape[1] > MOST_PIXELS:
        raise ValueError(f"a film of {shape[0]}x{shape[1]} pixels cannot be made: choose another pitch")
    down, across = (_centred(count, beam.pitch_mm) for count in shape)
    pixel = beam.pitch_mm / middle
    return Layout(
        order=order,
        flips=(is_against, True, False),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        shape=(extent[0], extent[1], extent[2]),
        magnification=magnification,
        down_mm=down,
        across_mm=across,
        grid=PlaneGrid(shape, (pixel, pixel), SpacingAt.PATIENT),
        source_mm=beam.source_mm if beam.geometry == "point" else float("inf"),
    )


def require_straight(grid: VolumeGrid) -> None:
    """GridMismatch unless the axes of an axial grid run along the patient's."""
    unit = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    tilt = np.abs(unit - np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])).max()
    if tilt > _TILT:
        raise GridMismatch(
            f"A film needs a volume whose axes run along the patient's, and this one's are tilted by "
            f"{np.rad2deg(np.arcsin(min(1.0, tilt))):.1f} degrees: straighten it first."
        )


def _magnification(beam: Beam, planes: int, spacing_mm: float) -> NDArray[np.float64]:
    if beam.geometry == "parallel":
        return np.ones(planes)
    behind = beam.gap_mm + (planes - np.arange(planes) - 0.5) * spacing_mm
    distance = beam.source_mm - behind
    if distance[0] <= spacing_mm / 2:
        raise ValueError(
            f"the source is {beam.source_mm:g} mm from the detector, and the patient needs "
            f"{behind[0] + spacing_mm / 2:.0f} mm of it"
        )
    return np.asarray(beam.source_mm / distance, dtype=np.float64)


def _centred(count: int, pitch_mm: float) -> NDArray[np.float64]:
    """Centres of so many pixels on either side of 0."""
    return np.asarray((np.arange(count) - (count - 1) / 2) * pitch_mm, dtype=np.float64)

"""From where slices lie to the regular lattice of a volume: what is missing, doubled, tilted or uneven, by rule.

The rules, in their order:

1. Slices are sorted along the normal of their plane, whatever their file names and numbers say.
2. Of slices at one height the first is kept, and the rest are left out with a warning.
3. Slices of which each stands shifted against the last by the same step make a sheared lattice (a tilted gantry):
   the voxels stay where they are, and a note tells the angle. Slices shifted at random are refused.
4. Where slices are missing from an even row, or the row is uneven, the lattice has the usual distance and is filled
   linearly between neighbours, with a warning. A gap wider than :data:`GAP_MM` and two distances is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.measurement import Finding, Gravity

DUPLICATE_MM = 0.01
"""Slices nearer to each other than this lie at one height."""

EVEN_MM, EVEN_SHARE = 0.06, 0.02
"""A row of slices is even if none is off its place by more than this, or this share of the distance: headers are
rounded to a tenth of a millimetre at worst."""

SHIFT_PIXELS = 0.5
"""Slices shifted against a straight line by more than this do not fit above each other."""

STRAIGHT_PIXELS = 0.1
"""A line that leaves the normal by less than this over the whole volume is the normal."""

GAP_MM = 10.0
"""A gap up to this width is filled, and so is one missing slice at any distance."""

SPARSE = 1.5
"""Slices that stand further apart than this many of their thicknesses leave tissue out between them."""

_ANGLE = 0.01
"""How far the cosines of two axes may be from unit length and from a right angle."""


class Irregular(ValueError):
    """Slices that make no regular volume; the message is what was found, a phrase."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """What all slices of a volume have in common.

    Attributes
    ----------
    shape : (rows, columns)
    spacing_mm : between the centres of neighbouring (rows, columns)
    axes : direction in which columns follow each other, then that of rows: three cosines each, LPS
    thickness_mm : of one slice, None if it is not stated
    frame : DICOM Frame of Reference UID, None if it is not stated
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    axes: tuple[float, ...]
    thickness_mm: float | None = None
    frame: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """How a volume is made from slices.

    Attributes
    ----------
    grid : of the volume
    slices : which of the given slices are used, in their order along the normal
    places : for each slice of the grid its place in that row, float64: 3.0 is the fourth itself, 3.25 lies between
    findings : what is odd about it
    """

    grid: VolumeGrid
    slices: tuple[int, ...]
    places: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()

    @property
    def is_resampled(self) -> bool:
        """Whether any slice of the volume lies between two given ones."""
        return len(self.places) != len(self.slices) or bool((self.places % 1).any())


def lattice(positions: NDArray[np.float64], plane: Plane) -> Lattice:
    """The lattice of parallel slices.

    Parameters
    ----------
    positions : shape (n, 3), LPS mm of the centre of each slice's first pixel; of slices at one height, the one to
        keep comes first
    plane : what they have in common

    Raises
    ------
    Irregular
        They make no regular volume, or there are fewer than two of them.
    """
    columns, rows, normal = _axes(plane)
    heights = positions @ normal
    order, doubles = _without_doubles(heights)
    if len(order) < 2:
        raise Irregular("it has one slice, and a volume has several")
    heights, positions = heights[order], positions[order]
    direction, tilt = _direction(positions, heights, normal, plane)
    nodes, findings = _nodes(heights)
    count = round(float(nodes[-1])) + 1
    affine = np.eye(4)
    affine[:3, 0] = direction * (heights[-1] - heights[0]) / (count - 1)
    affine[:3, 1], affine[:3, 2] = rows * plane.spacing_mm[0], columns * plane.spacing_mm[1]
    affine[:3, 3] = positions[0]
    places = np.interp(np.arange(count), nodes, np.arange(len(nodes)))
    noticed = (*_of_doubles(doubles), *tilt, *findings, *_of_thickness(heights, plane))
    return Lattice(VolumeGrid((count, *plane.shape), affine, plane.frame), tuple(order.tolist()), places, noticed)


def _axes(plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along the columns, the rows and the slices."""
    columns, rows = np.array(plane.axes, dtype=np.float64).reshape(2, 3)
    lengths = np.linalg.norm(columns), np.linalg.norm(rows)
    if max(abs(length - 1) for length in lengths) > _ANGLE or abs(columns @ rows) > _ANGLE:
        raise Irregular("the axes of its slices do not stand at right angles")
    columns = columns / lengths[0]
    rows = rows - (rows @ columns) * columns
    rows = rows / np.linalg.norm(rows)
    return columns, rows, np.cross(columns, rows)


def _without_doubles(heights: NDArray[np.float64]) -> tuple[NDArray[np.intp], int]:
    """Order of the slices along the normal, the first of those at one height alone; and how many were left out."""
    order = np.argsort(heights, kind="stable")
    ordered = heights[order]
    kept: list[int] = []
    last = -np.inf
    group: list[int] = []
    for index, height in zip(order.tolist(), ordered.tolist(), strict=True):
        if height - last >= DUPLICATE_MM:
            if group:
                kept.append(min(group))
            group, last = [], height
        group.append(index)
    kept.append(min(group))
    return np.array(kept, dtype=np.intp), len(heights) - len(kept)


def _direction(
    positions: NDArray[np.float64], heights: NDArray[np.float64], normal: NDArray[np.float64], plane: Plane
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """The way from one slice to the next for a millimetre of height, and a note if it leaves the normal."""
    rise = heights - heights[0]
    slope = (positions[-1] - positions[0]) / rise[-1]
    pixel = min(plane.spacing_mm)
    off = np.linalg.norm(positions - positions[0] - np.outer(rise, slope), axis=1)
    if off.max() > SHIFT_PIXELS * pixel:
        at = int(off.argmax())
        raise Irregular(f"slice {at + 1} of {len(rise)} is shifted sideways by {off[at]:.1f} mm against the others")
    sideways = float(np.linalg.norm(slope - normal))
    if sideways * rise[-1] <= STRAIGHT_PIXELS * pixel:
        return normal, ()
    angle = np.degrees(np.arctan(sideways))
    message = (
        f"The gantry was tilted by {angle:.1f} degrees: each slice is shifted against the one before. The voxels were "
        "kept where they lie, on a sheared grid; volumes and positions are right. Tools built on ITK refuse NIfTI on "
        "such a grid and read NRRD."
    )
    return slope, (Finding("gantry-tilt", Gravity.NOTE, message),)


def _nodes(heights: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Where each slice stands in the lattice, the first at 0, in steps; and a warning unless each has its own node."""
    steps, extent = np.diff(heights), float(heights[-1] - heights[0])
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    _require_narrow(steps, usual)
    row = np.arange(len(heights), dtype=np.float64)
    if _is_even(heights, row):
        return row, ()
    skipping = np.concatenate([[0], np.cumsum(np.maximum(np.rint(steps / usual), 1))])
    if _is_even(heights, skipping):
        return skipping, (_missing(steps, usual, round(float(skipping[-1])) + 1 - len(heights)),)
    step = extent / max(round(extent / usual), 1)
    message = (
        f"Its slices stand unevenly, {steps.min():.2f} to {steps.max():.2f} mm apart; they were resampled linearly to "
        f"{step:.2f} mm."
    )
    return (heights - heights[0]) / step, (Finding("irregular-spacing", Gravity.WARNING, message),)


def _is_even(heights: NDArray[np.float64], nodes: NDArray[np.float64]) -> bool:
    """Whether slices stand at their nodes; the line through them is the nearest, since the ends are rounded too."""
    at, above = nodes - nodes.mean(), heights - heights.mean()
    step = float(at @ above) / float(at @ at)
    return bool(np.abs(above - at * step).max() <= max(EVEN_MM, EVEN_SHARE * step))


def _missing(steps: NDArray[np.float64], usual: float, count: int) -> Finding:
    at = int(steps.argmax())
    are = "1 slice is" if count == 1 else f"{count} slices are"
    message = (
        f"{are} missing, the widest gap being {steps[at]:.2f} mm between slices {at + 1} and {at + 2} "
        f"({usual:.2f} mm elsewhere); filled linearly from the neighbours."
    )
    return Finding("missing-slices", Gravity.WARNING, message)


def _require_narrow(steps: NDArray[np.float64], usual: float) -> None:
    at = int(steps.argmax())
    if steps[at] > max(GAP_MM, 2 * usual) + EVEN_MM:
        raise Irregular(
            f"slices are missing ({steps[at]:.2f} mm between slices {at + 1} and {at + 2} of {len(steps) + 1}, "
            f"{usual:.2f} mm elsewhere)"
        )


def _of_doubles(count: int) -> tuple[Finding, ...]:
    if not count:
        return ()
    which = "1 slice lies" if count == 1 else f"{count} slices lie"
    message = f"{which} where another one does and {'was' if count == 1 else 'were'} left out; the first was kept."
    return (Finding("duplicate-slices", Gravity.WARNING, message),)


def _of_thickness(heights: NDArray[np.float64], plane: Plane) -> tuple[Finding, ...]:
    step, thickness = float(np.median(np.diff(heights))), plane.thickness_mm
    if thickness is None or not 0 < SPARSE * thickness < step:
        return ()
    message = (
        f"Its slices are {thickness:g} mm thick and stand {step:.3g} mm apart: what lies between them was not imaged, "
        "and volumes assume that it looks alike."
    )
    return (Finding("sparse-slices", Gravity.NOTE, message),)

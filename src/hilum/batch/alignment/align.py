"""Two CTs of one patient laid on one another, and how well they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .registration import Method, register
from .scans import AlignmentError, Points, Scan, all_points, box_about, centre_of, labels_at, simpleitk

JUDGE_MM = 2.0
"""Spacing of the grid on which the quality is measured."""

LEAST_DICE, FAIR_DICE = 0.80, 0.90
"""Dice of the lungs below which an alignment is refused, and below which it is warned of. No data chose them."""

FAIR_TRIP_MM, MOST_TRIP_MM = 5.0, 10.0
"""Mean way off home, there and back, above which is warned, and above which an alignment is refused: half the side of
a lesion of 1 ml, and all of it. A deformation lays even lungs of two patients on one another; this is what tells."""

FAR = 95.0
"""Percentile of the surfaces' distances that counts as the error of an alignment: where breath was not followed, one
part of the surface is far and the rest is near."""

MOST_FOLDED = 0.001
"""Share of the lungs that a deformation may turn inside out."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well two scans lie on one another.

    Attributes
    ----------
    dice_before : of the lungs where nothing was moved but their centres
    dice : of the lungs, aligned
    apart_mm : mean distance of the surfaces of the lungs, aligned
    far_mm : the distance that 95 % of these surfaces are within
    trip_mm : mean way between a point of the first lungs and where it comes home, there and back
    folded : share of the first lungs that is turned inside out; 0 of a rigid alignment
    moved_mm : mean way that points of the first lungs are moved
    """

    dice_before: float
    dice: float
    apart_mm: float
    far_mm: float
    trip_mm: float
    folded: float
    moved_mm: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known before the result is trusted; empty where it is fair."""
        made: list[str] = []
        if self.dice < FAIR_DICE:
            made.append(f"The lungs overlap by a Dice of only {self.dice:.2f} (fair: {FAIR_DICE:.2f}).")
        if self.trip_mm > FAIR_TRIP_MM:
            made.append(f"Points come home {self.trip_mm:.1f} mm off, there and back (fair: {FAIR_TRIP_MM:g} mm).")
        return tuple(made)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where the points of a first scan are in a second.

    Attributes
    ----------
    method : by which they were aligned
    uses_densities : whether the scans themselves were registered, or their masks alone
    to_second : LPS positions (..., 3) of the first scan to those of the second
    quality : of it
    """

    method: Method
    uses_densities: bool
    to_second: Callable[[Points], Points]
    quality: Quality


def align(first: Scan, second: Scan, method: Method) -> Alignment:
    """Find where each point of a scan's lungs lies in another scan of the same patient.

    Parameters
    ----------
    first, second : with lungs in both; densities are registered where both have their CT
    method : ``rigid`` turns and moves; ``deformable`` goes on with a smooth deformation, for another breath

    Raises
    ------
    AlignmentError
        A scan has no lungs, or they do not come to lie on one another.
    GridMismatch
        Masks and CT of a scan do not lie on one grid.
    WrongQuantity
        A CT is not in Hounsfield units.
    MissingExtra
        SimpleITK is not installed.
    """
    for scan in (first, second):
        scan.require_whole()
    with_ct = first.image is not None and second.image is not None
    to_second, folded = register(first, second, method, by_density=with_ct)
    to_first, _ = register(second, first, method, by_density=with_ct)
    quality = _quality(first, second, to_second, to_first, folded)
    if why := _why_refused(quality):
        advice = "deformable" if method == "rigid" else "rigid"
        raise AlignmentError(
            f"The two scans cannot be laid on one another by a {method} alignment: {why}. Are they of one patient, "
            f"with whole lungs? Try --align {advice}, or compare without alignment."
        )
    return Alignment(method, with_ct, to_second, quality)


def _why_refused(quality: Quality) -> str:
    """Why an alignment is not to be used, as a phrase; empty where it may be."""
    if quality.dice < LEAST_DICE:
        return f"their lungs overlap by a Dice of {quality.dice:.2f} (wanted: {LEAST_DICE:.2f})"
    if quality.trip_mm > MOST_TRIP_MM:
        return f"points come home {quality.trip_mm:.1f} mm off, there and back (wanted: {MOST_TRIP_MM:g} mm)"
    if quality.folded > MOST_FOLDED:
        return f"{100 * quality.folded:.1f} % of the lungs would be turned inside out"
    return ""


def _quality(
    first: Scan,
    second: Scan,
    to_second: Callable[[Points], Points],
    to_first: Callable[[Points], Points],
    folded: float,
) -> Quality:
    grid = box_about(first.lungs, JUDGE_MM)
    points = all_points(grid)
    fixed = labels_at(first.lungs, points)
    within = points[fixed > 0]
    taken = to_second(within)
    moving = labels_at(second.lungs, to_second(points))
    centred = labels_at(second.lungs, points + (centre_of(second.lungs) - centre_of(first.lungs)))
    ways = _apart(fixed.reshape(grid.shape) > 0, moving.reshape(grid.shape) > 0, grid.spacing_mm[0])
    sample = slice(None, None, max(1, len(within) // 20_000))
    return Quality(
        dice_before=_dice(fixed, centred),
        dice=_dice(fixed, moving),
        apart_mm=float(ways.mean()),
        far_mm=float(np.percentile(ways, FAR)),
        trip_mm=float(np.linalg.norm(to_first(taken[sample]) - within[sample], axis=1).mean()),
        folded=folded,
        moved_mm=float(np.linalg.norm(taken - within, axis=1).mean()),
    )


def _dice(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Of right and left lung, each to its own."""
    both = np.count_nonzero((one == other) & (one > 0))
    return float(2 * both / max(np.count_nonzero(one) + np.count_nonzero(other), 1))


def _apart(one: NDArray[np.bool_], other: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """Distances of two surfaces to one another; the worst there is where one is empty."""
    sitk = simpleitk()
    if not other.any():
        return np.array([np.linalg.norm(one.shape) * spacing_mm], dtype=np.float32)
    ways: list[NDArray[np.float32]] = []
    for here, there in ((one, other), (other, one)):
        far = np.abs(_distances(sitk, there, (spacing_mm,) * 3))
        ways.append(far[here & (np.abs(_distances(sitk, here, (spacing_mm,) * 3)) <= 0.5 * spacing_mm)])
    return np.concatenate(ways)


def _distances(sitk: Any, mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """Signed distance in mm to the surface of a mask, negative within."""
    image = sitk.GetImageFromArray(mask.view(np.uint8))
    image.SetSpacing(spacing[::-1])
    return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))

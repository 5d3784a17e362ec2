"""One series' slices that make a volume, told apart from what else the series holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import Finding, Gravity

from .dicom_header import HOUNSFIELD_TYPES, Slice
from .kernels import softness
from .lattice import DUPLICATE_MM, Irregular, Lattice, Plane, lattice

SAME_AXES = 0.01
"""Slices whose axes differ by more than this in any cosine (half a degree) are not parallel."""


NOT_ORIGINAL = ("DERIVED", "SECONDARY", "MPR", "REFORMATTED", "MIP", "MAXIMUM", "MINIP", "MINIMUM", "PROJECTION IMAGE")
"""Words in Image Type by which a series was computed from another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Parallel slices of one size and one frame of reference.

    Attributes
    ----------
    slices : in the order in which one is preferred over another at the same place
    lattice : how they make a volume; None if they do not
    refusal : why they do not, a phrase; empty if they do
    findings : what was left out of it
    """

    slices: tuple[Slice, ...]
    lattice: Lattice | None
    refusal: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def reach_mm(self) -> float:
        """How much of the patient's length it covers."""
        if self.lattice is None:
            return 0.0
        edges = np.abs(self.lattice.grid.affine[2, :3])
        return float(edges @ np.array(self.lattice.grid.shape))

    @property
    def plane(self) -> str:
        """``axial``, ``coronal`` or ``sagittal``, to the nearest right angle; empty if it is not known."""
        if self.lattice is None:
            return ""
        rows, columns = self.lattice.grid.affine[:3, 1:3].T
        return ("sagittal", "coronal", "axial")[int(np.abs(np.cross(columns, rows)).argmax())]


def stack_of(slices: Sequence[Slice]) -> Stack:
    """The volume in a series: its largest set of slices that fit above each other.

    Localizers are passed over. What else is left out stands in the findings. Slices that lie several times at the same
    places in different acquisitions or at different times are several volumes, of which the first is taken; so are
    several reconstructions of one scan, of which an original one is, that of most slices.
    """
    wanted = [each for each in slices if not each.is_localizer]
    if not wanted:
        return Stack((), None, "it is a localizer, by which the scan was planned")
    strange = sorted({each.unit for each in wanted} - set(HOUNSFIELD_TYPES))
    if strange:
        return Stack(tuple(wanted), None, f"its numbers are no Hounsfield units ({', '.join(strange)})")
    groups = _parallel(wanted)
    if not groups:
        return Stack(tuple(wanted), None, "its files do not say where the slices lie")
    plane, largest = max(groups, key=lambda group: len(group[1]))
    chosen, findings = _one_reconstruction(largest, plane)
    chosen, of_times = _one_time(chosen)
    others = len(wanted) - len(largest)
    findings = (*findings, *of_times, *((_mixed(others),) if others else ()))
    ordered = _ordered(chosen)
    try:
        made = _lattice_of(ordered, replace(plane, thickness_mm=_thickness(ordered)))
    except Irregular as error:
        strangers = f"; {others} more of its slices have {_STRANGE}" if others else ""
        return Stack(ordered, None, f"{error}{strangers}", findings)
    return Stack(ordered, made, "", findings)


def _parallel(slices: Sequence[Slice]) -> list[tuple[Plane, list[Slice]]]:
    """Slices of one shape, spacing, direction and frame of reference; those without a place are left out."""
    groups: list[tuple[Plane, list[Slice]]] = []
    for each in slices:
        if each.plane is None:
            continue
        for plane, members in groups:
            if _fit(plane, each.plane):
                members.append(each)
                break
        else:
            groups.append((each.plane, [each]))
    return groups


def _fit(one: Plane, other: Plane) -> bool:
    if (one.shape, one.frame) != (other.shape, other.frame):
        return False
    spacings = zip(one.spacing_mm, other.spacing_mm, strict=True)
    axes = zip(one.axes, other.axes, strict=True)
    return all(math.isclose(a, b, rel_tol=1e-3) for a, b in spacings) and all(abs(a - b) <= SAME_AXES for a, b in axes)


def is_derived(image_type: Sequence[str]) -> bool:
    """Whether slices of such an Image Type were computed from others."""
    return any(word in NOT_ORIGINAL for word in image_type)


def _ordered(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    return tuple(sorted(slices, key=lambda each: (each.times, each.number, each.frame, each.instance)))


def _lattice_of(slices: Sequence[Slice], plane: Plane) -> Lattice:
    return lattice(np.array([each.position_mm for each in slices]), plane)


def _thickness(slices: Sequence[Slice]) -> float | None:
    """Thickness of most of the slices."""
    return Counter(None if each.plane is None else each.plane.thickness_mm for each in slices).most_common(1)[0][0]


def _one_reconstruction(slices: Sequence[Slice], plane: Plane) -> tuple[Sequence[Slice], tuple[Finding, ...]]:
    """The slices of one kernel, thickness and kind where these alone are the whole scan; else all slices.

    Of several such, one that was not computed from another is taken, that of most slices; of equally many, that of the
    softest kernel.
    """
    makings: dict[tuple[str, tuple[str, ...], float | None], list[Slice]] = {}
    for each in slices:
        makings.setdefault((each.kernel, each.image_type, _thickness([each])), []).append(each)
    if len(makings) < 2:
        return slices, ()

    def order(key: tuple[str, tuple[str, ...], float | None]) -> tuple[bool, int, float, int]:
        return is_derived(key[1]), -len(makings[key]), -softness(key[0]), makings[key][0].number

    ranked = sorted(makings, key=order)
    heights = _heights(slices, plane)
    for key in ranked:
        if _is_whole(makings[key], plane, heights.min(), heights.max()):
            return makings[key], (_reconstructions(len(slices) - len(makings[key]), key[0], key[2]),)
    return slices, ()


def _heights(slices: Sequence[Slice], plane: Plane) -> NDArray[np.float64]:
    """How far each slice lies along the normal, in mm."""
    columns, rows = np.array(plane.axes, dtype=np.float64).reshape(2, 3)
    return np.array([each.position_mm for each in slices]) @ np.cross(columns, rows)


def _is_whole(slices: Sequence[Slice], plane: Plane, lowest: float, highest: float) -> bool:
    """Whether these slices alone reach from end to end of all, and none of them is missing."""
    try:
        made = _lattice_of(_ordered(slices), plane)
    except Irregular:
        return False
    heights = _heights(slices, plane)
    half = (float(heights.max()) - float(heights.min())) / max(made.grid.shape[0] - 1, 1) / 2
    return not made.is_resampled and heights.min() - lowest < half and highest - heights.max() < half


def _reconstructions(count: int, kernel: str, thickness: float | None) -> Finding:
    which = "1 slice of another was" if count == 1 else f"{count} slices of others were"
    facts = [f"kernel {kernel}"] if kernel else []
    facts += [f"slices {thickness:g} mm thick"] if thickness else []
    taken = f" ({', '.join(facts)})" if facts else ""
    message = f"The series holds several reconstructions of one scan; one{taken} was taken, and {which} left out."
    return Finding("several-reconstructions", Gravity.WARNING, message)


def _one_time(slices: Sequence[Slice]) -> tuple[Sequence[Slice], tuple[Finding, ...]]:
    """The first of several scans of the same places; all slices if they are one scan."""
    counts = Counter(each.times for each in slices)
    if len(counts) < 2 or not _is_repeated(slices):
        return slices, ()
    largest = max(counts.values())
    first = min(times for times, count in counts.items() if count == largest)
    message = (
        f"The series holds {len(counts)} scans of the same place; the one of most slices was taken, the first of "
        "several."
    )
    kept = [each for each in slices if each.times == first]
    return kept, (Finding("several-scans", Gravity.WARNING, message),)


def _is_repeated(slices: Sequence[Slice]) -> bool:
    """Whether half of the slices or more lie where another one does."""
    positions = np.array([each.position_mm for each in slices])
    places = {tuple(place) for place in np.rint(positions / DUPLICATE_MM).astype(np.int64).tolist()}
    return 2 * (len(slices) - len(places)) >= len(places)


_STRANGE = "another size, direction or frame of reference than the others, or no place"
"""What keeps slices out of a volume."""


def _mixed(count: int) -> Finding:
    which = "1 slice of the series was" if count == 1 else f"{count} slices of the series were"
    message = f"{which} left out: {'it has' if count == 1 else 'they have'} {_STRANGE}."
    return Finding("mixed-series", Gravity.WARNING, message)

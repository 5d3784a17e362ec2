"""What became of the lung, place by place: lesions that are new, resolved or persist, on the first scan's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS, LOBES, LUNGS, Code, Label, LabelMap
from hilum.provenance import Step
from hilum.readers.dicom_codes import SCHEME
from hilum.scoring.thirds import THIRDS, thirds

from .align import Alignment
from .scans import Scan, labels_at, voxel_points

CHANGES: Mapping[int, Label] = {
    1: Label("new", Code("new", SCHEME, "Lung opacity that is new"), (213, 94, 0)),
    2: Label("resolved", Code("resolved", SCHEME, "Lung opacity that is gone"), (0, 158, 115)),
    3: Label("persisting", Code("persisting", SCHEME, "Lung opacity that persists"), (240, 228, 66)),
}
"""Labels of a map of changes."""

STRUCTURES = {"opacity": (1, 2), "ground-glass": (1,), "consolidation": (2,)}
"""What is compared, by its numbers in :data:`hilum.image.LESIONS`."""

AT_ONCE = 1 << 20
"""Voxels that are worked on together."""

SHIFTS = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
"""Directions in which an alignment is moved by its error: none, and along each axis; shape (7, 3)."""

_SIDES, _KINDS = ("right", "left"), 3
_SHAPE = (len(_SIDES), len(THIRDS), len(LOBES) + 1, _KINDS, _KINDS)
_CODES = int(np.prod(_SHAPE))

_BECAME = np.array([[0, 1], [2, 3]], dtype=np.uint8)
"""The number in :data:`CHANGES` by whether there was opacity before, and after."""


@dataclass(frozen=True, slots=True)
class Place:
    """What became of one structure in one region of the first scan's lungs, in ml of the first scan.

    Attributes
    ----------
    structure : ``opacity``, ``ground-glass`` or ``consolidation``
    region : ``both``, a side, a third of its height, or a lobe of the first scan
    new_ml, resolved_ml, persisting_ml : only later, only first, at both times in the same place
    new_error_ml, resolved_error_ml, change_error_ml : the most by which they change where the alignment is moved by its
        own error, up or down, to a side, forwards or backwards
    """

    structure: str
    region: str
    new_ml: float
    resolved_ml: float
    persisting_ml: float
    new_error_ml: float
    resolved_error_ml: float
    change_error_ml: float

    @property
    def first_ml(self) -> float:
        """At the first time."""
        return self.resolved_ml + self.persisting_ml

    @property
    def later_ml(self) -> float:
        """At the later time, within the first scan's lungs and in their breath."""
        return self.new_ml + self.persisting_ml


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A later scan compared with the first, place by place.

    Attributes
    ----------
    places : structures within regions
    changes : :data:`CHANGES` of opacity, on the first scan's own grid
    lungs : of the first scan
    error_mm : by which the alignment was moved for the errors: the larger one of what 95 % of the surfaces are within
        and of the way off there and back, and half a voxel at least
    """

    places: tuple[Place, ...]
    changes: LabelMap
    lungs: LabelMap
    error_mm: float


def compare_places(first: Scan, second: Scan, alignment: Alignment) -> Placed:
    """Compare the lesions of two scans where the first has lung.

    Parameters
    ----------
    first, second : as they were aligned
    alignment : of the second onto the first

    Returns
    -------
    Lesions of the second scan that come to lie outside the first scan's lungs are not counted.
    """
    lungs, lesions = first.lungs.axial(), _in_our_numbers(first.lesions.axial(), LESIONS).ravel()
    grid, regions = lungs.volume, _Regions(lungs, None if first.lobes is None else first.lobes.axial())
    later = LabelMap(_in_our_numbers(second.lesions, LESIONS), second.lesions.grid, LESIONS, second.lesions.origin)
    error_mm = max(alignment.quality.far_mm, alignment.quality.trip_mm, 0.5 * max(grid.spacing_mm))
    counts = np.zeros((len(SHIFTS), _CODES), dtype=np.int64)
    changes = np.zeros(grid.shape, dtype=np.uint8)
    for start in range(0, len(regions.voxels), AT_ONCE):
        part = regions.voxels[start : start + AT_ONCE]
        before = _opacity(lesions[part])
        code = (regions.of(part) * _KINDS + before) * _KINDS
        there = alignment.to_second(voxel_points(grid, part))
        for number, shift in enumerate(SHIFTS):
            after = _opacity(labels_at(later, there + error_mm * shift))
            counts[number] += np.bincount(code + after, minlength=_CODES)
            if not shift.any():
                changes.ravel()[part] = _BECAME[np.sign(before), np.sign(after)]
    step = Step(
        "compare-places",
        {"method": alignment.method, "by_density": alignment.uses_densities},
        (first.lesions.origin, second.lesions.origin),
    )
    own = np.ascontiguousarray(first.lungs.volume.orientation.from_axial(changes))
    table = counts.reshape(len(SHIFTS), *_SHAPE) * np.float64(grid.voxel_ml)
    return Placed(
        tuple(_rows(table.astype(np.float64), has_lobes=first.lobes is not None)),
        LabelMap(own, first.lungs.grid, CHANGES, step),
        first.lungs,
        error_mm,
    )


class _Regions:
    """The voxels of the lungs of an axial scan, by their places in the flat array, and the region of each."""

    def __init__(self, lungs: LabelMap, lobes: LabelMap | None) -> None:
        self._sides = _in_our_numbers(lungs, LUNGS)
        self._thirds = _thirds_of(self._sides)
        self._lobes = None if lobes is None else _in_our_numbers(lobes, LOBES).ravel()
        self.voxels = np.flatnonzero(self._sides)

    def of(self, part: NDArray[np.intp]) -> NDArray[np.intp]:
        """A number for side, third and lobe of each of some voxels."""
        side = self._sides.ravel()[part].astype(np.intp) - 1
        third = self._thirds[side, part // (self._sides.shape[1] * self._sides.shape[2])]
        lobe = np.zeros_like(side) if self._lobes is None else self._lobes[part].astype(np.intp)
        return (side * len(THIRDS) + third) * (len(LOBES) + 1) + lobe


def _rows(table: NDArray[np.float64], *, has_lobes: bool) -> Iterator[Place]:
    """Counts in ml, (shift, side, third, lobe, before, after), by structure and region."""
    for structure, numbers in STRUCTURES.items():
        inside = np.isin(np.arange(_KINDS), numbers)
        for region, chosen in _regions(table, has_lobes=has_lobes):
            new = chosen[:, ~inside][:, :, inside].sum(axis=(1, 2))
            gone = chosen[:, inside][:, :, ~inside].sum(axis=(1, 2))
            stays = chosen[:, inside][:, :, inside].sum(axis=(1, 2))
            errors = [float(np.abs(each - each[0]).max()) for each in (new, gone, new - gone)]
            yield Place(structure, region, float(new[0]), float(gone[0]), float(stays[0]), *errors)


def _regions(table: NDArray[np.float64], *, has_lobes: bool) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each region's counts, (shift, before, after)."""
    yield "both", table.sum(axis=(1, 2, 3))
    for number, side in enumerate(_SIDES):
        yield side, table[:, number].sum(axis=(1, 2))
    for number, side in enumerate(_SIDES):
        for level, third in enumerate(THIRDS):
            yield f"{side}-{third}", table[:, number, level].sum(axis=1)
    for number, lobe in LOBES.items() if has_lobes else ():
        yield lobe.name, table[:, :, :, number].sum(axis=(1, 2))


def _thirds_of(sides: NDArray[np.uint8]) -> NDArray[np.intp]:
    """For each side (right, left) and slice the number of the third."""
    made = np.zeros((len(_SIDES), len(sides)), dtype=np.intp)
    for number in range(len(_SIDES)):
        voxels = np.array([np.count_nonzero(plane == number + 1) for plane in sides])
        for level, name in enumerate(THIRDS):
            made[number, thirds(voxels)[name]] = level
    return made


def _opacity(numbers: NDArray[np.uint8]) -> NDArray[np.intp]:
    """1 ground-glass, 2 consolidation, 0 all else: effusion lies about the lung."""
    return np.where(numbers < _KINDS, numbers, 0).astype(np.intp)


def _in_our_numbers(labels: LabelMap, ours: Mapping[int, Label]) -> NDArray[np.uint8]:
    """The array of a label map with the numbers of ours of the same names; 0 for other names."""
    known = {label.name: number for number, label in ours.items()}
    table = np.zeros(256, dtype=np.uint8)
    for number, label in labels.labels.items():
        table[number] = known.get(label.name, 0)
    return table[np.asarray(labels.array)]

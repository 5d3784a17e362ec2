"""One pass over a volume: how many voxels of each kind every slice has, how dense they are, and where kinds meet.

All measures and scores of a CT are sums over the small tables that this gives, so that no further array of the
volume's size is made, whatever is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS, LOBES, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured

HU_EDGES = (-1050, -950, -750, -400, -200, 0, 3000)
"""Where the densities are divided; a band holds its lower edge. Those of Slicer's Lung CT Analyzer, and -200, from
where on the percentage of high opacity counts."""

SLAB = 16
"""Slices that are brought into axial order at once: enough that memory is read in whole lines whichever axis is the
volume's own slice axis, little enough that a slab of 512 x 512 takes a few megabytes."""

_SIDES = ("right", "left")
_KINDS = ("", "ground-glass", "consolidation", "effusion")
_BANDS = len(HU_EDGES) + 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What a voxel can be.

    Attributes
    ----------
    side : ``right`` or ``left``: of the lung, or of the half of the chest for effusion outside the lungs; else empty
    in_lung : whether it lies in a lung
    lesion : name of the lesion, empty for none
    lobe : name of the lobe, empty for none; only within the lung of its side
    """

    side: str = ""
    in_lung: bool = False
    lesion: str = ""
    lobe: str = ""


def _kinds() -> Iterator[Kind]:
    yield Kind()
    yield Kind(lesion="opacity")
    for side in _SIDES:
        yield Kind(side, lesion="effusion")
    for side in _SIDES:
        lobes = ("", *(label.name for label in LOBES.values() if label.name.startswith(side)))
        for lesion in _KINDS:
            yield from (Kind(side, in_lung=True, lesion=lesion, lobe=lobe) for lobe in lobes)


KINDS = tuple(_kinds())
"""Every kind of voxel there is; ``opacity`` without a side is opacity outside the lungs."""

_PLACE = {kind: place for place, kind in enumerate(KINDS)}
_STRAY_EFFUSION = (_PLACE[Kind("right", lesion="effusion")], _PLACE[Kind("left", lesion="effusion")])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What a volume holds, slice by slice from the feet to the head.

    Attributes
    ----------
    voxels : (slices, kinds, bands); bands are those between :data:`HU_EDGES`, all voxels in the first without HU
    hu : (slices, kinds), the sum of Hounsfield units; or why there is none
    meetings : (slices, kinds, kinds); how often a voxel of one kind touches, by a face, one of another kind in the
        same slice or the next one up
    voxel_ml : volume of a voxel
    has_lobes : whether lobes were given
    named : the lesions that the labels name; what they do not name was not looked for
    """

    voxels: NDArray[np.int64]
    hu: NDArray[np.float64] | NotMeasured
    meetings: NDArray[np.int32]
    voxel_ml: float
    has_lobes: bool
    named: frozenset[str]


def which(wanted: Callable[[Kind], bool]) -> NDArray[np.bool_]:
    """The kinds that ``wanted`` says yes to, as a mask over :data:`KINDS`."""
    return np.array([wanted(kind) for kind in KINDS])


def tally(lungs: LabelMap, lesions: LabelMap, *, image: Image | None = None, lobes: LabelMap | None = None) -> Tally:
    """Count the voxels of a volume by kind.

    Parameters
    ----------
    lungs : right and left, on any grid of a volume
    lesions : on the same grid; effusion counts wherever it is, other lesions as opacity in or outside the lungs
    image : on the same grid; densities are counted if it holds Hounsfield units
    lobes : on the same grid; a lobe counts where it lies in the lung of its side

    Raises
    ------
    GridMismatch
        The masks and the image do not lie on one grid.
    WrongQuantity
        A film was given.
    ValueError
        The labels of a map name nothing that is counted.
    """
    grid = lungs.volume
    given: tuple[Image | LabelMap, ...] = tuple(each for each in (lesions, image, lobes) if each is not None)
    for each in given:
        grid.require_same(each.volume)
    return _count(lungs, lesions, lobes, _hounsfield(image))


def codes_by_slab(lungs: LabelMap, lesions: LabelMap, lobes: LabelMap | None) -> Iterator[NDArray[np.uint8]]:
    """The kinds of all voxels, as places in :data:`KINDS`, slab by slab from the feet in axial order.

    Each slab has the shape (up to SLAB, rows, columns). Grids are not checked: :func:`tally` does that.
    """
    maps = [lungs, lesions, *([] if lobes is None else [lobes])]
    arrays, tables = [each.axial().array for each in maps], _tables(maps)
    has_stray = any(label.name == "effusion" and lesions.pixels(label.name) for label in lesions.labels.values())
    middle = _middle_column(arrays[0], tables[0]) if has_stray else 0
    for start in range(0, len(arrays[0]), SLAB):
        sums = np.zeros(arrays[0][start : start + SLAB].shape, dtype=np.uint8)
        for array, table in zip(arrays, tables, strict=True):
            sums += translated(array[start : start + SLAB], table)
        codes = translated(sums, _KIND_OF)
        if has_stray:
            left = codes[..., middle:]
            left[left == _STRAY_EFFUSION[0]] = _STRAY_EFFUSION[1]
        yield codes


def translated(array: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``table[array]``, contiguous and to be written to; several times as fast as numpy's indexing."""
    return np.frombuffer(bytearray(array.tobytes().translate(table.tobytes())), dtype=np.uint8).reshape(array.shape)


def _hounsfield(image: Image | None) -> Image | NotMeasured:
    if image is None:
        return NotMeasured("it takes Hounsfield units, and no image was given")
    if image.quantity is Quantity.HOUNSFIELD:
        return image
    return NotMeasured("it takes Hounsfield units, which pictures of a CT do not hold")


def _tables(maps: list[LabelMap]) -> list[NDArray[np.uint8]]:
    """For each map its numbers turned into ours: lungs 0 to 2, lesions 0, 3, 6, 9 and lobes 0, 12, ... 60."""
    made: list[NDArray[np.uint8]] = []
    for labels, ours, step in zip(maps, (LUNGS, LESIONS, LOBES), (1, 3, 12), strict=False):
        numbers = {label.name: number for number, label in ours.items()}
        if not any(label.name in numbers for label in labels.labels.values()):
            raise ValueError(f"a map with {', '.join(numbers)} is needed, and these labels name none of them")
        table = np.zeros(256, dtype=np.uint8)
        for number, label in labels.labels.items():
            table[number] = step * numbers.get(label.name, 0)
        made.append(table)
    return made


def _kind_of() -> NDArray[np.uint8]:
    """The kind of each sum of :func:`_tables`."""
    made = np.zeros(256, dtype=np.uint8)
    for code in range(72):
        lung, lesion, lobe = code % 3, _KINDS[code // 3 % 4], LOBES[code // 12].name if code >= 12 else ""
        if lung:
            side = _SIDES[lung - 1]
            made[code] = _PLACE[Kind(side, in_lung=True, lesion=lesion, lobe=lobe if lobe.startswith(side) else "")]
        elif lesion:
            made[code] = _STRAY_EFFUSION[0] if lesion == "effusion" else _PLACE[Kind(lesion="opacity")]
    return made


_KIND_OF = _kind_of()


def _middle_column(lungs: NDArray[np.uint8], table: NDArray[np.uint8]) -> int:
    """The first column of the left half of the chest: midway between the two lungs; the picture's if one is absent."""
    columns = np.arange(lungs.shape[2])
    centres: list[float] = []
    for side in (1, 2):
        filled = np.zeros(lungs.shape[2], dtype=np.int64)
        for number in np.flatnonzero(table == side):
            for start in range(0, len(lungs), SLAB):
                filled += np.count_nonzero(lungs[start : start + SLAB] == number, axis=(0, 1))
        if not filled.any():
            return (lungs.shape[2] + 1) // 2
        centres.append(float(filled @ columns) / float(filled.sum()))
    return int(np.ceil(sum(centres) / 2))


def _count(lungs: LabelMap, lesions: LabelMap, lobes: LabelMap | None, image: Image | NotMeasured) -> Tally:
    array = None if isinstance(image, NotMeasured) else image.axial().array
    slices, kinds = lungs.volume.axial.shape[0], len(KINDS)
    voxels = np.zeros((slices, kinds, _BANDS), dtype=np.int64)
    hu = np.zeros((slices, kinds))
    meetings = np.zeros((slices, kinds, kinds), dtype=np.int32)
    below: NDArray[np.uint8] | None = None
    for number, codes in enumerate(codes_by_slab(lungs, lesions, lobes)):
        start = number * SLAB
        densities = None if array is None else np.ascontiguousarray(array[start : start + SLAB])
        for place, plane in enumerate(codes):
            at = start + place
            if below is not None:
                meetings[at - 1] += _meetings(below, plane)
            below = plane
            if not plane.any():
                continue
            meetings[at] += _meetings(plane[1:], plane[:-1]) + _meetings(plane[:, 1:], plane[:, :-1])
            voxels[at], hu[at] = _densities(plane, None if densities is None else densities[place])
    voxel_ml = lungs.volume.voxel_ml
    sums = image if isinstance(image, NotMeasured) else hu
    named = frozenset(label.name for label in lesions.labels.values())
    return Tally(voxels, sums, meetings, voxel_ml, has_lobes=lobes is not None, named=named)


def _meetings(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.int32]:
    """How often each kind lies opposite each other kind, (kinds, kinds); the same kind opposite itself not counted."""
    size = len(KINDS)
    differ = one != other
    pairs = one[differ].astype(np.intp) * size + other[differ]
    return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int32)


def _densities(plane: NDArray[np.uint8], hu: NDArray[np.number] | None) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Voxels (kinds, bands) and the sums of their HU (kinds,) of one slice; what is nothing is not counted."""
    size = len(KINDS)
    inside = plane.ravel().nonzero()[0]
    kinds = plane.ravel()[inside].astype(np.intp)
    if hu is None:
        counts = np.zeros((size, _BANDS), dtype=np.intp)
        counts[:, 0] = np.bincount(kinds, minlength=size)
        return counts, np.zeros(size)
    values = hu.ravel()[inside]
    band = sum((values >= edge for edge in HU_EDGES), start=np.zeros(len(values), dtype=np.intp))
    counts = np.bincount(kinds * _BANDS + band, minlength=size * _BANDS).reshape(size, _BANDS)
    sums: NDArray[np.float64] = np.bincount(kinds, weights=values, minlength=size).astype(np.float64)
    return counts, sums

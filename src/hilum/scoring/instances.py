"""The single lesions of a volume: its connected parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cc3d
import numpy as np
from numpy.typing import NDArray

from hilum.image import LabelMap

from .measure import LesionInstance
from .tally import KINDS, SLAB, Kind, codes_by_slab, translated, which

LEAST_INSTANCE_ML = 0.1
"""A connected part smaller than this is not a lesion of its own: a ball 6 mm across, of which readers make nothing."""

_STRUCTURES = ("opacity", "effusion")
_SIDES = ("right", "left")


def find_instances(
    lungs: LabelMap, lesions: LabelMap, lobes: LabelMap | None = None, *, least_ml: float = LEAST_INSTANCE_ML
) -> tuple[LesionInstance, ...]:
    """The connected lesions of a volume, the largest first.

    Voxels that touch by a face, an edge or a corner (26 neighbours) are connected. Opacity is ground-glass and
    consolidation together, within the lungs; nothing connects across from one lung to the other.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left
    lesions : on the same grid
    lobes : on the same grid; a lesion is then named after the lobe that holds most of it
    least_ml : smaller parts are left out

    Raises
    ------
    GridMismatch
        The masks do not lie on one grid.
    WrongQuantity
        The masks are of a film.
    """
    grid = lungs.volume
    for each in (lesions, lobes):
        if each is not None:
            grid.require_same(each.volume)
    corner, codes = _lesions(lungs, lesions, lobes)
    if codes.size == 0:
        return ()
    labelled = np.asarray(cc3d.connected_components(translated(codes, _GROUP_OF), connectivity=26))
    voxel_ml, axial = grid.voxel_ml, grid.axial
    made: list[LesionInstance] = []
    for counts, sums in _parts(labelled, codes, least_ml / voxel_ml):
        x, y, z = axial.position_mm(sums / counts.sum() + corner).tolist()
        made.append(_instance(counts, voxel_ml, (x, y, z)))
    made.sort(key=lambda each: (-each.volume_ml, each.centroid_mm))
    return tuple(replace(each, number=number) for number, each in enumerate(made, start=1))


def _groups() -> NDArray[np.uint8]:
    """For each kind the number of the group within which voxels connect: opacity or effusion of a side; 0 for none."""
    made = np.zeros(256, dtype=np.uint8)
    for place, kind in enumerate(KINDS):
        if kind.side and kind.lesion:
            structure = "effusion" if kind.lesion == "effusion" else "opacity"
            made[place] = 1 + _SIDES.index(kind.side) + 2 * _STRUCTURES.index(structure)
    return made


_GROUP_OF = _groups()


_LESION_OF = np.where(_GROUP_OF > 0, np.arange(256), 0).astype(np.uint8)
"""A kind for itself if it is a lesion's, 0 if not."""


def _lesions(lungs: LabelMap, lesions: LabelMap, lobes: LabelMap | None) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """The kinds of all lesions' voxels, 0 elsewhere, in the smallest box that holds them, and its first voxel."""
    shape = lungs.volume.axial.shape
    codes = np.empty(shape, dtype=np.uint8)
    for number, slab in enumerate(codes_by_slab(lungs, lesions, lobes)):
        codes[number * SLAB : (number + 1) * SLAB] = translated(slab, _LESION_OF)
    box: list[slice] = []
    for axis in range(3):
        filled = np.flatnonzero(codes.any(axis=tuple({0, 1, 2} - {axis})))
        if len(filled) == 0:
            return np.zeros(3, dtype=np.intp), codes[:0]
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return np.array([each.start for each in box]), codes[tuple(box)]


def _parts(
    labelled: NDArray[np.integer], codes: NDArray[np.uint8], least: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """For each part of at least so many voxels: its voxels by kind, and the sums of their indices."""
    total = int(labelled.max()) + 1
    sizes = sum((np.bincount(plane.ravel(), minlength=total) for plane in labelled), start=np.zeros(total, np.intp))
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= least)
    kept = kept[kept > 0]
    place = np.zeros(total, dtype=np.intp)
    place[kept] = np.arange(1, len(kept) + 1)
    counts, sums = np.zeros((len(kept) + 1, len(KINDS)), dtype=np.intp), np.zeros((len(kept) + 1, 3))
    for at, (numbers, plane) in enumerate(zip(labelled, codes, strict=True)):
        row, column = numbers.nonzero()
        part = place[numbers[row, column]]
        keys = part * len(KINDS) + plane[row, column]
        counts += np.bincount(keys, minlength=counts.size).reshape(counts.shape)
        for axis, index in enumerate((np.full(len(row), at), row, column)):
            sums[:, axis] += np.bincount(part, weights=index, minlength=len(sums))
    yield from zip(counts[1:], sums[1:], strict=True)


def _instance(counts: NDArray[np.intp], voxel_ml: float, centroid_mm: tuple[float, float, float]) -> LesionInstance:
    """One lesion from its voxels by kind; its number is given later."""
    kinds = [KINDS[place] for place in np.flatnonzero(counts)]
    by_lobe: dict[str, int] = {}
    for kind, count in zip(kinds, counts[counts > 0].tolist(), strict=True):
        by_lobe[kind.lobe] = by_lobe.get(kind.lobe, 0) + count
    return LesionInstance(
        number=0,
        structure="effusion" if kinds[0].lesion == "effusion" else "opacity",
        volume_ml=float(counts.sum()) * voxel_ml,
        consolidation_ml=float(counts[which(_is_consolidation)].sum()) * voxel_ml,
        centroid_mm=centroid_mm,
        region=max(by_lobe, key=lambda lobe: by_lobe[lobe]) or kinds[0].side,
    )


def _is_consolidation(kind: Kind) -> bool:
    return kind.lesion == "consolidation"

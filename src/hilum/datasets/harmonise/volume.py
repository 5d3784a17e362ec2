"""One CT, harmonised: crop, image, masks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.schema import MaskKind
from hilum.geometry import Grid, VolumeGrid
from hilum.image import Image, LabelMap

from .intensity import Scale, outside_value, volume_scale
from .labels import Numbers, translated
from .lattice import Axis, Lattice
from .lungs import LungFinder
from .resample import mask_on, planes
from .settings import HarmoniseSettings

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Harmonised:
    """What becomes of one image.

    Attributes
    ----------
    array : stored values, (slices, rows, columns), axial; of a film one slice, upright
    grid : where they lie
    masks : of the shape of ``array``, in harmonised numbers
    scale : how the values are stored
    lattice : the voxels, counted in those of the source, axial or upright
    source : the grid of the source, axial or upright
    lungs : ``source``, how else they were found, or why there are none
    is_cut : the crop leaves some of the lungs or lesions out
    is_to_scale : the spacing is that of the patient; that of films is not known to be
    """

    array: NDArray[Any]
    grid: Grid
    masks: Mapping[MaskKind, Numbers]
    scale: Scale
    lattice: Lattice
    source: Grid
    lungs: str
    is_cut: bool
    is_to_scale: bool


def harmonise_volume(
    image: Image, given: Mapping[MaskKind, LabelMap], settings: HarmoniseSettings, find_lungs: LungFinder
) -> Harmonised:
    """A CT and its masks on the lattice of the settings.

    Parameters
    ----------
    image : in any order of its axes
    given : masks on the grid of ``image``
    settings : of the data base
    find_lungs : asked where there are neither lungs nor lung fields
    """
    axial = image.axial()
    masks: dict[MaskKind, Numbers] = {
        kind: translated(labels.axial(), kind, settings.labels) for kind, labels in given.items()
    }
    found_by = "source"
    if "lungs" not in masks:
        found, found_by = find_lungs(axial, is_to_scale=image.is_to_scale)
        if found is not None:
            masks["lungs"] = translated(found, "lungs", settings.labels)
    marked = _marked([masks[kind] for kind in ("lungs", "lung-fields", "lesions") if kind in masks])
    lattice = _lattice(axial.volume, marked, settings, is_to_scale=image.is_to_scale)
    scale = volume_scale(axial, settings)
    array = np.empty(lattice.shape, scale.kind)
    for out, plane in zip(array, planes(axial.array, lattice, outside_value(axial)), strict=True):
        scale.store(plane, out)
    is_smooth = settings.masks == "linear"
    return Harmonised(
        array=array,
        grid=lattice.grid(axial.volume),
        masks={kind: mask_on(labels, lattice, is_smooth=is_smooth) for kind, labels in masks.items()},
        scale=scale,
        lattice=lattice,
        source=axial.volume,
        lungs=found_by,
        is_cut=marked is not None and _is_cut(lattice, marked),
        is_to_scale=image.is_to_scale,
    )


def _marked(masks: list[Numbers]) -> Box | None:
    """The box about everything marked in any mask; None if nothing is."""
    if not masks:
        return None
    depth, rows, columns = (np.zeros(length, dtype=bool) for length in masks[0].shape)
    for labels in masks:
        for place, plane in enumerate(labels):
            in_columns = plane.any(axis=0)
            if in_columns.any():
                depth[place] = True
                columns |= in_columns
                rows |= plane.any(axis=1)
    found = [np.flatnonzero(axis) for axis in (depth, rows, columns)]
    if not len(found[0]):
        return None
    first, second, third = (slice(int(places[0]), int(places[-1]) + 1) for places in found)
    return first, second, third


def _lattice(grid: VolumeGrid, marked: Box | None, settings: HarmoniseSettings, *, is_to_scale: bool) -> Lattice:
    """The voxels that the settings ask for; without a spacing only the size of the picture can be chosen."""
    if not is_to_scale:
        return Lattice.picture(grid.shape, settings.film_px)
    whole = Lattice.over(grid, settings.spacing_mm)
    if settings.about == "centre" or marked is None:
        ends = [(0, axis.count) for axis in whole.axes]
    else:
        ends = [axis.box(part) for axis, part in zip(whole.axes, marked, strict=True)]
        if settings.size is None:
            steps = whole.grid(grid).spacing_mm
            ends = [_widened(*each, settings.margin_mm) for each in zip(ends, whole.axes, steps, strict=True)]
    size = settings.size or tuple(last - first for first, last in ends)
    if grid.shape[0] == 1:  # a single slice stays one
        ends[0], size = (0, 1), (1, *size[1:])
    first = [(low + high - count) // 2 for (low, high), count in zip(ends, size, strict=True)]
    return whole.cropped((first[0], first[1], first[2]), (size[0], size[1], size[2]))


def _widened(ends: tuple[int, int], axis: Axis, spacing_mm: float, margin_mm: float) -> tuple[int, int]:
    """Ends with a margin, as far as there are voxels."""
    margin = math.ceil(margin_mm / spacing_mm)
    return max(0, ends[0] - margin), min(axis.count, ends[1] + margin)


def _is_cut(lattice: Lattice, marked: Box) -> bool:
    boxes = [axis.box(part) for axis, part in zip(lattice.axes, marked, strict=True)]
    return any(first < 0 or last > axis.count for (first, last), axis in zip(boxes, lattice.axes, strict=True))

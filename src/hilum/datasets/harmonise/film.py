"""Films: resized by their longer side, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hilum.datasets.schema import MaskKind
from hilum.geometry import PlaneGrid
from hilum.image import Image, LabelMap

from .intensity import film_scale
from .labels import translated
from .lattice import Lattice
from .lungs import LungFinder
from .resample import mask_on, planes
from .settings import HarmoniseSettings
from .volume import Harmonised


def harmonise_film(
    image: Image, given: Mapping[MaskKind, LabelMap], settings: HarmoniseSettings, find_lungs: LungFinder
) -> Harmonised:
    """A film and its masks, upright.

    Parameters
    ----------
    image : in any orientation
    given : masks on the grid of ``image``
    settings : of the data base
    find_lungs : asked where there are neither lungs nor lung fields
    """
    upright = image.upright()
    found: LabelMap | None = None
    found_by = "source"
    if not {"lungs", "lung-fields"} & set(given):
        found, found_by = find_lungs(upright)
    labels = dict(given)
    if found is not None:
        labels["lungs"] = found
    grid = upright.plane
    lattice = Lattice.picture((1, *grid.shape), settings.film_px)
    scale = film_scale(upright.array, settings)
    array = np.empty(lattice.shape, scale.kind)
    for out, plane in zip(array, planes(upright.array[None], lattice), strict=True):
        scale.store(plane, out)
    is_smooth = settings.masks == "linear"
    return Harmonised(
        array=array,
        grid=_resized(grid, lattice),
        masks={
            kind: mask_on(translated(each.upright(), kind, settings.labels)[None], lattice, is_smooth=is_smooth)
            for kind, each in labels.items()
        },
        scale=scale,
        lattice=lattice,
        source=grid,
        lungs=found_by,
        is_cut=False,
        is_to_scale=False,
    )


def _resized(grid: PlaneGrid, lattice: Lattice) -> PlaneGrid:
    _, rows, columns = lattice.axes
    spacing = grid.spacing_mm and (grid.spacing_mm[0] * rows.step, grid.spacing_mm[1] * columns.step)
    return replace(grid, shape=(rows.count, columns.count), spacing_mm=spacing)

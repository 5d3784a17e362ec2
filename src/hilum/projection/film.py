"""A film of a CT: rays through the patient, what is left of them, and masks through the same rays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.preprocessing.body import body_of
from hilum.provenance import Origin, Step
from hilum.settings import ProjectSettings, as_json

from .attenuation import Field, mixture
from .beam import Beam, Layout, lay_out
from .exposure import Exposure, develop
from .rays import integrals
from .straight import straightened

LEVELS = 65535
"""Brightest grey of a film, which has 16 bits."""

NOTHING_HU = -1000
"""What takes the place of all that is not the patient."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A film of a CT with what its rays met, all on one grid.

    Attributes
    ----------
    film : RADIOGRAPH, uint16
    attenuation : ATTENUATION, float32: the line integrals that it was developed from; of ``sum`` those of the grey
    thickness_mm : way of the rays through each structure of each mask, float32, by name of mask and of structure
    masks : by the same names as the masks that were given; where rays cross several structures of one mask, the one
        with the longest way
    """

    film: Image
    attenuation: Image
    thickness_mm: Mapping[str, Mapping[str, Field]]
    masks: Mapping[str, LabelMap]


def project(
    image: Image, masks: Mapping[str, LabelMap] | None = None, settings: ProjectSettings | None = None
) -> Projection:
    """A film of a CT, as X-rays through the same patient would have made it.

    Densities become attenuation at the energy of the beam; its integrals along the rays leave exp(-integral) of the
    quanta, which a detector counts with scatter and noise; the logarithm is displayed as digital systems display a
    chest. Table and blankets are taken away first. The patient is turned upright: the head up, the patient's right at
    the left edge; on a lateral film the front.

    Parameters
    ----------
    image : a CT in Hounsfield units, in any order of its axes; a tilted one is straightened first
    masks : on the grid of the image, by names of the caller's
    settings : None for the defaults

    Raises
    ------
    WrongQuantity
        The image does not hold Hounsfield units.
    GridMismatch
        A mask does not lie on the voxels of the image.
    ValueError
        The settings make no film of this patient.

    Examples
    --------
    >>> from hilum.phantom import default_grid, thorax
    >>> made = thorax(0, grid=default_grid(0, spacing_mm=(6, 6, 6)))
    >>> shadow = project(made.ct, {"lungs": made.lungs}, ProjectSettings(pitch_mm=3))
    >>> shadow.film.view, sorted(shadow.thickness_mm["lungs"])
    ('PA', ['left-lung', 'right-lung'])
    """
    settings = ProjectSettings() if settings is None else settings
    masks = {} if masks is None else masks
    image.require(Quantity.HOUNSFIELD)
    for mask in masks.values():
        image.volume.require_same(mask.volume)
    axial, beside = straightened(image, masks)
    beam = _beam(settings)
    layout = lay_out(beam, axial.volume)
    history = (image.origin, *(mask.origin for mask in masks.values()))
    step = Step("project", as_json(settings), history)
    made = _summed(axial, layout, step) if settings.method == "sum" else _exposed(axial, layout, settings, step)
    film, attenuation = (replace(each, view=settings.view) for each in made)
    thickness = {name: _thickness(mask, layout) for name, mask in beside.items()}
    shadows = {
        name: LabelMap(_shadow(thickness[name], mask, settings.mask_mm), layout.grid, mask.labels, step)
        for name, mask in beside.items()
    }
    return Projection(film, attenuation, MappingProxyType(thickness), MappingProxyType(shadows))


def _beam(settings: ProjectSettings) -> Beam:
    if settings.method == "sum":
        return Beam(settings.view, "parallel", pitch_mm=settings.pitch_mm)
    return Beam(settings.view, settings.geometry, settings.source_mm, settings.gap_mm, settings.pitch_mm)


def _exposed(axial: Image, layout: Layout, settings: ProjectSettings, origin: Origin) -> tuple[Image, Image]:
    """The film by the law of attenuation, and the integrals that it was made from."""
    hounsfield = axial.array
    if settings.remove_table:
        hounsfield = np.where(body_of(axial), hounsfield, np.asarray(NOTHING_HU, dtype=hounsfield.dtype))
    density = integrals(hounsfield, layout, mixture(settings.energy_kev), repeat=True)
    np.maximum(density, 0, out=density)
    exposure = Exposure(
        photons=settings.photons, scatter=settings.scatter, contrast=settings.contrast, brightness=settings.brightness,
        sharpening=settings.sharpening, flattening=settings.flattening, marker=settings.marker,
    )  # fmt: skip
    pitch = _pitch(layout.grid)
    grey = develop(density, spacing_mm=pitch, exposure=exposure, seed=settings.seed, quanta="poisson")
    film = Image(_sixteen_bits(grey), layout.grid, Quantity.RADIOGRAPH, origin)
    return film, Image(density, layout.grid, Quantity.ATTENUATION, origin)


def _summed(axial: Image, layout: Layout, origin: Origin) -> tuple[Image, Image]:
    """The predecessor's film: 8-bit grey of each slice, summed along straight columns, brightest made white.

    Only the size of its pixels is put right: there a slice is as high as another, however thick it is.
    """
    low, high = float(axial.array.min()), float(axial.array.max())
    grey = np.rint((axial.array.astype(np.float32) - low) * np.float32(255 / max(high - low, 1))).astype(np.uint8)
    made = integrals(grey, layout, _as_they_are)
    return (
        Image(_sixteen_bits(made / max(float(made.max()), 1.0)), layout.grid, Quantity.RADIOGRAPH, origin),
        Image(made, layout.grid, Quantity.ATTENUATION, origin),
    )


def _as_they_are(voxels: NDArray[Any]) -> Field:
    return voxels.astype(np.float32)


def _thickness(mask: LabelMap, layout: Layout) -> Mapping[str, Field]:
    """Way of the rays through each structure of a mask, in mm."""
    made: dict[str, Field] = {}
    for number, label in mask.labels.items():

        def share(voxels: NDArray[Any], number: int = number) -> Field:
            return (voxels == number).astype(np.float32)

        made[label.name] = (
            integrals(mask.array, layout, share)
            if mask.pixels(label.name)
            else np.zeros(layout.grid.shape, dtype=np.float32)
        )
    return MappingProxyType(made)


def _shadow(thickness: Mapping[str, Field], mask: LabelMap, least_mm: float) -> NDArray[np.uint8]:
    """Where the rays run at least so far through a mask, the number of the structure with the longest way."""
    total = np.zeros(next(iter(thickness.values())).shape, dtype=np.float32)
    longest, made = np.zeros_like(total), np.zeros(total.shape, dtype=np.uint8)
    for name, way in thickness.items():
        total += way
        ahead = way > longest
        made[ahead] = mask.number(name)
        longest[ahead] = way[ahead]
    made[total < least_mm] = 0
    return made


def _sixteen_bits(grey: Field) -> NDArray[np.uint16]:
    return np.rint(np.clip(grey, 0, 1) * np.float32(LEVELS)).astype(np.uint16)


def _pitch(grid: PlaneGrid) -> float:
    if grid.spacing_mm is None:
        raise ValueError("a film that was projected has a spacing")
    return grid.spacing_mm[0]

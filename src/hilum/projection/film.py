"""A film of a CT: rays through the patient, what is left of them, and masks through the same rays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, Image, Label, LabelMap, Quantity
from hilum.preprocessing.body import body_of
from hilum.provenance import Origin, Step
from hilum.settings import ProjectSettings, as_json

from .attenuation import Field, mixture
from .beam import Beam, lay_out
from .exposure import Exposure, develop
from .outline import outlined
from .rays import Rays
from .shadows import lesions_seen, longest
from .straight import straightened

LEVELS = 65535
"""Brightest grey of a film, which has 16 bits."""

PATIENT = 0.5
"""Line integral from which on a ray has met the patient, and the display is set by it."""

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
    shadows : by the same names as the masks that were given: wherever the rays run far enough through a mask; where
        they cross several of its structures, the one with the longest way
    masks : what of the shadows a reader outlines on a film. Whole lungs on a frontal film end at the dome of the
        diaphragm and at the edge of the spine, and reach behind the heart. A lesion ends where it is too small a part
        of the rays' way through lung, if lungs were given too. All else is as in ``shadows``.
    """

    film: Image
    attenuation: Image
    thickness_mm: Mapping[str, Mapping[str, Field]]
    shadows: Mapping[str, LabelMap]
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
    rays = Rays(lay_out(_beam(settings), axial.volume))
    origin = Step("project", as_json(settings), (image.origin, *(mask.origin for mask in masks.values())))
    make = _summed if settings.method == "sum" else _exposed
    film, attenuation = (replace(each, view=settings.view) for each in make(axial, rays, settings, origin))
    thickness: dict[str, Mapping[str, Field]] = {}
    shadows: dict[str, LabelMap] = {}
    for name, mask in beside.items():
        ways = {number: rays.way(mask.array, number) for number in mask.labels}
        shadow = longest(ways, settings.mask_mm)
        thickness[name] = MappingProxyType({mask.labels[number].name: way for number, way in ways.items()})
        shadows[name] = LabelMap(shadow, rays.layout.grid, mask.labels, origin)
    outlines = shadows | _outlines(axial, beside, shadows, rays) if settings.view != "LATERAL" else shadows
    outlines = outlines | _lesions(thickness, outlines)
    return Projection(
        film, attenuation, MappingProxyType(thickness), MappingProxyType(shadows), MappingProxyType(outlines)
    )


def _outlines(
    axial: Image, masks: Mapping[str, LabelMap], shadows: Mapping[str, LabelMap], rays: Rays
) -> dict[str, LabelMap]:
    """Of masks of the two lungs, by name, what a reader outlines on a frontal film."""
    return {
        name: replace(shadows[name], array=outlined(shadows[name].array, mask.array, axial.array, rays))
        for name, mask in masks.items()
        if _names(mask) == _names_of(LUNGS)
    }


def _lesions(thickness: Mapping[str, Mapping[str, Field]], outlines: Mapping[str, LabelMap]) -> dict[str, LabelMap]:
    """Of masks of lesions, by name, what shows on a film; none without a mask of the lungs."""
    lungs = next((name for name, mask in outlines.items() if _names(mask) == _names_of(LUNGS)), None)
    if lungs is None:
        return {}
    lung_mm = np.sum(list(thickness[lungs].values()), axis=0)
    return {
        name: replace(mask, array=lesions_seen(thickness[name], lung_mm, outlines[lungs].array))
        for name, mask in outlines.items()
        if _names(mask) == _names_of(LESIONS)
    }


def _names(mask: LabelMap) -> set[str]:
    return _names_of(mask.labels)


def _names_of(labels: Mapping[int, Label]) -> set[str]:
    return {label.name for label in labels.values()}


def _beam(settings: ProjectSettings) -> Beam:
    if settings.method == "sum":
        return Beam(settings.view, "parallel", pitch_mm=settings.pitch_mm)
    return Beam(settings.view, settings.geometry, settings.source_mm, settings.gap_mm, settings.pitch_mm)


def _exposed(axial: Image, rays: Rays, settings: ProjectSettings, origin: Origin) -> tuple[Image, Image]:
    """The film by the law of attenuation, and the integrals that it was made from."""
    hounsfield, grid = axial.array, rays.layout.grid
    if settings.remove_table:
        hounsfield = np.where(body_of(axial), hounsfield, np.asarray(NOTHING_HU, dtype=hounsfield.dtype))
    density = rays.integrals(hounsfield, mixture(settings.energy_kev), repeat=True)
    exposure = Exposure(
        photons=settings.photons, scatter=settings.scatter, contrast=settings.contrast, brightness=settings.brightness,
        sharpening=settings.sharpening, flattening=settings.flattening, marker=settings.marker,
    )  # fmt: skip
    grey = develop(
        density, spacing_mm=_pitch(grid), exposure=exposure, seed=settings.seed, quanta="poisson", least=PATIENT
    )
    film = Image(_sixteen_bits(grey), grid, Quantity.RADIOGRAPH, origin)
    return film, Image(density, grid, Quantity.ATTENUATION, origin)


def _summed(axial: Image, rays: Rays, _settings: ProjectSettings, origin: Origin) -> tuple[Image, Image]:
    """The predecessor's film: 8-bit grey of each slice, summed along straight columns, the brightest made white.

    Only the size of its pixels is put right: there a slice is as high as another, however thick it is.
    """
    low, high = float(axial.array.min()), float(axial.array.max())
    grey = np.rint((axial.array.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1)))
    made = rays.integrals(grey.astype(np.uint8), _as_they_are)
    film = Image(_sixteen_bits(made / max(float(made.max()), 1.0)), rays.layout.grid, Quantity.RADIOGRAPH, origin)
    return film, Image(made, rays.layout.grid, Quantity.ATTENUATION, origin)


def _as_they_are(voxels: NDArray[Any]) -> Field:
    return voxels.astype(np.float32)


def _sixteen_bits(grey: Field) -> NDArray[np.uint16]:
    return np.rint(np.clip(grey, 0, 1) * np.float32(LEVELS)).astype(np.uint16)


def _pitch(grid: PlaneGrid) -> float:
    if grid.spacing_mm is None:
        raise ValueError("a film that was projected has a spacing")
    return grid.spacing_mm[0]

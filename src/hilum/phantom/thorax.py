"""The phantom's thorax: a CT volume in Hounsfield units with its lungs, lobes and lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LOBES, LUNGS, Image, LabelMap, Quantity
from hilum.provenance import Json, Step

from .body import Body, draw_body
from .canvas import Canvas, Slices, change_across, coverage
from .lesions import Lesion, paint_lesions
from .noise import Field, value_noise
from .organs import paint_breasts, paint_organs
from .skeleton import paint_ribs, paint_skeleton
from .vessels import paint_lung_vessels

Corner = tuple[float, float, float]

PARENCHYMA_HU = -868.0
"""Density of the reference lung in full inspiration, midway between front and back."""


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """A phantom's CT with the truth about it, all on one grid.

    Attributes
    ----------
    ct : HOUNSFIELD, int16
    lungs : 1 the patient's right, 2 the left; lesioned lung is lung, and an effusion counts to the lung it displaces
    lobes : the same voxels as ``lungs``, by lobe
    lesions : 1 ground-glass, 2 consolidation, 3 effusion; all of them within ``lungs``
    seed : that the body was drawn from
    """

    ct: Image
    lungs: LabelMap
    lobes: LabelMap
    lesions: LabelMap
    seed: int

    @property
    def grid(self) -> VolumeGrid:
        """Where the voxels lie."""
        if not isinstance(self.ct.grid, VolumeGrid):
            raise TypeError("a thorax lies on a volume's grid")
        return self.ct.grid

    def volume_ml(self, name: str) -> float:
        """Volume of a lung, lobe or kind of lesion, in ml; ValueError for a name that is none of them."""
        for labels in (self.lungs, self.lobes, self.lesions):
            if any(label.name == name for label in labels.labels.values()):
                return labels.pixels(name) * self.grid.voxel_ml
        raise ValueError(f"a thorax has no structure {name!r}")


def default_grid(seed: int = 0, *, spacing_mm: tuple[float, float, float] = (2.5, 2.2, 2.2)) -> VolumeGrid:
    """An axis-aligned grid round the lungs of a seed's body, wide enough for the skin in most.

    Parameters
    ----------
    seed : of the body
    spacing_mm : between slices (towards the head), rows (towards the back), columns (towards the left)
    """
    body = draw_body(seed)
    return _grid_between(body, (-186.0, -132.0, -176.0), (186.0, 132.0, 176.0), spacing_mm)


def thorax(seed: int = 0, *, grid: VolumeGrid | None = None, lesions: Sequence[Lesion] = ()) -> Thorax:
    """A CT of a thorax that never was: anatomy drawn from a seed, lesions of known place and volume.

    Everything is evaluated where the voxels are, in slabs: any spacing, tilt and size will do, and memory stays
    near that of the four arrays that are given back. World coordinates are LPS mm, the origin in mid-chest.

    Parameters
    ----------
    seed : of the body, its vessels and textures
    grid : where to make it; None for :func:`default_grid` of the seed
    lesions : to put into the lungs

    Raises
    ------
    ValueError
        A lesion does not fit into its place.
    """
    grid = default_grid(seed) if grid is None else grid
    body = draw_body(seed)
    canvas = Canvas(grid)
    for slab in canvas.slabs(canvas.whole):
        _paint_trunk(canvas, body, slab, seed)
    paint_breasts(canvas, body)
    paint_skeleton(canvas, body)
    paint_organs(canvas, body)
    lobes = np.zeros(grid.shape, dtype=np.uint8)
    for slab in canvas.slabs(canvas.whole):
        lobes[slab] = _lobes(canvas, body, slab)
    labels = paint_lesions(canvas, body, lobes, lesions)
    paint_lung_vessels(canvas, body, seed=seed)
    settings: dict[str, Json] = {"seed": seed, "lesions": [asdict(lesion) for lesion in lesions]}
    origin = Step("phantom-thorax", settings)
    return Thorax(
        ct=Image(canvas.hu, grid, Quantity.HOUNSFIELD, origin),
        lungs=LabelMap(canvas.lungs, grid, LUNGS, origin),
        lobes=LabelMap(lobes, grid, LOBES, origin),
        lesions=LabelMap(labels, grid, LESIONS, origin),
        seed=seed,
    )


def _paint_trunk(canvas: Canvas, body: Body, slab: Slices, seed: int) -> None:
    """Fat, muscle, the contents of the cage, the lungs and the ribs."""
    extent = canvas.hu[slab].shape
    x, y, z = body.to_reference(*canvas.coordinates(slab))
    grain = value_noise(x, y, z, cell_mm=14, seed=seed, octaves=1)
    skin = np.broadcast_to(body.skin(x, y, z), extent)
    hu = np.full(extent, -1000, dtype=np.float32)
    change = change_across(skin)
    _mix(hu, coverage(skin, change), -98)
    _mix(hu, coverage(skin + np.float32(body.fat_mm), change), 30 + np.float32(45) * grain)
    cage = np.broadcast_to(body.cage(x, y, z), extent)
    above = np.clip((z - body.diaphragm(x, y)) * np.float32(0.25) + 1, 0, 1)
    belly = np.float32(38) - np.float32(18) * np.tanh((x - 30) / 28)
    _mix(hu, coverage(cage - np.float32(1)), belly + above * (np.float32(-15) - belly))
    lung = np.broadcast_to(body.lung(x, y, z), extent)
    parenchyma = np.float32(PARENCHYMA_HU) + y * np.float32(0.45)
    parenchyma = np.float32(-1000) + (parenchyma + np.float32(1000)) * np.float32(body.inflation)
    fine = value_noise(x, y, z, cell_mm=6, seed=seed + 9, octaves=1)
    _mix(hu, coverage(lung), parenchyma + np.float32(34) * grain + np.float32(44) * fine)
    canvas.hu[slab] = np.rint(hu)
    canvas.lungs[slab] = np.where(lung < 0, np.where(x < 0, np.uint8(1), np.uint8(2)), np.uint8(0))
    paint_ribs(canvas, body, slab, cage)


def _mix(hu: Field, share: Field, value: float | Field) -> None:
    hu += share * (value - hu)


def _lobes(canvas: Canvas, body: Body, slab: Slices) -> NDArray[np.uint8]:
    """Numbers of the lobes in a slab, and the fissures' thin lines in its densities."""
    lungs = canvas.lungs[slab]
    x, y, z = body.to_reference(*canvas.coordinates(slab))
    oblique = np.broadcast_to(body.oblique_fissure(x, y, z), lungs.shape)
    horizontal = np.broadcast_to(body.horizontal_fissure(x, y, z), lungs.shape)
    upper_right = np.where(horizontal < 0, np.uint8(2), np.uint8(1))
    right = np.where(oblique < 0, np.uint8(3), upper_right)
    left = np.where(oblique < 0, np.uint8(5), np.uint8(4))
    return np.where(lungs == 1, right, np.where(lungs == 2, left, np.uint8(0)))


def _grid_between(body: Body, low: Corner, high: Corner, spacing_mm: tuple[float, float, float]) -> VolumeGrid:
    """The axis-aligned grid between two corners (x, y, z) in reference mm."""
    sizes = [(b - a) * s for a, b, s in zip(low, high, body.scale, strict=True)]
    count = [max(1, round(size / step)) for size, step in zip(sizes[::-1], spacing_mm, strict=True)]
    origin = tuple(a * s for a, s in zip(low, body.scale, strict=True))
    return VolumeGrid.of_spacing((count[0], count[1], count[2]), spacing_mm, origin)

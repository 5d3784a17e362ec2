"""Films of a phantom: parallel rays through its CT, and the masks that the same rays give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from hilum.geometry import PlaneGrid, SpacingAt, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.projection.exposure import Exposure, develop
from hilum.projection.shadows import lesions_seen
from hilum.provenance import Json, Step

from .body import draw_body
from .noise import Field
from .thorax import Thorax, default_grid

WATER_PER_MM = 0.0193
"""Attenuation of water at 70 keV, the effective energy of a chest film at 120 kVp (NIST XCOM: 0.193 / cm)."""

BONE_EXCESS = 1.7
"""Attenuation of bone above water relative to its Hounsfield units: a film's beam is softer than a scanner's."""

LUNG_EDGE_MM = 2.0
"""A pixel is lung where the rays cross at least this much of it."""

SPINE_EDGE_MM = 17.0
"""Readers outline the lungs up to here from the middle, in reference mm: the edge of the vertebral bodies."""

STRUCTURES = ("right-lung", "left-lung", "ground-glass", "consolidation", "effusion")

View = Literal["PA", "LATERAL"]


@dataclass(frozen=True, slots=True, eq=False)
class PhantomFilm:
    """A film of a phantom with the truth about it, upright, all on one grid.

    Attributes
    ----------
    image : RADIOGRAPH, uint8 or uint16
    lungs : 1 the patient's right, 2 the left, as readers outline them: behind the heart too, down to the dome of
        the diaphragm and inwards to the edge of the spine
    projected_lungs : wherever the rays cross lung, below the dome too; where both are crossed, the one with the
        longer way wins
    lesions : 1 ground-glass, 2 consolidation, 3 effusion, where their share of the way through lung is large enough
    thickness_mm : way of the rays through each structure, float32, by name
    """

    image: Image
    lungs: LabelMap
    projected_lungs: LabelMap
    lesions: LabelMap
    thickness_mm: Mapping[str, Field]


def film_grid(seed: int = 0, *, in_plane_mm: float = 1.2, depth_mm: float = 2.6) -> VolumeGrid:
    """A grid for films of a seed's body: fine across the rays, coarser along them."""
    return default_grid(seed, spacing_mm=(in_plane_mm, depth_mm, in_plane_mm))


def film(
    source: Thorax,
    *,
    shape: tuple[int, int] = (1024, 1024),
    view: View = "PA",
    seed: int = 0,
    exposure: Exposure | None = None,
    rotation_deg: float = 0.0,
    is_mirrored: bool = False,
    bits: Literal[8, 16] = 8,
) -> PhantomFilm:
    """A film of a thorax by parallel rays from back to front, or from the right for ``LATERAL``.

    Each voxel's density becomes an attenuation, whose sums along the rays are developed into a picture
    (:func:`~hilum.phantom.exposure.develop`); the masks are projected along the same rays.

    Parameters
    ----------
    source : whose grid's axes must run along the patient's, in any order and direction
    shape : (rows, columns) of the film; it shows the largest part of the volume that has this shape
    view : ``PA``, or ``LATERAL`` with the patient's front at the left edge
    seed : of the noise
    exposure : how the film is taken and displayed, None for the defaults
    rotation_deg : turn of the patient about the body's axis, by shear; up to about 15
    is_mirrored : the mirror image of the patient (situs inversus), with sides named accordingly
    bits : of a grey value; 8 gives uint8, 16 gives uint16

    Raises
    ------
    ValueError
        The grid is oblique, or the shape, view or rotation makes no sense.
    """
    if view not in ("PA", "LATERAL"):
        raise ValueError(f"a film is PA or LATERAL, not {view!r}")
    if min(shape) < 8 or abs(rotation_deg) > 30:
        raise ValueError(f"no film of {shape} pixels, turned by {rotation_deg} degrees, can be made")
    exposure = Exposure() if exposure is None else exposure
    sums = _line_sums(source, view, float(np.tan(np.deg2rad(rotation_deg))))
    sums["outline"] = _outline(source, view)
    if is_mirrored:
        sums = _mirrored(sums)
    spacing, sums = _onto_film(sums, source.grid, view, shape)
    density = sums.pop("attenuation")
    grey = develop(density, spacing_mm=spacing, exposure=exposure, seed=seed)
    pixels = np.rint(grey * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    settings: dict[str, Json] = {
        "shape": list(shape), "view": view, "seed": seed, "rotation_deg": rotation_deg, "is_mirrored": is_mirrored,
        "bits": bits,
        "exposure": asdict(exposure),
    }  # fmt: skip
    history = source.ct.origin
    origin = Step("phantom-film", settings, (history,))
    grid = PlaneGrid(shape, (spacing, spacing), SpacingAt.PATIENT)
    outline = sums.pop("outline") > 0.5
    projected = _lung_mask(sums)
    lungs = np.where(outline, projected, np.uint8(0))
    return PhantomFilm(
        Image(pixels, grid, Quantity.RADIOGRAPH, origin, view),
        LabelMap(lungs, grid, LUNGS, origin),
        LabelMap(projected, grid, LUNGS, origin),
        LabelMap(lesions_seen(sums, sums["right-lung"] + sums["left-lung"], lungs), grid, LESIONS, origin),
        MappingProxyType(sums),
    )


def attenuation(hu: NDArray[np.integer[Any]] | Field) -> Field:
    """Linear attenuation per mm of densities in Hounsfield units."""
    values = np.asarray(hu, dtype=np.float32)
    values = np.where(values > 100, 100 + (values - 100) * np.float32(BONE_EXCESS), values)
    return np.maximum((values + 1000) * np.float32(WATER_PER_MM / 1000), 0)


def _line_sums(source: Thorax, view: View, shear: float) -> dict[str, Field]:
    """Sums in (z downwards, x or y) planes: attenuation (no unit) and millimetres of each structure."""
    ct, lungs, lesions = (_to_body_axes(m.array, source.grid) for m in (source.ct, source.lungs, source.lesions))
    _, step, aside = _body_spacing(source.grid)
    if view == "LATERAL":
        ct, lungs, lesions = (a.swapaxes(1, 2) for a in (ct, lungs, lesions))
        step, aside = aside, step
    plane = (ct.shape[0], ct.shape[2])
    sums = {name: np.zeros(plane, dtype=np.float32) for name in ("attenuation", *STRUCTURES)}
    middle = (ct.shape[1] - 1) / 2
    table = attenuation(np.arange(-1100, 4000)) * np.float32(step)
    for row in range(ct.shape[1]):
        shift = (row - middle) * step * shear / aside
        parts = {"attenuation": table[np.clip(ct[:, row], -1100, 3999) + 1100]}
        for number, name in enumerate(STRUCTURES):
            labels = (lungs if number < 2 else lesions)[:, row]
            parts[name] = (labels == (number + 1 if number < 2 else number - 1)) * np.float32(step)
        for name, part in parts.items():
            sums[name] += _shifted(part, shift)
    return sums


def _outline(source: Thorax, view: View) -> Field:
    """1 above the silhouette of the diaphragm and beside the spine, 0 elsewhere; a lateral film is not outlined."""
    heights, depths, across = _body_positions(source.grid)
    if view == "LATERAL":
        return np.ones((len(heights), len(depths)), dtype=np.float32)
    body = draw_body(source.seed)
    x, y, z = body.to_reference(across[None, :], depths[:, None], heights[:, None])
    domes = np.where(body.cage(x, y, body.diaphragm(x, y)) < 0, body.diaphragm(x, y), -np.inf).max(axis=0)
    down, _, aside = _body_spacing(source.grid)
    above, beside = (z - domes) / np.float32(down), (np.abs(x) - SPINE_EDGE_MM) / np.float32(aside)
    return np.asarray(np.clip(np.minimum(above, beside) + 0.5, 0, 1), dtype=np.float32)


def _shifted(plane: Field, by: float) -> Field:
    """A plane moved along its columns by a fraction of pixels; edges are repeated."""
    if by == 0:
        return plane
    whole = int(np.floor(by))
    part = np.float32(by - whole)
    columns = np.arange(plane.shape[1]) - whole
    last = plane.shape[1] - 1
    return plane[:, np.clip(columns, 0, last)] * (1 - part) + plane[:, np.clip(columns - 1, 0, last)] * part


def _body_axes(grid: VolumeGrid) -> tuple[list[int], list[bool]]:
    """Which array axes run along z, y and x, and whether each must be reversed to run down, back and left."""
    unit = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    order = [int(np.argmax(np.abs(unit[world]))) for world in (2, 1, 0)]
    if sorted(order) != [0, 1, 2] or np.abs(np.abs(unit).max(axis=0) - 1).max() > 1e-4:
        raise ValueError(
            "a film needs a volume whose axes run along the patient's, and this grid is oblique: make the thorax "
            "on default_grid() or film_grid()"
        )
    wanted = (-1, 1, 1)
    flips = [bool(unit[world, axis] * sign < 0) for world, axis, sign in zip((2, 1, 0), order, wanted, strict=True)]
    return order, flips


def _to_body_axes(array: NDArray[np.integer[Any]], grid: VolumeGrid) -> NDArray[np.integer[Any]]:
    order, flips = _body_axes(grid)
    return array.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def _body_spacing(grid: VolumeGrid) -> tuple[float, float, float]:
    order, _ = _body_axes(grid)
    z, y, x = (grid.spacing_mm[axis] for axis in order)
    return z, y, x


def _body_positions(grid: VolumeGrid) -> tuple[Field, Field, Field]:
    """World z from the head down, y to the back and x to the left of the voxels."""
    order, flips = _body_axes(grid)
    made: list[Field] = []
    for world, axis, flip in zip((2, 1, 0), order, flips, strict=True):
        line = grid.affine[world, 3] + np.arange(grid.shape[axis]) * grid.affine[world, axis]
        made.append((line[::-1] if flip else line).astype(np.float32))
    return made[0], made[1], made[2]


def _mirrored(sums: dict[str, Field]) -> dict[str, Field]:
    made = {name: np.ascontiguousarray(plane[:, ::-1]) for name, plane in sums.items()}
    made["right-lung"], made["left-lung"] = made["left-lung"], made["right-lung"]
    return made


def _onto_film(
    sums: dict[str, Field], grid: VolumeGrid, view: View, shape: tuple[int, int]
) -> tuple[float, dict[str, Field]]:
    """The sums on the film's pixels, and the pixels' spacing: the largest centred part of the film's shape."""
    down, depth, across = _body_spacing(grid)
    across = depth if view == "LATERAL" else across
    rows, columns = next(iter(sums.values())).shape
    spacing = min(rows * down / shape[0], columns * across / shape[1])
    high, wide = shape[0] * spacing / down, shape[1] * spacing / across
    left, top = max(0.0, (columns - wide) / 2), max(0.0, (rows - high) / 2)
    box = (left, top, min(left + wide, columns), min(top + high, rows))
    made: dict[str, Field] = {}
    for name, plane in sums.items():
        kernel = Pillow.Resampling.BICUBIC if name == "attenuation" else Pillow.Resampling.BILINEAR
        picture = Pillow.fromarray(np.ascontiguousarray(plane))
        made[name] = np.maximum(np.asarray(picture.resize((shape[1], shape[0]), kernel, box=box)), 0)
    return spacing, made


def _lung_mask(sums: Mapping[str, Field]) -> NDArray[np.uint8]:
    right, left = sums["right-lung"], sums["left-lung"]
    side = np.where(left > right, np.uint8(2), np.uint8(1))
    return np.where(np.maximum(left, right) >= LUNG_EDGE_MM, side, np.uint8(0))

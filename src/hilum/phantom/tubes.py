"""Tubes along curves: the shape of vessels, airways and long bones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import Body, Points
from .canvas import Canvas, Shape, Slices, coverage, extent
from .noise import Field

THIN_VOXELS = 1.3
"""Below this radius, in voxels of the finest axis, a tube is spread as mass over the voxels it crosses."""


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A curve with a radius at each of its nodes, in reference millimetres.

    Attributes
    ----------
    points : (nodes, 3) as x, y, z
    radii : (nodes,)
    """

    points: Points
    radii: NDArray[np.float64]

    def widened(self, by_mm: float) -> Tube:
        """The same curve, thicker by ``by_mm`` (or thinner, never below 0.3 mm)."""
        return Tube(self.points, np.maximum(self.radii + by_mm, 0.3))


def tube(nodes: Sequence[tuple[float, float, float]], radii: Sequence[float] | float, *, parts: int = 4) -> Tube:
    """A smooth curve (Catmull-Rom) through nodes, each stretch cut into ``parts`` pieces."""
    points = np.array(nodes, dtype=np.float64)
    values = np.column_stack([points, np.broadcast_to(np.asarray(radii, dtype=np.float64), len(points))])
    padded = np.vstack([2 * values[0] - values[1], values, 2 * values[-1] - values[-2]])
    t = np.arange(parts)[:, None] / parts
    stretches = [_catmull_rom(padded[i : i + 4], t) for i in range(len(points) - 1)]
    curve = np.vstack([*stretches, values[-1:]])
    return Tube(curve[:, :3], np.maximum(curve[:, 3], 0.05))


def mirrored(side: float, nodes: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Nodes of the patient's left side (``side`` 1), or their mirror image on the right (``side`` -1)."""
    return [(side * x, y, z) for x, y, z in nodes]


def paint_tube(canvas: Canvas, body: Body, shape: Tube, hu: float, *, clears_lungs: bool = False) -> None:
    """Paint a tube of one density; thin ones keep their mass even where they are finer than a voxel."""
    scale = float(np.prod(body.scale)) ** (1 / 3)
    points, radii = body.to_world(shape.points), shape.radii * scale
    if radii.max() < THIN_VOXELS * min(canvas.grid.spacing_mm):
        spread(canvas, points[:-1], points[1:], (radii[:-1] + radii[1:]) / 2, hu)
        return
    margin = max(canvas.grid.spacing_mm)
    farthest = radii.max() + 1.5 * margin
    around = canvas.box(points.min(axis=0) - farthest, points.max(axis=0) + farthest)
    if around is None:
        return
    share = np.zeros(extent(around), dtype=np.float32)
    for start, stop, r0, r1 in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = max(r0, r1) + margin
        box = canvas.box(np.minimum(start, stop) - reach, np.maximum(start, stop) + reach)
        if box is not None:
            piece = _capsule(start, stop, float(r0), float(r1))(*canvas.coordinates(box))
            inner = _within(box, around)
            np.maximum(share[inner], coverage(piece), out=share[inner])
    canvas.paint(around, share, hu, clears_lungs=clears_lungs)


def _within(box: Slices, around: Slices) -> Slices:
    """A box in the indices of one that holds it."""
    first, second, third = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, around, strict=True))
    return first, second, third


def spread(canvas: Canvas, starts: Points, stops: Points, radii: NDArray[np.float64], hu: float) -> None:
    """Paint straight thin pieces as mass: each voxel's share is the volume of tube that falls into it.

    Parameters
    ----------
    canvas : painted in place
    starts, stops : ends of the pieces in world mm, shape (pieces, 3)
    radii : in world mm, shape (pieces,)
    hu : density of the tubes
    """
    points, volumes = _samples(starts, stops, radii, min(canvas.grid.spacing_mm))
    index = canvas.index(points)
    base = np.floor(index).astype(np.int64)
    blend = index - base
    shape = np.array(canvas.grid.shape)
    flat_parts: list[NDArray[np.int64]] = []
    mass_parts: list[NDArray[np.float64]] = []
    for corner in np.ndindex(2, 2, 2):
        voxel = base + corner
        weight = np.prod(np.where(corner, blend, 1 - blend), axis=1) * volumes
        inside = np.all((voxel >= 0) & (voxel < shape), axis=1) & (weight > 0)
        flat_parts.append(np.ravel_multi_index(tuple(voxel[inside].T), canvas.grid.shape).astype(np.int64).ravel())
        mass_parts.append(weight[inside])
    voxels, place = np.unique(np.concatenate(flat_parts), return_inverse=True)
    share = np.bincount(place, np.concatenate(mass_parts), minlength=len(voxels)) / (canvas.grid.voxel_ml * 1000)
    values = canvas.hu.reshape(-1)
    before = values[voxels]
    values[voxels] = before + np.rint(np.minimum(share, 1) * (hu - before)).astype(np.int16)


def _samples(
    starts: Points, stops: Points, radii: NDArray[np.float64], pitch_mm: float
) -> tuple[Points, NDArray[np.float64]]:
    """Points spread evenly through thin tubes, and the volume in mm3 that each stands for."""
    lengths = np.linalg.norm(stops - starts, axis=1)
    steps = np.maximum(1, np.ceil(lengths / (0.6 * pitch_mm))).astype(int)
    piece = np.repeat(np.arange(len(starts)), steps)
    order = np.arange(len(piece)) - np.repeat(np.cumsum(steps) - steps, steps)
    along = ((order + 0.5) / steps[piece])[:, None]
    centres = starts[piece] * (1 - along) + stops[piece] * along
    volume = np.pi * radii[piece] ** 2 * lengths[piece] / steps[piece]
    direction = (stops - starts) / np.maximum(lengths, 1e-9)[:, None]
    first = np.cross(direction, np.where(np.abs(direction[:, :1]) < 0.7, [1.0, 0, 0], [0, 1.0, 0]))
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(direction, first)
    rings = np.clip(np.ceil(2.5 * (radii / pitch_mm) ** 2), 1, 12).astype(int)[piece]
    member = np.repeat(np.arange(len(piece)), rings)
    number = np.arange(len(member)) - np.repeat(np.cumsum(rings) - rings, rings)
    out = np.sqrt((number + 0.5) / rings[member]) * radii[piece][member] * (rings[member] > 1)
    turn = number * 2.399963
    offset = out[:, None] * (
        np.cos(turn)[:, None] * first[piece][member] + np.sin(turn)[:, None] * second[piece][member]
    )
    return centres[member] + offset, volume[member] / rings[member]


def _capsule(start: NDArray[np.float64], stop: NDArray[np.float64], r0: float, r1: float) -> Shape:
    axis = (stop - start).astype(np.float32)
    length2 = float(axis @ axis) or 1e-6

    def shape(x: Field, y: Field, z: Field) -> Field:
        dx, dy, dz = x - np.float32(start[0]), y - np.float32(start[1]), z - np.float32(start[2])
        t = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(length2), 0, 1)
        squares = (dx - t * axis[0]) ** 2 + (dy - t * axis[1]) ** 2 + (dz - t * axis[2]) ** 2
        return np.asarray(np.sqrt(squares) - (np.float32(r0) + t * np.float32(r1 - r0)), dtype=np.float32)

    return shape


def _catmull_rom(nodes: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c, d = nodes
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)

"""Bones: ribs on the cage, the spine, the shoulder girdle and the sternum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .body import CAGE_FRONT, Body, Field, along, spine_y
from .canvas import Canvas, Shape, Slices, blend
from .tubes import mirrored, paint_tube, tube

CORTEX_HU, MARROW_HU, CARTILAGE_HU, DISC_HU = 1050.0, 240.0, 130.0, 95.0
VERTEBRA_HU, ARCH_HU = 330.0, 330.0

RIB_DROP_MM = (40, 58, 72, 82, 90, 96, 100, 102, 100, 92, 62, 40)
"""How far each rib descends from its head to the end of its bone."""

RIB_END = (0.80, 0.80, 0.79, 0.78, 0.77, 0.76, 0.74, 0.69, 0.63, 0.57, 0.40, 0.26)
"""Where the bone of each rib gives way to cartilage, as a share of the way round from the spine to the front."""

RIB_HALF_HEIGHT_MM, RIB_HALF_WIDTH_MM, RIB_DEPTH_MM, RIB_CORTEX_MM = 5.9, 2.8, 4.0, 0.9
"""Section of a rib, and how far its middle lies outside the inner face of the cage."""


def vertebra_heights() -> NDArray[np.float64]:
    """Heights of the middles of the vertebral bodies, C3 to L4, in reference mm; T1 is at index 5."""
    below = np.cumsum([20.5, 21, 21.5, 22, 22.5, 23, 23.5, 24.5, 25.5, 26.5, 28, 30, 32, 33, 33])
    above = np.cumsum([18.5, 17.5, 17, 17, 17])[::-1]
    return np.concatenate([128 + above, [128.0], 128 - below])


def thoracic_heights() -> NDArray[np.float64]:
    """Heights of T1 to T12, where the heads of the ribs sit."""
    return vertebra_heights()[5:17]


def paint_skeleton(canvas: Canvas, body: Body) -> None:
    """Paint every bone."""
    _paint_shoulders(canvas, body)
    _paint_sternum(canvas, body)
    _paint_spine(canvas, body)


def paint_ribs(canvas: Canvas, body: Body, slab: Slices, cage: Field) -> None:
    """Paint the ribs into a slab, given the distance of its voxels from the inner face of the cage."""
    x, y, z = (np.broadcast_to(c, cage.shape) for c in canvas.coordinates(slab))
    shell = np.abs(cage - RIB_DEPTH_MM) < RIB_HALF_WIDTH_MM + 2.5
    px, py, pz = body.to_reference(x[shell], y[shell], z[shell])
    if px.size == 0:
        return
    out = cage[shell] - np.float32(RIB_DEPTH_MM)
    u, v = body.cage_coordinates(px, py, pz)
    round_share = np.arctan2(u, v) / np.float32(np.pi)
    distance, is_bone = _nearest_rib(round_share, pz)
    normal = _cage_normal(px, u, v)
    half = _half_change(canvas, body, normal, out, distance)
    edge = np.hypot(out / RIB_HALF_WIDTH_MM, distance / RIB_HALF_HEIGHT_MM) - 1
    depth_mm = edge * RIB_HALF_WIDTH_MM * np.hypot(1, 0.5 * distance / RIB_HALF_HEIGHT_MM)
    near_spine = np.clip((np.abs(px) - 16) / 2, 0, 1)
    outer = np.clip(0.5 - depth_mm / half, 0, 1) * near_spine
    inner = np.clip(0.5 - (depth_mm + RIB_CORTEX_MM) / half, 0, 1) * near_spine
    values = canvas.hu[slab]
    hu = values[shell]
    blend(hu, outer, np.where(is_bone, np.float32(CORTEX_HU * body.bone), np.float32(CARTILAGE_HU)))
    blend(hu, inner, np.where(is_bone, np.float32(MARROW_HU * body.bone), np.float32(CARTILAGE_HU * 0.7)))
    values[shell] = hu


def rib_height(number: int, share: Field) -> Field:
    """Height of the middle line of a rib (0 to 11) at a share of the way round the cage, cartilage included."""
    end = RIB_END[number]
    t = np.minimum(share / end, 1)
    fall = RIB_DROP_MM[number] * (0.16 * t + 0.84 * t**1.75)
    rise = np.maximum(share - end, 0) * max(0, number - 1) * 26.0
    return np.asarray(thoracic_heights()[number] + 4 - fall + rise, dtype=np.float32)


def _nearest_rib(share: Field, z: Field) -> tuple[Field, NDArray[np.bool_]]:
    """Distance in mm across the nearest rib's middle line, and whether the rib is bone there."""
    best = np.full(share.shape, 99, dtype=np.float32)
    bone = np.zeros(share.shape, dtype=bool)
    for number, end in enumerate(RIB_END):
        reach = 1.0 if number < 10 else end
        slope = _slope_cosine(number, share)
        offset = np.abs(z - rib_height(number, share)) * slope
        offset = np.where(share <= reach, offset, np.hypot(offset, (share - reach) * 360))
        closer = offset < best
        best = np.where(closer, offset, best)
        bone = np.where(closer, share < end, bone)
    return best, bone


def _slope_cosine(number: int, share: Field) -> Field:
    """Cosine of a rib's slope: turns a vertical offset into one across the rib."""
    end = RIB_END[number]
    t = np.minimum(share / end, 1)
    slope = RIB_DROP_MM[number] * (0.16 + 0.84 * 1.75 * t**0.75) / (end * 380.0)
    return np.asarray(1 / np.sqrt(1 + slope**2), dtype=np.float32)


def _cage_normal(x: Field, u: Field, v: Field) -> tuple[Field, Field]:
    """Unit vector out of the cage in the axial plane, as (left, back)."""
    nx, ny = np.sign(x) * np.abs(u) ** np.float32(1.35) / 1.4, np.sign(v) * np.abs(v) ** np.float32(1.35)
    length = np.maximum(np.hypot(nx, ny), 1e-6)
    return np.asarray(nx / length, dtype=np.float32), np.asarray(ny / length, dtype=np.float32)


def _half_change(canvas: Canvas, body: Body, normal: tuple[Field, Field], out: Field, across: Field) -> Field:
    """How much the distance from a rib's surface changes across one voxel, in mm."""
    radial = np.abs(out) / RIB_HALF_WIDTH_MM
    vertical = across / RIB_HALF_HEIGHT_MM * 0.7
    length = np.maximum(np.hypot(radial, vertical), 1e-3)
    direction = (normal[0] * radial / length, normal[1] * radial / length, vertical / length)
    total = np.zeros(out.shape, dtype=np.float32)
    for column in canvas.grid.affine[:3, :3].T:
        total += np.abs(sum(d * np.float32(c / s) for d, c, s in zip(direction, column, body.scale, strict=True)))
    return np.maximum(total, 0.2)


def _paint_spine(canvas: Canvas, body: Body) -> None:
    heights = vertebra_heights()
    edges = np.concatenate([[heights[0] + 9], (heights[:-1] + heights[1:]) / 2, [heights[-1] - 16]])
    for z, top, bottom in zip(heights, edges[:-1], edges[1:], strict=True):
        _paint_vertebra(canvas, body, float(z), float(top - bottom))
        _paint_arch(canvas, body, float(z))


def _paint_vertebra(canvas: Canvas, body: Body, z0: float, pitch: float) -> None:
    y0 = float(spine_y(np.array(z0)))
    wide = float(np.interp(z0, (-200, -120, 0, 120, 190), (23, 20, 16.5, 16, 13)))
    low, high = np.array([-wide - 6, y0 - 22, z0 - pitch / 2 - 2]), np.array([wide + 6, y0 + 22, z0 + pitch / 2 + 2])
    shift = body.sway(z0)
    bounds = body.to_world(np.array([low, high])) + np.array([[shift - 3.0, -3, -3], [shift + 3.0, 3, 3]])

    def shape(shrink: float, half: float) -> Shape:
        def inside(x: Field, y: Field, z: Field) -> Field:
            x, y, z = body.to_reference(x - np.float32(shift), y, z)
            end = np.abs(z - np.float32(z0)) / half
            waist = 1 - 0.10 * (1 - np.minimum(end, 1) ** 2)
            ring = np.sqrt((x / waist / wide) ** 2 + ((y - np.float32(y0)) / waist / (wide * 0.82)) ** 2)
            return np.maximum((ring - 1) * wide + shrink, (end - 1) * half + shrink).astype(np.float32)

        return inside

    bone, disc = pitch * 0.39, pitch * 0.52
    for f, hu in (
        (shape(0, disc), DISC_HU),
        (shape(0, bone), VERTEBRA_HU * body.bone),
        (shape(1.3, bone), 115 * body.bone),
    ):
        canvas.fill(f, hu, low_mm=bounds[0], high_mm=bounds[1])


def _paint_arch(canvas: Canvas, body: Body, z: float) -> None:
    """Pedicles, laminae, processes: what shows as paired rings and a line of spines on a film."""
    y = float(spine_y(np.array(z)))
    size = float(np.interp(z, (-200, 0, 150), (1.25, 1.0, 0.85)))
    shift = body.sway(z)
    for side in (-1, 1):
        pedicle = tube(_moved(side, [(12 * size, y + 8, z + 4), (13 * size, y + 22, z + 4)], shift), 3.6 * size)
        lamina = tube(_moved(side, [(13 * size, y + 24, z + 2), (0, y + 34, z - 7)], shift), 2.4)
        process = tube(_moved(side, [(12 * size, y + 26, z + 2), (29 * size, y + 35, z + 5)], shift), [3.6, 3.0])
        paint_tube(canvas, body, pedicle, ARCH_HU * 0.95 * body.bone)
        paint_tube(canvas, body, pedicle.widened(-1.6), 140 * body.bone)
        for part in (lamina, process):
            paint_tube(canvas, body, part, ARCH_HU * 0.8 * body.bone)
    spine = tube([(shift, y + 34, z - 7), (shift, y + 52, z - 20)], [2.6, 3.2])
    paint_tube(canvas, body, spine, ARCH_HU * body.bone)


def _moved(side: float, nodes: list[tuple[float, float, float]], shift: float) -> list[tuple[float, float, float]]:
    return [(x + shift, y, z) for x, y, z in mirrored(side, nodes)]


def _paint_long_bone(
    canvas: Canvas, body: Body, nodes: list[tuple[float, float, float]], radii: list[float], cortex_mm: float = 1.7
) -> None:
    shape = tube(nodes, radii, parts=5)
    paint_tube(canvas, body, shape, CORTEX_HU * body.bone)
    paint_tube(canvas, body, shape.widened(-cortex_mm), MARROW_HU * body.bone)


def _paint_sternum(canvas: Canvas, body: Body) -> None:
    front = -np.array([float(along(np.array(z), CAGE_FRONT)) for z in (88.0, 62.0, 30.0, -10.0, -42.0)])
    body_line = [(0.0, front[i] - 2, z) for i, z in enumerate((88.0, 62.0, 30.0, -10.0, -42.0))]
    for shift, radius in ((-11.0, 5.0), (0.0, 5.5), (11.0, 5.0)):
        nodes = [(shift * (1.5 if i == 0 else 1.0), y, z) for i, (_, y, z) in enumerate(body_line)]
        _paint_long_bone(canvas, body, nodes, [radius] * 5, 0.9)


def _paint_shoulders(canvas: Canvas, body: Body) -> None:
    for side in (-1, 1):
        _paint_long_bone(
            canvas, body,
            mirrored(side, [(19, -62, 92), (50, -66, 99), (88, -48, 112), (122, -24, 122), (158, -6, 124)]),
            [9.5, 6.4, 5.6, 6.2, 6.8], 1.9,
        )  # fmt: skip
        _paint_scapula(canvas, body, side)
        _paint_long_bone(canvas, body, mirrored(side, [(178, 10, 100), (183, 8, 92)]), [22, 20], 1.6)
        _paint_long_bone(canvas, body, mirrored(side, [(184, 8, 90), (196, 4, 50), (205, 0, -10)]), [14, 11, 10.5], 3.4)


def _paint_scapula(canvas: Canvas, body: Body, side: int) -> None:
    """A thin blade with thick borders, turned outwards as on a film with the shoulders forward."""
    glenoid, angle, corner = np.array([156, 22, 95.0]), np.array([138, 84, -28.0]), np.array([116, 86, 92.0])
    for share in np.linspace(0.01, 0.99, 90):
        outer, inner = angle + (glenoid - angle) * share, angle + (corner - angle) * share
        line = tube(mirrored(side, [tuple(outer), tuple((outer + inner) / 2 + (0, 3, 0)), tuple(inner)]), 1.0)
        paint_tube(canvas, body, line, 300 * body.bone)
    borders = ((angle, glenoid, 3.6, 5.0), (angle, corner, 2.6, 2.4), (corner, glenoid, 2.4, 4.0))
    for start, stop, r0, r1 in borders:
        middle = (start + stop) / 2 + (3.0, 2.0, 0)
        nodes = mirrored(side, [tuple(start), tuple(middle), tuple(stop)])
        _paint_long_bone(canvas, body, nodes, [r0, r0, r1], 1.3)
    _paint_long_bone(canvas, body, mirrored(side, [(120, 92, 84), (150, 70, 106), (172, 24, 126)]), [3, 5, 8], 1.5)
    _paint_long_bone(canvas, body, mirrored(side, [(152, 16, 102), (146, -8, 104), (150, -22, 100)]), [6, 5.5, 5], 1.4)
    _paint_long_bone(canvas, body, mirrored(side, [(158, 20, 106), (158, 20, 84)]), [8, 8], 1.5)

"""Heart, great vessels, airways, abdomen and breasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .body import CAGE_FRONT, Body, Field, along
from .canvas import Canvas, Shape
from .noise import value_noise
from .tubes import Tube, mirrored, paint_tube, tube

BLOOD_HU, MUSCLE_HU, LIVER_HU, FAT_HU, GAS_HU = 45.0, 48.0, 58.0, -100.0, -980.0

Triple = tuple[float, float, float]
Nodes = Sequence[Triple]


def paint_organs(canvas: Canvas, body: Body) -> None:
    """Paint the organs of the mediastinum and the gas under the left dome, taking their room from the lungs."""
    _paint_heart(canvas, body)
    for vessel in great_vessels(body):
        paint_tube(canvas, body, vessel.widened(1.5), 20.0, clears_lungs=True)
        paint_tube(canvas, body, vessel, BLOOD_HU, clears_lungs=True)
    _paint_airways(canvas, body)
    _paint_stomach(canvas, body)


def great_vessels(body: Body) -> list[Tube]:
    """Aorta, pulmonary trunk and arteries, caval and innominate veins, upper pulmonary veins."""
    k = body.unfolding
    aorta: Nodes = [
        (8, -30, -4), (-11 * k, -34, 30), (-9 * k, -26, 58), (6, -6, 74 + 3 * k), (20 + 3 * k, 20, 70 + 2 * k),
        (22 + 5 * k, 38, 50), (20 + 7 * k, 48, 15), (20 + 4 * k, 50, -40), (14, 48, -95), (6, 46, -170),
    ]  # fmt: skip
    right: Nodes = [(16, -14, 28), (-14, -8, 25), (-36, 2, 17), (-47, 10, 0), (-50, 16, -16)]
    left: Nodes = [(18, -18, 32), (36, 4, 36), (47, 18, 26), (51, 24, 8), (52, 28, -10)]
    return [
        tube(aorta, [15, 15.5, 14.5, 14, 14, 13.2, 12.5, 12, 11.5, 11]),
        tube([(14, -52, -8), (22, -40, 16), (20, -20, 32)], [14, 14, 13]),
        tube(right, [9.5, 8.4, 7.2, 6.2, 5.2]),
        tube(left, [10.5, 9, 7.6, 6.2, 5.2]),
        tube([(-22, -24, 92), (-27, -24, 60), (-27, -24, 20), (-22, -22, -8)], [8, 9, 9.5, 10]),
        tube([(-14, -8, -50), (-15, 2, -80), (-14, 12, -120)], [12, 12, 12]),
        tube([(36, -32, 96), (8, -40, 86), (-22, -26, 82)], [6, 6.5, 7]),
        tube([(20, 16, 74), (25, 10, 92), (40, 0, 116), (66, -12, 122)], [6, 5, 4.2, 3.6]),
        tube([(2, -16, 76), (-16, -10, 92), (-36, -4, 112), (-66, -14, 120)], [7, 5.6, 4.4, 3.6]),
        tube([(-8, 4, -6), (-30, -2, -2), (-46, -14, 10)], [6.5, 5.4, 4.4]),
        tube([(8, 4, -4), (32, 0, 6), (48, -12, 20)], [6.5, 5.4, 4.4]),
        tube([(-6, 14, -16), (-30, 22, -24), (-50, 32, -38)], [6.2, 5.2, 4.2]),
        tube([(10, 14, -16), (32, 24, -24), (50, 34, -38)], [6.2, 5.2, 4.2]),
    ]


def airways() -> list[tuple[Nodes, list[float]]]:
    """Nodes and inner radii of the trachea, the main and the lobar bronchi."""
    return [
        ([(0, -2, 215), (0, 4, 160), (0, 8, 110), (-1, 16, 70), (-1, 20, 44)], [8.5, 8.5, 8.5, 8.5, 9]),
        ([(-1, 20, 44), (-16, 20, 30), (-30, 20, 18)], [8, 7.2, 6.8]),
        ([(-30, 20, 18), (-38, 21, 4), (-42, 22, -10)], [6, 5.6, 5]),
        ([(-24, 20, 24), (-40, 18, 30), (-52, 12, 40)], [5, 4.4, 3]),
        ([(-42, 20, -8), (-52, -2, -18), (-62, -26, -28)], [4, 3.4, 2.4]),
        ([(-42, 22, -10), (-48, 30, -28), (-56, 38, -50)], [4.6, 4, 2.6]),
        ([(-1, 20, 44), (20, 22, 28), (40, 24, 14)], [7.5, 6.6, 6]),
        ([(40, 24, 14), (52, 14, 22), (62, 4, 36)], [4.8, 4, 2.6]),
        ([(40, 24, 14), (48, 32, -10), (56, 38, -38)], [5, 4.4, 2.8]),
    ]


def _paint_airways(canvas: Canvas, body: Body) -> None:
    tubes = [tube(nodes, radii) for nodes, radii in airways()]
    for shape in tubes:
        paint_tube(canvas, body, shape.widened(1.8), 20.0, clears_lungs=True)
    for shape in tubes:
        paint_tube(canvas, body, shape, GAS_HU, clears_lungs=True)


def _paint_heart(canvas: Canvas, body: Body) -> None:
    k, tilt = body.heart, body.heart_tilt
    axis = np.array([0.80, -0.34, -0.46 * tilt])
    axis = axis / np.linalg.norm(axis)
    ventricles = _ellipsoid((26, -42, -48), axis, (68 * k, 45 * k, 45 * k))
    atrium = _ellipsoid((-14, -30, -40), np.array([0.12, 0, 1.0]), (52 * k, 33 * k, 36 * k))
    back = _ellipsoid((2, 6, -12), np.array([1.0, 0, 0]), (28 * k, 20, 22))
    outflow = _ellipsoid((18, -46, 0), np.array([0.1, 0, 1.0]), (36, 24, 26))

    def shape(x: Field, y: Field, z: Field) -> Field:
        x, y, z = body.to_reference(x, y, z)
        parts = [part(x, y, z) for part in (ventricles, atrium, back, outflow)]
        total = sum(np.exp(np.clip(-12 * part, -40, 30)) for part in parts)
        joined = -np.log(total) / 12
        wall = (along(z, CAGE_FRONT) + y) * np.float32(-1 / 40) + np.float32(0.1)
        floor = (body.diaphragm(x, y) - 12 - z) * np.float32(1 / 40)
        return np.maximum(np.maximum(joined, wall), floor).astype(np.float32)

    low, high = body.to_world(np.array([[-90.0, -110, -130], [130.0, 50, 55]]))
    canvas.fill(shape, BLOOD_HU, low_mm=low, high_mm=high, clears_lungs=True)


def _ellipsoid(centre: Triple, axis: NDArray[np.float64], radii: Triple) -> Shape:
    """Negative inside an ellipsoid: its radii along ``axis``, up or down across it, and across both."""
    first = axis / np.linalg.norm(axis)
    second = np.cross(first, [0.0, 1.0, 0.0])
    second /= np.linalg.norm(second)
    matrix = (np.array([first, second, np.cross(first, second)]) / np.array(radii)[:, None]).astype(np.float32)

    def shape(x: Field, y: Field, z: Field) -> Field:
        dx, dy, dz = x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2])
        squares = sum((row[0] * dx + row[1] * dy + row[2] * dz) ** 2 for row in matrix)
        return np.asarray(np.sqrt(squares) - np.float32(1), dtype=np.float32)

    return shape


def _paint_stomach(canvas: Canvas, body: Body) -> None:
    """Gas in the stomach's fundus, and some in the bend of the colon, each with a wall and folds."""
    top = body.dome_mm[1]
    rng = np.random.default_rng(round(1000 * (body.fat_mm + body.heart)))
    bubbles = [((float(rng.uniform(48, 70)), 10.0, top - 24), (float(rng.uniform(18, 34)), 28.0, 11.0))]
    if rng.random() < 0.6:
        bubbles.append(((float(rng.uniform(92, 112)), 0.0, top - 52), (16.0, 18.0, 13.0)))
    for centre, radii in bubbles:
        plain = _ellipsoid(centre, np.array([1.0, 0, 0]), (radii[0], radii[2], radii[1]))

        def shape(x: Field, y: Field, z: Field, plain: Shape = plain) -> Field:
            x, y, z = body.to_reference(x, y, z)
            ceiling = (z + 7 - body.diaphragm(x, y)) * np.float32(1 / 20)
            folds = value_noise(x, y, z, cell_mm=16, seed=5) * np.float32(0.25)
            return np.maximum(plain(x, y, z) + folds, ceiling).astype(np.float32)

        reach = np.array(radii) * 1.4
        low, high = body.to_world(np.array([np.array(centre) - reach, np.array(centre) + reach]))
        canvas.fill(shape, GAS_HU, low_mm=low, high_mm=high)


def paint_breasts(canvas: Canvas, body: Body) -> None:
    """Two half-ellipsoids on the front of the chest; nothing on bodies without breasts."""
    if not body.breast_mm:
        return
    size = body.breast_mm
    for side in (-1, 1):
        (centre,) = mirrored(side, [(80, -84 - 0.5 * size, -44 - 0.3 * size)])
        plain = _ellipsoid(centre, np.array([1.0, 0, 0]), (50 + 0.5 * size, 44 + 0.6 * size, 34 + size))

        def shape(x: Field, y: Field, z: Field, plain: Shape = plain, middle: float = centre[2]) -> Field:
            x, y, z = body.to_reference(x, y, z)
            hang = np.where(z < middle, 0, 0.22) * ((z - middle) / 50) ** 2
            return np.maximum(plain(x, y, z) + hang, -(body.skin(x, y, z) + 3) / 40).astype(np.float32)

        reach = np.array([90, 90, 90]) + size
        low, high = body.to_world(np.array([np.array(centre) - reach, np.array(centre) + reach]))
        canvas.fill(shape, -40.0, low_mm=low, high_mm=high)

"""Branching vessels of the lungs, grown towards points spread through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import Body, Points
from .canvas import Canvas
from .tubes import spread

LEAF_RADIUS_MM = 0.8
"""Radius of the last twig that is drawn; finer vessels belong to the parenchyma's own density."""

MURRAY = 2.5
"""Exponent of the law by which a parent's radius follows from its children's; 3 in theory, less in lungs."""

ROOTS: tuple[tuple[tuple[float, float, float], tuple[float, float, float], int], ...] = (
    ((-50, 16, -16), (-0.15, 0.25, -1), 380),
    ((-42, 4, 14), (-0.8, -0.2, 0.6), 240),
    ((52, 28, -10), (0.15, 0.25, -1), 340),
    ((46, 14, 30), (0.8, -0.2, 0.6), 240),
    ((-46, -14, 10), (-0.7, -0.5, 0.5), 130),
    ((48, -12, 20), (0.7, -0.5, 0.5), 130),
    ((-50, 32, -38), (-0.6, 0.4, -0.7), 160),
    ((50, 34, -38), (0.6, 0.4, -0.7), 140),
)
"""Where trees start (reference mm), which way, and how many twigs each feeds: arteries first, then veins."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A branching vessel: node i > 0 hangs on ``parents[i]``.

    Attributes
    ----------
    points : (nodes, 3), reference mm
    parents : (nodes,), -1 for the root
    radii : (nodes,), mm
    """

    points: Points
    parents: NDArray[np.int64]
    radii: NDArray[np.float64]


def paint_lung_vessels(canvas: Canvas, body: Body, *, seed: int, hu: float = 40.0) -> None:
    """Paint arteries and veins into both lungs."""
    scale = float(np.prod(body.scale)) ** (1 / 3)
    for number, (root, heading, twigs) in enumerate(ROOTS):
        rng = np.random.default_rng([seed, 23, number])
        targets = _targets(body, rng, root, heading, twigs)
        tree = grow(np.array(root, dtype=np.float64), np.array(heading, dtype=np.float64), targets)
        points = body.to_world(tree.points)
        child = np.arange(1, len(points))
        spread(canvas, points[tree.parents[child]], points[child], tree.radii[child] * scale, hu)


def _targets(
    body: Body, rng: np.random.Generator, root: tuple[float, float, float], heading: tuple[float, float, float], n: int
) -> Points:
    """Points in the lung of the root's side that lie the root's way, more than 4 mm from the pleura."""
    side = np.sign(root[0])
    cloud = rng.uniform((0, -110, -150), (145, 95, 135), (n * 14, 3)) * (side, 1, 1)
    x, y, z = (column.astype(np.float32) for column in cloud.T)
    cloud = cloud[body.lung(x, y, z) < -4]
    way = cloud - root
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    keen = way @ (np.array(heading) / np.linalg.norm(heading)) > -0.05 - 0.3 * rng.random(len(cloud))
    return cloud[keen][:n]


def grow(root: Points, heading: Points, targets: Points) -> Tree:
    """A tree from ``root`` to every target, near ones first.

    Each target joins the node from which the way is short and turns little, along a curve that leaves the node
    in its own direction; radii follow from the twigs by Murray's law.
    """
    capacity = 1 + 7 * len(targets)
    points, headings = np.empty((capacity, 3)), np.empty((capacity, 3))
    parents = np.full(capacity, -1, dtype=np.int64)
    points[0], headings[0] = root, _unit(heading)
    count = 1
    for target in targets[np.argsort(np.linalg.norm(targets - root, axis=1))]:
        gap = target - points[:count]
        distance = np.linalg.norm(gap, axis=1)
        turn = 1 - np.einsum("ij,ij->i", gap, headings[:count]) / np.maximum(distance, 1e-6)
        start = int(np.argmin(distance * (1 + 1.6 * turn**2)))
        steps = int(np.clip(np.ceil(distance[start] / 7.0), 1, 7))
        for step in range(1, steps + 1):
            points[count] = _bend(points[start], headings[start], target, step / steps)
            parents[count] = start if step == 1 else count - 1
            move = points[count] - points[parents[count]]
            outward = points[count] - root
            way = _unit(move) + 0.7 * _unit(outward)
            headings[count] = _unit(way)
            count += 1
    points, parents = points[:count], parents[:count]
    return Tree(points, parents, _radii(parents))


def _unit(vector: Points) -> Points:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def _bend(start: Points, heading: Points, stop: Points, t: float) -> Points:
    """Point of a quadratic curve that leaves ``start`` along ``heading``."""
    control = start + heading * 0.3 * float(np.linalg.norm(stop - start))
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * stop


def _radii(parents: NDArray[np.int64]) -> NDArray[np.float64]:
    load = np.zeros(len(parents))
    has_child = np.zeros(len(parents), dtype=bool)
    has_child[parents[1:]] = True
    for node in range(len(parents) - 1, 0, -1):
        load[node] += 0 if has_child[node] else LEAF_RADIUS_MM**MURRAY
        load[parents[node]] += load[node]
    return load ** (1 / MURRAY)

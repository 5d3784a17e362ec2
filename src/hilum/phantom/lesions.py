"""Lesions of a chosen kind, place and volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS

from .body import Body, Field
from .canvas import Canvas
from .noise import value_noise

Kind = Literal["ground-glass", "consolidation", "effusion"]
Depth = Literal["peripheral", "central", "any"]

NUMBERS = {label.name: number for number, label in LESIONS.items()}

LOBES_BY_PLACE = {
    "right-upper-lobe": 1,
    "right-middle-lobe": 2,
    "right-lower-lobe": 3,
    "left-upper-lobe": 4,
    "left-lower-lobe": 5,
}

PLACES = (
    "right", "left", "right-upper", "right-middle", "right-lower", "left-upper", "left-middle", "left-lower",
    *LOBES_BY_PLACE,
)  # fmt: skip
"""Where a lesion may be: a lung, a third of a lung's height, or a lobe. An effusion takes a lung only."""

NOISE_REACH = 5
"""The outline is made irregular within this many times the lesion's volume; farther out noise could not reach."""

DENSITY_HU = {"ground-glass": -450.0, "consolidation": 25.0, "effusion": 8.0}


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion to be put into a thorax.

    Attributes
    ----------
    kind : ``ground-glass``, ``consolidation`` or ``effusion``
    place : one of :data:`PLACES`; a lesion centred in a third may reach past it, one in a lobe may not
    volume_ml : volume of the lesion in world millilitres
    depth : ``peripheral`` hugs the pleura, ``central`` the hilum
    hu : density, None for the kind's own
    seed : of its centre and outline

    Raises
    ------
    ValueError
        The kind, place or depth is unknown, the volume is not positive, or an effusion is not given a lung.
    """

    kind: Kind
    place: str
    volume_ml: float
    depth: Depth = "peripheral"
    hu: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in NUMBERS:
            raise ValueError(f"no lesion is called {self.kind!r}, only {', '.join(NUMBERS)}")
        if self.place not in PLACES:
            raise ValueError(f"no lesion can lie in {self.place!r}, only in {', '.join(PLACES)}")
        if self.kind == "effusion" and self.place not in ("right", "left"):
            raise ValueError(f"an effusion lies in the right or the left pleural space, not in {self.place!r}")
        if self.depth not in ("peripheral", "central", "any"):
            raise ValueError(f"a lesion is peripheral, central or any, not {self.depth!r}")
        if not self.volume_ml > 0:
            raise ValueError(f"a lesion's volume must be positive, not {self.volume_ml} ml")


def random_lesions(seed: int, severity: float) -> tuple[Lesion, ...]:
    """Lesions as a viral pneumonia scatters them: both lungs, more below and outside, an effusion now and then.

    Parameters
    ----------
    seed : of number, places and sizes
    severity : 0 (none) to 1 (about half of the lungs)

    Raises
    ------
    ValueError
        The severity is outside 0 to 1.
    """
    if not 0 <= severity <= 1:
        raise ValueError(f"severity runs from 0 to 1, and this is {severity}")
    if severity == 0:
        return ()
    rng = np.random.default_rng([seed, 31])
    total_ml = 1500.0 * severity**1.3
    count = int(rng.integers(1 + round(4 * severity), 4 + round(7 * severity)))
    shares = rng.dirichlet(np.full(count, 4.0))
    first = int(rng.integers(2))
    thirds = ("upper", "middle", "lower")
    made: list[Lesion] = []
    for number, share in enumerate(shares):
        side = ("right", "left")[(number + first) % 2]
        third = str(rng.choice(thirds, p=(0.2, 0.35, 0.45)))
        is_dense = rng.random() < 0.12 + 0.3 * severity
        volume = float(np.clip(share * total_ml * (0.6 if is_dense else 1.0), 8, 320))
        depth: Depth = "central" if rng.random() < 0.2 else "peripheral"
        kind: Kind = "consolidation" if is_dense else "ground-glass"
        made.append(Lesion(kind, f"{side}-{third}", volume, depth, seed=int(rng.integers(1 << 30))))
    if rng.random() < 0.25 * severity:
        made.append(Lesion("effusion", str(rng.choice(("right", "left"))), float(rng.uniform(80, 500))))
    return tuple(made)


def paint_lesions(canvas: Canvas, body: Body, lobes: NDArray[np.uint8], lesions: Sequence[Lesion]) -> NDArray[np.uint8]:
    """Paint lesions into the lungs and give back their label map; effusions first, then consolidation."""
    labels = np.zeros(canvas.grid.shape, dtype=np.uint8)
    for lesion in sorted(lesions, key=lambda item: -NUMBERS[item.kind]):
        _paint_one(canvas, body, lobes, labels, lesion)
    return labels


def _paint_one(canvas: Canvas, body: Body, lobes: NDArray[np.uint8], labels: NDArray[np.uint8], lesion: Lesion) -> None:
    wanted = round(lesion.volume_ml / canvas.grid.voxel_ml)
    lung = (canvas.lungs == (1 if lesion.place.startswith("right") else 2)) & (labels == 0)
    if lesion.place in LOBES_BY_PLACE:
        lung &= lobes == LOBES_BY_PLACE[lesion.place]
    voxels = np.flatnonzero(lung)
    if not 0 < wanted <= len(voxels):
        raise ValueError(
            f"A {lesion.kind} of {lesion.volume_ml:g} ml does not fit into {lesion.place}: there are "
            f"{len(voxels) * canvas.grid.voxel_ml:.3g} ml free, in voxels of {canvas.grid.voxel_ml:.3g} ml."
        )
    x, y, z = _positions(canvas, body, voxels)
    strength = _effusion(body, x, y, z) if lesion.kind == "effusion" else _patch(body, lesion, wanted, x, y, z)
    chosen = _highest(strength, wanted)
    labels.reshape(-1)[voxels[chosen]] = NUMBERS[lesion.kind]
    _densify(canvas, lesion, voxels, strength - strength[chosen].min(), (x, y, z))


def _positions(canvas: Canvas, body: Body, voxels: NDArray[np.intp]) -> tuple[Field, Field, Field]:
    place = np.unravel_index(voxels, canvas.grid.shape)
    x, y, z = (np.broadcast_to(line, canvas.grid.shape)[place] for line in canvas.coordinates(canvas.whole))
    return body.to_reference(x, y, z)


def _effusion(body: Body, x: Field, y: Field, z: Field) -> Field:
    """Highest where fluid gathers in an upright patient: low, behind, and up along the wall as a meniscus."""
    wall = np.maximum(-body.cage(x, y, z), 0)
    return np.asarray(-z + 0.18 * y + 42 * np.exp(-wall / 11), dtype=np.float32)


def _patch(body: Body, lesion: Lesion, wanted: int, x: Field, y: Field, z: Field) -> Field:
    """Highest at the centre of an irregular patch; falls by 1 over about its radius."""
    rng = np.random.default_rng([lesion.seed, 41])
    wall = np.maximum(-body.cage(x, y, z), 0)
    centre = _centre(rng, lesion, x, y, z, wall)
    radius = float((lesion.volume_ml * 1000 * 0.75 / np.pi) ** (1 / 3))
    stretch = rng.uniform(0.75, 1.35, 3).astype(np.float32)
    away = np.sqrt(sum(((c - m) * s) ** 2 for c, m, s in zip((x, y, z), centre, stretch, strict=True))) / np.float32(
        radius
    )
    noise_seed = int(rng.integers(1 << 20))
    made = -away
    if lesion.depth == "peripheral":
        made -= np.float32(0.5) * wall / np.float32(radius)
    low, high = _third(lesion.place, z)
    made -= np.float32(1.5) * (np.maximum(low - z, 0) + np.maximum(z - high, 0)) / np.float32(radius)
    near = _highest(made, round(NOISE_REACH * wanted))
    cell = float(np.clip(0.75 * radius, 14, 40))
    made[near] += np.float32(0.8) * value_noise(x[near], y[near], z[near], cell_mm=cell, seed=noise_seed, octaves=2)
    made[near] += np.float32(0.35) * value_noise(x[near], y[near], z[near], cell_mm=9, seed=noise_seed + 7)
    return np.asarray(made, dtype=np.float32)


def _highest(strength: Field, count: int) -> NDArray[np.intp]:
    """Where the ``count`` highest values are, the first ones among equals."""
    if count >= len(strength):
        return np.arange(len(strength))
    level = np.partition(strength, len(strength) - count)[len(strength) - count]
    above = np.flatnonzero(strength > level)
    return np.concatenate([above, np.flatnonzero(strength == level)[: count - len(above)]])


def _third(place: str, z: Field) -> tuple[float, float]:
    """Heights between which a place lies: a third of the lung's own height, or all of it."""
    bottom, top = float(z.min()), float(z.max())
    names = ("lower", "middle", "upper")
    name = place.split("-", 1)[-1]
    if name not in names:
        return bottom, top
    step = (top - bottom) / 3
    return bottom + names.index(name) * step, bottom + (names.index(name) + 1) * step


def _centre(rng: np.random.Generator, lesion: Lesion, x: Field, y: Field, z: Field, wall: Field) -> NDArray[np.float32]:
    """A place for the middle of a patch: in the third, near the pleura or away from it."""
    low, high = _third(lesion.place, z)
    margin = 0.15 * (high - low)
    fits = (z > low + margin) & (z < high - margin)
    if lesion.depth == "peripheral":
        fits &= wall < 12
    elif lesion.depth == "central":
        fits &= np.hypot(np.abs(x) - 60, y - 10) < 30
    candidates = np.flatnonzero(fits)
    if len(candidates) == 0:
        candidates = np.arange(len(x))
    out = rng.uniform(40, 65) if lesion.depth == "central" else rng.uniform(30, 130)
    aim = np.array([out * np.sign(x.mean()), rng.uniform(-70, 70), rng.uniform(low, high)])
    gaps = (x[candidates] - aim[0]) ** 2 + (y[candidates] - aim[1]) ** 2 + (z[candidates] - aim[2]) ** 2
    best = candidates[int(np.argmin(gaps))]
    return np.array([x[best], y[best], z[best]], dtype=np.float32)


def _densify(
    canvas: Canvas, lesion: Lesion, voxels: NDArray[np.intp], margin: Field, positions: tuple[Field, Field, Field]
) -> None:
    """Raise the density where ``margin`` is positive, fading over the rim, with a mottled texture."""
    hu = DENSITY_HU[lesion.kind] if lesion.hu is None else lesion.hu
    near = np.flatnonzero(margin > (-0.18 if lesion.kind != "effusion" else -0.5))
    x, y, z = (c[near] for c in positions)
    if lesion.kind == "effusion":
        share = np.clip(margin[near] + 0.5, 0, 1)
        mottle = np.float32(0)
    else:
        soft = 0.6 if lesion.kind == "ground-glass" else 0.4
        share = np.clip(0.3 + margin[near] / soft, 0, 1)
        fine = value_noise(x, y, z, cell_mm=9, seed=lesion.seed % 1000 + 77)
        mottle = (95 if lesion.kind == "ground-glass" else 240) * fine
        if lesion.kind == "consolidation":
            mottle = np.minimum(mottle, 15)
    values = canvas.hu.reshape(-1)
    before = values[voxels[near]]
    values[voxels[near]] = np.maximum(before, before + np.rint(share * (hu + mottle - before)).astype(np.int16))

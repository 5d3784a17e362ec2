"""What varies between phantoms, and the surfaces that everything else hangs on.

Shapes are written down once, for a reference body in millimetres (x to the patient's left, y to the back, z to
the head, z = 0 a little below the hila); a phantom is that body scaled and reshaped by its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Field

Points = NDArray[np.float64]

_PROFILE_Z = np.arange(-320.0, 321.0)


def _profile(*nodes: tuple[float, float]) -> NDArray[np.float64]:
    """A smooth curve of z through nodes (z, value), tabulated each millimetre."""
    z, value = np.array(sorted(nodes), dtype=np.float64).T
    kernel = np.exp(-0.5 * (np.arange(-30, 31) / 9.0) ** 2)
    padded = np.interp(np.arange(-350.0, 351.0), z, value)
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


_CAGE_SIDE = _profile(
    (-260, 126), (-150, 135), (-120, 139), (-80, 140), (-40, 137), (0, 131), (40, 122), (70, 112), (100, 98),
    (120, 84), (135, 72), (150, 58), (170, 46), (230, 40),
)  # fmt: skip
CAGE_FRONT = _profile(
    (-260, 84), (-150, 93), (-80, 98), (-40, 97), (0, 92), (40, 82), (70, 72), (100, 58), (120, 48), (135, 40),
    (150, 34), (170, 30),
)  # fmt: skip
_CAGE_BACK = _profile(
    (-260, 70), (-150, 80), (-120, 84), (-80, 88), (0, 90), (40, 87), (70, 82), (100, 73), (120, 65), (135, 59),
    (150, 54), (170, 50),
)  # fmt: skip
_SKIN_SIDE = _profile(
    (-260, 158), (-140, 160), (-60, 163), (0, 162), (30, 163), (52, 172), (75, 205), (110, 212), (128, 204),
    (146, 150), (160, 96), (178, 66), (200, 60), (260, 62),
)  # fmt: skip
_SKIN_FRONT = _profile(
    (-260, 108), (-140, 116), (-60, 119), (0, 114), (40, 104), (80, 92), (110, 78), (130, 66), (150, 58), (175, 56),
    (200, 58), (260, 66),
)  # fmt: skip
_SKIN_BACK = _profile(
    (-260, 104), (-140, 110), (-60, 116), (0, 120), (60, 118), (100, 112), (130, 100), (150, 90), (175, 80),
    (220, 76),
)  # fmt: skip
_SPINE_Y = _profile((-260, 40), (-140, 50), (-60, 62), (0, 66), (40, 63), (100, 52), (150, 38), (200, 26), (260, 22))


def along(z: Field, profile: NDArray[np.float64]) -> Field:
    """A tabulated curve at heights z, of z's shape."""
    return np.interp(z, _PROFILE_Z, profile).astype(np.float32)


def spine_y(z: Field | NDArray[np.float64]) -> Field:
    """Depth of the centre of the vertebral bodies at reference heights z."""
    return np.interp(z, _PROFILE_Z, _SPINE_Y).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Body:
    """What makes one phantom differ from the next.

    Attributes
    ----------
    scale : world over reference millimetres along x, y, z
    sway_mm : sideways bend of the spine, amplitude of half a wave over the thorax
    fat_mm : thickness of the fat under the skin
    is_female : slimmer fat at the waist, breasts
    breast_mm : how far the breasts stand out
    dome_mm : heights of the right and left dome of the diaphragm
    heart : size of the heart relative to the reference
    heart_tilt : slope of the heart's long axis relative to the reference
    apex_mm : heights of the lungs' tops, right and left
    barrel : depth of the cage relative to the reference, below 1 flat, above 1 barrel-chested
    unfolding : how far the aortic arch stands out, as with age
    bone : density of bone relative to the reference
    inflation : density of the lungs relative to the reference
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sway_mm: float = 0.0
    fat_mm: float = 14.0
    is_female: bool = False
    breast_mm: float = 0.0
    dome_mm: tuple[float, float] = (-58.0, -70.0)
    heart: float = 1.0
    heart_tilt: float = 1.0
    apex_mm: tuple[float, float] = (137.0, 138.0)
    barrel: float = 1.0
    unfolding: float = 1.0
    bone: float = 1.0
    inflation: float = 1.0

    def to_reference(self, x: Field, y: Field, z: Field) -> tuple[Field, Field, Field]:
        """Reference coordinates of world positions."""
        sx, sy, sz = (np.float32(1 / s) for s in self.scale)
        return x * sx, y * sy, z * sz

    def to_world(self, points: Points) -> Points:
        """World positions, shape (..., 3), of reference points (x, y, z)."""
        return np.asarray(points, dtype=np.float64) * self.scale

    def sway(self, z: float) -> float:
        """How far the spine lies left of the middle at a reference height, in mm."""
        return self.sway_mm * float(np.sin(z * (np.pi / 260.0)))

    def cage_coordinates(self, x: Field, y: Field, z: Field) -> tuple[Field, Field]:
        """Position in the cage's cross-section as shares of its radii: (|x|, y from its middle; back positive)."""
        side, front, back = (along(z, p) for p in (_CAGE_SIDE, CAGE_FRONT, _CAGE_BACK))
        middle = (back - front) * np.float32(0.5)
        return np.abs(x) / side, (y - middle) / ((back + front) * np.float32(0.5 * self.barrel))

    def cage(self, x: Field, y: Field, z: Field) -> Field:
        """About the distance in mm outward from the inner face of the rib cage; negative inside."""
        u, v = self.cage_coordinates(x, y, z)
        return _superellipse(u, v, 2.35) * along(z, _CAGE_SIDE) * np.float32(0.83)

    def skin(self, x: Field, y: Field, z: Field) -> Field:
        """About the distance in mm outward from the skin, the breasts left out; negative inside."""
        stout = np.float32((self.fat_mm - 14.0) * 0.8)
        side, front, back = (along(z, p) + stout for p in (_SKIN_SIDE, _SKIN_FRONT, _SKIN_BACK))
        middle = (back - front) * np.float32(0.5)
        v = (y - middle) / ((back + front) * np.float32(0.5 * (1 + (self.barrel - 1) * 0.7)))
        return _superellipse(np.abs(x) / side, v, 2.5) * np.minimum(side, 150) * np.float32(0.85)

    def diaphragm(self, x: Field, y: Field) -> Field:
        """Height in mm of the diaphragm under each point of the reference plane."""
        right, left = (self._dome(x, y, side) for side in (-1, 1))
        share = np.clip(x / 16 + np.float32(0.5), 0, 1)
        return right + share * (left - right)

    def _dome(self, x: Field, y: Field, side: int) -> Field:
        top = self.dome_mm[0 if side < 0 else 1]
        out = x * side - 70
        u = np.where(out > 0, out / 69, out / 105)
        v = np.where(y + 8 > 0, (y + 8) / 96, (y + 8) / 92)
        u2, v2 = u * u, v * v
        q = u2 + v2
        drops = np.where(out > 0, 50, 20) * u2 + np.where(y + 8 > 0, 80, 14) * v2
        drop = drops / np.maximum(q, 1e-4)
        fall = np.where(q < 1, 1 - np.sqrt(np.maximum(1 - 0.9 * q, 0.1)), 0.684 + (q - 1) * 0.8)
        return np.asarray(top - drop * fall / 0.684, dtype=np.float32)

    def lung(self, x: Field, y: Field, z: Field) -> Field:
        """Negative inside either lung, mm-like; organs of the mediastinum are not yet taken out."""
        made = np.maximum(self.cage(x, y, z), (self.diaphragm(x, y) - z) * np.float32(0.6))
        made = np.maximum(made, self._mediastinum(x, y, z))
        return np.maximum(made, self._apex(x, y, z))

    def _mediastinum(self, x: Field, y: Field, z: Field) -> Field:
        node = (-70, -50, -30, -8, 10, 30, 44, 58, 70, 84, 96)
        width = np.interp(y, node, (2.5, 4, 13, 25, 22, 14, 13, 18.5, 20, 26, 36)).astype(np.float32)
        scale = np.interp(z, (-140, -30, 10, 40, 75, 110, 140), (0.8, 0.9, 1.2, 1.1, 1.0, 1.2, 1.3)).astype(np.float32)
        pad = _smooth_step((-z - 30) / 90) * np.interp(y, (-95, -70, -20, 20), (44, 42, 26, 0))
        return np.maximum(width * scale, pad.astype(np.float32)) - np.abs(x)

    def _apex(self, x: Field, y: Field, z: Field) -> Field:
        top = np.where(x < 0, np.float32(self.apex_mm[0]), np.float32(self.apex_mm[1]))
        out = np.abs(x) - 47
        q = (out / np.where(out > 0, np.float32(51), np.float32(42))) ** 2 + ((y - 10) / 58) ** 2
        return np.asarray((z - top + 42 * q**1.2) * 0.6, dtype=np.float32)

    def oblique_fissure(self, x: Field, y: Field, z: Field) -> Field:
        """Negative below and behind the oblique (major) fissure, mm-like."""
        bow = 10 * np.sin(y * np.float32(np.pi / 150)) + 0.12 * (np.abs(x) - 70)
        return np.asarray(0.72 * (z + 14 - bow) - 0.69 * y, dtype=np.float32)

    def horizontal_fissure(self, x: Field, y: Field, z: Field) -> Field:
        """Negative below the horizontal (minor) fissure of the right lung, mm-like."""
        return np.asarray(z - 14 + 0.0016 * (np.abs(x) - 60) ** 2 + 0.06 * (y + 20), dtype=np.float32)


def _superellipse(u: Field, v: Field, power: float) -> Field:
    """About the distance from a unit superellipse, relative to its radius; negative inside."""
    total = np.abs(u) ** np.float32(power) + np.abs(v) ** np.float32(power)
    np.maximum(total, np.float32(1e-6), out=total)
    return np.asarray(np.maximum(np.log(total) * np.float32(1 / power), np.float32(-1.5)), dtype=np.float32)


def _smooth_step(t: Field) -> Field:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def draw_body(seed: int) -> Body:
    """The body of a seed; seed 0 is drawn like any other."""
    rng = np.random.default_rng([seed, 11])
    is_female = bool(rng.random() < 0.5)
    stature = float(np.clip(rng.normal(0.94 if is_female else 1.02, 0.045), 0.82, 1.14))
    girth = stature * float(np.clip(rng.normal(1.0, 0.04), 0.92, 1.09))
    height = float(np.clip(rng.normal(3.0, 9.0), -13, 26))
    return Body(
        scale=(girth, girth * float(rng.uniform(0.95, 1.05)), stature),
        sway_mm=float(rng.normal(0, 2.5)),
        fat_mm=float(np.clip(rng.lognormal(np.log(13), 0.4), 6, 30)),
        is_female=is_female,
        breast_mm=float(rng.uniform(12, 34)) if is_female else 0.0,
        dome_mm=(-58.0 + height, -69.0 + height + float(rng.normal(0, 4))),
        heart=float(np.clip(rng.normal(1.02, 0.09), 0.86, 1.27)),
        heart_tilt=float(rng.uniform(0.75, 1.35)),
        apex_mm=(float(rng.normal(136, 2)), float(rng.normal(138, 2))),
        barrel=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)),
        unfolding=float(rng.uniform(0.85, 1.3)),
        bone=float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.2)),
        inflation=float(np.clip(rng.normal(1.0, 0.12), 0.75, 1.3)),
    )

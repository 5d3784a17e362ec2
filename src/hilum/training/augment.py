"""Changes to films before a network sees them: where it looks, and how the film was exposed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.preprocessing.radiograph import Window

from .recipe import Augment

cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True)
class Placement:
    """From the network's pixels to the film's.

    Attributes
    ----------
    matrix : (2, 3), takes (column, row, 1) of the network's picture to (column, row) of the film
    size : side of the network's picture
    is_flipped : the film appears mirrored
    """

    matrix: NDArray[np.float64]
    size: int
    is_flipped: bool


def place(window: Window, size: int) -> Placement:
    """The plain look through a window."""
    scale = window.side / size
    start = np.array([window.left, window.top]) + scale / 2 - 0.5
    return Placement(np.column_stack([np.eye(2) * scale, start]), size, is_flipped=False)


def place_anyhow(window: Window, size: int, how: Augment, rng: np.random.Generator) -> Placement:
    """A look through a window that is shifted, turned, scaled, stretched or mirrored at random."""
    plain = place(window, size).matrix
    scale = how.scale ** rng.uniform(-1, 1)
    stretch = how.aspect ** rng.uniform(-1, 1)
    angle = np.deg2rad(how.rotation_degrees) * rng.uniform(-1, 1)
    flip = rng.random() < how.flip
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    change = turn @ np.diag([scale * stretch * (-1 if flip else 1), scale / stretch])
    middle = np.full(2, (size - 1) / 2)
    linear = plain[:, :2] @ change
    shift = window.side * how.shift * rng.uniform(-1, 1, 2)
    start = plain[:, :2] @ middle + plain[:, 2] + shift - linear @ middle
    return Placement(np.column_stack([linear, start]), size, is_flipped=bool(flip))


def seen(film: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """A film as placed, bilinear; black beyond its edges.

    A film that shrinks is blurred first by as much as the triangle filter of
    :func:`hilum.preprocessing.radiograph.look` blurs it.
    """
    shrinking = np.sqrt(abs(np.linalg.det(placement.matrix[:, :2])))
    if shrinking > 1.0:
        sigma = float(np.sqrt((shrinking**2 - 1.0) / 6.0))
        film = np.asarray(cv2.GaussianBlur(film, (0, 0), sigma), dtype=np.uint8)
    return _warp(film, placement, cv2.INTER_LINEAR, 0)


def seen_labels(labels: NDArray[np.uint8], placement: Placement, outside: int) -> NDArray[np.uint8]:
    """Labels as placed, by nearest neighbour; ``outside`` beyond the film's edges."""
    return _warp(labels, placement, cv2.INTER_NEAREST, outside)


def _warp(array: NDArray[np.uint8], placement: Placement, how: int, outside: int) -> NDArray[np.uint8]:
    side = (placement.size, placement.size)
    flags = how | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(
        array, placement.matrix, side, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outside
    )
    return np.asarray(made, dtype=np.uint8)


def expose_anyhow(film: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure and processing of the same film, as 0 to 1 before the grey is stretched.

    Gamma, contrast, local contrast, shading, blur, sharpening, noise, and letters burnt in.
    """
    grey = film
    if rng.random() < 0.15 * strength:
        equaliser = cv2.createCLAHE(clipLimit=rng.uniform(1, 4), tileGridSize=(8, 8))
        grey = np.asarray(equaliser.apply(grey), dtype=np.uint8)
    if rng.random() < 0.25 * strength:
        grey = _lettered(grey, rng)
    made = np.asarray(grey, dtype=np.float32) / 255.0
    made = made ** np.float32(1.6 ** (strength * rng.uniform(-1, 1)))
    if rng.random() < 0.3 * strength:
        made = made * _shading(made.shape[0], rng)
    if rng.random() < 0.4 * strength:
        soft = cv2.GaussianBlur(made, (0, 0), rng.uniform(0.4, 1.4))
        made = soft if rng.random() < 0.5 else made + rng.uniform(0.3, 1.2) * (made - soft)
    if rng.random() < 0.4 * strength:
        made = made + rng.normal(0, rng.uniform(0.005, 0.04), made.shape)
    if rng.random() < 0.3 * strength:
        low, high = rng.uniform(0, 0.12), rng.uniform(0.85, 1)
        made = np.clip(made, low, high)
    return np.asarray(made, dtype=np.float32)


def _shading(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    corners = rng.uniform(0.7, 1.15, (2, 2)).astype(np.float32)
    return np.asarray(cv2.resize(corners, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _lettered(film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    made = film.copy()
    size = film.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        text = "".join(rng.choice(list("RLDABPAPortatil0123456789:"), int(rng.integers(1, 8))))
        at = (
            int(rng.integers(0, size)),
            int(rng.integers(10, size)) if rng.random() < 0.3 else int(rng.integers(8, 30)),
        )
        cv2.putText(made, text, at, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.3, 0.9), int(rng.integers(150, 256)), 1)
    return made

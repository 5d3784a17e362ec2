"""Opacities put into slices of real or computed lungs: their outlines are exact, and the vessels stay visible."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

GROUND_GLASS, CONSOLIDATION, EFFUSION = 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A slice with new opacities.

    Attributes
    ----------
    picture : uint8, (rows, columns)
    lesions : uint8, the numbers of the opacities that were put in, 0 elsewhere
    """

    picture: NDArray[np.uint8]
    lesions: NDArray[np.uint8]


def insert(
    picture: NDArray[np.uint8], lungs: Mask, rng: np.random.Generator, *, largest: float = 0.25, effusion: float = 0.0
) -> Inserted:
    """Put one to four opacities into the lungs of a slice.

    Ground-glass lifts the lung part of the way to soft tissue, consolidation all but wholly; what is denser already,
    such as a vessel, stays. Outlines follow smooth noise, edges are soft.

    Parameters
    ----------
    picture : (rows, columns), an axial slice in a window of lungs
    lungs : where lung is
    rng : draws everything
    largest : radius of the largest opacity, as a share of the picture's side
    effusion : probability of fluid along the back
    """
    grey = picture.astype(np.float32)
    lesions = np.zeros(picture.shape, dtype=np.uint8)
    where = np.argwhere(lungs)
    if len(where) < 50:
        return Inserted(picture, lesions)
    lung, tissue = _levels(grey, lungs)
    for _ in range(int(rng.integers(1, 5))):
        centre = where[rng.integers(len(where))]
        radius = picture.shape[0] * float(rng.uniform(0.03, largest) if rng.random() < 0.5 else rng.uniform(0.02, 0.1))
        shape = _blob(picture.shape, centre, radius, rng)
        is_dense = rng.random() < 0.45
        _lift(grey, lesions, lungs & (shape > 0), is_dense=is_dense, levels=(lung, tissue), rng=rng)
        if not is_dense and rng.random() < 0.35:
            _lift(grey, lesions, lungs & (shape > 0.35), is_dense=True, levels=(lung, tissue), rng=rng)
    if rng.random() < effusion:
        _pour(grey, lesions, lungs, tissue, rng)
    return Inserted(np.clip(grey, 0, 255).astype(np.uint8), lesions)


def _levels(grey: NDArray[np.float32], lungs: Mask) -> tuple[float, float]:
    """Grey of aerated lung and of soft tissue in this window."""
    lung = float(np.percentile(grey[lungs], 30))
    dense = grey[~lungs & (grey > lung + 0.3 * (255 - lung))]
    tissue = float(np.median(dense)) if len(dense) > 100 else lung + 0.65 * (255 - lung)
    return lung, max(tissue, lung + 20.0)


def _noise(shape: tuple[int, ...], pitch: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of mean 0 and deviation about 1, with features of ``pitch`` pixels."""
    few = [max(2, round(n / pitch) + 2) for n in shape]
    coarse = rng.normal(size=few).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _blob(
    shape: tuple[int, ...], centre: NDArray[np.intp], radius: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Above 0 inside an irregular outline, about 1 in its middle."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    squeeze, angle = float(rng.uniform(0.6, 1.6)), float(rng.uniform(0, np.pi))
    down, across = rows - centre[0], columns - centre[1]
    along = (down * np.cos(angle) + across * np.sin(angle)) * squeeze
    aside = (across * np.cos(angle) - down * np.sin(angle)) / squeeze
    distance = np.sqrt(along**2 + aside**2) / radius
    rough = 0.35 * _noise(shape, max(4.0, radius / 2), rng) + 0.15 * _noise(shape, max(3.0, radius / 6), rng)
    return (1.0 - distance + rough * float(rng.uniform(0.4, 1.2))).astype(np.float32)


def _lift(
    grey: NDArray[np.float32],
    lesions: NDArray[np.uint8],
    where: Mask,
    *,
    is_dense: bool,
    levels: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    lung, tissue = levels
    share = float(rng.uniform(0.85, 1.05) if is_dense else rng.uniform(0.2, 0.6))
    texture = 0.06 * _noise(grey.shape, float(rng.uniform(2, 6)), rng) + 0.05 * _noise(grey.shape, 12, rng)
    target = lung + (share + texture * (0.4 if is_dense else 1.0)) * (tissue - lung)
    soft = cv2.GaussianBlur(where.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.0)))
    grey += np.asarray(soft, dtype=np.float32) * np.maximum(target - grey, 0.0)
    lesions[where] = np.maximum(lesions[where], CONSOLIDATION if is_dense else GROUND_GLASS)


def _pour(
    grey: NDArray[np.float32], lesions: NDArray[np.uint8], lungs: Mask, tissue: float, rng: np.random.Generator
) -> None:
    """Fluid behind a slightly curved level in one lung: it lies at the back."""
    half = grey.shape[1] // 2
    side = lungs.copy()
    side[:, half:] = False
    if rng.random() < 0.5:
        side = lungs & ~side
    rows = np.flatnonzero(side.any(axis=1))
    if not len(rows):
        return
    level = rows[-1] - float(rng.uniform(0.05, 0.45)) * (rows[-1] - rows[0])
    curve = 0.002 * (np.arange(grey.shape[1]) - float(np.argwhere(side)[:, 1].mean())) ** 2
    where = side & (np.arange(grey.shape[0])[:, None] > level - curve[None])
    flat = tissue * float(rng.uniform(0.88, 1.0)) + 1.5 * _noise(grey.shape, 3, rng)
    grey[where] = flat[where]
    lesions[where] = EFFUSION

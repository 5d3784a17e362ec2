"""Films to measure with, made from phantoms: a few bodies, many exposures, so that no two files are equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hilum.phantom import sample_film

SIDE_PX = 1024
"""Rows and columns of a film."""

BODIES = 4
"""Phantoms that are computed; each film is one of them, shifted and with a noise of its own."""


def write_films(folder: Path, count: int, *, side_px: int | None = None) -> list[Path]:
    """Write ``count`` films, PNG and JPEG in turn, from healthy to severely ill; the same files every time.

    Parameters
    ----------
    folder : made if need be
    count : of films
    side_px : rows and columns; None for :data:`SIDE_PX`
    """
    side_px = side_px or SIDE_PX
    shape = (side_px, side_px)
    bodies = [sample_film(seed, severity=seed / BODIES, shape=shape).image.array for seed in range(min(BODIES, count))]
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder, number, bodies[number % len(bodies)]) for number in range(count)]


def _write(folder: Path, number: int, body: NDArray[np.uint8]) -> Path:
    random = np.random.default_rng(number)
    most = max(1, len(body) // 50)
    moved = np.roll(body, random.integers(-most, most + 1, 2), axis=(0, 1)).astype(np.float32)
    film = np.clip(moved + random.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)
    path = folder / f"film-{number:03d}.{'jpg' if number % 2 else 'png'}"
    Image.fromarray(film).save(path)
    return path

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


def write_films(folder: Path, count: int) -> list[Path]:
    """Write ``count`` films, PNG and JPEG in turn, from healthy to severely ill; the same files every time."""
    shape = (SIDE_PX, SIDE_PX)
    bodies = [sample_film(seed, severity=seed / BODIES, shape=shape).image.array for seed in range(min(BODIES, count))]
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder, number, bodies[number % len(bodies)]) for number in range(count)]


def _write(folder: Path, number: int, body: NDArray[np.uint8]) -> Path:
    random = np.random.default_rng(number)
    moved = np.roll(body, random.integers(-20, 21, 2), axis=(0, 1)).astype(np.float32)
    film = np.clip(moved + random.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)
    path = folder / f"film-{number:03d}.{'jpg' if number % 2 else 'png'}"
    Image.fromarray(film).save(path)
    return path

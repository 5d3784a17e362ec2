"""Pictures that are not frontal films, so that stage I can say so: CT slices, patterns, and parts of films."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .films import Sample, stored

SIDE = 300


def negatives(films: Iterable[Path], slices: Iterable[Path]) -> list[Sample]:
    """Samples of the kind ``not-a-film``.

    Parameters
    ----------
    films : films of which small parts are shown
    slices : CT slices as pictures
    """
    made = [Sample("not-a-film", picture=_shower(path)) for path in slices]
    made += [Sample("not-a-film", picture=_corner(path)) for path in films]
    many = max(20, len(made) // 2)
    return made + [Sample("not-a-film", picture=pattern) for pattern in (_clouds, _shapes) for _ in range(many)]


def _shower(path: Path) -> Callable[[np.random.Generator], NDArray[np.uint8]]:
    def show(_: np.random.Generator) -> NDArray[np.uint8]:
        return stored(str(path), False, None)

    return show


def _corner(path: Path) -> Callable[[np.random.Generator], NDArray[np.uint8]]:
    """A part of a film too small to be one: at most three tenths of its side."""

    def show(rng: np.random.Generator) -> NDArray[np.uint8]:
        film = stored(str(path), False, None)
        side = int(min(film.shape) * rng.uniform(0.12, 0.3))
        top, left = (int(rng.integers(0, n - side)) for n in film.shape)
        part = film[top : top + side, left : left + side]
        return np.asarray(cv2.resize(part, (SIDE, SIDE)), dtype=np.uint8)

    return show


def _clouds(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise whose power falls with frequency as that of photographs does, with an edge or two."""
    made = sum(
        cv2.resize(rng.normal(size=(n, n)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * weight
        for n, weight in ((2, 1.0), (4, 0.8), (9, 0.6), (30, 0.35), (100, rng.uniform(0, 0.5)))
    )
    return _as_grey(np.asarray(made))


def _shapes(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ellipses, boxes and lines of any grey on clouds: drawings, objects, phantoms of nothing."""
    made = np.ascontiguousarray(_clouds(rng) // 2)
    for _ in range(int(rng.integers(2, 14))):
        grey = int(rng.integers(0, 256))
        a, b = (tuple(int(v) for v in rng.integers(0, SIDE, 2)) for _ in range(2))
        which = rng.integers(0, 3)
        if which == 0:
            axes = tuple(int(v) for v in rng.integers(8, 130, 2))
            cv2.ellipse(made, a, axes, float(rng.uniform(0, 180)), 0, 360, grey, -1)
        elif which == 1:
            cv2.rectangle(made, a, b, grey, -1)
        else:
            cv2.line(made, a, b, grey, int(rng.integers(1, 12)))
    return np.asarray(cv2.GaussianBlur(made, (0, 0), rng.uniform(0.3, 3)), dtype=np.uint8)


def _as_grey(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(array, (1, 99))
    return np.asarray(np.clip((array - low) / (high - low) * 255, 0, 255), dtype=np.uint8)

"""Ready-made phantom films: the demo's, and any number of varied ones."""

from __future__ import annotations

import numpy as np

from hilum.projection.exposure import Exposure, draw_exposure

from .film import PhantomFilm, film, film_grid
from .lesions import Lesion, random_lesions
from .thorax import thorax

DEMO_LESIONS = (
    Lesion("ground-glass", "right-middle", 300, seed=2),
    Lesion("consolidation", "right-lower", 120, seed=5),
    Lesion("ground-glass", "left-lower", 330, seed=8),
    Lesion("consolidation", "left-middle", 70, seed=13),
    Lesion("ground-glass", "left-upper", 90, seed=21),
)
"""The pneumonia of the demo: both lungs, more below than above."""


def demo_film(seed: int = 0) -> PhantomFilm:
    """The film of ``hilum demo``: 1024 x 1024 pixels, posteroanterior, with pneumonia in both lungs."""
    source = thorax(seed, grid=film_grid(seed, in_plane_mm=0.95, depth_mm=3.4), lesions=DEMO_LESIONS)
    return film(source, seed=seed, exposure=Exposure(marker="L"))


def sample_film(seed: int, *, severity: float = 0.0, shape: tuple[int, int] = (512, 512)) -> PhantomFilm:
    """A film of a seed: its own body, exposure and turn, and lesions of the severity wanted.

    Parameters
    ----------
    seed : of everything
    severity : 0 for healthy lungs, up to 1 (see :func:`~hilum.phantom.lesions.random_lesions`)
    shape : (rows, columns)
    """
    rng = np.random.default_rng([seed, 71])
    fine_mm = float(np.clip(380 / max(shape), 1.3, 3.0))
    grid = film_grid(seed, in_plane_mm=fine_mm, depth_mm=2.2 * fine_mm)
    source = thorax(seed, grid=grid, lesions=random_lesions(seed, severity))
    turn = float(np.clip(rng.normal(0, 2.5), -8, 8))
    return film(source, shape=shape, seed=seed, exposure=draw_exposure(seed), rotation_deg=turn)

"""Phantoms that several tests look at, made once."""

from __future__ import annotations

import pytest

from hilum.phantom import Lesion, PhantomFilm, Thorax, default_grid, film, film_grid, thorax

COARSE = (6.0, 5.0, 5.0)

LESIONS = (
    Lesion("ground-glass", "right-upper", 120, seed=1),
    Lesion("consolidation", "left-middle", 90, "central", seed=2),
    Lesion("ground-glass", "right-middle-lobe", 60, "any", seed=3),
    Lesion("effusion", "left", 250),
)


@pytest.fixture(scope="session")
def healthy() -> Thorax:
    return thorax(4, grid=default_grid(4, spacing_mm=COARSE))


@pytest.fixture(scope="session")
def sick() -> Thorax:
    return thorax(4, grid=default_grid(4, spacing_mm=COARSE), lesions=LESIONS)


@pytest.fixture(scope="session")
def film_source() -> Thorax:
    grid = film_grid(5, in_plane_mm=2.6, depth_mm=5.0)
    return thorax(5, grid=grid, lesions=LESIONS)


@pytest.fixture(scope="session")
def plain_film(film_source: Thorax) -> PhantomFilm:
    return film(film_source, shape=(131, 127), seed=1)

"""Dense bodies in made-up lungs."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.segmentation.dense_bodies import BODY_HU, MARKED, mark_dense_bodies

WINDOW = (-1000.0, 300.0)
SPACING = (2.5, 1.4, 1.4)
SHAPE = (23, 61, 53)


def marked(hounsfield: np.ndarray, lung: np.ndarray | None = None, before: int = 0) -> np.ndarray:
    """Probabilities of opacity after bodies were marked, where all had ``before``."""
    low, high = WINDOW
    grey = np.rint(np.clip((hounsfield - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    opacity = np.full(hounsfield.shape, before, np.uint8)
    lung = np.ones(hounsfield.shape, bool) if lung is None else lung
    mark_dense_bodies(opacity, grey, lung, window_hu=WINDOW, spacing_mm=SPACING)
    return opacity


def ball(radius_mm: float, shape=SHAPE) -> np.ndarray:
    """Within so much of the middle."""
    away = np.meshgrid(*((np.arange(n) - n // 2) * mm for n, mm in zip(shape, SPACING, strict=True)), indexing="ij")
    return np.sqrt(sum(line**2 for line in away)) <= radius_mm


def lung_with(where: np.ndarray, hu: float) -> np.ndarray:
    return np.where(where, hu, -850.0)


@pytest.mark.parametrize("shape", [SHAPE, (24, 62, 62)])
@pytest.mark.parametrize("hu", [-400, 30])
def test_a_mass_is_marked_and_nothing_else(hu, shape):
    where = ball(18, shape)
    found = marked(lung_with(where, hu)) >= MARKED
    assert not (found & ~where).any()
    assert np.count_nonzero(found) > 0.9 * np.count_nonzero(where)


def test_what_is_thin_in_one_direction_is_a_vessel_or_a_fissure():
    vessel, fissure = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    vessel[:, 26:34, 22:30] = True  # 11 mm across
    fissure[9:13] = True  # 10 mm high
    assert not marked(lung_with(vessel, 40)).any()
    assert not marked(lung_with(fissure, 40)).any()


def test_what_still_holds_air_is_left_to_the_network():
    assert not marked(lung_with(ball(18), BODY_HU - 20)).any()


def test_the_dome_beyond_the_lungs_is_none():
    where = ball(18)
    assert not marked(lung_with(where, 50), lung=~where).any()


def test_a_probability_is_raised_and_never_lowered():
    where = ball(18)
    found = marked(lung_with(where, 30), before=250)
    assert set(np.unique(found)) == {250}


def test_of_a_single_slice_nothing_is_told():
    assert not marked(lung_with(ball(18)[11:12], 30)).any()

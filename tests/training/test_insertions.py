"""Opacities put into slices: exact outlines, inside the lungs, vessels kept."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.training.insertions import CONSOLIDATION, EFFUSION, GROUND_GLASS, insert


@pytest.fixture
def slice_and_lungs():
    rows, columns = np.mgrid[:160, :160]
    lungs = (((rows - 80) / 55) ** 2 + ((columns - 45) / 28) ** 2 < 1) | (
        ((rows - 80) / 55) ** 2 + ((columns - 115) / 28) ** 2 < 1
    )
    picture = np.where(lungs, 30, 190).astype(np.uint8)
    picture[80, 20:70] = 200  # a vessel
    return picture, lungs


@pytest.mark.parametrize("seed", range(12))
def test_opacities_are_denser_inside_the_lungs_and_nowhere_else(slice_and_lungs, seed):
    picture, lungs = slice_and_lungs
    made = insert(picture, lungs, np.random.default_rng(seed), effusion=0.5)
    assert not made.lesions[~lungs].any()
    dense = made.lesions == CONSOLIDATION
    middle = {
        n: made.picture[made.lesions == n].mean() for n in (GROUND_GLASS, CONSOLIDATION) if (made.lesions == n).any()
    }
    assert (made.lesions > 0).any()
    assert all(value > 45 for value in middle.values())
    if len(middle) == 2:
        assert middle[CONSOLIDATION] > middle[GROUND_GLASS]
    if dense.sum() > 200:
        assert middle[CONSOLIDATION] > 110


def test_a_vessel_stays_visible(slice_and_lungs):
    picture, lungs = slice_and_lungs
    kept = [
        insert(picture, lungs, np.random.default_rng(seed), largest=0.4).picture[80, 20:70].min() for seed in range(12)
    ]
    assert min(kept) >= 190


def test_fluid_lies_at_the_back(slice_and_lungs):
    picture, lungs = slice_and_lungs
    made = insert(picture, lungs, np.random.default_rng(3), effusion=1.0)
    rows = np.argwhere(made.lesions == EFFUSION)[:, 0]
    assert len(rows)
    assert rows.mean() > 100


def test_a_slice_without_lungs_is_left_alone(slice_and_lungs):
    picture, _ = slice_and_lungs
    made = insert(picture, np.zeros(picture.shape, dtype=bool), np.random.default_rng(0), effusion=1.0)
    assert np.array_equal(made.picture, picture)
    assert not made.lesions.any()

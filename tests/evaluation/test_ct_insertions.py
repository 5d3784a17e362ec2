"""Opacities put into lungs: where they are said to be, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.evaluation.ct_insertions import insert_opacities
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.provenance import Step

SHAPE, VESSEL_HU = (17, 31, 43), 60


@pytest.fixture
def volume():
    """A lung with a vessel through it, in soft tissue."""
    lungs = np.zeros(SHAPE, bool)
    lungs[2:15, 4:27, 5:38] = True
    array = np.where(lungs, -850, 40).astype(np.int16)
    array[:, 14, 20] = VESSEL_HU
    grid = VolumeGrid.of_spacing(SHAPE, (7, 5, 4))
    return Image(array, grid, Quantity.HOUNSFIELD, Step("made")), lungs


def test_only_lung_changes_and_it_grows_denser(volume):
    image, lungs = volume
    made = insert_opacities(image, lungs, 5)
    change = made.image.array.astype(int) - image.array
    assert change.min() == 0
    assert change.max() > 100
    assert not change[~lungs].any()
    assert (made.image.array[:, 14, 20] == VESSEL_HU).all()
    assert made.image.array.dtype == np.int16


def test_what_is_labelled_is_dense_and_what_is_not_is_lung(volume):
    image, lungs = volume
    made = insert_opacities(image, lungs, 5)
    inserted = made.image.array
    assert not made.lesions[~lungs].any()
    assert 0.02 < (made.lesions > 0).sum() / lungs.sum() < 0.8
    assert np.median(inserted[made.lesions == 1]) == pytest.approx(-520, abs=200)
    assert np.median(inserted[made.lesions == 2]) > -150
    far = lungs & (made.lesions == 0)
    assert np.median(inserted[far]) == -850


def test_draws_are_the_seeds(volume):
    image, lungs = volume
    first, again, other = (insert_opacities(image, lungs, seed).lesions for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_lung_nothing_is_put_in(volume):
    image, lungs = volume
    made = insert_opacities(image, lungs & False, 5)
    np.testing.assert_array_equal(made.image.array, image.array)
    assert not made.lesions.any()

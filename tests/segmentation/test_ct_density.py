"""Density beside a network's verdict on what is consolidated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.segmentation.ct_density import NETWORK_SHARE, levels_of, weigh_density

SHAPE = (3, 40, 44)


def chest(lung=30, tissue=204):
    """Two lungs in tissue: ground-glass in one, consolidation in the other, and a vessel through the ground-glass."""
    grey = np.full(SHAPE, tissue, np.uint8)
    lungs = np.zeros(SHAPE, bool)
    lungs[:, 6:34, 4:20] = lungs[:, 6:34, 24:40] = True
    grey[lungs] = lung
    glass, dense, vessel = (slice(None), slice(10, 26), slice(6, 18)), (slice(None), slice(10, 26), slice(26, 38)), (
        slice(None), slice(10, 26), slice(11, 12))  # fmt: skip
    grey[glass] = lung + 0.3 * (tissue - lung)
    grey[dense] = grey[vessel] = tissue
    return grey, lungs, glass, dense


def maps(share, where=None):
    made = np.zeros((3, *SHAPE), np.uint8)
    made[0] = 255 if where is None else where * np.uint8(255)
    made[1] = round(255 * share)
    return made


def inner(region):
    return tuple(part if part.start is None else slice(part.start + 4, part.stop - 4) for part in region)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_dense_is_nearer_to_consolidation_whatever_the_network_says(share):
    grey, lungs, glass, dense = chest()
    made = maps(share)
    weigh_density(made, grey, lungs)
    assert made[1][inner(dense)].min() > 255 * (NETWORK_SHARE * share + 0.65)
    assert made[1][inner(glass)].max() < 255 * (NETWORK_SHARE * share + 0.3)
    assert (made[0] == 255).all()
    assert not made[2].any()


def test_the_network_decides_where_density_does_not():
    grey, lungs, glass, _ = chest()
    grey[glass] = 30 + 0.6 * (204 - 30)
    low, high = maps(0.0), maps(1.0)
    for made in (low, high):
        weigh_density(made, grey, lungs)
    assert low[1][inner(glass)].max() < 110
    assert high[1][inner(glass)].min() > 145


@settings(max_examples=40, deadline=None)
@given(low=st.integers(0, 60), high=st.integers(160, 255))
def test_the_window_of_a_picture_does_not_matter(low, high):
    answers = []
    for window in ((0, 255), (low, high)):
        grey, lungs, *_ = chest()
        grey = np.rint(window[0] + grey / 255 * (window[1] - window[0])).astype(np.uint8)
        made = maps(0.5)
        weigh_density(made, grey, lungs)
        answers.append(made[1].astype(int))
    assert np.abs(answers[0] - answers[1]).mean() < 8  # what rounding to grey levels costs


def test_looks_without_opacity_stay_as_they_are():
    grey, lungs, *_ = chest()
    where = np.zeros(SHAPE, bool)
    where[1] = True
    made = maps(0.4, where)
    weigh_density(made, grey, lungs)
    assert (made[1][[0, 2]] == 102).all()
    assert (made[1][1] != 102).any()


def test_without_lung_or_tissue_nothing_is_said():
    grey, lungs, *_ = chest()
    assert levels_of(grey, lungs) == (30.0, 204.0)
    assert levels_of(grey, np.zeros(SHAPE, bool)) is None
    assert levels_of(grey, np.ones(SHAPE, bool)) is None
    made = maps(0.4)
    weigh_density(made, grey, np.ones(SHAPE, bool))
    assert (made[1] == 102).all()

"""From colours to one grey value, and what tells a colour picture from a tinted film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.measurement import Gravity
from hilum.readers.grey import COLOUR_SHARE, coloured_share, grey, usable


@given(hnp.arrays(hnp.floating_dtypes(sizes=(32, 64)), (3, 4)))
def test_usable_floats_are_finite_whatever_comes(samples):
    made = usable(samples)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    with np.errstate(over="ignore"):
        rounded = samples.astype(np.float32)
    kept = np.isfinite(rounded)
    assert np.array_equal(made[kept], rounded[kept])


@given(hnp.arrays(hnp.integer_dtypes() | hnp.unsigned_integer_dtypes(), (3, 4)))
def test_usable_whole_numbers_keep_their_order(samples):
    made = usable(samples)
    assert made.dtype in (np.uint8, np.uint16, np.float32)
    order = np.argsort(samples, axis=None, kind="stable")
    assert (np.diff(made.ravel()[order].astype(np.float64)) >= 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_usable_does_not_copy_what_fits(dtype):
    samples = np.ones((3, 4), dtype)
    assert np.shares_memory(usable(samples), samples)


def test_usable_turns_the_bytes_of_the_other_order():
    assert usable(np.array([[258]], dtype=">u2")).tolist() == [[258]]
    assert usable(np.array([[258]], dtype=">u2")).dtype == np.dtype("=u2")


def test_truth_values_are_black_and_white():
    assert usable(np.array([[True, False]])).tolist() == [[255, 0]]


@pytest.mark.parametrize("samples", [np.full((2, 2), np.nan), np.full((2, 2), np.inf)])
def test_nothing_finite_is_black(samples):
    assert not usable(samples).any()


@given(hnp.arrays(np.uint8, (5, 7)))
def test_equal_channels_come_back_exactly(plane):
    made, findings = grey(np.dstack([plane] * 3))
    assert np.array_equal(made, plane)
    assert findings == ()


@given(st.sampled_from([np.uint8, np.uint16, np.float32]), st.integers(0, 2))
def test_luma_weighs_the_channels(dtype, channel):
    samples = np.zeros((2, 2, 3), dtype)
    samples[..., channel] = 200
    made, _ = grey(samples)
    assert made.dtype == dtype
    assert made[0, 0] == pytest.approx(200 * (0.299, 0.587, 0.114)[channel], abs=0.5)


def test_one_channel_and_its_opacity():
    samples = np.full((3, 5, 2), 0.5, np.float32)
    assert set(grey(samples, has_alpha=True)[0].ravel().tolist()) == {0.25}
    assert set(grey(samples[..., :1])[0].ravel().tolist()) == {0.5}


def tinted(plane, curve, seed=0):
    """A film with a cast that changes with brightness, and the noise of a camera."""
    draw = np.random.default_rng(seed)
    shown = 255 * np.stack([plane**power for power in curve], axis=-1)
    return np.clip(shown + draw.normal(0, 3, shown.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def plane():
    """Soft blobs with some grain, 0 to 1: as grey as a film, and with as many values."""
    rows, columns = np.mgrid[:160, :130] / 130
    return np.clip(0.5 + 0.3 * np.sin(5 * rows) * np.cos(7 * columns) + 0.2 * columns, 0, 1)


@pytest.mark.parametrize("curve", [(1.3, 1, 0.75), (0.8, 1, 1.4), (1, 0.9, 0.6)])
def test_a_tinted_film_is_grey(plane, curve):
    _, findings = grey(tinted(plane, curve))
    assert findings == ()


def test_a_coloured_label_on_a_film_is_let_through(plane):
    film = tinted(plane, (1, 1, 1))
    film[:14, :30] = (255, 0, 0)
    assert 0 < coloured_share(film) < COLOUR_SHARE
    assert grey(film)[1] == ()


def test_a_colour_picture_is_no_film(plane):
    picture = tinted(plane, (1, 1, 1)).astype(int)
    picture[:, :40] += (60, -30, -60)
    picture[:, 90:] += (-70, 20, 50)
    _, findings = grey(np.clip(picture, 0, 255).astype(np.uint8))
    assert [(finding.code, finding.gravity) for finding in findings] == [("not-a-film", Gravity.ERROR)]
    assert "colour picture" in findings[0].message


def test_a_heat_map_over_a_film_is_no_film(plane):
    picture = tinted(plane, (1, 1, 1)).astype(float)
    picture[40:120, 20:110] = 0.5 * picture[40:120, 20:110] + (128, 0, 0)
    assert grey(picture.astype(np.uint8))[1][0].code == "not-a-film"


def test_black_has_no_colour():
    assert coloured_share(np.zeros((5, 5, 3), np.uint8)) == 0


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_colour_photographs_are_no_films(name):
    import sklearn.datasets

    from hilum.readers import read

    photograph = Path(sklearn.datasets.__file__).parent / "images" / name
    assert [finding.code for finding in read(photograph).findings] == ["not-a-film"]

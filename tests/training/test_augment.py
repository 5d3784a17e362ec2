"""Looks at films: the plain one is that of inference, and every other keeps films and labels together."""

import numpy as np
import pytest

from hilum.preprocessing.radiograph import Window, film_window, look, look_labels, stretch_grey
from hilum.training.augment import expose_anyhow, place, place_anyhow, seen, seen_labels
from hilum.training.recipe import Augment

STILL = Augment(scale=1.0, aspect=1.0, rotation_degrees=0.0, shift=0.0, flip=0.0)


def smooth(shape):
    rows, columns = np.indices(shape) / 9.0
    return np.rint(120 + 60 * np.sin(rows) + 60 * np.cos(columns * 0.7)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(97, 113), (64, 64), (130, 71)])
def test_the_plain_look_is_that_of_inference(shape):
    film, window = smooth(shape), film_window(shape)
    ours = stretch_grey(seen(film, place(window, window.side)).astype(np.float32))
    assert np.abs(ours - look(film, window, window.side)).max() < 0.01


@pytest.mark.parametrize("size", [96, 128, 160])
def test_the_plain_look_is_that_of_inference_when_it_enlarges(size):
    film, window = smooth((97, 113)), Window(11, 17, 71)
    ours = stretch_grey(seen(film, place(window, size)).astype(np.float32))
    inner = slice(2, -2)
    assert np.abs(ours - look(film, window, size))[inner, inner].max() < 0.03


def test_plain_labels_are_those_of_inference():
    labels, window = (smooth((97, 113)) // 90).astype(np.uint8), Window(-5, 30, 101)
    differs = seen_labels(labels, place(window, 64), 0) != look_labels(labels, window, 64)
    assert differs.mean() < 0.02


def test_outside_the_film_labels_are_what_the_caller_says():
    labels = np.ones((40, 40), np.uint8)
    found = seen_labels(labels, place(Window(-20, -20, 80), 80), 7)
    assert set(found[0]) == {7}
    assert (found == 1).sum() == 1600


def test_no_change_is_the_plain_look():
    window = Window(3, -4, 61)
    made = place_anyhow(window, 32, STILL, np.random.default_rng(1))
    assert np.allclose(made.matrix, place(window, 32).matrix)
    assert not made.is_flipped


def test_a_mirror_image_is_the_plain_look_mirrored():
    how = Augment(scale=1.0, aspect=1.0, rotation_degrees=0.0, shift=0.0, flip=1.0)
    film, window = smooth((64, 64)), film_window((64, 64))
    made = place_anyhow(window, 64, how, np.random.default_rng(1))
    assert made.is_flipped
    assert np.array_equal(seen(film, made), film[:, ::-1])


def test_a_change_stays_within_its_bounds():
    how, window, rng = Augment(), Window(0, 0, 300), np.random.default_rng(5)
    middle = np.array([31.5, 31.5, 1.0])
    for _ in range(50):
        made = place_anyhow(window, 64, how, rng)
        moved = made.matrix @ middle - place(window, 64).matrix @ middle
        area = abs(np.linalg.det(made.matrix[:, :2])) / (300 / 64) ** 2
        assert np.abs(moved).max() <= how.shift * 300 + 1e-9
        assert how.scale**-2 <= area <= how.scale**2
        assert (np.linalg.det(made.matrix[:, :2]) < 0) == made.is_flipped


def test_exposures_are_finite_and_repeat_with_the_seed():
    film = smooth((64, 64))
    for seed in range(30):
        made = expose_anyhow(film, 1.0, np.random.default_rng(seed))
        assert made.shape == film.shape
        assert made.dtype == np.float32
        assert np.isfinite(made).all()
        assert np.array_equal(made, expose_anyhow(film, 1.0, np.random.default_rng(seed)))


def test_strength_nothing_changes_nothing():
    film = smooth((64, 64))
    assert np.allclose(expose_anyhow(film, 0.0, np.random.default_rng(0)), film / 255.0, atol=1e-6)

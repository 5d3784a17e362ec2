"""Thresholds of CT lesions on made-up slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.training.thresholds_ct import GRID, Looked, _class_dice, _middle, _near_best, _opacity_dice, _volume_error


def looked(source: str, reference: np.ndarray, opacity: np.ndarray, dense: np.ndarray | None = None) -> Looked:
    """A slice of a source with probabilities of 0 to 1."""
    dense = np.zeros_like(opacity) if dense is None else dense
    maps = [np.rint(each * 255).astype(np.uint8) for each in (opacity, dense)]
    return Looked(source, reference.astype(np.uint8), source == "medseg-slices", *maps)


def test_the_best_threshold_is_the_middle_of_those_alike():
    assert _middle(_near_best(lambda threshold: 1.0 if 0.3 <= threshold <= 0.5 else 0.0)) == pytest.approx(0.4)
    assert _near_best(lambda threshold: -threshold) == [min(GRID)]


def test_a_volume_too_large_is_as_wrong_as_one_too_small():
    reference = np.zeros((1, 10, 10))
    reference[0, :5] = 1
    chances = np.where(reference > 0, 0.9, 0.0)
    chances[0, 4] = 0.4  # one row of five is doubtful
    chances[0, 5] = 0.2  # one beyond them is marked at a low threshold
    one = looked("phantom", reference, chances)
    assert _volume_error([one], 0.5) == pytest.approx(0.2)
    assert _volume_error([one], 0.3) == 0.0
    assert _volume_error([one], 0.1) == pytest.approx(0.2)


def test_what_was_dense_before_opacities_were_put_in_is_not_counted():
    reference = np.zeros((1, 10, 10))
    reference[0, :5] = 1
    chances = np.where(reference > 0, 0.9, 0.0)
    chances[0, 9] = 0.9  # dense all along
    before = np.where(reference > 0, 0.0, chances)
    one = looked("insertions", reference, chances)
    assert _volume_error([one], 0.5) == pytest.approx(0.2)
    assert _volume_error([replace(one, before=np.rint(before * 255).astype(np.uint8))], 0.5) == 0.0


def test_every_source_counts_alike_however_many_slices_it_has():
    reference = np.eye(8)
    right = looked("medseg-slices", reference, reference)
    wrong = looked("ma20-slices", reference, 1.0 - reference)
    assert _opacity_dice([right, wrong, wrong, wrong], 0.5) == pytest.approx(0.5)


def test_a_threshold_between_two_levels_tells_lesion_from_lung():
    reference = np.zeros((8, 8))
    reference[2:5, 2:5] = 1
    one = looked("ma20-slices", reference, np.where(reference > 0, 0.45, 0.2))
    assert _opacity_dice([one], 0.3) == 1.0
    assert _opacity_dice([one], 0.1) < 0.3
    assert _opacity_dice([one], 0.6) == 0.0


def test_classes_are_judged_where_a_slice_has_them():
    reference = np.zeros((8, 8))
    reference[:4], reference[4:] = 1, 2
    one = looked("medseg-slices", reference, np.ones((8, 8)), np.where(reference == 2, 0.7, 0.1))
    assert _class_dice([one], 0.5, 0.5) == 1.0
    assert _class_dice([one], 0.5, 0.8) == pytest.approx((2 / 3 + 0.0) / 2)
    only_one = looked("medseg-slices", np.minimum(reference, 1), np.ones((8, 8)))
    assert _class_dice([only_one], 0.5, 0.5) == 1.0

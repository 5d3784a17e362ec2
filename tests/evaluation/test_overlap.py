"""Overlap of masks: by hand, against scikit-learn, and where there is nothing to measure."""

import doctest

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

import hilum.evaluation.overlap
from hilum.evaluation.overlap import Overlap, overlap
from hilum.measurement import NotMeasured

masks = st.tuples(st.integers(1, 7), st.integers(1, 11)).flatmap(
    lambda shape: st.tuples(arrays.arrays(bool, shape), arrays.arrays(bool, shape))
)


def mask(*rows):
    return np.array(rows, dtype=bool)


FULL, EMPTY, TOP, LEFT = mask([1, 1], [1, 1]), mask([0, 0], [0, 0]), mask([1, 1], [0, 0]), mask([1, 0], [1, 0])


@pytest.mark.parametrize(
    ("reference", "predicted", "dice", "iou", "sensitivity", "precision"),
    [
        (FULL, FULL, 1, 1, 1, 1),
        (TOP, TOP, 1, 1, 1, 1),
        (TOP, ~TOP, 0, 0, 0, 0),
        (TOP, LEFT, 1 / 2, 1 / 3, 1 / 2, 1 / 2),
        (FULL, TOP, 2 / 3, 1 / 2, 1 / 2, 1),
        (TOP, FULL, 2 / 3, 1 / 2, 1, 1 / 2),
        (TOP, EMPTY, 0, 0, 0, NotMeasured("the predicted mask is empty")),
        (EMPTY, TOP, 0, 0, NotMeasured("the reference mask is empty"), 0),
    ],
)
def test_two_by_two(reference, predicted, dice, iou, sensitivity, precision):
    made = overlap(reference, predicted)
    assert (made.dice, made.iou, made.sensitivity, made.precision) == (dice, iou, sensitivity, precision)


def test_nothing_against_nothing_is_not_perfect():
    made = overlap(EMPTY, EMPTY)
    assert made.dice == made.iou == NotMeasured("both masks are empty")
    assert made.sensitivity == NotMeasured("the reference mask is empty")
    assert made.precision == NotMeasured("the predicted mask is empty")


@given(masks)
def test_it_is_what_scikit_learn_makes_of_it(pair):
    reference, predicted = pair
    assume(reference.any() and predicted.any() and not reference.all())
    made, flat = overlap(reference, predicted), (reference.ravel(), predicted.ravel())
    assert made.dice == pytest.approx(metrics.f1_score(*flat))
    assert made.iou == pytest.approx(metrics.jaccard_score(*flat))
    assert made.sensitivity == pytest.approx(metrics.recall_score(*flat))
    assert made.precision == pytest.approx(metrics.precision_score(*flat))
    assert made.specificity == pytest.approx(metrics.recall_score(*flat, pos_label=0))
    assert made.accuracy == pytest.approx(metrics.accuracy_score(*flat))


@given(masks)
def test_exchanging_the_masks_exchanges_sensitivity_and_precision(pair):
    reference, predicted = pair
    one, other = overlap(reference, predicted), overlap(predicted, reference)
    assert (one.dice, one.iou) == (other.dice, other.iou)
    assert isinstance(one.sensitivity, NotMeasured) or one.sensitivity == other.precision


def test_volumes_and_views_will_do():
    reference = np.zeros((7, 11, 13), dtype=bool)
    reference[2:5, 3:9, 4:8] = True
    assert overlap(reference, reference[::-1]) == Overlap(72, 0, 0, 7 * 11 * 13 - 72)
    assert overlap(reference, reference[:, ::-1]).only_reference == 12


def test_what_lies_outside_both_has_to_be_counted():
    assert Overlap(3, 1, 1).dice == 0.75
    assert isinstance(Overlap(3, 1, 1).specificity, NotMeasured)
    assert isinstance(Overlap(3, 1, 1).accuracy, NotMeasured)
    full = Overlap(4, 0, 0, 0)
    assert isinstance(full.specificity, NotMeasured)
    assert full.accuracy == 1


def test_shapes_and_types_are_checked():
    with pytest.raises(ValueError, match=r"\(2, 2\) cannot be compared with one of \(2, 1\)"):
        overlap(FULL, FULL[:, :1])
    with pytest.raises(ValueError, match="boolean, not bool and uint8"):
        overlap(FULL, FULL.astype(np.uint8))


def test_the_example_runs():
    made = doctest.testmod(hilum.evaluation.overlap)
    assert made.failed == 0 < made.attempted

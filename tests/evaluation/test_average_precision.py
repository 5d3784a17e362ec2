import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.evaluation.average_precision import (
    THRESHOLDS,
    Overlaps,
    average_precision,
    mean_average_precision,
    overlaps,
    whole_image_agreement,
)
from hilum.measurement import NotMeasured


def _film(scores, iou):
    return Overlaps(np.array(scores, float), np.array(iou, float).reshape(len(scores), -1))


def _square(top, left, side=4):
    made = np.zeros((13, 11), bool)
    made[top : top + side, left : left + side] = True
    return made


def test_all_found_and_nothing_else_is_1_and_nothing_found_is_0():
    drawn = [_square(0, 0), _square(8, 6)]
    assert average_precision([overlaps(drawn, [0.9, 0.2], drawn)]) == mean_average_precision(
        [overlaps(drawn, [0.9, 0.2], drawn)]
    )
    assert average_precision([overlaps(drawn, [0.9, 0.2], drawn)]) == 1
    assert average_precision([overlaps([], [], drawn)]) == 0
    assert isinstance(average_precision([overlaps(drawn, [0.9, 0.2], [])]), NotMeasured)
    assert isinstance(mean_average_precision([]), NotMeasured)


def test_a_case_reckoned_by_hand():
    # true, false, true of two drawn: precision 1 up to a recall of 0.5, then 2/3
    film = _film([0.9, 0.8, 0.7], [[0.6, 0], [0.1, 0.2], [0, 0.9]])
    assert average_precision([film]) == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_a_drawn_lesion_is_found_once():
    twice = _film([0.9, 0.8], [[0.9], [0.95]])
    assert average_precision([twice]) == 1  # the second comes after all recall
    assert average_precision([_film([0.8, 0.9], [[0.9], [0.3]])]) == pytest.approx(0.5)  # a false one comes first


def test_a_higher_overlap_finds_no_more():
    film = _film([0.9, 0.8], [[0.6, 0], [0, 0.8]])
    values = [average_precision([film], each) for each in THRESHOLDS]
    assert values == sorted(values, reverse=True)
    assert mean_average_precision([film]) == pytest.approx(np.mean(values))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.integers(1, 5), st.integers(0, 99))
def test_it_lies_between_0_and_1_and_knows_only_the_order_of_scores(scores, drawn, seed):
    iou = np.random.default_rng(seed).random((len(scores), drawn))
    value = average_precision([_film(scores, iou)])
    assert 0 <= value <= 1
    assert value == average_precision([_film(np.array(scores) / 2, iou)])


def test_the_inflated_agreement_praises_an_empty_mask():
    made = whole_image_agreement(_square(0, 0, 2), np.zeros((13, 11), bool))
    n, total = 13 * 11 - 4, 13 * 11
    assert (made.inflated_dice, made.inflated_iou) == (n / total, n / (2 * total - n))
    with pytest.raises(ValueError, match="cannot be compared"):
        whole_image_agreement(_square(0, 0), _square(0, 0)[1:])


def test_masks_and_scores_have_to_fit():
    with pytest.raises(ValueError, match="do not fit"):
        overlaps([_square(0, 0)], [], [])
    with pytest.raises(ValueError, match="one shape"):
        overlaps([_square(0, 0)], [0.5], [_square(0, 0)[1:]])
    assert overlaps([_square(0, 0)], [0.5], [_square(2, 0)]).iou[0, 0] == pytest.approx(8 / 24)

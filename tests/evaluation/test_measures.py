import numpy as np
import pytest
from scipy import ndimage

from hilum.evaluation.measures import MEASURES, NO_SPACING, NO_VOLUME, Pair
from hilum.measurement import NotMeasured

SPACING = (2.5, 0.8, 0.7)


def _boxes(shift: int = 2) -> tuple[np.ndarray, np.ndarray]:
    reference, predicted = np.zeros((2, 7, 11, 13), dtype=bool)
    reference[1:5, 2:8, 3:9] = True
    predicted[1:5, 2:8, 3 + shift : 10 + shift] = True
    return reference, predicted


def _surface(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask, border_value=0)


def test_distances_are_those_of_scipy_in_the_space_of_the_patient():
    reference, predicted = _boxes()
    pair = Pair(reference, predicted, spacing_mm=SPACING, voxel_ml=0.0014, tolerance_mm=1.0)
    distances = []
    for one, other in ((reference, predicted), (predicted, reference)):
        away = ndimage.distance_transform_edt(~_surface(other), sampling=SPACING)
        distances.append(away[_surface(one)])
    both = np.concatenate(distances)
    assert MEASURES["hd95"].of(pair) == pytest.approx(max(np.percentile(each, 95) for each in distances))
    assert MEASURES["assd"].of(pair) == pytest.approx(both.mean())
    assert MEASURES["nsd"].of(pair) == pytest.approx((both <= 1.0).mean())


def test_volumes_are_in_millilitres_and_films_have_none():
    reference, predicted = _boxes()
    pair = Pair(reference, predicted, spacing_mm=SPACING, voxel_ml=0.5)
    assert MEASURES["volume-bias"].of(pair) == MEASURES["volume-error"].of(pair) == 24 * 0.5
    turned = Pair(predicted, reference, voxel_ml=0.5)
    assert (MEASURES["volume-bias"].of(turned), MEASURES["volume-error"].of(turned)) == (-12.0, 12.0)
    assert MEASURES["size-error"].of(pair) == pytest.approx(24 / 144)
    film = Pair(reference[1], predicted[1])
    assert MEASURES["volume-error"].of(film) is NO_VOLUME
    assert MEASURES["hd95"].of(film) is NO_SPACING


def test_where_nobody_knows_nothing_counts():
    reference, predicted = _boxes()
    ignored = np.zeros_like(reference)
    ignored[:, :, 8:] = True
    known, cut = Pair(reference, predicted, ignored=ignored), Pair(reference[:, :, :8], predicted[:, :, :8])
    for name in ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy"):
        assert MEASURES[name].of(known) == MEASURES[name].of(cut)


def test_an_empty_truth_is_no_perfect_score():
    empty = np.zeros((7, 11), dtype=bool)
    pair = Pair(empty, empty, spacing_mm=(1.0, 1.0))
    for name in ("dice", "iou", "sensitivity", "precision", "lesion-f1", "size-error", "hd95", "assd", "nsd"):
        assert isinstance(MEASURES[name].of(pair), NotMeasured)
    assert MEASURES["specificity"].of(pair) == MEASURES["accuracy"].of(pair) == 1


def test_errors_have_no_worst_value_and_shares_have():
    assert {name for name in MEASURES if MEASURES[name].worst is None} == {
        name for name in MEASURES if MEASURES[name].is_error
    }

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from hilum.evaluation.detection import Detection, detection
from hilum.measurement import NotMeasured

masks = arrays.arrays(np.bool_, (7, 11))


def _two() -> np.ndarray:
    made = np.zeros((11, 13), dtype=bool)
    made[1:4, 1:4] = made[7:10, 8:12] = True
    return made


def test_one_of_two_lesions_is_found_and_one_is_made_up():
    predicted = np.zeros((11, 13), dtype=bool)
    predicted[2:5, 2:5] = True
    predicted[0, 12] = True
    made = detection(_two(), predicted)
    assert made == Detection(lesions=2, found=1, predicted=2, true=1)
    assert (made.sensitivity, made.precision, made.f1) == (0.5, 0.5, 0.5)


def test_touching_a_lesion_is_not_finding_it():
    reference = np.zeros((11, 13), dtype=bool)
    reference[:, :12] = True
    predicted = np.zeros_like(reference)
    predicted[0, :12] = True  # 12 of 132
    assert detection(reference, predicted).found == 0
    predicted[1, :2] = True  # 14 of 132
    assert detection(reference, predicted).found == 1


def test_nothing_against_nothing_is_not_measured_and_nothing_against_something_is_0():
    empty = np.zeros((11, 13), dtype=bool)
    assert detection(empty, empty).f1 == NotMeasured("both masks are empty")
    assert detection(_two(), empty).f1 == detection(empty, _two()).f1 == 0
    assert detection(_two(), empty).precision == NotMeasured("the predicted mask is empty")


def test_corners_connect_in_planes_and_volumes():
    made = np.zeros((7, 11, 13), dtype=bool)
    made[0, 0, 0] = made[1, 1, 1] = True
    assert detection(made, made).lesions == 1
    assert detection(np.eye(7, 11, dtype=bool), np.eye(7, 11, dtype=bool)).lesions == 1


@settings(deadline=None, max_examples=60)
@given(masks, masks)
def test_it_is_what_scipy_makes_of_the_parts(reference, predicted):
    made = detection(reference, predicted, least_share=0.3)
    parts, count = ndimage.label(reference, structure=np.ones((3, 3)))
    shares = ndimage.mean(predicted, parts, range(1, count + 1)) if count else []
    assert (made.lesions, made.found) == (count, sum(share >= 0.3 for share in shares))


def test_shapes_and_types_are_checked():
    with pytest.raises(ValueError, match="cannot be compared"):
        detection(_two(), _two()[:-1])
    with pytest.raises(ValueError, match="boolean"):
        detection(_two(), _two().astype(np.uint8))

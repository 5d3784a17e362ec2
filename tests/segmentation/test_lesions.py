"""Stage II: lesions inside the lungs, none below the threshold of disease."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LUNGS, LabelMap, Quantity
from hilum.segmentation.lesions import segment_lesions
from hilum.segmentation.zones import ZONES


def lungs_on(image, *numbers):
    upright = np.zeros(image.plane.upright.shape, dtype=np.uint8)
    rows, columns = upright.shape
    if 1 in numbers:
        upright[rows // 5 : -rows // 5, columns // 8 : columns * 3 // 8] = 1
    if 2 in numbers:
        upright[rows // 5 : -rows // 5, columns * 5 // 8 : columns * 7 // 8] = 2
    return LabelMap(image.plane.orientation.from_upright(upright), image.grid, LUNGS, image.origin)


@pytest.mark.parametrize(("glass", "dense", "number"), [(0.8, 0.1, 1), (0.1, 0.8, 2)])
@pytest.mark.parametrize("way", ["LF", "HR"])
def test_lesions_fill_the_lungs_and_nothing_else(film, lesion_network, glass, dense, number, way):
    image = film((97, 131), PlaneOrientation(*way))
    lungs = lungs_on(image, 1, 2)
    stage = segment_lesions(image, lungs, lesion_network(glass, dense))
    assert stage.lesions.grid == image.grid
    assert np.array_equal(stage.lesions.array, lungs.mask() * np.uint8(number))
    assert stage.affected == pytest.approx(dict.fromkeys(ZONES, (0.75 + 0.9) / 2))
    assert stage.brixia == pytest.approx(dict.fromkeys(ZONES, 1.5))


def test_below_the_threshold_of_disease_there_is_nothing(film, lesion_network):
    image = film()
    stage = segment_lesions(image, lungs_on(image, 1, 2), lesion_network(0.8, disease=0.49))
    assert not stage.lesions.array.any()
    assert set(stage.affected.values()) == set(stage.brixia.values()) == {0.0}


def test_where_nothing_is_drawn_no_zone_is_affected(film, lesion_network):
    image = film()
    stage = segment_lesions(image, lungs_on(image, 1, 2), lesion_network(0.4))  # under the threshold of opacity
    assert not stage.lesions.array.any()
    assert set(stage.affected.values()) == {0.0}
    assert set(stage.brixia.values()) == {1.5}


def test_one_lung_has_lesions_on_its_side_only(film, lesion_network):
    image = film()
    lungs = lungs_on(image, 2)
    stage = segment_lesions(image, lungs, lesion_network(0.8))
    assert np.array_equal(stage.lesions.mask(), lungs.mask())
    assert stage.affected["right-upper"] < stage.affected["left-upper"]


def test_errors(film, lesion_network):
    image = film()
    with pytest.raises(ValueError, match="no lungs"):
        segment_lesions(image, lungs_on(image), lesion_network())
    other = replace(lungs_on(image, 1), grid=PlaneGrid((128, 128), (1.0, 1.0)))
    with pytest.raises(GridMismatch):
        segment_lesions(image, other, lesion_network())
    with pytest.raises(WrongQuantity):
        segment_lesions(film(quantity=Quantity.PROBABILITY), lungs_on(image, 1), lesion_network())

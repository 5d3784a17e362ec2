"""Stage II: lesions inside the lungs, none below the threshold of disease."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LUNGS, LabelMap, Quantity
from hilum.segmentation.lesions import see, segment_lesions
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


class Looking:
    """A runtime whose answers follow from its picture: opacity where it is bright, and ``bias`` more at the left."""

    name, precision = "looking", "float32"

    def __init__(self, bias=0.0):
        self.bias, self.looks = bias, 0

    def run(self, inputs):
        self.looks += 1
        film, zones = inputs["film"][0, 0], inputs["zones"][0]
        opacity = 0.5 * film
        opacity[:, : film.shape[1] // 2] += self.bias
        means = (zones * opacity).sum(axis=(1, 2)) / np.maximum(zones.sum(axis=(1, 2)), 1)
        answers = {
            "lesions": np.stack([1 - opacity, opacity, 0 * opacity]),
            "disease": [0.9],
            "brixia": np.stack([means] * 3, axis=1),
            "affected": means,
        }
        return {name: np.asarray(answer, dtype=np.float32)[None] for name, answer in answers.items()}


def test_a_network_without_a_favourite_side_says_the_same_of_a_film_and_its_mirror_image(film, lesion_network):
    image = film((97, 131))
    lungs = lungs_on(image, 1, 2)
    network = replace(lesion_network(), runtime=Looking())
    plain, both = (see(image, lungs, network, is_mirrored=mirrored) for mirrored in (False, True))
    assert network.runtime.looks == 3
    assert np.abs(plain.opacity.astype(int) - both.opacity).max() <= 1
    for name in ("brixia", "affected", "share"):
        assert getattr(both, name) == pytest.approx(getattr(plain, name), abs=1e-5)
    assert len(set(both.brixia.round(4))) == 6


def test_a_favourite_side_is_averaged_out(film, lesion_network):
    image = film((96, 128))
    lungs = lungs_on(image, 1, 2)
    network = replace(lesion_network(), runtime=Looking(bias=0.4))
    fair = see(image, lungs, replace(lesion_network(), runtime=Looking()))
    both = see(image, lungs, network, is_mirrored=True)
    assert both.share == pytest.approx(fair.share + 0.2, abs=0.02)
    assert both.affected == pytest.approx(fair.affected + 0.2, abs=0.02)


def test_what_was_looked_at_is_told(film, lesion_network):
    image = film()
    stages = (
        segment_lesions(image, lungs_on(image, 1, 2), lesion_network(0.8), is_mirrored=mirrored)
        for mirrored in (False, True)
    )
    assert [stage.lesions.origin.settings["mirrored"] for stage in stages] == [False, True]

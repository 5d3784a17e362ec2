"""Stage II: lesions inside the lungs, none below the threshold of disease."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LUNGS, LabelMap, Quantity
from hilum.segmentation.lesions import LEAST_THRESHOLD, UNKNOWN_SHARE, best_threshold, see, segment_lesions
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
    plain, both = (see(image, lungs, network, mirrored=mirrored) for mirrored in ("never", "always"))
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
    both = see(image, lungs, network, mirrored="always")
    assert both.share == pytest.approx(fair.share + 0.2, abs=0.02)
    assert both.affected == pytest.approx(fair.affected + 0.2, abs=0.02)


@pytest.mark.parametrize(("mirrored", "told"), [("never", False), ("auto", False), ("always", True)])
def test_what_was_looked_at_is_told(film, lesion_network, mirrored, told):
    image = film()
    stage = segment_lesions(image, lungs_on(image, 1, 2), lesion_network(0.8), mirrored=mirrored)
    assert stage.lesions.origin.settings["mirrored"] is told
    assert stage.lesions.origin.settings["thresholds"]["opacity"] == 0.5


class Faint:
    """A runtime that sees ``chance`` of opacity in a square, at the first look and at the second, and ``disease``."""

    name, precision = "faint", "float32"

    def __init__(self, chances, disease=0.9):
        self.chances, self.disease, self.looks = chances, disease, 0

    def run(self, inputs):
        size = inputs["film"].shape[-1]
        opacity = np.zeros((size, size), dtype=np.float32)
        opacity[size // 3 : size // 2, size // 6 : size // 3] = self.chances[self.looks]
        self.looks += 1
        if self.looks == 2:
            opacity = opacity[:, ::-1]
        answers = {
            "lesions": np.stack([1 - opacity, opacity, 0 * opacity]),
            "disease": [self.disease],
            "brixia": np.full((6, 3), 0.2 * self.looks),
            "affected": np.full(6, 0.1 * self.looks),
        }
        return {name: np.asarray(answer, dtype=np.float32)[None] for name, answer in answers.items()}


def faint_stage(film, lesion_network, chances, *, disease=0.9, mirrored="auto"):
    image = film((96, 128))
    runtime = Faint(chances, disease)
    network = replace(lesion_network(), runtime=runtime)
    return segment_lesions(image, lungs_on(image, 1, 2), network, mirrored=mirrored), runtime.looks


def test_a_faint_film_is_looked_at_twice_and_its_most_probable_opacity_is_drawn(film, lesion_network):
    stage, looks = faint_stage(film, lesion_network, (0.1, 0.3))
    settings = stage.lesions.origin.settings
    assert looks == 2
    assert settings["mirrored"] is True
    assert settings["thresholds"]["opacity"] == pytest.approx(0.2)
    assert stage.lesions.mask().any()
    assert stage.probability["opacity"][stage.lesions.mask()].min() >= 51


def test_scores_of_a_faint_film_are_those_of_the_first_look(film, lesion_network):
    first, _ = faint_stage(film, lesion_network, (0.1, 0.3), mirrored="never")
    stage, _ = faint_stage(film, lesion_network, (0.1, 0.3))
    assert stage.brixia == first.brixia
    assert stage.affected == first.affected
    assert stage.disease_probability == first.disease_probability


@pytest.mark.parametrize(
    ("disease", "mirrored", "drawn"),
    [(0.9, "never", True), (0.49, "auto", False)],  # one look at a faint film; a film that is likely healthy
)
def test_one_look_is_enough(film, lesion_network, disease, mirrored, drawn):
    stage, looks = faint_stage(film, lesion_network, (0.2, 0.9), disease=disease, mirrored=mirrored)
    assert looks == 1
    assert stage.lesions.mask().any() == drawn


def test_a_film_on_which_nothing_is_seen_stays_clear(film, lesion_network):
    stage, looks = faint_stage(film, lesion_network, (0.0, 0.02))
    assert looks == 2
    assert not stage.lesions.mask().any()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40).map(lambda each: np.array(each, dtype=np.float32) / 255))
def test_no_other_threshold_has_a_better_expected_dice(opacity):
    def expected(threshold):
        drawn = opacity >= threshold - 1e-6
        sums = opacity.sum(dtype=np.float64) + drawn.sum() + UNKNOWN_SHARE * opacity.size
        return 2 * opacity[drawn].sum(dtype=np.float64) / sums

    best = best_threshold(opacity)
    assert LEAST_THRESHOLD <= best <= 1
    others = [expected(each) for each in opacity if each >= LEAST_THRESHOLD - 1e-6]
    assert expected(best) >= max(others, default=0.0) - 1e-6


def test_without_a_pixel_no_threshold_is_lowered():
    assert best_threshold(np.zeros(0, dtype=np.float32)) == 1.0

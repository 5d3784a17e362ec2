"""Networks of one mask: sides by place, opacity without kinds, and films as their cards want them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import Refused
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LUNGS, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import Card, ImageInput, Member, Output
from hilum.models.network import Network
from hilum.pipeline import Networks, analyse
from hilum.provenance import Step
from hilum.segmentation.lesions import segment_lesions
from hilum.segmentation.lungs import segment_lungs
from hilum.segmentation.one_mask import Frame, level, put_back, seen, sides
from hilum.settings import resolve

SIZE = 64
ORIENTATIONS = [PlaneOrientation(*way) for way in ("LF", "RF", "LH", "FL", "HR")]


class Told:
    """A runtime that answers alike, and keeps what it was given."""

    name, precision = "told", "float32"

    def __init__(self, answers):
        self.answers, self.given = answers, {}

    def run(self, inputs):
        self.given = inputs
        return {name: np.asarray(answer, dtype=np.float32)[None] for name, answer in self.answers.items()}


def network(answers, *, task="cxr-lungs", thresholds=(), **options):
    """With one mask, as a published network's card has it."""
    of_lungs = task == "cxr-lungs"
    spec = {"window_grey": (0.0, 255.0), "fit": "stretch", "region": "image" if of_lungs else "lungs-only"} | options
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    film = ImageInput("film", ("batch", 3, SIZE, SIZE), Quantity.RADIOGRAPH, (SIZE, SIZE), mean, std, **spec)
    channel = "lung" if of_lungs else "opacity"
    outputs = {"lungs" if of_lungs else "lesions": Output(("batch", 1, SIZE, SIZE), "sigmoid", (channel,))}
    if "disease" in answers:
        outputs["disease"] = Output(("batch", 1), "sigmoid", ("disease",))
    texts = ("1.0.0", task, "Told", "0" * 64, "Apache-2.0", task, "Tests.", ())
    return Network(Card(task, *texts, film, outputs, thresholds=dict(thresholds)), Told(answers))


def lung_network(right, left, **options):
    return network({"lungs": (0.95 * np.maximum(right, left))[None]}, **options)


def lesion_network(chance, disease=0.9, **options):
    thresholds = {"disease": 0.5, "six-zone": 0.31}
    answers = {"lesions": chance[None]} | ({} if disease is None else {"disease": [disease]})
    return network(answers, task="cxr-lesions", thresholds=thresholds, **options)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda way: way.columns + way.rows)
def test_both_lungs_get_their_sides_on_the_films_own_grid(film, lungs_seen, orientation) -> None:
    image = film((131, 97), orientation)
    stage = segment_lungs(image, lung_network(*lungs_seen))
    upright = stage.lungs.upright().array
    assert stage.lungs.grid == image.grid
    middle = upright.shape[1] // 2
    assert set(np.unique(upright[:, :middle])) == {0, 1}
    assert set(np.unique(upright[:, middle:])) == {0, 2}
    assert (stage.fields, stage.film_probability, stage.inverted_probability, stage.turned_probability) == (None,) * 4
    assert (stage.probability[stage.lungs.mask()] >= 128).all()


def test_the_masks_areas_are_the_networks(film, lungs_seen) -> None:
    stage = segment_lungs(film((256, 192)), lung_network(*lungs_seen))
    for name, mask in zip(("right-lung", "left-lung"), lungs_seen, strict=True):
        assert stage.lungs.pixels(name) == pytest.approx(mask.mean() * 256 * 192, rel=0.06)


def test_stray_parts_go_and_holes_are_filled(film, lungs_seen) -> None:
    right, left = (mask.copy() for mask in lungs_seen)
    right[25:29, 14:18] = 0.0
    right[61:63, 60:62] = 1.0
    stage = segment_lungs(film(), lung_network(right, left))
    assert stage.lungs.array[54, 32] == 1
    assert not stage.lungs.array[120:, 116:].any()


def test_lungs_that_touch_are_cut_where_there_is_least(lungs_seen) -> None:
    both = np.maximum(*lungs_seen) > 0
    both[20:24, 26:38] = True  # a bridge
    right, left = sides(both)
    assert np.array_equal(right | left, both)
    assert not (right & left).any()
    assert right[:, :31].sum() == both[:, :31].sum()
    assert left[:, 33:].sum() == both[:, 33:].sum()


@pytest.mark.parametrize(("which", "number"), [(0, 1), (1, 2)])
def test_one_lung_stays_one(film, lungs_seen, which, number) -> None:
    only = [mask if n == which else 0 * mask for n, mask in enumerate(lungs_seen)]
    stage = segment_lungs(film(), lung_network(*only))
    assert set(np.unique(stage.lungs.array)) == {0, number}


def test_one_lung_in_two_parts_stays_one() -> None:
    lung = np.zeros((64, 64), dtype=bool)
    lung[8:26, 8:26] = lung[30:52, 8:24] = True
    right, left = sides(lung)
    assert np.array_equal(right, lung)
    assert not left.any()


def test_nothing_has_no_sides() -> None:
    right, left = sides(np.zeros((7, 11), dtype=bool))
    assert not right.any()
    assert not left.any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 13), st.integers(1, 13))
def test_both_sides_make_the_mask_whatever_it_is(seed, rows, columns) -> None:
    lung = np.random.default_rng(seed).random((rows, columns)) < 0.5
    right, left = sides(lung)
    assert np.array_equal(right | left, lung)
    assert not (right & left).any()


@given(st.integers(0, 2**32 - 1))
def test_a_mirrored_patient_has_mirrored_sides(seed) -> None:
    rng = np.random.default_rng(seed)
    both = np.zeros((48, 60), dtype=bool)  # an even width, so that no column is its own mirror image
    top, height, gap = rng.integers(2, 10), rng.integers(24, 36), rng.integers(4, 9)
    both[top : top + height, 30 - gap - rng.integers(9, 15) : 30 - gap] = True
    both[top + 2 : top + height, 30 + gap : 30 + gap + rng.integers(9, 15)] = True
    right, left = sides(both)
    mirrored = sides(both[:, ::-1])
    assert np.array_equal(mirrored[0], left[:, ::-1])
    assert np.array_equal(mirrored[1], right[:, ::-1])


def test_a_film_of_eight_bits_is_seen_as_it_is_stored(film, lungs_seen) -> None:
    image, told = film((64, 64)), lung_network(*lungs_seen)
    segment_lungs(image, told)
    given_ = told.runtime.given["film"][0]
    mean, std = (np.array(each)[:, None, None] for each in (told.card.input.mean, told.card.input.std))
    assert np.allclose(given_ * std + mean, image.array / 255, atol=1e-5)


def test_a_film_of_more_bits_is_seen_from_its_lowest_to_its_highest() -> None:
    array = np.linspace(1000, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)
    spec = lung_network(*np.zeros((2, SIZE, SIZE))).card.input
    plain = replace(spec, shape=("batch", 1, SIZE, SIZE), mean=(0.0,), std=(1.0,))
    grey = seen(array, Frame(0, 0, 64, 64), plain)[0]
    assert (grey.min(), grey.max()) == (pytest.approx(0), pytest.approx(1))


def test_a_constant_film_is_black_and_not_an_error() -> None:
    spec = lung_network(*np.zeros((2, SIZE, SIZE))).card.input
    plain = replace(spec, shape=("batch", 1, SIZE, SIZE), mean=(0.0,), std=(1.0,), window_grey=None)
    assert not seen(np.full((9, 9), 7, np.uint16), Frame(0, 0, 9, 9), plain).any()


@pytest.mark.parametrize("shape", [(97, 131), (131, 97), (64, 64)])
def test_a_padded_frame_has_the_inputs_proportions_and_holds_the_film(shape) -> None:
    spec = replace(lung_network(*np.zeros((2, SIZE, SIZE))).card.input, fit="pad")
    frame = Frame.about((0, shape[0]), (0, shape[1]), spec)
    assert frame.height == frame.width == max(shape)
    assert frame.top <= 0 <= frame.top + frame.height - shape[0]
    array = np.zeros(shape, dtype=np.uint8)
    array[10:30, 20:50] = 255
    grey = seen(array, frame, replace(spec, shape=("batch", 1, SIZE, SIZE), mean=(0.0,), std=(1.0,)))[0]
    back = put_back(grey, frame, shape) >= 128
    assert np.mean(back == (array > 0)) > 0.98


def test_a_margin_is_a_share_of_the_larger_side() -> None:
    spec = replace(lung_network(*np.zeros((2, SIZE, SIZE))).card.input, margin=0.1)
    assert Frame.about((10, 110), (20, 70), spec) == Frame(0, 10, 120, 70)


def test_no_probability_is_no_threshold() -> None:
    assert level(0.0) == 1
    assert level(0.5) == 128
    assert level(1.0) == 255


def lungs_of(image, lungs_seen):
    right, left = (np.kron(mask, np.ones((2, 2))) for mask in lungs_seen)
    return LabelMap((right + 2 * left).astype(np.uint8), image.grid, LUNGS, Step("draw"))


def test_opacity_is_drawn_in_the_lungs_only_and_as_ground_glass(film, lungs_seen) -> None:
    image = film()
    lungs = lungs_of(image, lungs_seen)
    stage = segment_lesions(image, lungs, lesion_network(np.ones((SIZE, SIZE))))
    assert np.array_equal(stage.lesions.array == 1, lungs.array > 0)
    assert stage.disease_probability == pytest.approx(0.9)
    assert isinstance(stage.brixia, NotMeasured)
    assert stage.affected is None
    assert not stage.are_kinds_told


def test_a_healthy_verdict_draws_nothing(film, lungs_seen) -> None:
    image = film()
    stage = segment_lesions(image, lungs_of(image, lungs_seen), lesion_network(np.ones((SIZE, SIZE)), disease=0.4))
    assert not stage.lesions.array.any()


def test_without_a_verdict_all_is_drawn(film, lungs_seen) -> None:
    image = film()
    told = lesion_network(np.ones((SIZE, SIZE)), disease=None)
    stage = segment_lesions(image, lungs_of(image, lungs_seen), told)
    assert stage.disease_probability is None
    assert stage.lesions.array.any()


@pytest.mark.parametrize(("region", "is_black"), [("lungs-only", True), ("lungs", False)])
def test_the_network_sees_the_box_about_the_lungs(film, lungs_seen, region, is_black) -> None:
    image, told = film(), lesion_network(np.zeros((SIZE, SIZE)), region=region)
    lungs = lungs_of(image, lungs_seen)
    segment_lesions(image, lungs, told)
    given_ = told.runtime.given["film"][0]
    grey = given_[0] * told.card.input.std[0] + told.card.input.mean[0]
    between = grey[20:40, 26:38]  # the mediastinum
    assert (np.abs(between).max() < 1e-5) == is_black


def test_a_film_without_lungs_is_the_callers_mistake(film, lungs_seen) -> None:
    image = film()
    with pytest.raises(ValueError, match="no lungs"):
        segment_lesions(image, lungs_of(image, 0 * np.array(lungs_seen)), lesion_network(np.zeros((SIZE, SIZE))))


def published(lungs_seen, chance, **options):
    return Networks(lung_network(*lungs_seen), lesion_network(chance, **options))


def test_the_whole_flow_runs_and_says_what_the_networks_do_not_tell(film, lungs_seen) -> None:
    upper = np.zeros((SIZE, SIZE))
    upper[:22] = 1.0
    case = analyse(film((200, 160)), networks=published(lungs_seen, upper))
    codes = {finding.code for finding in case.findings}
    assert {"kind-not-told", "opacity-not-told-apart"} <= codes
    assert case.scores["six-zone"].value == 2.0
    assert dict(case.scores["six-zone"].settings) == {"threshold": 0.31}
    assert isinstance(case.scores["brixia"].value, NotMeasured)
    assert case.lung_fields is None


def test_no_disease_head_is_not_no_disease(film, lungs_seen) -> None:
    case = analyse(film((200, 160)), networks=published(lungs_seen, np.zeros((SIZE, SIZE)), disease=None))
    assert isinstance(case.disease, NotMeasured)
    assert case.scores["six-zone"].value == 0.0


@pytest.mark.parametrize("is_on", [True, False])
def test_a_film_without_lungs_is_refused_even_without_the_gate(film, is_on) -> None:
    nothing = np.zeros((2, SIZE, SIZE))
    settings = resolve(environment={}, overrides={"gate.enabled": is_on})
    with pytest.raises(Refused) as caught:
        analyse(film((200, 160)), networks=published(nothing, nothing[0]), settings=settings)
    assert caught.value.code == "no-lungs"


def test_provenance_lists_the_members_of_an_ensemble(film, lungs_seen) -> None:
    plain = lung_network(*lungs_seen)
    card = replace(plain.card, members=(Member("fold-0", "1", "a" * 64), Member("fold-1", "1", "b" * 64)))
    stage = segment_lungs(film(), Network(card, plain.runtime))
    assert stage.lungs.origin.settings["members"] == [f"fold-0 1 {'a' * 64}", f"fold-1 1 {'b' * 64}"]
    assert "members" not in segment_lungs(film(), plain).lungs.origin.settings


def test_masks_on_another_grid_are_refused(film, lungs_seen) -> None:
    image = film()
    lungs = LabelMap(np.ones((64, 64), np.uint8), PlaneGrid((64, 64)), LUNGS, Step("draw"))
    with pytest.raises(Exception, match="128"):
        segment_lesions(image, lungs, lesion_network(np.zeros((SIZE, SIZE))))

"""The input gate: what is refused, what is warned of, and what is let through."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hilum
from hilum.errors import Refused
from hilum.gate import CODES, after, before, refuse
from hilum.geometry import PlaneGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import Source
from hilum.readers import from_array, read
from hilum.settings import GateSettings

ON, OFF = GateSettings(), GateSettings(enabled=False)


def film(shape=(210, 190), **fields):
    """A picture with the greys of a film and nothing odd about it."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    array = (120 + 60 * np.sin(rows / 17) + 50 * np.cos(columns / 23) + (rows * 7 + columns * 3) % 11).astype(np.uint8)
    return Image(array, PlaneGrid(array.shape), Quantity.RADIOGRAPH, Source("film.png", "0" * 64), **fields)


def of(array):
    return from_array(np.asarray(array))


def codes(findings):
    return [(finding.code, finding.gravity) for finding in findings]


def test_an_ordinary_film_has_no_findings():
    assert before(film(), ON) == ()


# Before segmentation


def test_what_the_reader_found_is_passed_on():
    note = Finding("orientation-assumed", Gravity.NOTE, "It says nothing.")
    assert before(film(findings=(note,)), ON) == (note,)


def test_a_lateral_film_is_refused():
    assert codes(before(film(view="LATERAL"), ON)) == [("lateral-view", Gravity.ERROR)]


@pytest.mark.parametrize("view", ["PA", "AP", ""])
def test_a_frontal_film_is_not(view):
    assert before(film(view=view), ON) == ()


@pytest.mark.parametrize(("shape", "is_small"), [((127, 200), True), ((200, 127), True), ((128, 128), False)])
def test_too_small(shape, is_small):
    assert codes(before(film(shape), ON)) == ([("too-small", Gravity.ERROR)] if is_small else [])


def test_how_small_is_a_setting():
    assert codes(before(film((200, 200)), GateSettings(min_side_px=201))) == [("too-small", Gravity.ERROR)]


@pytest.mark.parametrize(("shape", "is_strange"), [((500, 199), True), ((199, 500), True), ((500, 201), False)])
def test_strange_proportions(shape, is_strange):
    assert codes(before(film(shape), ON)) == ([("strange-proportions", Gravity.WARNING)] if is_strange else [])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((200, 200), np.uint8),
        np.full((200, 200), 7.5),
        np.arange(40000).reshape(200, 200) % 3,
        np.full((200, 200), 30_000, np.uint16) + np.arange(200, dtype=np.uint16),
    ],
)
def test_nearly_constant(array):
    assert codes(before(of(array), ON)) == [("nearly-constant", Gravity.ERROR)]


def test_a_film_of_low_contrast_is_no_constant():
    assert before(of(film().array // 4 + 100), ON) == ()


def test_one_grey_value_is_said_in_the_singular():
    (finding,) = before(of(np.zeros((200, 200))), ON)
    assert finding.message.startswith("It has 1 grey value:")


def test_a_gate_that_is_switched_off_warns():
    findings = before(film(shape=(100, 100), view="LATERAL"), OFF)
    assert codes(findings) == [("lateral-view", Gravity.WARNING), ("too-small", Gravity.WARNING)]
    assert refuse(findings, "film.png") is None


def test_real_films_pass(data):
    for path in sorted((data / "cxr" / "images").iterdir())[::25]:
        assert before(read(path), ON) == ()


# After segmentation


def lungs(right=(40, 30, 160, 90), left=(40, 110, 160, 170), shape=(210, 200)):
    """Two boxes of (first row, first column, end row, end column); None leaves a lung out."""
    array = np.zeros(shape, np.uint8)
    for number, box in ((1, right), (2, left)):
        if box is not None:
            array[box[0] : box[2], box[1] : box[3]] = number
    return LabelMap(array, PlaneGrid(shape), LUNGS, Source("film.png", "0" * 64))


def judged(made, film_probability=0.9, is_inverted=False, settings=ON):
    return after(
        made,
        film_probability=film_probability,
        film_threshold=0.5,
        is_inverted=is_inverted,
        settings=settings,
    )


def test_ordinary_lungs_have_no_findings():
    assert judged(lungs()) == ()


@pytest.mark.parametrize(("probability", "is_refused"), [(0.49, True), (0.5, False)])
def test_no_film_in_the_judgement_of_the_network(probability, is_refused):
    findings = judged(lungs(), film_probability=probability)
    assert codes(findings) == ([("not-a-film", Gravity.ERROR)] if is_refused else [])


@pytest.mark.parametrize("is_inverted", [True, False])
def test_inverted(is_inverted):
    findings = judged(lungs(), is_inverted=is_inverted)
    assert codes(findings) == ([("inverted", Gravity.WARNING)] if is_inverted else [])


def test_no_lungs():
    assert codes(judged(lungs(None, None))) == [("no-lungs", Gravity.ERROR)]


@pytest.mark.parametrize(("missing", "word"), [("right", "right"), ("left", "left")])
def test_one_lung(missing, word):
    (finding,) = judged(lungs(**{missing: None}))
    assert (finding.code, finding.gravity) == ("one-lung", Gravity.WARNING)
    assert f"The patient's {word} lung was not found" in finding.message


def test_one_lung_far_smaller_than_the_other():
    (finding,) = judged(lungs(left=(40, 110, 90, 160)))
    assert (finding.code, finding.gravity) == ("implausible-lungs", Gravity.WARNING)
    assert "left lung has 35% of the area" in finding.message


def test_half_the_size_is_still_plausible():
    assert judged(lungs(left=(40, 110, 100, 170))) == ()


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ({"right": (40, 0, 160, 60)}, "The patient's right lung is cut"),
        ({"left": (40, 140, 160, 200)}, "The patient's left lung is cut"),
        ({"right": (90, 30, 210, 90), "left": (90, 110, 210, 170)}, "Both lungs are cut"),
    ],
)
def test_cropped_lungs(boxes, words, scale):
    made = lungs(**boxes)
    array = np.kron(made.array, np.ones((scale, scale), np.uint8))
    made = LabelMap(array, PlaneGrid(array.shape), LUNGS, made.origin)
    (finding,) = judged(made)
    assert (finding.code, finding.gravity) == ("cropped-lungs", Gravity.WARNING)
    assert words in finding.message


def test_a_lung_that_only_touches_the_edge_is_not_cropped():
    made = lungs()
    array = made.array.copy()
    array[100:105, :40] = 1
    assert judged(LabelMap(array, made.grid, LUNGS, made.origin)) == ()


def test_small_lungs():
    (finding,) = judged(lungs((40, 30, 80, 70), (40, 110, 80, 150)))
    assert (finding.code, finding.gravity) == ("small-lungs", Gravity.WARNING)
    assert "8% of the film" in finding.message


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_mirrored_patient_has_the_mirrored_findings(data):
    boxes = {}
    for side in ("right", "left"):
        row, column = data.draw(st.integers(0, 150)), data.draw(st.integers(0, 70))
        boxes[side] = (row, column, data.draw(st.integers(row + 9, 210)), data.draw(st.integers(column + 9, 90)))
    shift = 100
    right, left = (
        boxes["right"],
        (boxes["left"][0], boxes["left"][1] + shift, boxes["left"][2], boxes["left"][3] + shift),
    )
    made = lungs(right, left)
    flipped = made.array[:, ::-1]
    mirrored = LabelMap(np.choose(flipped, [0, 2, 1]).astype(np.uint8), made.grid, LUNGS, made.origin)
    swap = {"right": "left", "left": "right"}
    there = [re.sub("right|left", lambda word: swap[word[0]], finding.message) for finding in judged(made)]
    assert there == [finding.message for finding in judged(mirrored)]


def test_a_gate_that_is_switched_off_warns_afterwards_too():
    findings = judged(lungs(None, None), film_probability=0.1, settings=OFF)
    assert codes(findings) == [("not-a-film", Gravity.WARNING), ("no-lungs", Gravity.WARNING)]


# Refusing, and the list of codes


def test_the_first_error_is_raised_and_warnings_are_not():
    warning = Finding("cropped-lungs", Gravity.WARNING, "A lung is cut.")
    errors = [Finding("too-small", Gravity.ERROR, "It is small."), Finding("no-lungs", Gravity.ERROR, "None.")]
    assert refuse([warning], "film.png") is None
    with pytest.raises(Refused) as caught:
        refuse([warning, *errors], Path("films/film.png"))
    assert str(caught.value) == (
        "Did not analyse 'films/film.png' (too-small): It is small. To analyse it in spite of that, set gate.enabled "
        "to false."
    )
    assert (caught.value.code, caught.value.path) == ("too-small", Path("films/film.png"))


def test_an_array_has_no_path():
    with pytest.raises(Refused, match=r"^Did not analyse the array"):
        refuse([Finding("too-small", Gravity.ERROR, "It is small.")], None)


def test_why_a_film_may_have_been_refused_is_told():
    turned = Finding("turned", Gravity.WARNING, "It lies on its side.")
    cropped = Finding("cropped-lungs", Gravity.WARNING, "It is cut.")
    with pytest.raises(Refused, match=r"\(no-lungs\): No lung was found. It lies on its side. To analyse it") as caught:
        refuse([cropped, Finding("no-lungs", Gravity.ERROR, "No lung was found."), turned], "film.png")
    assert caught.value.code == "no-lungs"
    assert "cut" not in str(caught.value)


def test_a_colour_photograph_is_refused_with_its_name(tmp_path):
    import shutil

    import sklearn.datasets

    path = tmp_path / "cat.jpg"
    shutil.copy(Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg", path)
    with pytest.raises(Refused) as caught:
        refuse(before(read(path), ON), path)
    assert re.fullmatch(
        rf"Did not analyse '{path}' \(not-a-film\): It is a colour picture: \d+% of its pixels have a colour of their "
        r"own. A film is grey, or grey with one tint. Give the film itself, without colour overlays. To analyse it in "
        r"spite of that, set gate.enabled to false.",
        str(caught.value),
    )


def test_every_code_in_the_source_is_explained_and_every_explanation_used():
    sources = Path(hilum.__file__).parent.rglob("*.py")
    used = {code for path in sources for code in re.findall(r'Finding\(\s*"([a-z-]+)"', path.read_text("utf-8"))}
    assert used == set(CODES)


def test_explanations_are_sentences():
    for code, sentence in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert sentence[0].isupper()
        assert sentence.endswith(".")

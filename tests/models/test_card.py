from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import ModelError
from hilum.image import Quantity
from hilum.models.card import CARD, Card, ImageInput, Metric, Output, Patches, read_card
from hilum.models.card_writer import write_card

from .conftest import tiny_card

MINIMAL = """
name = "a"
version = "1"
task = "cxr-lungs"
title = "A"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
licence = "CC0-1.0"
recipe = "a"
intended_use = "None."
limits = []

[input]
name = "film"
shape = ["batch", 1, 7, 9]
quantity = "radiograph"
size_px = [7, 9]
mean = [0]
std = [1.0]

[outputs.lungs]
shape = ["batch", 2, 7, 9]
activation = "sigmoid"
channels = ["right-lung", "left-lung"]
"""


def read_text(folder: Path, text: str) -> Card:
    path = folder / "card.toml"
    path.write_text(text, encoding="utf-8")
    return read_card(path)


def test_a_minimal_card_has_the_defaults(tmp_path: Path) -> None:
    card = read_text(tmp_path, MINIMAL)
    assert card.input.quantity is Quantity.RADIOGRAPH
    assert card.input.mean == (0.0,)
    assert card.input.window_percentiles == (0.0, 100.0)
    assert card.outputs["lungs"].channel("left-lung") == 1
    assert card.inputs == {"film": ("batch", 1, 7, 9)}
    assert (card.thresholds, card.metrics, card.training_data) == ({}, (), ())
    assert card.weights == tmp_path / "weights.onnx"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('licence = "CC0-1.0"', 'license = "CC0-1.0"', r"No key named 'license'. Did you mean 'licence'\?"),
        ("std = [1.0]", "std = [1.0]\nmargins = 0.1", r"No key in input named 'margins'. Did you mean 'margin'\?"),
        ("channels =", "chanels =", r"No key in outputs.lungs named 'chanels'. Did you mean 'channels'\?"),
        ('recipe = "a"', "", "recipe is missing"),
        ("size_px = [7, 9]", "", "input.size_px is missing"),
        ('version = "1"', "version = 1", "version cannot be 1; expected str"),
        ("std = [1.0]", 'std = ["1"]', r"input.std\[0\] cannot be '1'; expected float"),
        ("std = [1.0]", "std = [nan]", r"input.std\[0\] cannot be nan"),
        ("std = [1.0]", "std = [0.0]", "input.std should be above 0"),
        ("std = [1.0]", "std = [1.0, 1.0]", "input.std needs 1 values"),
        ("mean = [0]", "mean = 0", "input.mean cannot be 0; expected a list"),
        ("mean = [0]", "mean = [true]", r"input.mean\[0\] cannot be True"),
        ("size_px = [7, 9]", "size_px = [7]", "input.size_px cannot be .7.; expected 2 values"),
        ("size_px = [7, 9]", "size_px = [9, 7]", "input.size_px is"),
        ('shape = ["batch", 1, 7, 9]', 'shape = ["batch", 1, 7.5, 9]', r"input.shape\[2\] cannot be 7.5"),
        ('shape = ["batch", 1, 7, 9]', "shape = [7, 9]", "input.shape should have 4 sizes, and has 2"),
        ("std = [1.0]", "std = [1.0]\nwindow_percentiles = [99, 1]", "cannot be 99.0 and 1.0"),
        ("std = [1.0]", "std = [1.0]\nmargin = 5", "cannot be 5.0"),
        ('"radiograph"', '"radiogram"', r"No value of input.quantity named 'radiogram'. Did you mean 'radiograph'\?"),
        ('"cxr-lungs"', '"cx-lungs"', r"No value of task named 'cx-lungs'. Did you mean 'cxr-lungs'\?"),
        ('"sigmoid"', '"relu"', "No value of outputs.lungs.activation named 'relu'"),
        ('["right-lung", "left-lung"]', '["right-lung"]', "needs 2 different names of channels, and has right-lung"),
        ('["right-lung", "left-lung"]', '["lung", "lung"]', "needs 2 different names"),
        ('shape = ["batch", 2, 7, 9]', 'shape = ["batch"]', "an output has a batch and channels"),
        ("[outputs.lungs]", "[outputs.lungs]\nthresholds.rigth-lung = 0.5", "No channel named 'rigth-lung'"),
        ("[input]", "[[input]]", "input cannot be .*; expected a table"),
        ("[outputs.lungs]", "[[outputs]]", "outputs cannot be .*; expected a table"),
        ('name = "a"', 'name = "A b"', "name is 'A b'; expected small letters"),
        ('name = "a"', 'name = "../a"', "name is '../a'"),
        ("0000000000", "zzzzzzzzzz", "64 small hexadecimal digits"),
        ("limits = []", "limits = [", "cannot be used"),
    ],
)
def test_what_is_wrong_with_a_card_is_said(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in MINIMAL
    with pytest.raises(ModelError, match=sentence) as caught:
        read_text(tmp_path, MINIMAL.replace(old, new, 1))
    assert str(tmp_path / "card.toml") in str(caught.value)


def test_a_card_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Cannot read the model card .*No such file"):
        read_card(tmp_path / "card.toml")


def test_a_card_without_outputs_is_none() -> None:
    with pytest.raises(ValueError, match="outputs is empty"):
        tiny_card(outputs={})


def test_two_inputs_of_one_name_are_refused() -> None:
    card = tiny_card()
    with pytest.raises(ValueError, match="two inputs have one name"):
        replace(card, further_inputs=(replace(card.further_inputs[0], name="film"),))


def test_a_figure_lies_within_its_interval() -> None:
    with pytest.raises(ValueError, match="dice does not lie within its interval"):
        Metric("dice", "test", 0.9, 0.1, 0.2, 5)


def test_thresholds_and_channels_are_found_by_name() -> None:
    card = tiny_card()
    assert card.threshold("six_zone") == 0.07
    with pytest.raises(ModelError, match=r"The card of tiny-1.0: .*'six-zone'. Did you mean 'six_zone'\?"):
        card.threshold("six-zone")
    with pytest.raises(ModelError, match=r"Did you mean 'ground-glass'\?"):
        card.outputs["lesions"].channel("ground_glass")


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    card = tiny_card()
    write_card(card, tmp_path / "card.toml")
    again = read_card(tmp_path / "card.toml")
    assert again == card
    assert again.folder == tmp_path
    first = (tmp_path / "card.toml").read_bytes()
    write_card(again, tmp_path / "card.toml")
    assert (tmp_path / "card.toml").read_bytes() == first
    assert b"folder" not in first
    assert str(tmp_path).encode() not in first


def test_the_file_reads_like_a_card(tmp_path: Path) -> None:
    write_card(tiny_card(), tmp_path / "card.toml")
    text = (tmp_path / "card.toml").read_text(encoding="utf-8")
    assert text.startswith('name = "tiny-1.0"\nversion = "1.0.0"\ntask = "cxr-lesions"\n')
    assert "\n[outputs.lesions.thresholds]\nconsolidation = 0.25\n" in text
    assert "\n[[metrics]]\nfigure = " in text
    assert "\n[outputs]\n" not in text
    assert tomllib.loads(text)["metrics"][0] == {
        "figure": "dice-lesions", "split": "test", "estimate": 0.5, "low": 0.25, "high": 0.75, "n_cases": 7,
    }  # fmt: skip


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(title=texts, limits=st.lists(texts, max_size=5), thresholds=st.dictionaries(texts, finite, max_size=4))
def test_any_text_and_number_survives(
    tmp_path_factory: pytest.TempPathFactory, title: str, limits: list[str], thresholds: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("card") / "card.toml"
    card = tiny_card(title=title, limits=tuple(limits), thresholds=thresholds)
    write_card(card, path)
    assert read_card(path) == card


def test_two_cards_differ_where_they_differ() -> None:
    card = tiny_card()
    assert card == tiny_card()
    assert card != tiny_card(version="1.0.1")
    assert card == replace(card, folder=Path("elsewhere"))


def test_an_output_of_raw_numbers_needs_no_size_beyond_the_channels() -> None:
    output = Output(("batch", 6, 4), "softmax", tuple("abcdef"))
    assert output.channel("f") == 5


def test_the_image_has_as_many_means_as_channels() -> None:
    with pytest.raises(ValueError, match=r"input.mean needs 3 values"):
        ImageInput("film", ("batch", 3, 7, 9), Quantity.RADIOGRAPH, (7, 9), (0.0,), (1.0,))


def of_blocks(**changes):
    patches = Patches((4, 16, 16), (1, 4, 4), (2.7, 1.58, 1.58), "z-score", "body", "mean")
    size = patches.size
    entry = ImageInput(
        "volume",
        ("batch", 1, *size),
        Quantity.HOUNSFIELD,
        size[1:],
        (0.0,),
        (1.0,),
        window_hu=(-1250.0, 250.0),
        patches=patches,
    )
    outputs = {"lesions": Output(("batch", 1, *size), "sigmoid", ("opacity",), {"opacity": 0.5})}
    return replace(tiny_card(), task="ct-lesions", input=replace(entry, **changes), further_inputs=(), outputs=outputs)


def test_a_card_of_blocks_with_its_window_comes_back(tmp_path):
    write_card(of_blocks(), tmp_path / CARD)
    assert read_card(tmp_path / CARD) == of_blocks()


def test_a_block_of_one_slice_is_a_picture():
    patches = Patches((1, 16, 16), (0, 4, 4), (4.5, 0.9, 0.9), "range")
    assert of_blocks(shape=("batch", 1, 16, 16), patches=patches).input.patches == patches
    with pytest.raises(ValueError, match="4 sizes"):
        of_blocks(patches=patches)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": (4, 16, 8), "overlap": (1, 4, 4)}, "size has to be alike"),
        ({"size": (4, 0, 0)}, "size cannot be"),
        ({"overlap": (4, 4, 4)}, "overlap cannot be"),
        ({"overlap": (-1, 4, 4)}, "overlap cannot be"),
        ({"spacing_mm": (2.7, 1.58, 1.6)}, "spacing_mm has to be alike"),
        ({"spacing_mm": (0.0, 1.0, 1.0)}, "spacing_mm cannot be"),
    ],
)
def test_blocks_that_cannot_be(change, said):
    with pytest.raises(ValueError, match=said):
        replace(Patches((4, 16, 16), (1, 4, 4), (2.7, 1.58, 1.58), "range"), **change)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("overlap = [1, 4, 4]", "overlap = [1, 4]", r"input\.patches\.overlap"),
        ('scale = "z-score"', 'scale = "z"', r"input\.patches\.scale"),
        ("window_hu = [-1250.0, 250.0]", 'window_hu = "lung"', r"input\.window_hu"),
        ("window_hu = [-1250.0, 250.0]", "window_hu = [250.0, -1250.0]", r"input\.window_hu"),
    ],
)
def test_what_a_card_of_blocks_cannot_say(tmp_path, old, new, said):
    write_card(of_blocks(), tmp_path / CARD)
    text = (tmp_path / CARD).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / CARD).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError, match=said):
        read_card(tmp_path / CARD)

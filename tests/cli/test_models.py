"""``hilum models``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.image import Quantity
from hilum.models.card import Card, ImageInput, Metric, Output, TrainingData
from hilum.models.card_writer import write_card

CARD = Card(
    name="my-lungs",
    version="1.2.0",
    task="cxr-lungs",
    title="Lungs of a film",
    sha256="0" * 64,
    licence="Apache-2.0",
    recipe="my-recipe",
    intended_use="Frontal films.",
    limits=("Adults only.",),
    input=ImageInput("image", ("batch", 1, 7, 11), Quantity.RADIOGRAPH, (7, 11), (0.5,), (0.25,)),
    outputs={"masks": Output(("batch", 2, 7, 11), "sigmoid", ("right", "left"))},
    training_data=(TrainingData("some-films", "CC0-1.0", "doi:10.1/2", "outlines", 5),),
    metrics=(Metric("dice-lungs", "test", 0.9, 0.8, 0.95, 13),),
)


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / CARD.name
    folder.mkdir()
    write_card(CARD, folder / "card.toml")
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path))


def test_list_has_a_line_for_each_network() -> None:
    assert "my-lungs 1.2.0  Lungs of a film\n" in CliRunner().invoke(app, ["models", "list"]).stdout


def test_list_as_json_tells_the_defaults() -> None:
    rows = json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)
    mine = {"name": "my-lungs", "version": "1.2.0", "task": "cxr-lungs", "title": "Lungs of a film"}
    assert {**mine, "is_default": False} in rows


def test_show_tells_what_a_user_has_to_know() -> None:
    told = CliRunner().invoke(app, ["models", "show", "my-lungs"]).stdout
    for fact in ("Frontal films.", "Adults only.", "0.900 (0.800 to 0.950)", "test, 13 images", "some-films: 5 images"):
        assert fact in told


def test_show_as_json_is_the_whole_card() -> None:
    told = json.loads(CliRunner().invoke(app, ["models", "show", "my-lungs", "--json"]).stdout)
    assert told["outputs"]["masks"]["channels"] == ["right", "left"]
    assert told["metrics"][0]["estimate"] == 0.9


def test_unknown_name_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["models", "show", "my-lung"])
    assert result.exit_code == 1
    assert "Did you mean 'my-lungs'?" in result.stderr


def test_a_broken_card_is_our_error(tmp_path: Path) -> None:
    (tmp_path / CARD.name / "card.toml").write_text("name = 3")
    result = CliRunner().invoke(app, ["models", "list"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The model card")

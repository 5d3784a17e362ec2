"""The page of options names everything that a recipe can ask for."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from hilum.models.card import ImageInput
from hilum.settings import FilmSettings
from hilum.training.architectures import ARCHITECTURES
from hilum.training.lab.recipe import FilmAugment, FilmRecipe, Presence, Sampling, View
from hilum.training.library import names
from hilum.training.loss_functions import CLASSIFIER_LOSSES, LOSSES
from hilum.training.parts import Optimiser, Schedule
from hilum.training.search_space import names as space_names
from hilum.training.volume_recipe import VolumeRecipe

PAGE = Path(__file__).parents[3] / "docs" / "options.md"

RECIPES = (FilmRecipe, VolumeRecipe)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not beside the tests")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("architecture", tuple(ARCHITECTURES)),
        ("loss", tuple(LOSSES)),
        ("loss of presence", tuple(CLASSIFIER_LOSSES)),
        ("optimiser", get_args(get_type_hints(Optimiser)["name"])),
        ("schedule", get_args(get_type_hints(Schedule)["name"])),
        ("sampling", get_args(get_type_hints(Sampling)["mode"])),
        ("region", get_args(get_type_hints(View)["region"])),
        ("change", tuple(FilmAugment.__slots__)),
        ("weighting", ("static", "dynamic", *(name for name in Presence.__slots__ if name != "loss"))),
    ],
)
def test_every_option_is_named(kind, names):
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in names if f"`{name}`" not in text and f'"{name}"' not in text and name not in text]
    assert not missing, kind


def test_every_flag_that_is_named_exists():
    flags = re.compile(r"--[a-z][a-z_-]+")
    known = set(flags.findall((PAGE.parent / "reference" / "cli.md").read_text(encoding="utf-8")))
    theirs = {"--automatic_parser", "--data_fraction_used"}  # of the published programs
    named = set(flags.findall(PAGE.read_text(encoding="utf-8"))) - theirs
    assert len(named) > 30
    assert named - known == set()


TABLES = {"film": FilmSettings, "input": ImageInput}
"""Tables that are none of a recipe, by the first part of their keys."""


def test_every_key_that_is_named_exists():
    """Dotted keys, such as ``length.epochs``, are those of a recipe, of a card or of the settings."""
    named = re.findall(r"`([a-z_]+)\.([a-z_]+)(?=[` ])", PAGE.read_text(encoding="utf-8"))
    keys = {(table, key) for table, key in named if key not in {"csv", "html", "toml", "pt", "ckpt", "readers"}}
    assert len(keys) > 15
    for table, key in sorted(keys):
        kinds = [TABLES[table]] if table in TABLES else [get_type_hints(of).get(table) for of in RECIPES]
        known = {field.name for kind in kinds if is_dataclass(kind) for field in fields(kind)}
        assert key in known, f"{table}.{key}"


def test_every_recipe_that_is_named_exists():
    named = set(re.findall(r"`((?:two-stage|miscnn|ggo-cons)-[a-z0-9-]+)`", PAGE.read_text(encoding="utf-8")))
    assert named <= {*names(), *space_names()}
    assert "miscnn-3d-no-augmentation" in named


def test_what_is_named_exists():
    """A table row of networks or losses names nothing that is not there."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [
        line for line in text.split("## Losses", 1)[1].split("## Training", 1)[0].splitlines() if line.startswith("|")
    ]
    named = {part for row in rows[2:4] for part in row.split("|")[2].split("`")[1::2]}
    assert named & set(LOSSES)
    assert {name for name in named if "=" not in name and '"' not in name} <= {*LOSSES, "gamma"}

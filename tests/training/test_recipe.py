"""Recipes: those that come with Hilum, and what is refused."""

import pytest

from hilum.errors import SettingsError
from hilum.training import recipe as recipes
from hilum.training.networks import NETWORKS


@pytest.mark.parametrize("name", recipes.names())
def test_a_shipped_recipe_is_whole(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert sum(recipe.mix.values()) == pytest.approx(1)
    assert recipe.start_from in ("", *recipes.names())
    assert recipe.size_px % 32 == 0


def test_every_task_has_a_recipe():
    assert {recipes.load(name).task for name in recipes.names()} == set(NETWORKS)


def written(tmp_path, change):
    source = recipes.files("hilum.training") / "recipes" / "cxr-lungs.toml"
    file = tmp_path / "own.toml"
    file.write_text(change(source.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def test_a_recipe_from_a_file(tmp_path):
    assert recipes.load(written(tmp_path, lambda text: text)) == recipes.load("cxr-lungs")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps = ", "stesp = ", "steps"),
        ("inverted = ", "invreted = ", "inverted"),
        ('task = "cxr-lungs"', 'task = "mr-lungs"', "task"),
        ("batch = 8", 'batch = "8"', "batch"),
        ("batch = 8\n", "", "batch"),
        ("batch = 8", "batch = ", "cannot be used"),
    ],
)
def test_what_a_recipe_cannot_say_is_an_error(tmp_path, old, new, said):
    with pytest.raises(SettingsError, match=said):
        recipes.load(written(tmp_path, lambda text: text.replace(old, new)))


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(SettingsError, match="cxr-lungs"):
        recipes.load("cxr-lung")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml"):
        recipes.load(tmp_path / "none.toml")

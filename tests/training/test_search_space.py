"""Search spaces as TOML files: what they may say, and what is refused."""

from __future__ import annotations

import pytest

from hilum.errors import SettingsError
from hilum.training.lab.recipe import FilmRecipe
from hilum.training.library import changed, load
from hilum.training.search_space import load_space, names, require_key, space_of

TABLE = {
    "name": "small",
    "recipe": "two-stage-lungs-unet",
    "trials": 3,
    "space": {"optimiser.rate": {"low": 1e-4, "high": 1e-2, "log": True}, "seed": {"choices": [1, 2]}},
}


def test_a_space_has_ranges_and_choices() -> None:
    space = space_of(TABLE)
    rate, seed = space.settings
    assert (rate.key, rate.low, rate.high, rate.is_log, rate.is_whole) == ("optimiser.rate", 1e-4, 1e-2, True, False)
    assert seed.choices == (1, 2)
    assert (space.watch, space.rises, space.sampler, space.pruner.name) == ("val/dice", True, "tpe", "none")


def test_whole_numbers_make_a_whole_range() -> None:
    table = TABLE | {"space": {"view.size_px": {"low": 384, "high": 640, "step": 32}}}
    assert space_of(table).settings[0].is_whole
    table = TABLE | {"space": {"augment.flip": {"low": 0, "high": 1.0}}}
    assert not space_of(table).settings[0].is_whole


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space": {}}, "nothing varies"),
        ({"spaces": {}}, "Did you mean 'space'"),
        ({"trials": 0}, "1 or more"),
        ({"trials": "3"}, "trials cannot be"),
        ({"share": 0.0}, "share"),
        ({"sampler": "tpes"}, "Did you mean 'tpe'"),
        ({"sampler": "grid"}, "choices, or ranges with a step"),
        ({"space": {"seed": 3}}, "has to be a table"),
        ({"space": {"seed": {"choices": []}}}, "something in it"),
        ({"space": {"seed": {"choices": [1], "low": 1}}}, "nothing beside"),
        ({"space": {"seed": {"low": 1}}}, "low and high as numbers"),
        ({"space": {"seed": {"low": 2, "high": 1}}}, "no such range"),
        ({"space": {"seed": {"low": 0, "high": 1, "log": True}}}, "above 0"),
        ({"space": {"seed": {"low": 1, "hihg": 2}}}, "Did you mean 'high'"),
        ({"pruner": {"name": "hyperbands"}}, "Did you mean 'hyperband'"),
    ],
)
def test_what_is_no_space_is_refused(changes, told) -> None:
    with pytest.raises(ValueError, match=told):
        space_of(TABLE | changes)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("optimiser.ratte", "No setting of optimiser named 'ratte'. Did you mean 'rate'"),
        ("optimizer.rate", "No setting of the recipe named 'optimizer'. Did you mean 'optimiser'"),
        ("seed.one", "seed is one setting"),
        ("view.fit.one", "view.fit is one setting"),
    ],
)
def test_settings_that_a_recipe_has_not_are_refused_before_any_trial(key, told) -> None:
    with pytest.raises(SettingsError, match=told):
        require_key(FilmRecipe, key)


def test_every_setting_of_a_shipped_space_is_one() -> None:
    for name in names():
        space = load_space(name)
        for key in (*space.fixed, *(setting.key for setting in space.settings), "losses.dice", "loss_settings"):
            require_key(FilmRecipe, key)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'two-stage-lungs'"):
        load_space("two-stage-lung")


def test_a_file_is_named_when_it_cannot_be_used(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("name = 3")
    with pytest.raises(SettingsError, match=r"mine\.toml"):
        load_space(path)
    with pytest.raises(SettingsError, match="Cannot read"):
        load_space(tmp_path / "none.toml")


@pytest.mark.parametrize("name", names())
def test_every_choice_of_a_shipped_space_makes_a_recipe(name) -> None:
    space = load_space(name)
    base = changed(load(space.recipe), space.fixed)
    assert isinstance(base, FilmRecipe)
    for setting in space.settings:
        values = setting.choices or (int(setting.low), int(setting.high))
        made = [changed(base, {setting.key: value}) for value in values]
        assert len({repr(each) for each in made}) == len(values), setting.key


def test_the_published_sweep_is_as_published() -> None:
    space = load_space("two-stage-lungs")
    by_key = {setting.key: setting for setting in space.settings}
    assert space.trials == 300
    assert len(by_key["network.architecture"].choices) == 9
    assert len(by_key["network.encoder"].choices) == 20
    size = by_key["view.size_px"]
    assert (size.low, size.high, size.step) == (384, 640, 32)
    assert by_key["optimiser.rate"].choices == (1e-2, 5e-3, 1e-3, 5e-4, 1e-4)

"""What a search tries: a recipe, the settings that vary, and how long, from one TOML file. Imports nothing heavy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

from hilum.errors import SettingsError
from hilum.models.structure import build
from hilum.registry import unknown

from .recipe_files import names_in

FOLDER = files("hilum.training") / "spaces"
"""Where the spaces lie in the package."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the recipe that varies: over choices, or between two numbers.

    Attributes
    ----------
    key : dotted, as in ``hilum train --set``
    choices : values to choose from; a table is a whole table of the recipe, such as ``losses``
    low, high : the range, both ends included
    step : between values; 0 for any value of a range of fractions
    is_whole : whole numbers only
    is_log : drawn evenly along the logarithm
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    is_whole: bool = False
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Pruner:
    """When a trial is given up.

    Attributes
    ----------
    name : ``hyperband``: the worst of a bracket at each rung; ``median``: what is worse than the median of the others
        at that time; or ``none``
    least : validations that each trial has at least
    most : validations of a whole trial; ``hyperband`` only, 0 for those of the longest trial so far
    eta : one in so many goes on from a rung; ``hyperband`` only
    warm_up : trials that ``median`` never gives up
    """

    name: Literal["none", "hyperband", "median"] = "none"
    least: int = 1
    most: int = 0
    eta: int = 3
    warm_up: int = 5


@dataclass(frozen=True, slots=True)
class _Plain:
    """The keys of a space that are no settings of a recipe; their meanings are those of :class:`SearchSpace`."""

    name: str
    recipe: str
    trials: int
    watch: str = "val/dice"
    rises: bool = True
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    seed: int = 0
    share: float = 1.0
    pruner: Pruner = field(default_factory=Pruner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace(_Plain):
    """Everything about a search.

    Attributes
    ----------
    name : of the search
    recipe : a recipe of the laboratory, by name or file, in which settings are changed
    trials : how many
    watch : figure of the validation that is compared, at its best in a trial
    rises : more of it is better
    sampler : ``tpe`` learns from the trials before, ``random`` does not, ``grid`` takes all combinations of choices
    seed : of the sampler
    share : of the training patients that are used, in (0, 1]
    pruner : when a trial is given up
    fixed : settings changed in every trial, by dotted key
    settings : those that vary
    """

    settings: tuple[Setting, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])


def require_key(kind: type, key: str, of: str = "") -> None:
    """SettingsError if recipes of a kind have no setting of this dotted key; whatever stands in a free table has one.

    Parameters
    ----------
    kind : a recipe's class
    key : dotted, as in ``hilum train --set``
    of : the table in which it is looked for, for the message
    """
    first, _, rest = key.partition(".")
    wanted = get_type_hints(kind)
    if first not in wanted:
        place = f"setting of {of}" if of else "setting of the recipe"
        raise SettingsError(unknown(place, first, wanted))
    inner, here = wanted[first], f"{of}.{first}" if of else first
    if rest and is_dataclass(inner) and isinstance(inner, type):
        require_key(inner, rest, of=here)
    elif rest and get_origin(inner) is not Mapping:
        raise SettingsError(f"{here} is one setting, and has none within it, such as {key!r}.")


_PLAIN = tuple(item.name for item in fields(_Plain))
_SETTING = ("choices", "low", "high", "step", "log")


def names() -> tuple[str, ...]:
    """The spaces that come with Hilum."""
    return names_in(FOLDER)


def load_space(name_or_file: str | Path) -> SearchSpace:
    """A shipped space by its name, or any by its file.

    Raises
    ------
    SettingsError
        There is no such space, or it has a key that is not known, a value of the wrong type, or an empty range.
    """
    file = Path(name_or_file)
    if file.suffix != ".toml" and str(name_or_file) not in names():
        raise SettingsError(unknown("search space", str(name_or_file), names()))
    source = file if file.suffix == ".toml" else FOLDER / f"{name_or_file}.toml"
    try:
        return space_of(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"Cannot read the search space {name_or_file}: {error.strerror or error}.") from error
    except ValueError as error:
        raise SettingsError(f"The search space {name_or_file} cannot be used: {error}") from error


def space_of(table: Mapping[str, Any]) -> SearchSpace:
    """A space from its table; ValueError if it is not one."""
    for key in table:
        if key not in (*_PLAIN, "fixed", "space"):
            raise ValueError(unknown("key", key, (*_PLAIN, "fixed", "space")))
    plain = {key: table[key] for key in _PLAIN if key in table}
    made = build(_Plain, plain)
    settings = tuple(_setting(key, entry) for key, entry in _entries(table.get("space", {})))
    if not settings:
        raise ValueError("space is empty: nothing varies.")
    if made.sampler == "grid" and not all(_is_countable(setting) for setting in settings):
        raise ValueError("the sampler 'grid' needs choices, or ranges with a step, for every setting.")
    if not (made.trials >= 1 and 0 < made.share <= 1):
        raise ValueError(f"trials has to be 1 or more and share within 0 to 1; found {made.trials} and {made.share}.")
    told: dict[str, Any] = {name: getattr(made, name) for name in _PLAIN}
    return SearchSpace(**told, settings=settings, fixed=dict(table.get("fixed", {})))


def _entries(table: Any) -> list[tuple[str, Any]]:
    if not isinstance(table, dict):
        raise ValueError("space has to be a table of settings.")  # noqa: TRY004 - the caller's text, not a type
    return list(table.items())  # pyright: ignore[reportUnknownArgumentType]


def _setting(key: str, entry: Any) -> Setting:
    """One line of the table ``space``: ``{choices = [...]}`` or ``{low = 1, high = 2, step = 1, log = false}``."""
    if not isinstance(entry, dict):
        raise ValueError(f"space.{key!r} has to be a table with choices, or with low and high.")  # noqa: TRY004
    found: dict[str, Any] = dict(entry)  # pyright: ignore[reportUnknownArgumentType]
    for name in found:
        if name not in _SETTING:
            raise ValueError(unknown(f"key in space.{key!r}", name, _SETTING))
    if "choices" in found:
        if len(found) > 1 or not isinstance(found["choices"], list) or not found["choices"]:
            raise ValueError(f"space.{key!r} has choices: a list with something in it, and nothing beside.")
        return Setting(key, choices=tuple(found["choices"]))
    numbers = [found.get(name) for name in ("low", "high")]
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"space.{key!r} needs choices, or low and high as numbers.")
    low, high, step, is_log = found["low"], found["high"], found.get("step", 0), found.get("log", False)
    if not low < high or step < 0 or (is_log and (low <= 0 or step)):
        raise ValueError(f"space.{key!r} has no such range: {found}. Along a logarithm low is above 0, without steps.")
    is_whole = all(type(number) is int for number in (low, high, step))
    return Setting(key, (), float(low), float(high), float(step), is_whole=is_whole, is_log=is_log)


def _is_countable(setting: Setting) -> bool:
    return bool(setting.choices) or setting.step > 0 or (setting.is_whole and not setting.is_log)

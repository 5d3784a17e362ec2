"""All recipes of any kind, by name or file: those of the networks in the package, and those of the laboratory.

Which kind a recipe is says its file: one with ``detector`` is for single lesions of films, any other with ``view`` for
films in the laboratory, one with ``patches`` for volumes of CT, any other for the networks in the package. Nothing
heavy is imported.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from hilum.errors import SettingsError
from hilum.models.structure import build
from hilum.registry import unknown

from . import recipe, volume_recipe
from .instances import recipe as instance_recipe
from .instances.recipe import InstanceRecipe
from .lab import recipe as lab_recipe
from .lab.recipe import FilmRecipe
from .recipe import Recipe
from .recipe_files import names_in
from .volume_recipe import VolumeRecipe

AnyRecipe = Recipe | FilmRecipe | VolumeRecipe | InstanceRecipe

FOLDERS: tuple[Traversable, ...] = (
    recipe.FOLDER,
    lab_recipe.FOLDER,
    volume_recipe.FOLDER,
    instance_recipe.FOLDER,
)
"""Where the recipes lie in the package."""


def names() -> tuple[str, ...]:
    """Every recipe that comes with Hilum."""
    return tuple(name for folder in FOLDERS for name in names_in(folder))


def listed() -> Iterator[tuple[str, str]]:
    """Name and a line about every recipe: the first comment of its file."""
    for folder in FOLDERS:
        for name in names_in(folder):
            first = (folder / f"{name}.toml").read_text(encoding="utf-8").split("\n", 1)[0]
            yield name, first.removeprefix("#").strip()


def load(name_or_file: str | Path, changes: Mapping[str, Any] | None = None) -> AnyRecipe:
    """A recipe by its name, or any by its file, with some of its settings changed.

    Parameters
    ----------
    name_or_file : what ends in ``.toml`` is a file
    changes : value by dotted key, such as ``{"optimiser.rate": 1e-4}``

    Raises
    ------
    SettingsError
        There is no such recipe, or it has a key that is not known or of the wrong type, or contradicts itself.
    """
    source, where = _source(name_or_file)
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8"))
        for key, value in (changes or {}).items():
            _set(table, key, value)
        return build(kind_of(table), table)
    except OSError as error:
        raise SettingsError(f"Cannot read the recipe {where}: {error.strerror or error}.") from error
    except ValueError as error:
        raise SettingsError(f"The recipe {where} cannot be used: {error}") from error


def kind_of(table: Mapping[str, Any]) -> type[AnyRecipe]:
    """The type of recipe that a table is."""
    if "detector" in table:
        return InstanceRecipe
    if "view" in table:
        return FilmRecipe
    return VolumeRecipe if "patches" in table else Recipe


def as_table(settings: Any) -> dict[str, Any]:
    """A recipe as a table: what :func:`load` reads, all of it, for logs and for other programs."""
    made: dict[str, Any] = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            made[item.name] = as_table(value)
        elif isinstance(value, Mapping):
            made[item.name] = dict(cast("Mapping[str, Any]", value))
        elif value is not None:
            made[item.name] = list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
    return made


def changed(settings: AnyRecipe, changes: Mapping[str, Any]) -> AnyRecipe:
    """A recipe with some of its settings changed, by dotted key; ValueError if one is unknown or of the wrong type."""
    table = as_table(settings)
    for key, value in changes.items():
        _set(table, key, value)
    return build(type(settings), table)


def _source(name_or_file: str | Path) -> tuple[Path | Traversable, str]:
    file = Path(name_or_file)
    if file.suffix == ".toml":
        return file, str(file)
    for folder in FOLDERS:
        if str(name_or_file) in names_in(folder):
            return folder / f"{name_or_file}.toml", str(name_or_file)
    raise SettingsError(unknown("recipe", str(name_or_file), names()))


def _set(table: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at a dotted key; tables on the way are made, and an unknown key is found when the recipe is built."""
    *way, last = key.split(".")
    inner: Any = table
    for name in way:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):  # a plain value stands where a table was meant
            raise ValueError(f"{key} is no key of a recipe.")  # noqa: TRY004 - the caller's text, not a type
    inner[last] = deepcopy(value)

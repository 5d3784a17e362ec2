"""Recipes as TOML files: those that come with Hilum, in a folder of the package, and anybody's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from hilum.errors import SettingsError
from hilum.models.structure import build
from hilum.registry import unknown

T = TypeVar("T")


def names_in(folder: Traversable) -> tuple[str, ...]:
    """Names of the recipes in a folder, in order."""
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def load_recipe(kind: type[T], name_or_file: str | Path, folder: Traversable, others: Iterable[str] = ()) -> T:
    """A recipe of a folder by its name, or any by its file.

    Parameters
    ----------
    kind : the recipe's type
    name_or_file : what ends in ``.toml`` is a file
    folder : of the recipes that come with Hilum
    others : further names to tell where the name is unknown

    Raises
    ------
    SettingsError
        There is no such recipe, or it has a key that is not known or of the wrong type, or contradicts itself.
    """
    file, known = Path(name_or_file), names_in(folder)
    if file.suffix == ".toml":
        source, where = file, str(file)
    elif str(name_or_file) in known:
        source, where = folder / f"{name_or_file}.toml", str(name_or_file)
    else:
        raise SettingsError(unknown("recipe", str(name_or_file), (*known, *others)))
    try:
        return build(kind, tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"Cannot read the recipe {where}: {error.strerror or error}.") from error
    except ValueError as error:
        raise SettingsError(f"The recipe {where} cannot be used: {error}") from error

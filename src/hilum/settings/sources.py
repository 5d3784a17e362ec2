"""Where settings come from: defaults < file < environment < flags; and how they are told."""

from __future__ import annotations

import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hilum.errors import SettingsError
from hilum.provenance import Json
from hilum.registry import unknown

from .tables import Settings


def as_json(settings: Any) -> dict[str, Json]:
    """A settings dataclass as a JSON object, tables and all."""
    made: dict[str, Json] = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            made[item.name] = as_json(value)
        else:
            made[item.name] = list(value) if isinstance(value, tuple) else value
    return made


def resolve(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of a run: defaults < file < environment < overrides.

    Parameters
    ----------
    file : a TOML file, None for none
    environment : usually ``os.environ``, which is also what None means
    overrides : dotted keys, such as ``{"output.report": False}``; values of None are left out

    Raises
    ------
    SettingsError
        A key is unknown, a value has the wrong type, or the file is not TOML.
    """
    settings = Settings()
    if file is not None:
        for key, value in _flatten(_load(file)):
            settings = _set(settings, key, value, where=f"in {file}")
    for name, text in sorted((os.environ if environment is None else environment).items()):
        if name.startswith("HILUM_") and name.count("_") >= 2 and not name.startswith("HILUM_TEST_"):
            table, key = name.removeprefix("HILUM_").lower().split("_", 1)
            settings = _set(settings, f"{table}.{key}", parse_value(text), where=f"in the environment variable {name}")
    for key, value in (overrides or {}).items():
        if value is not None:
            settings = _set(settings, key, value, where="on the command line")
    return settings


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the settings file {file}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from error


def _flatten(tables: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in tables.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{key}.")
        else:
            flat.append((f"{prefix}{key}", value))
    return flat


def parse_value(text: str) -> Any:
    """The value that an environment variable or a flag writes as TOML; text that is not TOML stands for itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(settings: Settings, key: str, value: Any, *, where: str) -> Settings:
    table, _, name = key.partition(".")
    known = [f"{t.name}.{f.name}" for t in fields(settings) for f in fields(getattr(settings, t.name))]
    if key not in known:
        raise SettingsError(f"{unknown('setting', key, known)} It was found {where}.")
    part = getattr(settings, table)
    wanted = typing.get_type_hints(type(part))[name]
    if isinstance(value, list):
        value = tuple(value)
    if not _fits(value, wanted):
        raise SettingsError(f"The setting {key} cannot be {value!r} ({where}); expected {_describe(wanted)}.")
    return replace(settings, **{table: replace(part, **{name: value})})


def _fits(value: Any, wanted: Any) -> bool:
    origin = typing.get_origin(wanted)
    if origin is Literal:
        return value in typing.get_args(wanted)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, typing.get_args(wanted)[0]) for item in value)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(wanted))
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted is int:
        return type(value) is int and value >= 0
    return type(value) is wanted


def _describe(wanted: Any) -> str:
    origin = typing.get_origin(wanted)
    if origin is Literal:
        return "one of " + ", ".join(repr(option) for option in typing.get_args(wanted))
    if origin is tuple:
        return f"a list, each item {_describe(typing.get_args(wanted)[0])}"
    if wanted is int:
        return "a whole number, 0 or more"
    return {bool: "true or false", str: "text", float: "a number"}.get(wanted, str(wanted))

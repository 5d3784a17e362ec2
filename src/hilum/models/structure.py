"""Tables of a TOML file as frozen dataclasses: every key known, every value of the declared type."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeVar

from hilum.registry import unknown

T = TypeVar("T")


def build(kind: type[T], table: Any, where: str = "") -> T:
    """A dataclass made from a table, nested dataclasses and all.

    Parameters
    ----------
    kind : a dataclass; its annotations say what the keys are and what they hold
    table : as ``tomllib`` gives it
    where : the table's place in the file, for messages

    Raises
    ------
    ValueError
        A key is unknown (names the nearest) or missing, or a value is not of its type.
    """
    if not isinstance(table, dict):
        raise _misfit(table, "a table", where)
    entries = {item.name: item for item in stored_fields(kind)}
    for key in table:
        if key not in entries:
            raise ValueError(unknown(f"key in {where}" if where else "key", key, entries))
    missing = [name for name, item in entries.items() if name not in table and is_required(item)]
    if missing:
        raise ValueError(f"{', '.join(_join(where, name) for name in missing)} is missing.")
    wanted = typing.get_type_hints(kind)
    return kind(**{key: _convert(value, wanted[key], _join(where, key)) for key, value in table.items()})


def stored_fields(kind: Any) -> tuple[Field[Any], ...]:
    """The fields of a dataclass that stand in its file; those marked ``metadata={"stored": False}`` do not."""
    return tuple(item for item in fields(kind) if item.metadata.get("stored", True))


def is_required(item: Field[Any]) -> bool:
    """Whether a field has no default."""
    return item.default is MISSING and item.default_factory is MISSING


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _convert(value: Any, wanted: Any, where: str) -> Any:
    """``value`` as the type ``wanted``; ValueError if it is none."""
    parts = typing.get_args(wanted)
    if parts:
        return _COMPOSITES[typing.get_origin(wanted)](value, parts, where)
    if is_dataclass(wanted):
        return build(typing.cast("type[Any]", wanted), value, where)
    if issubclass(wanted, Enum):
        return wanted(_as_choice(value, tuple(member.value for member in wanted), where))
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted or (wanted is float and not math.isfinite(value)):
        raise _misfit(value, wanted.__name__, where)
    return value


def _misfit(value: Any, expected: str, where: str) -> ValueError:
    return ValueError(f"{where or 'the file'} cannot be {value!r}; expected {expected}.")


def _as_option(value: Any, options: tuple[Any, ...], where: str) -> Any:
    kinds = [option for option in options if option is not types.NoneType]
    if len(kinds) == 1:  # "or None" is for what a file leaves out: TOML has no word for it
        return _convert(value, kinds[0], where)
    if type(value) not in kinds:
        raise _misfit(value, " or ".join(kind.__name__ for kind in kinds), where)
    return value


def _as_choice(value: Any, choices: tuple[str, ...], where: str) -> str:
    if value not in choices:
        raise ValueError(unknown(f"value of {where}", str(value), choices))
    return value


def _as_tuple(value: Any, parts: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _misfit(value, "a list", where)
    items = typing.cast("list[Any]", value)
    wanted = parts[:1] * len(items) if parts[-1] is Ellipsis else parts
    if len(items) != len(wanted):
        raise _misfit(value, f"{len(wanted)} values", where)
    return tuple(_convert(*each, f"{where}[{i}]") for i, each in enumerate(zip(items, wanted, strict=True)))


def _as_mapping(value: Any, parts: tuple[Any, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _misfit(value, "a table", where)
    table = typing.cast("dict[str, Any]", value)
    return {key: _convert(item, parts[1], _join(where, key)) for key, item in table.items()}


_COMPOSITES: Mapping[Any, Callable[[Any, tuple[Any, ...], str], Any]] = {
    typing.Union: _as_option,
    types.UnionType: _as_option,
    Literal: _as_choice,
    tuple: _as_tuple,
    Mapping: _as_mapping,
}
"""How a value becomes a type that is made of others."""

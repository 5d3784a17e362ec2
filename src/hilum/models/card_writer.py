"""Cards as TOML: the same card gives the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from .card import Card
from .structure import is_required, stored_fields


def write_card(card: Card, path: Path) -> None:
    """Write a card so that :func:`~hilum.models.card.read_card` gives it back; keys in the order of the fields."""
    write_table(card, path)


def write_table(settings: Any, path: Path) -> None:
    """Write a dataclass of settings, which :func:`~hilum.models.structure.build` gives back from the file's table."""
    path.write_text("\n".join(_table(_entries(settings), ())) + "\n", encoding="utf-8", newline="\n")


def as_toml(table: Mapping[str, Any]) -> str:
    """Any table as TOML; lists stand in it as tuples."""
    return "\n".join(_table(table, ())) + "\n"


def _entries(value: Any) -> dict[str, Any]:
    """A mapping, or a dataclass without what may be left out and is absent or empty."""
    if not is_dataclass(value):
        return dict(value)
    entries = [(item, getattr(value, item.name)) for item in stored_fields(value)]
    return {item.name: entry for item, entry in entries if is_required(item) or not _is_empty(entry)}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (Mapping, tuple, str)) and not value)


def _is_table(value: Any) -> bool:
    return is_dataclass(value) or isinstance(value, Mapping)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(_is_table(item) for item in value)


def _table(entries: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: its plain values, then the tables in it, as TOML demands."""
    inner = {key: value for key, value in entries.items() if _is_table(value) or _is_list_of_tables(value)}
    for key, value in entries.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        name = (*place, key)
        dotted = ".".join(_key(part) for part in name)
        for item in value if isinstance(value, tuple) else (value,):
            content = _entries(item)
            if isinstance(value, tuple):
                yield from ("", f"[[{dotted}]]")
            elif not content or not all(_is_table(part) for part in content.values()):
                yield from ("", f"[{dotted}]")
            yield from _table(content, name)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, str):  # JSON's escapes are TOML's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        items = [_value(item) for item in value]
        line = f"[{', '.join(items)}]"
        return line if len(line) <= 100 else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    return repr(value).lower() if isinstance(value, bool) else repr(value)

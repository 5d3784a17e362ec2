"""Names to things, strictly: a clash is an error, and a miss names the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from hilum.errors import UnknownName

T = TypeVar("T")

LISTED = 20
"""Beside the nearest name, so many others are listed at most: more of them would bury it."""


class Registry(Generic[T]):
    """An ordered table of named entries.

    Parameters
    ----------
    kind : what an entry is called in messages, such as ``score``
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str) -> Callable[[T], T]:
        """A decorator that enters what it decorates under ``name``; ValueError if the name is taken."""

        def enter(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"there is a {self._kind} named {name!r} already")
            self._entries[name] = entry
            return entry

        return enter

    def names(self) -> tuple[str, ...]:
        """All names, in the order in which they were added."""
        return tuple(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise UnknownName(unknown(self._kind, name, self._entries))
        return self._entries[name]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest one, and all there are unless these are many."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if near and len(names) > LISTED:
        return f"No {kind} named {name!r}.{hint}"
    return f"No {kind} named {name!r}.{hint} Known: {', '.join(names) or 'none'}."

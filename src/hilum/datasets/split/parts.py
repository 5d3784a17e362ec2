"""A split as a value: which case is in which part, and whether a patient is in more than one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.datasets.schema import Split as Part
from hilum.errors import SettingsError
from hilum.wording import counted

FOLD = "fold-"
"""What the names of folds begin with; the number that follows counts from 0."""

_NAMED: tuple[Part, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Divided:
    """A patient with cases in more than one part: what the figures of those parts are not to be trusted for.

    Attributes
    ----------
    person : ``source/patient``
    parts : names of the parts
    """

    person: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Which case is in which part.

    Attributes
    ----------
    parts : name of a part to the names of its cases; the parts are ``train``, ``val`` and ``test``, or folds
        (``fold-0`` and so on, each the part that is held out in its turn)
    made : how it was made, such as the seed; empty of a split that somebody else made
    rest : name and size of a part whose cases the file does not name: all that are in no other; None if there is none

    Raises
    ------
    ValueError
        A case is in two parts, or twice in one.
    """

    parts: Mapping[str, tuple[str, ...]]
    made: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rest: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        twice = sorted(
            name for name, count in Counter(n for part in self.parts.values() for n in part).items() if count > 1
        )
        if twice:
            raise ValueError(f"in more than one part, or twice in one: {', '.join(twice[:5])}")

    @property
    def has_folds(self) -> bool:
        """Its parts are folds, and not train, val and test."""
        return all(name.startswith(FOLD) for name in self.parts)

    @classmethod
    def stated(cls, table: CaseTable) -> Split:
        """The split that the sources themselves state, in the column ``split``.

        Raises
        ------
        SettingsError
            They state none.
        """
        parts = {name: tuple(case.key for case in table if case.split == name) for name in _NAMED}
        if not any(parts.values()):
            raise SettingsError("No source of these cases states a split.")
        return cls(parts, {"stated_by": sorted({case.source for case in table if case.split})})

    def matched(self, table: CaseTable) -> Split:
        """The same split, its cases named ``source/case`` as in the table.

        A name in a split of somebody else's may be the key of a case, its name, the name of its image file with or
        without the ending, or that name after the folder of its data set (``dataset/file.png``).

        Raises
        ------
        SettingsError
            A name fits no case of the table, or more than one, or the table has not the size that the split states.
        """
        known = _aliases(table)
        parts = {part: tuple(_only(name, known) for name in names) for part, names in self.parts.items()}
        if self.rest:
            part, size = self.rest
            named = {key for keys in parts.values() for key in keys}
            parts[part] = tuple(case.key for case in table if case.key not in named)
            if len(parts[part]) != size:
                raise SettingsError(
                    f"The split states {counted(size, 'case')} in {part} without naming them, and the table has "
                    f"{counted(len(parts[part]), 'case')} in no other part: it was not made of this table."
                )
        return replace(self, parts=parts, rest=None)

    def divided(self, table: CaseTable) -> tuple[Divided, ...]:
        """The patients whose cases are in more than one part; the split has to be :meth:`matched`."""
        part_of = {name: part for part, names in self.parts.items() for name in names}
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for case in table:
            if case.key in part_of:
                found[case.person][part_of[case.key]] = None
        return tuple(Divided(person, tuple(parts)) for person, parts in found.items() if len(parts) > 1)

    def applied(self, table: CaseTable, fold: int | None = None) -> CaseTable:
        """The table with its column ``split`` filled from this split, which has to be :meth:`matched`.

        Parameters
        ----------
        table : the cases; those that are in no part come out with an empty ``split``
        fold : of a split into folds, the one that becomes ``val``; all others become ``train``

        Raises
        ------
        SettingsError
            The split has folds and none was named, or has no such fold.
        """
        part_of = {key: name for name, keys in self._named(fold).items() for key in keys}
        return CaseTable(tuple(replace(case, split=part_of.get(case.key, "")) for case in table))

    def turns(self) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Of a split into folds: what is trained on and what is held out, fold by fold."""
        for held_out, names in self.parts.items():
            others = (other for part, others in self.parts.items() if part != held_out for other in others)
            yield tuple(others), names

    def _named(self, fold: int | None) -> dict[Part, tuple[str, ...]]:
        if not self.has_folds:
            return {name: self.parts[name] for name in _NAMED if name in self.parts}
        if fold is None or not 0 <= fold < len(self.parts):
            raise SettingsError(f"This split has folds: name one of 0 to {len(self.parts) - 1}.")
        train, held_out = list(self.turns())[fold]
        return {"train": train, "val": held_out}


def _aliases(table: CaseTable) -> dict[str, dict[str, None]]:
    """Every name that a case may go by, to the keys of the cases that do."""
    known: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for case in table:
        for name in _names(case):
            known[name][case.key] = None
    for case in table:
        known[case.key] = {case.key: None}
    return known


def _names(case: DatasetCase) -> Iterator[str]:
    file: Path = case.image[0] if isinstance(case.image, tuple) else case.image
    yield from (case.case, file.name, file.name.split(".")[0])
    yield from (f"{folder.name}/{file.name}" for folder in file.parents[:2])


def _only(name: str, known: Mapping[str, Mapping[str, None]]) -> str:
    keys = list(known.get(name, ()))
    if len(keys) == 1:
        return keys[0]
    if keys:
        raise SettingsError(f"{name!r} of the split fits more than one case: {', '.join(keys[:5])}.")
    raise SettingsError(f"{name!r} of the split is no case of the table, by its name or by that of its image file.")

"""How other tools number and name lungs, lobes and lesions: shipped mappings, and a user's own in the same form."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from hilum.errors import SettingsError
from hilum.image import LESIONS, LOBES, LUNGS, Label
from hilum.registry import unknown

Role = Literal["lungs", "lesions", "lobes"]
"""What a mask is of."""

LABELS: Mapping[str, Mapping[int, Label]] = MappingProxyType({"lungs": LUNGS, "lesions": LESIONS, "lobes": LOBES})
"""Our labels by role."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a tool calls one structure.

    Attributes
    ----------
    numbers : its numbers in a file of labels
    names : its names: of segments in a file that states them, in upper or lower case, or of files in a folder
    """

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """The labels of one tool.

    Attributes
    ----------
    name : as it is asked for, such as ``totalsegmentator``
    title : the tool, its version and task
    source : where the numbers were read
    knows_others : the tool's files hold other organs too, which are left out; else unknown numbers are an error
    is_one_mask : both lungs are one structure, as which they are read, and are still to be told apart
    roles : by role, our structures by name
    """

    name: str
    title: str
    source: str
    knows_others: bool
    roles: Mapping[str, Mapping[str, Names]]
    is_one_mask: bool = False

    def of(self, role: Role) -> Mapping[str, Names]:
        """The structures of a role; SettingsError if the tool has none."""
        found = self.roles.get(role)
        if not found:
            raise SettingsError(f"The label mapping {self.name!r} says nothing of {role}, only of {self._known()}.")
        return found

    def _known(self) -> str:
        return " and ".join(self.roles) or "nothing"


def shipped() -> tuple[str, ...]:
    """Names of the mappings in the package."""
    folder = files("hilum.readers") / "label_maps"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def label_mapping(name: str) -> LabelMapping:
    """A shipped mapping by its name, or a user's own by the path of its TOML file.

    Raises
    ------
    SettingsError
        There is none of that name, or the file is none.
    """
    if name in shipped():
        text = (files("hilum.readers") / "label_maps" / f"{name}.toml").read_text(encoding="utf-8")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"Cannot read the label mapping {name!r}: {error}.") from error
    else:
        raise SettingsError(f"{unknown('label mapping', name, shipped())} A file of your own ends in .toml.")
    try:
        return _mapping(name, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"The label mapping {name!r} is not of the form of the shipped ones: {error}.") from error


def _mapping(name: str, table: dict[str, Any]) -> LabelMapping:
    strange = sorted(set(table) - {"title", "source", "knows_others", "is_one_mask", *LABELS})
    if strange:
        raise ValueError(f"it has the keys {', '.join(strange)}")
    roles = {role: _structures(role, table[role]) for role in LABELS if role in table}
    title, source = str(table.get("title", name)), str(table.get("source", ""))
    knows_others, is_one_mask = (bool(table.get(key, False)) for key in ("knows_others", "is_one_mask"))
    return LabelMapping(name, title, source, knows_others, roles, is_one_mask)


def _structures(role: str, table: dict[str, dict[str, Any]]) -> Mapping[str, Names]:
    known = [label.name for label in LABELS[role].values()]
    made: dict[str, Names] = {}
    for structure, entry in table.items():
        if structure not in known:
            raise ValueError(unknown("structure", structure, known))
        if strange := sorted(set(entry) - {"numbers", "names"}):
            raise ValueError(f"{structure} has the keys {', '.join(strange)}")
        numbers = tuple(entry.get("numbers", ()))
        if not all(type(number) is int and number > 0 for number in numbers):
            raise ValueError(f"the numbers of {structure} are {numbers}")
        made[structure] = Names(numbers, tuple(str(each) for each in entry.get("names", ())))
    return made

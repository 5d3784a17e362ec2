"""Which networks there are: those in the package, and those in folders that the user names.

``HILUM_MODELS`` holds folders, separated as in ``PATH``: each is a network's own folder, or holds such folders.
The name of a network is the name of its folder. Nothing is imported or opened to list them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from hilum.errors import CorruptModel, ModelError, SettingsError, UnknownModel
from hilum.provenance import hash_file
from hilum.registry import unknown

from .card import CARD, Card, Task, read_card

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the networks in the package."""

DEFAULTS: Mapping[Task, str] = MappingProxyType(
    {
        "cxr-lungs": "cxr-lungs",
        "cxr-lesions": "cxr-lesions",
        "ct-lungs": "ct-lungs",
        "ct-lesions": "ct-lesions",
    }
)
"""The network that a task takes unless another is asked for."""

VARIABLE = "HILUM_MODELS"
"""Environment variable with the user's folders."""


def names() -> tuple[str, ...]:
    """Names of all networks, those in the package first.

    Raises
    ------
    SettingsError
        ``HILUM_MODELS`` names something that is not a folder.
    ModelError
        Two networks have one name.
    """
    return tuple(_folders())


def card(name: str) -> Card:
    """The card of a network.

    Raises
    ------
    UnknownModel
        There is none of that name.
    ModelError
        Its card cannot be used, or names another network.
    """
    folders = _folders()
    if name not in folders:
        raise UnknownModel(unknown("model", name, folders))
    made = read_card(folders[name] / CARD)
    if made.name != name:
        raise ModelError(f"The card in {folders[name]} names the model {made.name!r}. Name the folder like the model.")
    return made


def default_for(task: Task) -> str:
    """The name of the network that a task takes unless another is asked for; ValueError if there is no such task."""
    if task not in DEFAULTS:
        raise ValueError(unknown("task", task, DEFAULTS))
    return DEFAULTS[task]


def verified_weights(card: Card) -> Path:
    """The weights of a network, once their hash is known to be the card's; a file is hashed once a process.

    Raises
    ------
    CorruptModel
        They are missing, or not the ones that the card describes.
    """
    try:
        state = card.weights.stat()
        found = _hash(card.weights, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise CorruptModel(
            f"Cannot read the weights of {card.name} at {card.weights}: {error.strerror or error}. "
            f"Install the model, or Hilum, again."
        ) from error
    if found != card.sha256:
        raise CorruptModel(
            f"The weights of {card.name} at {card.weights} are not the ones on its card: their SHA-256 is "
            f"{found[:12]}..., and the card's {card.sha256[:12]}.... Install the model, or Hilum, again."
        )
    return card.weights


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - a changed file is another file
    return hash_file(path)


def _folders() -> dict[str, Path]:
    """Name to folder, the package's first."""
    found: dict[str, Path] = {}
    for folder in (*_networks_in(SHIPPED), *_users()):
        other = found.setdefault(folder.name, folder)
        if other.resolve() != folder.resolve():
            raise ModelError(f"Two models are named {folder.name!r}: {other} and {folder}. Rename one of the folders.")
    return found


def _users() -> Iterator[Path]:
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise SettingsError(f"The environment variable {VARIABLE} names {text!r}, which is not a folder.")
        yield from _networks_in(folder)


def _networks_in(folder: Path) -> list[Path]:
    """The folder itself if it is a network's, else the networks' folders in it, by name."""
    if (folder / CARD).is_file():
        return [folder.resolve()]
    return sorted(path.parent for path in folder.glob(f"*/{CARD}"))

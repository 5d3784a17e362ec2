"""Weights of networks in files: read without running what they hold, and put into the network that they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from hilum.errors import ModelMismatch, ReadError
from hilum.wording import counted, noun

_UNREADABLE = (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError)
"""What torch raises for files that are damaged, or none of its own: any bytes may be words of a pickle."""

MOST_NAMED = 5
"""Tensors that a message names at most."""


def read_checkpoint(file: Path) -> dict[str, Any]:
    """The checkpoint of a training that was begun on this machine; it may hold objects, so no other is to be opened.

    Raises
    ------
    ReadError
        The file cannot be read.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=False)
    except _UNREADABLE as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ReadError(
            f"Cannot go on with the training of {str(file)!r}: {reason.rstrip('.')}. The checkpoint is damaged; remove "
            "it to begin anew, or give another output folder.",
            path=file,
        ) from error


def read_state_dict(file: Path) -> dict[str, Tensor]:
    """Tensors by name; a table ``state_dict`` about them and the prefix ``module.`` are taken off.

    Only tensors are read: a file that would run code when it is opened is refused.

    Raises
    ------
    ModelMismatch
        The file cannot be read, or holds anything but tensors by name.
    """
    try:
        held: Any = torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ModelMismatch(
            f"Cannot read {file} as a state dict: {reason.rstrip('.')}. Expected tensors by name, as "
            "torch.save(network.state_dict()) writes them; whole pickled networks are not opened: that would run code."
        ) from error
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not (isinstance(held, dict) and held and all(isinstance(each, Tensor) for each in held.values())):
        raise ModelMismatch(f"{file} holds no state dict: tensors by name are expected.")
    return {str(name).removeprefix("module."): tensor for name, tensor in held.items()}


def load_weights(network: nn.Module, file: Path) -> None:
    """Put the weights of a training into its network.

    Raises
    ------
    ModelMismatch
        The file cannot be read, or holds the weights of another network.
    """
    state = read_state_dict(file)
    if told := differences(state, network.state_dict()):
        raise ModelMismatch(
            f"The weights {file} are not of this network. {told}. Give the weights that the training of this recipe "
            "wrote."
        )
    network.load_state_dict(state)


def differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What keeps tensors from being those that are wanted, in sentences without a full stop; empty if nothing does."""
    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    wrong = [
        f"{key} {tuple(found[key].shape)} where {tuple(wanted[key].shape)} is expected"
        for key in wanted
        if key in found and found[key].shape != wanted[key].shape
    ]
    of_all = f"of {len(wanted)} tensors"
    parts = (
        (f"{len(missing)} {of_all} are missing", missing),
        (f"{len(wrong)} {of_all} have another shape", wrong),
        (f"{counted(len(unexpected), 'tensor')} {noun(len(unexpected), 'is', 'are')} unexpected", unexpected),
    )
    return ". ".join(f"{what}: {_named(keys)}" for what, keys in parts if keys)


def _named(keys: Sequence[str]) -> str:
    rest = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return f"{', '.join(keys[:MOST_NAMED])}{rest}"

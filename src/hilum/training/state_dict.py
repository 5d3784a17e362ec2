"""Weights of networks in files: read without running what they hold, and put into the network that they are of."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from hilum.errors import ModelMismatch, ReadError

_UNREADABLE = (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError)
"""What torch raises for files that are damaged, or none of its own."""


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
            f"Cannot go on with the training of {str(file)!r}: {reason}. The checkpoint is damaged; remove it to begin "
            "anew, or give another output folder.",
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
            f"Cannot read {file} as a state dict: {reason} Expected tensors by name, as "
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
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        told = str(error).strip().splitlines()
        raise ModelMismatch(
            f"The weights {file} are not of this network: {' '.join(line.strip() for line in told[1:3])} Give the "
            "weights that the training of this recipe wrote."
        ) from error

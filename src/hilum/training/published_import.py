"""A published state dict as a network for the catalogue: ``card.toml``, ``weights.onnx``, ``LICENSE``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hilum.image import Quantity
from hilum.models.card import Card, ImageInput, Output, TrainingData
from hilum.models.structure import build
from hilum.provenance import hash_file

from .export import UNKNOWN_HASH, Probabilities, assemble
from .published import load_published
from .published_networks import PublishedNetwork, published

HALF = 0.5
"""Threshold of masks and of the head, as published."""


@dataclass(frozen=True, slots=True)
class PublishedTexts:
    """What the card of a stage says that no computation gives."""

    title: str
    licence: str
    licence_text: str
    intended_use: str
    limits: tuple[str, ...]
    training_data: tuple[TrainingData, ...]


class _AsTuple(nn.Module):
    """Gives a tuple whether the network has one output or two."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """Raw numbers of every output."""
        made = self.network(film)
        return made if isinstance(made, tuple) else (made,)


def import_published(file: Path, name: str, output: Path | None = None) -> Card:
    """A published network's folder, made of its state dict and checked against torch in both engines.

    Parameters
    ----------
    file : a state dict as ``torch.save`` writes it
    name : such as ``two-stage/lungs/DeepLabV3+``
    output : the folder, named like the model; replaced as a whole when the import is right. None takes a name made of
        the network's, in the current folder

    Raises
    ------
    UnknownModel
        There is no published network of that name.
    ModelMismatch
        The file is no state dict, or not one of that network.
    ModelError
        The exported network does not give what torch gives.
    """
    which = published(name)
    network = load_published(file, name).eval()
    folder = output or Path(which.folder)
    texts = texts_of(which)
    card = _card(which, texts, folder.name, version=f"imported-{hash_file(file)[:12]}")
    whole = Probabilities(_AsTuple(network), card.outputs).eval()
    return assemble(card, whole, (_example(which),), folder, licence_text=texts.licence_text.lstrip())


def texts_of(which: PublishedNetwork) -> PublishedTexts:
    """The texts of a stage's card."""
    source = files("hilum.training") / "cards" / f"two-stage-{which.stage}.toml"
    return build(PublishedTexts, tomllib.loads(source.read_text(encoding="utf-8")))


def _card(which: PublishedNetwork, texts: PublishedTexts, name: str, *, version: str) -> Card:
    of_lungs = which.stage == "lungs"
    map_shape = ("batch", 1, which.size_px, which.size_px)
    outputs = {which.stage: Output(map_shape, "sigmoid", ("lung" if of_lungs else "opacity",))}
    if not of_lungs:
        meaning = "Whether there is any opacity of the lungs."
        outputs["disease"] = Output(("batch", 1), "sigmoid", ("disease",), meaning=meaning)
    return Card(
        name=name,
        version=version,
        task="cxr-lungs" if of_lungs else "cxr-lesions",
        title=f"{texts.title}: {which.architecture}",
        sha256=UNKNOWN_HASH,
        licence=texts.licence,
        recipe=which.name,
        intended_use=texts.intended_use,
        limits=texts.limits,
        input=input_of(which),
        outputs=outputs,
        thresholds={} if of_lungs else {"disease": HALF, "six-zone": which.six_zone},
        training_data=texts.training_data,
    )


def input_of(which: PublishedNetwork) -> ImageInput:
    """What the network looks at: the film, or the lungs' box, stretched to a square, in the encoder's colours."""
    mean, std = which.colours
    return ImageInput(
        "film",
        ("batch", 3, which.size_px, which.size_px),
        Quantity.RADIOGRAPH,
        (which.size_px, which.size_px),
        mean=mean,
        std=std,
        window_grey=(0.0, 255.0),
        region="image" if which.stage == "lungs" else "lungs-only",
        fit="stretch",
    )


def _example(which: PublishedNetwork) -> Tensor:
    """Two smooth patterns in the encoder's colours."""
    mean, std = (torch.tensor(each)[:, None, None] for each in which.colours)
    coarse = torch.from_numpy(np.random.default_rng(7).random((2, 1, 12, 12), dtype=np.float32))
    size = (which.size_px, which.size_px)
    film = nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return (film - mean) / std

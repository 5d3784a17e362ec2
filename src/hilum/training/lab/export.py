"""The weights of a training of the laboratory on films as a network for the catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hilum.models.card import Card, Output
from hilum.training.export import UNKNOWN_HASH, Probabilities, about_of, assemble
from hilum.training.state_dict import load_weights

from .network import MaskNetwork
from .recipe import FilmRecipe

HALF = 0.5
"""Threshold of masks, of the second output and of the share of a zone, until others are chosen."""


def export(recipe: FilmRecipe, weights: Path, output: Path, *, steps: int | None = None) -> Card:
    """A network's folder for the catalogue: ``card.toml``, ``weights.onnx``, ``LICENSE``.

    Parameters
    ----------
    recipe : that made the weights
    weights : written by :func:`hilum.training.any_run.train`
    output : the folder, named like the model; replaced as a whole when the export is right
    steps : of training that the weights have seen, if they are known

    Raises
    ------
    ModelError
        The exported network does not give what torch gives.
    """
    network = MaskNetwork(recipe, begin=False).eval()
    load_weights(network, weights)
    about = about_of("laboratory")
    size = recipe.view.size_px
    outputs = {recipe.output: Output(("batch", 1, size, size), "sigmoid", (recipe.structure,))}
    if recipe.network.classification:
        name = "disease" if recipe.task == "cxr-lesions" else "presence"
        meaning = f"Whether there is any {recipe.structure}."
        outputs[name] = Output(("batch", 1), "sigmoid", (name,), meaning=meaning)
    card = Card(
        name=output.name,
        version=about.version,
        task=recipe.task,
        title=f"{about.title}: {recipe.network.title}",
        sha256=UNKNOWN_HASH,
        licence=about.licence,
        recipe=recipe.name,
        intended_use=about.intended_use,
        limits=about.limits,
        input=recipe.input,
        outputs=outputs,
        thresholds={} if recipe.task == "cxr-lungs" else {"disease": HALF, "six-zone": HALF},
        steps=steps,
    )
    whole = Probabilities(network, outputs).eval()
    return assemble(card, whole, (example(recipe),), output, licence_text=about.licence_text)


def example(recipe: FilmRecipe) -> Tensor:
    """Two smooth patterns in the encoder's colours."""
    mean, std = (torch.tensor(each)[:, None, None] for each in recipe.colours)
    coarse = torch.from_numpy(np.random.default_rng(7).random((2, 1, 12, 12), dtype=np.float32))
    film = nn.functional.interpolate(coarse, size=recipe.input.size_px, mode="bicubic").clamp(0, 1)
    return (film - mean) / std

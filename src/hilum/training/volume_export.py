"""The weights of a training on volumes as a network for the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hilum.models.card import Card, Output

from .export import UNKNOWN_HASH, Probabilities, about_of, assemble
from .networks_3d import network_of
from .state_dict import load_weights
from .volume_recipe import VolumeRecipe

THRESHOLD = 0.5
"""From this probability on there is a lesion, as published."""


def export(recipe: VolumeRecipe, weights: Path, output: Path, *, steps: int | None = None) -> Card:
    """A network's folder for the catalogue: ``card.toml``, ``weights.onnx``, ``LICENSE``.

    Parameters
    ----------
    recipe : that made the weights
    weights : written by :func:`hilum.training.volume_run.train`
    output : the folder, named like the model; replaced as a whole when the export is right
    steps : of training that the weights have seen; None for those of the recipe

    Raises
    ------
    ModelError
        The exported network does not give what torch gives.
    """
    network = network_of(recipe).eval()
    load_weights(network, weights)
    card = replace(_card(recipe, output.name), steps=steps or recipe.length.steps or None)
    whole = Probabilities(network, card.outputs).eval()
    about = about_of("volumes")
    return assemble(card, whole, (example(recipe),), output, licence_text=about.licence_text)


def example(recipe: VolumeRecipe) -> Tensor:
    """Smooth blocks of the right shape: one, or two where any number may be given."""
    count = 1 if recipe.input.shape[0] == 1 else 2
    rng = np.random.default_rng(7)
    coarse = torch.from_numpy(rng.random((count, 1, *[5] * len(recipe.block_shape)), dtype=np.float32))
    mode = "trilinear" if len(recipe.block_shape) == 3 else "bilinear"
    return torch.nn.functional.interpolate(coarse, size=recipe.block_shape, mode=mode)


def _card(recipe: VolumeRecipe, name: str) -> Card:
    about, entry = about_of("volumes"), recipe.input
    shape = (entry.shape[0], len(recipe.channels), *recipe.block_shape)
    activation = "sigmoid" if len(recipe.channels) == 1 else "softmax"
    return Card(
        name=name,
        version=about.version,
        task=recipe.task,
        title=about.title,
        sha256=UNKNOWN_HASH,
        licence=about.licence,
        recipe=recipe.name,
        intended_use=about.intended_use,
        limits=about.limits,
        input=entry,
        outputs={"lesions": Output(shape, activation, recipe.channels)},
        thresholds={"opacity": THRESHOLD},
    )

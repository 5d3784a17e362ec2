"""A training recipe: one TOML file that says everything needed to make a network again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hilum.models.card import Task

from . import volume_recipe
from .recipe_files import load_recipe, names_in


@dataclass(frozen=True, slots=True)
class Augment:
    """How far pictures are changed before the network sees them.

    Attributes
    ----------
    scale, aspect, rotation_degrees, shift : largest change: factor, factor, degrees, share of the window's side
    flip : probability of a mirror image; sides and zones are exchanged with it
    intensity : 0 to 1, strength of changes of contrast, gamma, blur, noise, shading
    inverted, turned : probability of a negative, and of a quarter or half turn, told to the network as such; on CT
        ``turned`` is that of a slice whose front is below
    inserted : probability that opacities are put into the lungs; CT only
    close : how often the lung network of CT is shown a slice cut out about the lungs: its second look, and pictures
        of publications
    equalised : probability that a slice in Hounsfield units is made noisy and equalised, as many outlined slices are;
        CT only
    """

    scale: float = 1.2
    aspect: float = 1.12
    rotation_degrees: float = 10.0
    shift: float = 0.06
    flip: float = 0.5
    intensity: float = 1.0
    inverted: float = 0.0
    turned: float = 0.0
    inserted: float = 0.0
    close: float = 0.0
    equalised: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything about one training.

    Attributes
    ----------
    name : of the recipe
    task : as on the card of a network, such as ``cxr-lungs``
    architecture, encoder : as in segmentation-models-pytorch
    size_px : side of the network's square input
    steps, batch : length of the training
    learning_rate, weight_decay : of AdamW; the rate warms up over a twentieth of the steps and falls by a cosine
    average : decay of the exponential moving average of the weights, which is what is kept
    precision : ``32-true`` or ``bf16-mixed``
    seed : of everything drawn
    mix : share of the batch by kind, see :mod:`hilum.training.films` and :mod:`hilum.training.slices`
    losses : weight by name, see :mod:`hilum.training.task`
    start_from : name of the recipe whose weights this one refines; empty for ImageNet weights
    lungs : where stage II takes its lung masks from: the ``reference``, or the shipped lung ``network``
    """

    name: str
    task: Task
    architecture: str
    encoder: str
    size_px: int
    steps: int
    batch: int
    learning_rate: float
    mix: Mapping[str, float]
    losses: Mapping[str, float]
    weight_decay: float = 0.01
    average: float = 0.995
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    seed: int = 0
    start_from: str = ""
    lungs: Literal["reference", "network"] = "network"
    augment: Augment = field(default_factory=Augment)


FOLDER = files("hilum.training") / "recipes"
"""Where they lie in the package."""


def names() -> tuple[str, ...]:
    """The recipes that come with Hilum."""
    return names_in(FOLDER)


def load(name_or_file: str | Path) -> Recipe:
    """A shipped recipe by its name, or any by its file.

    Raises
    ------
    SettingsError
        There is no such recipe, or it has a key that is not known or of the wrong type.
    """
    return load_recipe(Recipe, name_or_file, FOLDER, volume_recipe.names())

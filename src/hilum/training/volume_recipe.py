"""A recipe for a network that goes over CT volumes block by block; see :mod:`hilum.training.volume_run`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hilum.image import Quantity
from hilum.models.card import ImageInput, Patches, Task

from .architectures import ARCHITECTURES
from .parts import Length, LossSettings, NetworkSettings, Optimiser, Schedule
from .recipe_files import load_recipe, names_in


@dataclass(frozen=True, slots=True)
class VolumeAugment:
    """How blocks are changed before the network sees them.

    Attributes
    ----------
    probability : of each change
    flips : axes of which mirror images are shown; sides are exchanged with that of the columns
    scale : least and largest factor of size
    rotation_degrees : largest turn about each axis
    elastic : largest displacement before smoothing, in voxels; 0 for none
    shift : largest shift along one axis, as a share of the block
    blur_px : largest standard deviation of a Gaussian blur
    brightness, contrast, gamma : least and largest factor, exponent for the last; (1, 1) for none
    noise : largest standard deviation of noise
    """

    probability: float = 0.2
    flips: tuple[Literal["slices", "rows", "columns"], ...] = ()
    scale: tuple[float, float] = (1.0, 1.0)
    rotation_degrees: float = 0.0
    elastic: float = 0.0
    shift: float = 0.0
    blur_px: float = 0.0
    brightness: tuple[float, float] = (1.0, 1.0)
    contrast: tuple[float, float] = (1.0, 1.0)
    gamma: tuple[float, float] = (1.0, 1.0)
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class VolumeRecipe:
    """Everything about one training on volumes.

    Attributes
    ----------
    name : of the recipe
    task : as on the card of a network
    classes : channels: ``opacity`` alone (sigmoid), or none, left and right lung and infection (softmax)
    network, optimiser, schedule, length : see :mod:`hilum.training.parts`
    patches : blocks, their voxels and their scale, as on the card
    region, margin : as on the card
    losses : weight by name, see :data:`hilum.training.loss_functions.LOSSES`
    loss_settings : numbers of losses that have them
    window_hu, window_percentiles : as on the card
    sampling : a block is at a random place (``patch-crop``), one of a grid in turn (``patch-grid``), or the middle of
        the volume (``full-image``), for blocks as large as that
    with_lesions : share of the blocks at random places that are drawn about a voxel of a lesion
    skip_blank : blocks of the grid without lung are left out
    augment : changes
    precision : of the arithmetic
    seed : of everything drawn
    """

    name: str
    task: Task
    classes: Literal["opacity", "lungs-and-infection"]
    network: NetworkSettings
    patches: Patches
    losses: Mapping[str, float]
    length: Length
    region: Literal["image", "lungs"] = "image"
    margin: float = 0.0
    window_hu: tuple[float, float] | None = None
    window_percentiles: tuple[float, float] = (0.0, 100.0)
    sampling: Literal["patch-crop", "patch-grid", "full-image"] = "patch-crop"
    with_lesions: float = 0.0
    skip_blank: bool = False
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    loss_settings: LossSettings = field(default_factory=LossSettings)
    augment: VolumeAugment = field(default_factory=VolumeAugment)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0

    @property
    def block_shape(self) -> tuple[int, ...]:
        """What the network sees: (slices, rows, columns), or (rows, columns) of a block of one slice."""
        return self.patches.size if self.patches.size[0] > 1 else self.patches.size[1:]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what the network gives, in its order."""
        return CHANNELS[self.classes]

    @property
    def input(self) -> ImageInput:
        """The network's input, as on its card."""
        return ImageInput(
            "volume",
            (1 if self.patches.size[0] > 1 else "batch", 1, *self.block_shape),
            Quantity.HOUNSFIELD,
            self.patches.size[1:],
            mean=(0.0,),
            std=(1.0,),
            window_percentiles=self.window_percentiles,
            window_hu=self.window_hu,
            region=self.region,
            margin=self.margin,
            patches=self.patches,
        )

    def __post_init__(self) -> None:
        entry, dimensions = ARCHITECTURES[self.network.architecture], len(self.block_shape)
        if dimensions not in entry.dimensions:
            raise ValueError(f"{entry.title} is not for blocks of {dimensions} dimensions.")
        if self.network.classification:
            raise ValueError("network.classification is for films.")
        self.network.require_fit(self.block_shape)
        if not self.losses:
            raise ValueError("losses is empty.")
        for name in self.losses:
            if name in OF_ONE_CHANNEL and self.classes != "opacity":
                raise ValueError(f"the loss {name} is for the classes 'opacity'.")


CHANNELS: Mapping[str, tuple[str, ...]] = {
    "opacity": ("opacity",),
    "lungs-and-infection": ("none", "left-lung", "right-lung", "infection"),
}
"""Channels of a network by ``classes``; the order of the second is that of the published masks."""

OF_ONE_CHANNEL = ("bce", "dice-within-lungs")
"""Losses that a network of several channels cannot have."""


FOLDER = files("hilum.training") / "volume_recipes"
"""Where they lie in the package."""


def names() -> tuple[str, ...]:
    """The recipes for volumes that come with Hilum."""
    return names_in(FOLDER)


def is_one(name_or_file: str | Path) -> bool:
    """Whether this is a recipe for volumes: a shipped one by its name, or a TOML file with a table of patches."""
    if str(name_or_file) in names():
        return True
    file = Path(name_or_file)
    try:
        return file.suffix == ".toml" and "patches" in tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # whoever loads it says what is wrong


def load(name_or_file: str | Path) -> VolumeRecipe:
    """A shipped recipe by its name, or any by its file.

    Raises
    ------
    SettingsError
        There is no such recipe, or it has a key that is not known or of the wrong type, or contradicts itself.
    """
    return load_recipe(VolumeRecipe, name_or_file, FOLDER)

"""A recipe of the laboratory for films: one mask on the whole film or about its lungs, with any network and loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

from hilum.image import Quantity
from hilum.models.card import ImageInput
from hilum.training.parts import Length, LossSettings, NetworkSettings, Optimiser, Schedule
from hilum.training.volume_recipe import VolumeAugment

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue, 0 to 1: what encoders of ImageNet were trained with."""

DPN_MEAN, DPN_STD = (124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3
"""The same, of dual path networks."""

FOLDER = files("hilum.training.lab") / "recipes"
"""Where the recipes lie in the package."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a film the network sees, and how.

    Attributes
    ----------
    size_px : side of the square input
    region : the whole ``image``; the box about its ``lungs``; that box, black outside of them (``lungs-only``); the
        whole image, black outside of them (``masked``); or a box about each lung (``each-lung``), two samples a film
    margin : added to the region on each side, as a share of its larger side
    fit : ``stretch`` changes the aspect ratio, ``pad`` keeps it
    window_grey : stored values of films of eight bits that become 0 and 1
    window_percentiles : the same, of the region's own values, of films of more bits or where no values are given
    lungs : where they are taken from where the region needs them: the masks of the cases, the shipped ``network``, or
        that of cases without a mask (``either``)
    """

    size_px: int
    region: Literal["image", "lungs", "lungs-only", "masked", "each-lung"] = "image"
    margin: float = 0.0
    fit: Literal["stretch", "pad"] = "pad"
    window_grey: tuple[float, float] | None = None
    window_percentiles: tuple[float, float] = (1.0, 99.0)
    lungs: Literal["reference", "network", "either"] = "either"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which part of the view a sample is.

    Attributes
    ----------
    mode : the ``full-image``; a patch at a random place (``patch-crop``); or every patch of a grid in turn
        (``patch-grid``)
    patch_px : side of a patch
    overlap_px : of the grid
    balanced : share of random patches that are drawn about a pixel of the structure
    skip_blank : patches of the grid without the structure are left out
    """

    mode: Literal["full-image", "patch-crop", "patch-grid"] = "full-image"
    patch_px: int = 0
    overlap_px: int = 0
    balanced: float = 0.0
    skip_blank: bool = False


@dataclass(frozen=True, slots=True)
class FilmAugment:
    """How films are changed before the network sees them: the list of covid_scoring, each with its probability.

    Attributes
    ----------
    clahe : local contrast is stretched
    crop, crop_from : a square part is enlarged; least and largest side, as a share
    rotate, rotation_degrees : a turn, and the largest
    flip : a mirror image
    grey, brightness, contrast : both are changed, by shares of up to as much
    """

    clahe: float = 0.0
    crop: float = 0.0
    crop_from: tuple[float, float] = (0.7, 0.9)
    rotate: float = 0.0
    rotation_degrees: float = 15.0
    flip: float = 0.0
    grey: float = 0.0
    brightness: float = 0.2
    contrast: float = 0.2


@dataclass(frozen=True, slots=True)
class Presence:
    """The loss of the second output: whether there is anything.

    Attributes
    ----------
    loss : a name of :data:`hilum.training.loss_functions.CLASSIFIER_LOSSES`; empty where there is no second output
    weight, map_weight : of this loss, and of those of the map
    weighting : ``static``, or ``dynamic``: the more of a loss is left, the more it weighs
    alpha : exponent of the latter
    """

    loss: str = ""
    weight: float = 1.0
    map_weight: float = 1.0
    weighting: Literal["static", "dynamic"] = "static"
    alpha: float = 0.05


@dataclass(frozen=True, slots=True)
class FilmRecipe:
    """Everything about one training of the laboratory.

    Attributes
    ----------
    name : of the recipe
    task : as on the card of a network
    view : what the network sees
    network, optimiser, schedule, length : see :mod:`hilum.training.parts`
    losses : weight by name, see :data:`hilum.training.loss_functions.LOSSES`
    loss_settings : numbers of losses that have them
    presence : the loss of a second output
    sampling : which part of the view a sample is
    augment : changes of films
    further : changes as of blocks of CT (the list of MIScnn), in two dimensions
    precision : of the arithmetic
    seed : of everything drawn
    """

    name: str
    task: Literal["cxr-lungs", "cxr-lesions"]
    view: View
    network: NetworkSettings
    losses: Mapping[str, float]
    length: Length
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    loss_settings: LossSettings = field(default_factory=LossSettings)
    presence: Presence = field(default_factory=Presence)
    sampling: Sampling = field(default_factory=Sampling)
    augment: FilmAugment = field(default_factory=FilmAugment)
    further: VolumeAugment = field(default_factory=lambda: VolumeAugment(probability=0.0))
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0

    @property
    def structure(self) -> str:
        """What the mask shows: the channel of the card."""
        return "lung" if self.task == "cxr-lungs" else "opacity"

    @property
    def output(self) -> str:
        """The card's name of the map."""
        return "lungs" if self.task == "cxr-lungs" else "lesions"

    @property
    def in_channels(self) -> int:
        """Three for encoders, which know colours, else one."""
        return 3 if self.network.encoder else 1

    @property
    def sample_px(self) -> int:
        """Side of what the network is given in training."""
        return self.view.size_px if self.sampling.mode == "full-image" else self.sampling.patch_px

    @property
    def colours(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation of each channel, 0 to 1, that the encoder was trained with."""
        if not self.network.encoder:
            return (0.0,), (1.0,)
        return (DPN_MEAN, DPN_STD) if self.network.encoder.startswith("dpn") else (IMAGENET_MEAN, IMAGENET_STD)

    @property
    def input(self) -> ImageInput:
        """The network's input, as on its card."""
        view, size = self.view, (self.view.size_px, self.view.size_px)
        region = {"each-lung": "lungs", "masked": "lungs-only"}.get(view.region, view.region)
        return ImageInput(
            "film",
            ("batch", self.in_channels, *size),
            Quantity.RADIOGRAPH,
            size,
            mean=self.colours[0],
            std=self.colours[1],
            window_percentiles=view.window_percentiles,
            window_grey=view.window_grey,
            region=region,  # type: ignore[arg-type]
            margin=view.margin,
            fit=view.fit,
        )

    def __post_init__(self) -> None:
        if self.sampling.mode != "full-image" and not 0 < self.sampling.patch_px <= self.view.size_px:
            raise ValueError(f"sampling.patch_px has to lie between 1 and view.size_px, {self.view.size_px}.")
        self.network.require_fit((self.view.size_px, self.sample_px))
        if not 0 <= self.sampling.overlap_px < max(1, self.sample_px):
            raise ValueError("sampling.overlap_px has to be less than sampling.patch_px.")
        if not self.losses:
            raise ValueError("losses is empty.")
        if bool(self.presence.loss) != self.network.classification:
            raise ValueError("presence.loss and network.classification go together: give both or neither.")
        if self.presence.loss and self.sampling.mode != "full-image":
            raise ValueError("presence is told of whole views: sampling.mode has to be 'full-image'.")
        if self.task == "cxr-lungs" and self.view.region != "image":
            raise ValueError("view.region of a recipe for lungs has to be 'image'.")

"""Parts that every recipe of the laboratory has: network, losses, optimiser, schedule, length. Nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from hilum.registry import unknown

from .architectures import ARCHITECTURES, Shape


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network of a recipe.

    Attributes
    ----------
    architecture : a name of :data:`hilum.training.architectures.ARCHITECTURES`
    encoder : of an architecture that takes one: a name of segmentation-models-pytorch or of timm
    encoder_weights : ``imagenet``, ``none`` for random ones, or a file
    classification : a second output: whether there is anything at all
    filters, halvings, momentum : of an architecture without an encoder; see
        :class:`~hilum.training.architectures.Shape`
    """

    architecture: str = "unet-standard"
    encoder: str = ""
    encoder_weights: str = "none"
    classification: bool = False
    filters: int = 32
    halvings: int = 4
    momentum: float = 0.01

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(unknown("architecture", self.architecture, ARCHITECTURES))

    @property
    def shape(self) -> Shape:
        """Of an architecture without an encoder."""
        return Shape(self.filters, self.halvings, self.momentum)

    @property
    def multiple_of(self) -> int:
        """What the sides of the network's input must be multiples of."""
        return ARCHITECTURES[self.architecture].multiple_of(self.shape)

    @property
    def title(self) -> str:
        """For people: the architecture, and its encoder if it has one."""
        title = ARCHITECTURES[self.architecture].title
        return f"{title} on {self.encoder}" if self.encoder else title

    def require_fit(self, sides: tuple[int, ...]) -> None:
        """ValueError if an input of these sides does not fit the architecture."""
        entry, step = ARCHITECTURES[self.architecture], self.multiple_of
        if any(side % step for side in sides):
            raise ValueError(f"the sides of {sides} are not all multiples of {step}, which {entry.title} needs.")
        if entry.has_encoder and min(sides) < entry.least_px:
            raise ValueError(f"the sides of {sides} are less than the {entry.least_px} that {entry.title} needs.")


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Numbers of losses that have them; what is left out is as published.

    Attributes
    ----------
    class_weights : of ``weighted-dice``, one a class
    alpha, beta : of ``tversky``, ``tversky-ce`` and ``combo``
    gamma, delta : of focal losses
    weight : of unified focal losses
    """

    class_weights: tuple[float, ...] = ()
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    delta: float | None = None
    weight: float | None = None

    def given(self) -> dict[str, Any]:
        """Those that a recipe gives."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) not in (None, ())}


@dataclass(frozen=True, slots=True)
class Optimiser:
    """How weights are changed.

    Attributes
    ----------
    name : of the method; with ``-amsgrad``, that variant of it
    rate : the highest learning rate
    weight_decay, momentum : the latter of ``sgd`` and ``rmsprop``
    clip : the largest norm of a gradient; 0 for any
    """

    name: Literal["sgd", "rmsprop", "adam", "adamw", "adam-amsgrad", "adamw-amsgrad"] = "adam"
    rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    clip: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes.

    Attributes
    ----------
    name : ``constant``; ``one-cycle``: up in ``warm_up`` of the steps and down by a cosine; ``cosine``: down only;
        ``plateau``: falls by ``factor`` when ``watch`` has not become better for ``patience`` rounds
    warm_up : share of the steps
    patience, factor, least, threshold, cooldown : of ``plateau``: rounds, the factor and the least rate; how much
        better is better; rounds of rest
    watch : ``train/total``, or a figure of the validation such as ``val/dice`` or ``val/total``
    round_steps : steps in a round; 0 for the epochs of the data
    """

    name: Literal["constant", "one-cycle", "cosine", "plateau"] = "constant"
    warm_up: float = 0.05
    patience: int = 15
    factor: float = 0.1
    least: float = 0.0
    threshold: float = 1e-4
    cooldown: int = 0
    watch: str = "train/total"
    round_steps: int = 0


@dataclass(frozen=True, slots=True)
class Length:
    """How long a training goes on; what comes first ends it.

    Attributes
    ----------
    epochs : times through the training cases; 0 for any number
    steps : of the optimiser; 0 for any number
    minutes : of training; 0 for any number
    patience : validations without a better figure after which it stops; 0 for never
    least_gain : how much better is better
    watch : the figure that is watched, and by which the best weights are kept
    batch : samples in a step
    validate_every : steps between looks at the validation cases; 0 for every epoch
    """

    epochs: int = 0
    steps: int = 0
    minutes: float = 0.0
    patience: int = 0
    least_gain: float = 0.0
    watch: str = "val/dice"
    batch: int = 8
    validate_every: int = 0

    def __post_init__(self) -> None:
        if not (self.epochs or self.steps or self.minutes):
            raise ValueError("length needs epochs, steps or minutes.")
        if self.batch < 1:
            raise ValueError(f"length.batch cannot be {self.batch}.")

    @property
    def rises(self) -> bool:
        """Whether more is better of the watched figure; of losses and errors, less is."""
        return not any(word in self.watch for word in ("total", "loss", "mae", "rmse"))

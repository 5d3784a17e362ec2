"""The card of a network: the only source of what goes in, what comes out, and what it is good for.

A network is a folder with ``card.toml``, ``weights.onnx`` and ``LICENSE``. The card is read by :func:`read_card`
and written by :func:`hilum.models.card_writer.write_card`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from hilum.errors import ModelError
from hilum.image import Quantity
from hilum.registry import unknown

from .structure import build

CARD, WEIGHTS = "card.toml", "weights.onnx"
"""File names in the folder of a network."""

Dim = int | str
"""A size, or the name of one that the caller chooses, such as ``batch``: the same name means the same size."""

Task = Literal["cxr-lungs", "cxr-lesions", "ct-lungs", "ct-lesions"]
"""What a network is for; :mod:`hilum.models.catalogue` has a default for each."""


@dataclass(frozen=True, slots=True)
class Patches:
    """How a network goes over a CT block by block, on a lattice of its own.

    The volume is resampled to ``spacing_mm``, its densities are clipped to the input's ``window_hu``, if there is
    one, and brought to one scale; see :mod:`hilum.segmentation.lattice`.

    Attributes
    ----------
    size : of a block, (slices, rows, columns); one slice for a network of slices
    overlap : voxels that neighbouring blocks share, along the same axes
    spacing_mm : between the voxels that the network sees, along the same axes; alike within a slice; all 0 for the
        volume's own
    scale : ``range``: ``window_percentiles`` become 0 and 1; ``z-score``: the mean becomes 0, the deviation 1;
        ``none``: the ends of the window become 0 and 1
    within : which densities these are taken from: of the whole ``volume``, or of the ``body`` with all that is in it
    blend : how much a block's voxels count where blocks overlap: less towards its edges (``gaussian``), or alike
        (``mean``)
    """

    size: tuple[int, int, int]
    overlap: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    scale: Literal["range", "z-score", "none"]
    within: Literal["volume", "body"] = "volume"
    blend: Literal["gaussian", "mean"] = "gaussian"

    def __post_init__(self) -> None:
        _require(min(self.size) > 0, f"patches.size cannot be {self.size}.")
        _require(
            all(0 <= shared < size for shared, size in zip(self.overlap, self.size, strict=True)),
            f"patches.overlap cannot be {self.overlap} where the size is {self.size}.",
        )
        is_own = max(self.spacing_mm) == min(self.spacing_mm) == 0
        _require(is_own or min(self.spacing_mm) > 0, f"patches.spacing_mm cannot be {self.spacing_mm}.")
        _require(self.spacing_mm[1] == self.spacing_mm[2], "patches.spacing_mm has to be alike along rows and columns.")
        _require(self.size[1] == self.size[2], "patches.size has to be alike along rows and columns.")


@dataclass(frozen=True, slots=True)
class ImageInput:
    """How an image becomes the first input of a network.

    The region is fitted to ``size_px``, its values are clipped to the window and brought to [0, 1], and each
    channel is that, less its mean, divided by its standard deviation. With ``patches``, it is cut into blocks of
    ``size_px`` instead.

    Attributes
    ----------
    name : of the network's input
    shape : (batch, channels, rows, columns), or (batch, channels, slices, rows, columns) for blocks of several slices
    quantity : what the image has to hold
    size_px : (rows, columns)
    mean, std : one a channel, on the scale of [0, 1]
    window_percentiles : lowest and highest, of the region's own values
    window_hu : lowest and highest, in Hounsfield units, in place of the percentiles; CT only
    window_grey : lowest and highest of the stored values of a film of eight bits, in place of the percentiles, which
        hold for films of more bits
    region : the whole image; the box round its ``lungs``; or that box, black outside of them (``lungs-only``)
    margin : added to the region on each side, as a share of its larger side
    fit : ``stretch`` changes the aspect ratio; ``pad`` keeps it, with the darkest value round the image
    patches : for a network that goes over a CT block by block
    """

    name: str
    shape: tuple[Dim, ...]
    quantity: Quantity
    size_px: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    window_percentiles: tuple[float, float] = (0.0, 100.0)
    window_hu: tuple[float, float] | None = None
    window_grey: tuple[float, float] | None = None
    region: Literal["image", "lungs", "lungs-only"] = "image"
    margin: float = 0.0
    fit: Literal["stretch", "pad"] = "stretch"
    patches: Patches | None = None

    def __post_init__(self) -> None:
        is_deep = self.patches is not None and self.patches.size[0] > 1
        sizes = 5 if is_deep else 4
        _require(len(self.shape) == sizes, f"input.shape should have {sizes} sizes, and has {len(self.shape)}.")
        _require(self.shape[-2:] == self.size_px, f"input.size_px is {self.size_px}, and the shape {self.shape}.")
        if self.patches is not None:
            size = self.patches.size if is_deep else self.patches.size[1:]
            _require(self.shape[2:] == size, f"input.patches.size is {size}, and the shape {self.shape}.")
        for name, values in (("mean", self.mean), ("std", self.std)):
            _require(len(values) == self.shape[1], f"input.{name} needs {self.shape[1]} values: one a channel.")
        _require(min(self.std, default=0.0) > 0, "input.std should be above 0.")
        low, high = self.window_percentiles
        _require(0 <= low < high <= 100, f"input.window_percentiles cannot be {low} and {high}.")
        for name, window in (("window_hu", self.window_hu), ("window_grey", self.window_grey)):
            _require(window is None or window[0] < window[1], f"input.{name} cannot be {window}.")
        _require(0 <= self.margin < 1, f"input.margin is a share of the region's side, and cannot be {self.margin}.")


@dataclass(frozen=True, slots=True)
class FurtherInput:
    """An input besides the image.

    Attributes
    ----------
    name : of the network's input
    shape : sizes; equal names are equal sizes
    meaning : a sentence: what to put in
    """

    name: str
    shape: tuple[Dim, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a network.

    Attributes
    ----------
    shape : sizes; axis 0 is the batch, axis 1 the channels
    activation : what the network itself has applied: probabilities with ``sigmoid`` and ``softmax``, raw numbers
        with ``none``
    channels : what each is, such as ``ground-glass``
    thresholds : by channel, chosen on the validation split: from here on it counts as present
    meaning : a sentence, for outputs that are not masks
    """

    shape: tuple[Dim, ...]
    activation: Literal["none", "sigmoid", "softmax"]
    channels: tuple[str, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    meaning: str = ""

    def __post_init__(self) -> None:
        _require(len(self.shape) >= 2, f"an output has a batch and channels, and this one has the shape {self.shape}.")
        _require(
            len(self.channels) == self.shape[1] and len(set(self.channels)) == len(self.channels),
            f"an output of the shape {self.shape} needs {self.shape[1]} different names of channels, "
            f"and has {', '.join(self.channels) or 'none'}.",
        )
        for name in self.thresholds:
            _require(name in self.channels, unknown("channel", name, self.channels))

    def channel(self, name: str) -> int:
        """The index of a channel on axis 1; ModelError if there is none of that name."""
        if name not in self.channels:
            raise ModelError(unknown("channel", name, self.channels))
        return self.channels.index(name)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A data set that the network was trained on.

    Attributes
    ----------
    name, licence, source : what it is called, its terms of use, where it is published
    purpose : what it taught, such as ``outlines``
    n_cases : images used
    """

    name: str
    licence: str
    source: str
    purpose: str
    n_cases: int


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that was measured, with its 95 % bootstrap interval.

    Attributes
    ----------
    figure : such as ``dice-lungs``
    split : of the data, such as ``test``
    estimate, low, high : the figure and the ends of its interval
    n_cases : images
    n_patients : None where the data set does not tell patients apart
    """

    figure: str
    split: str
    estimate: float
    low: float
    high: float
    n_cases: int
    n_patients: int | None = None

    def __post_init__(self) -> None:
        _require(self.low <= self.estimate <= self.high, f"{self.figure} does not lie within its interval.")


@dataclass(frozen=True, slots=True)
class Member:
    """A network that an ensemble is made of.

    Attributes
    ----------
    name, version, sha256 : as on its own card
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Card:
    """A network, apart from its weights.

    Attributes
    ----------
    name : in the catalogue; also the name of the folder
    version : of the weights
    task : what it is for
    title : for reports, a few words
    sha256 : of ``weights.onnx``
    licence : of the weights, as an SPDX identifier
    recipe : the training recipe that made it
    intended_use : a sentence
    limits : sentences that a report repeats
    input : the image
    further_inputs : besides the image
    outputs : by the network's names
    thresholds : numbers chosen on the validation split, by name, such as ``disease``
    training_data, metrics : what it was trained on, and how good it was found
    steps : of training that the weights have seen; None where nobody noted them
    members : of an ensemble, whose outputs are the means of theirs
    folder : where the card was read from; not part of the card
    """

    name: str
    version: str
    task: Task
    title: str
    sha256: str
    licence: str
    recipe: str
    intended_use: str
    limits: tuple[str, ...]
    input: ImageInput
    outputs: Mapping[str, Output]
    further_inputs: tuple[FurtherInput, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    training_data: tuple[TrainingData, ...] = ()
    metrics: tuple[Metric, ...] = ()
    steps: int | None = None
    members: tuple[Member, ...] = ()
    folder: Path = field(default=Path(), compare=False, metadata={"stored": False})

    def __post_init__(self) -> None:
        _require(
            re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", self.name) is not None,
            f"name is {self.name!r}; expected small letters, figures, and single hyphens or dots between them.",
        )
        _require(
            re.fullmatch(r"[0-9a-f]{64}", self.sha256) is not None, "sha256 should be 64 small hexadecimal digits."
        )
        _require(len(self.outputs) > 0, "outputs is empty.")
        _require(len(self.inputs) == 1 + len(self.further_inputs), "two inputs have one name.")

    @property
    def inputs(self) -> dict[str, tuple[Dim, ...]]:
        """Name to shape of every input, the image first."""
        return {each.name: each.shape for each in (self.input, *self.further_inputs)}

    @property
    def weights(self) -> Path:
        """The weights' file; :func:`hilum.models.catalogue.verified_weights` has it checked."""
        return self.folder / WEIGHTS

    def threshold(self, name: str) -> float:
        """A number chosen on the validation split; ModelError if the card has none of that name."""
        if name not in self.thresholds:
            raise ModelError(f"The card of {self.name}: {unknown('threshold', name, self.thresholds)}")
        return self.thresholds[name]


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises
    ------
    ModelError
        The file cannot be read, is not TOML, has a key that is not known, or contradicts itself.
    """
    try:
        card = build(Card, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(f"Cannot read the model card {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise ModelError(f"The model card {path} cannot be used: {error}") from error
    return replace(card, folder=path.parent)


def _require(fact: bool, sentence: str) -> None:
    if not fact:
        raise ValueError(sentence)

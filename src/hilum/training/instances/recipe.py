"""A recipe of a network that finds single lesions of films. Nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Literal

from hilum.training.lab.recipe import FilmAugment, FilmRecipe, View
from hilum.training.parts import Length, NetworkSettings, Optimiser, Schedule

FOLDER = files("hilum.training.instances") / "recipes"
"""Where the recipes lie in the package."""

STRIDE = 32
"""The sides of the view have to be multiples of it: that of the coarsest map of the backbone."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Mask R-CNN of torchvision, one class beside the background.

    Attributes
    ----------
    backbone : with a feature pyramid
    weights : to begin with: ``none`` for random ones; ``imagenet`` (of the backbone) or ``coco`` (of the whole), whose
        files have to be in torch's folder; or a file with either, or with the last weights of a training
    norm : ``frozen`` batch normalisation keeps the statistics that came with the weights; ``batch`` learns them;
        ``group`` needs none, and is for small batches that begin at random
    layers : ``all`` are trained, or the ``heads`` only: all but the backbone's own layers
    heads_steps : with ``all``, the heads only for so many steps
    anchors_px : sides of the boxes that the five levels of the pyramid propose
    proposal_nms : proposals that overlap a better one by more are left out; at 1.0 none is
    proposals : kept of a film, in training and afterwards
    rois, rois_positive : proposals that the heads learn from, and the share of lesions among them at most
    detection_nms : the same as ``proposal_nms``, of what is found
    least_score : what is less certain is not told
    most_instances : of a film, in truth and in what is found
    """

    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    weights: str = "none"
    norm: Literal["frozen", "batch", "group"] = "group"
    layers: Literal["all", "heads"] = "all"
    heads_steps: int = 0
    anchors_px: tuple[int, int, int, int, int] = (32, 64, 128, 256, 512)
    proposal_nms: float = 0.7
    proposals: tuple[int, int] = (2000, 1000)
    rois: int = 200
    rois_positive: float = 0.33
    detection_nms: float = 0.3
    least_score: float = 0.05
    most_instances: int = 15

    def __post_init__(self) -> None:
        for name in ("proposal_nms", "detection_nms", "least_score", "rois_positive"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"detector.{name} is between 0 and 1, not {getattr(self, name):g}.")
        if not 1 <= self.most_instances <= 200:
            raise ValueError(f"detector.most_instances is between 1 and 200, not {self.most_instances}.")
        if self.heads_steps < 0 or self.rois < 1 or min(self.proposals) < 1 or min(self.anchors_px) < 1:
            raise ValueError("detector.heads_steps cannot be negative; rois, proposals and anchors_px are at least 1.")
        if self.norm == "frozen" and self.weights == "none":
            raise ValueError("detector.norm 'frozen' needs weights that bring its statistics; say 'group' or 'batch'.")
        if self.norm == "group" and self.weights in ("imagenet", "coco"):
            raise ValueError(f"detector.norm 'group' does not fit the weights of {self.weights}; say 'frozen'.")


@dataclass(frozen=True, slots=True)
class InstanceRecipe:
    """Everything about one training of Mask R-CNN.

    Attributes
    ----------
    name : of the recipe
    view : what of a film the network sees
    detector : the network
    length, optimiser, schedule : see :mod:`hilum.training.parts`
    augment : changes of films; none unless they are given
    least_share : of the view; smaller parts of the drawn masks are no lesions of their own
    precision : of the arithmetic
    seed : of everything drawn
    """

    name: str
    view: View
    detector: Detector
    length: Length
    optimiser: Optimiser = field(default_factory=lambda: Optimiser("sgd", 1e-3, 1e-4, 0.9, 5.0))
    schedule: Schedule = field(default_factory=Schedule)
    augment: FilmAugment = field(default_factory=FilmAugment)
    least_share: float = 5e-4
    precision: Literal["32-true"] = "32-true"
    seed: int = 0

    @property
    def films(self) -> FilmRecipe:
        """The same view and changes as a recipe for masks has them; its network is not used."""
        whole = replace(self.length, watch="val/dice")
        return FilmRecipe(
            name=self.name,
            task="cxr-lesions",
            view=self.view,
            network=NetworkSettings(filters=1, halvings=1),
            losses={"dice": 1.0},
            length=whole,
            augment=self.augment,
            seed=self.seed,
        )

    def __post_init__(self) -> None:
        if self.view.size_px % STRIDE:
            raise ValueError(f"view.size_px has to be a multiple of {STRIDE}, not {self.view.size_px}.")
        if self.view.region not in ("image", "lungs"):
            raise ValueError(f"view.region of instances is 'image' or 'lungs', not {self.view.region!r}.")
        if not 0 <= self.least_share < 1:
            raise ValueError(f"least_share is between 0 and 1, not {self.least_share:g}.")

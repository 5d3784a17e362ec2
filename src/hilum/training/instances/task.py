"""The Lightning module of recipes for instances: the losses of Mask R-CNN, and what was found of validation films."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.evaluation.average_precision import Overlaps, average_precision, mean_average_precision, overlaps
from hilum.measurement import NotMeasured
from hilum.training.learner import Learner

from .films import masks_of, target_of
from .network import InstanceNetwork
from .recipe import InstanceRecipe

HALF = 0.5
"""A pixel belongs to an instance from this probability on, and an instance to the mask of all from this score on."""


class InstanceTask(Learner):
    """Trains the network of a recipe for instances.

    Parameters
    ----------
    recipe : all settings
    begin : give the network the weights that the recipe asks for
    """

    def __init__(self, recipe: InstanceRecipe, *, begin: bool = True) -> None:
        network = InstanceNetwork(recipe, begin=begin)
        super().__init__(network, recipe.optimiser, recipe.schedule, recipe.length, recipe.seed)
        self.recipe = recipe
        self.found_network = network
        self._films: list[Overlaps] = []
        self._sums = np.zeros(6)

    def forward(self, film: Tensor) -> list[dict[str, Tensor]]:
        """What is found, see :meth:`InstanceNetwork.forward`."""
        return self.network(film)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Chance of this step, and which layers learn in it."""
        super().on_train_batch_start(batch, batch_idx)
        how = self.recipe.detector
        self.found_network.train_layers(body=how.layers == "all" and self.global_step >= how.heads_steps)

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The sum of the five losses, as torchvision has them."""
        terms: dict[str, Tensor] = self.network(batch["film"], [target_of(each) for each in batch["instances"]])
        total = torch.stack(list(terms.values())).sum()
        self.note(total, terms)
        return total

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Notes what was found of each film against what was drawn."""
        for found, numbers in zip(self.network(batch["film"]), batch["instances"], strict=True):
            chance = found["masks"][:, 0].float().cpu().numpy()
            scores = found["scores"].float().cpu().numpy()
            drawn = masks_of(numbers).cpu().numpy().astype(bool)
            truth = drawn.any(axis=0)
            self._films.append(overlaps(list(chance >= HALF), scores.tolist(), list(drawn)))
            soft = (chance * scores[:, None, None]).max(axis=0, initial=0.0)
            hard = (chance[scores >= HALF] >= HALF).any(axis=0)
            self._sums += (
                2 * (soft * truth).sum(), soft.sum() + truth.sum(),
                2 * (hard & truth).sum(), hard.sum() + truth.sum(),
                (hard & truth).sum(), (hard | truth).sum(),
            )  # fmt: skip

    def on_validation_epoch_end(self) -> None:
        """AP, AP50, Dice and IoU of the pixels of all films together; and Dice of the certainties."""
        sums = self._sums
        table = {
            "val/soft-dice": sums[0] / max(sums[1], 1e-9),
            "val/dice": sums[2] / max(sums[3], 1.0),
            "val/iou": sums[4] / max(sums[5], 1.0),
        }
        for name, value in (("ap50", average_precision(self._films)), ("ap", mean_average_precision(self._films))):
            table[f"val/{name}"] = 0.0 if isinstance(value, NotMeasured) else value
        self.figures({name: torch.tensor(float(value)) for name, value in table.items()})
        self._films, self._sums = [], np.zeros(6)

"""The Lightning module of recipes for volumes."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor

from .losses_volume import INFECTION, LOSSES
from .networks_3d import network_of
from .volume_recipe import VolumeRecipe


class VolumeTask(lightning.LightningModule):
    """Trains the network of a recipe for volumes.

    Parameters
    ----------
    recipe : all settings
    """

    def __init__(self, recipe: VolumeRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = network_of(recipe)
        self._both, self._sum = torch.zeros(()), torch.zeros(())

    def forward(self, volume: Tensor) -> Tensor:
        """Raw numbers of the network's output."""
        return self.network(volume)[0]

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The weighted sum of the recipe's losses."""
        raw = self(batch["volume"])
        terms = {name: LOSSES[name](raw, batch["classes"]) for name in self.recipe.losses}
        total = torch.stack([self.recipe.losses[name] * value for name, value in terms.items()]).sum()
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        self.log("train/total", total.detach())
        return total

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Counts voxels of lesions: those found within the lungs, those there are, and those that are both."""
        chance = self.lesion_chance(self(batch["volume"]).float())
        truth = batch["classes"] == INFECTION
        found = (chance >= 0.5) & (batch["classes"] > 0)
        self._both += (found & truth).sum().cpu()
        self._sum += (found.sum() + truth.sum()).cpu()

    def lesion_chance(self, raw: Tensor) -> Tensor:
        """Probability of a lesion, (N, ...), from the network's raw numbers."""
        return torch.sigmoid(raw[:, 0]) if raw.shape[1] == 1 else torch.softmax(raw, dim=1)[:, INFECTION]

    def on_validation_epoch_end(self) -> None:
        """Dice of all blocks together."""
        self.log("val/dice-lesions", 2.0 * self._both / self._sum.clamp(min=1.0))
        self._both, self._sum = torch.zeros(()), torch.zeros(())

    def configure_optimizers(self) -> Any:
        """Adam; the rate falls when the training loss no longer does, if the recipe says so."""
        rates = self.recipe.rates
        optimiser = torch.optim.Adam(self.parameters(), lr=rates.start)
        if not rates.patience:
            return optimiser
        falling = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser,
            factor=rates.factor,
            patience=rates.patience,
            threshold=1e-4,
            threshold_mode="abs",
            cooldown=1,
            min_lr=rates.least,
        )
        round_ = {"interval": "step", "frequency": rates.round_steps, "monitor": "train/total"}
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": falling, **round_}}

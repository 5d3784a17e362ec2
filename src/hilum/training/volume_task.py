"""The Lightning module of recipes for volumes."""

from __future__ import annotations

import torch
from torch import Tensor

from .learner import Learner
from .loss_functions import NEEDS_LUNGS, configured, require_known
from .losses_volume import INFECTION, lungs_of, truth_of
from .networks_3d import network_of
from .volume_recipe import VolumeRecipe


class VolumeTask(Learner):
    """Trains the network of a recipe for volumes.

    Parameters
    ----------
    recipe : all settings
    begin : give an encoder the weights that the recipe asks for
    """

    def __init__(self, recipe: VolumeRecipe, *, begin: bool = True) -> None:
        require_known(recipe.losses, recipe.loss_settings)
        network = network_of(recipe, begin=begin)
        super().__init__(network, recipe.optimiser, recipe.schedule, recipe.length, recipe.seed)
        self.recipe = recipe
        self._losses = {name: configured(name, recipe.loss_settings) for name in recipe.losses}
        self._forget()

    def _forget(self) -> None:
        """Begin to count anew; the counts are no buffers, which are made alike on all devices at every step."""
        self.voxels, self.loss_sum = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)

    def forward(self, volume: Tensor) -> Tensor:
        """Raw numbers of the network's output."""
        return self.network(volume)[0]

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The weighted sum of the recipe's losses."""
        terms = self.terms(self(batch["volume"]), batch["classes"])
        total = self._total(terms)
        self.note(total, terms)
        return total

    def terms(self, raw: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """Every loss by its name."""
        raw, truth = raw.float(), truth_of(classes, raw.shape[1])
        made: dict[str, Tensor] = {}
        for name, loss in self._losses.items():
            more = {"lungs": lungs_of(classes)} if name in NEEDS_LUNGS else {}
            made[name] = loss(raw, truth, **more)
        return made

    def _total(self, terms: dict[str, Tensor]) -> Tensor:
        return torch.stack([self.recipe.losses[name] * value for name, value in terms.items()]).sum()

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Counts voxels of lesions: those found within the lungs, those there are, and those that are both."""
        raw = self(batch["volume"]).float()
        truth = batch["classes"] == INFECTION
        found = (self.lesion_chance(raw) >= 0.5) & (batch["classes"] > 0)
        self.voxels = self.voxels + torch.stack([(found & truth).sum(), found.sum() + truth.sum()]).cpu()
        total = self._total(self.terms(raw, batch["classes"])).double() * len(truth)
        self.loss_sum = self.loss_sum + torch.stack([total, torch.full_like(total, len(truth))]).cpu()

    def lesion_chance(self, raw: Tensor) -> Tensor:
        """Probability of a lesion, (N, ...), from the network's raw numbers."""
        return torch.sigmoid(raw[:, 0]) if raw.shape[1] == 1 else torch.softmax(raw, dim=1)[:, INFECTION]

    def on_validation_epoch_end(self) -> None:
        """Dice of all blocks together, and the mean loss."""
        (both, total), loss = self.over_all(self.voxels), self.over_all(self.loss_sum)
        table = {"val/dice-lesions": 2.0 * both / total.clamp(min=1.0), "val/total": loss[0] / loss[1].clamp(min=1.0)}
        self.figures({name: value.float() for name, value in table.items()})
        self._forget()

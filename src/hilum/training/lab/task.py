"""The Lightning module of recipes for films: losses of the map and of presence, and the published figures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hilum.training.learner import Learner
from hilum.training.loss_functions import CLASSIFIER_LOSSES, JointLoss, configured, require_known, without_unknown

from .network import MaskNetwork
from .recipe import FilmRecipe

HALF = 0.5
"""From this probability on a pixel, or a film, counts in the figures that are watched."""


class MaskTask(Learner):
    """Trains the network of a recipe for films.

    Parameters
    ----------
    recipe : all settings
    begin : give the encoder the weights that the recipe asks for
    """

    def __init__(self, recipe: FilmRecipe, *, begin: bool = True) -> None:
        require_known(recipe.losses, recipe.loss_settings)
        super().__init__(
            MaskNetwork(recipe, begin=begin), recipe.optimiser, recipe.schedule, recipe.length, recipe.seed
        )
        self.recipe = recipe
        self._losses = {name: configured(name, recipe.loss_settings) for name in recipe.losses}
        how = recipe.presence
        weights = {"map": how.map_weight} | ({"presence": how.weight} if how.loss else {})
        self.joint = JointLoss(weights, how.weighting, how.alpha)
        self._forget()

    def _forget(self) -> None:
        """Begin to count anew; the counts are no buffers, which are made alike on all devices at every step."""
        self.pixels, self.films = torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        self.loss_sum = torch.zeros(2, dtype=torch.float64)

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """Raw numbers of the network's outputs."""
        return self.network(film)

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The joint loss."""
        terms = self.terms(batch, self(batch["film"]))
        total = self.joint(terms)
        self.note(total, terms)
        return total

    def terms(self, batch: dict[str, Tensor], outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The losses of the map, added by the recipe's weights, and of presence; and each of the former."""
        known = without_unknown(outputs[0].float(), batch["truth"], batch["unknown"])
        made = {name: loss(known.raw, known.truth) for name, loss in self._losses.items()}
        made["map"] = torch.stack([self.recipe.losses[name] * value for name, value in made.items()]).sum()
        if self.recipe.presence.loss:
            made["presence"] = CLASSIFIER_LOSSES[self.recipe.presence.loss](outputs[1], batch["presence"])
        return made

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Counts pixels and films: true positives, false positives, false negatives, true negatives."""
        outputs = tuple(value.float() for value in self(batch["film"]))
        known = ~batch["unknown"]
        self.pixels = self.pixels + _counts((torch.sigmoid(outputs[0]) >= HALF)[known], (batch["truth"] > HALF)[known])
        if len(outputs) > 1:
            self.films = self.films + _counts(torch.sigmoid(outputs[1]) >= HALF, batch["presence"] > HALF)
        total = self.joint(self.terms(batch, outputs)).double() * len(batch["film"])
        self.loss_sum = self.loss_sum + torch.stack([total, torch.full_like(total, len(batch["film"]))]).cpu()

    def on_validation_epoch_end(self) -> None:
        """Dice (F1), IoU, precision, recall and accuracy of all pixels together; the same of presence, by film."""
        loss = self.over_all(self.loss_sum)
        table = {"val/total": loss[0] / loss[1].clamp(min=1.0)}
        table |= {f"val/{name}": value for name, value in figures_of(self.over_all(self.pixels)).items()}
        if self.recipe.presence.loss:
            found = figures_of(self.over_all(self.films))
            table |= {f"val/presence-{name}": value for name, value in found.items() if name != "iou"}
        self.figures({name: value.float() for name, value in table.items()})
        self._forget()


def _counts(found: Tensor, truth: Tensor) -> Tensor:
    """True positives, false positives, false negatives, true negatives, (4,)."""
    pairs: list[Any] = [found & truth, found & ~truth, ~found & truth, ~found & ~truth]
    return torch.stack([pair.sum() for pair in pairs]).double().cpu()


def figures_of(counts: Tensor) -> dict[str, Tensor]:
    """Figures from the four counts; 0 where there is nothing to divide by."""
    both, wrong, missed, neither = counts
    return {
        "dice": 2 * both / (2 * both + wrong + missed).clamp(min=1.0),
        "iou": both / (both + wrong + missed).clamp(min=1.0),
        "precision": both / (both + wrong).clamp(min=1.0),
        "recall": both / (both + missed).clamp(min=1.0),
        "accuracy": (both + neither) / counts.sum().clamp(min=1.0),
    }

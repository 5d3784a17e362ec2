"""The one Lightning module: a recipe's network with its losses and its figures on the validation split."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor

from . import losses
from .networks import NETWORKS
from .recipe import Recipe

SLICE_TASKS = ("ct-lungs", "ct-lesions")
"""Tasks on slices of CT: each output of the network has one target of its name."""

NOTHING_OR_FLUID = 9
"""The set of a pixel of CT outside the outlined lungs."""


class FilmTask(lightning.LightningModule):
    """Trains the network of a recipe.

    Chance is drawn anew for every step from the seed and the step's number: a training that goes on from a checkpoint
    draws what it would have drawn.

    Parameters
    ----------
    recipe : all settings
    pretrained : begin from ImageNet weights
    """

    def __init__(self, recipe: Recipe, *, pretrained: bool = True) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = NETWORKS[recipe.task](recipe.architecture, recipe.encoder, pretrained=pretrained)
        self.total_steps, self.steps_done = recipe.steps, 0
        self._seen: list[dict[str, Tensor]] = []

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes how far the training is, for whoever draws samples."""
        self.steps_done = int(checkpoint["global_step"])

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Chance of this step, whatever was drawn before."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)

    def forward(self, *inputs: Tensor) -> Any:
        """Raw numbers of the network's outputs."""
        return self.network(*inputs)

    def predict(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Raw numbers by the network's names."""
        inputs = (batch[name] for name in self.network.inputs)
        return dict(zip(self.network.outputs, self(*inputs), strict=True))

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """The weighted sum of the recipe's losses."""
        terms = self.terms(batch, self.predict(batch))
        total = torch.stack([weight * terms[name] for name, weight in self.recipe.losses.items()]).sum()
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        self.log("train/total", total.detach(), prog_bar=True)
        return total

    def terms(self, batch: dict[str, Tensor], raw: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every loss of the task, by name."""
        if self.recipe.task in SLICE_TASKS:
            return {name: _outline(raw[name], batch[name]) for name in raw}
        if self.recipe.task == "cxr-lungs":
            return {
                "lungs": _outline(raw["lungs"], batch["lungs"]),
                "fields": _outline(raw["fields"], batch["fields"]),
                "kind": losses.binary(raw["kind"], batch["kind"]),
            }
        chances = torch.sigmoid(raw["affected"].float())
        return {
            "lesions": _outline(raw["lesions"], batch["lesions"]),
            "disease": losses.binary(raw["disease"], batch["disease"]),
            "brixia": losses.binary(raw["brixia"], batch["brixia"]),
            "affected": losses.binary(raw["affected"], batch["affected"]),
            "six-zone": losses.close(chances.sum(1, keepdim=True), batch["six-zone"], 2.0),
            "extent": losses.close(losses.soft_extent(raw["lesions"], batch["zones"])[:, None], batch["extent"], 2.0),
        }

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Keeps what the figures need."""
        raw = {name: value.float() for name, value in self.predict(batch).items()}
        self._seen += [
            figures_of(self.recipe.task, one(raw, n), one(batch, n)) for n in range(len(batch[self.network.inputs[0]]))
        ]

    def on_validation_epoch_end(self) -> None:
        """Means of the figures over the films that have them; ``val/score`` is the mean of those that rise."""
        names = sorted({name for each in self._seen for name in each})
        table = {name: torch.stack([each[name] for each in self._seen if name in each]).mean() for name in names}
        self._seen.clear()
        rising = [value for name, value in table.items() if name.startswith(("dice", "right"))]
        falling = [value / 6.0 for name, value in table.items() if name.startswith("error")]
        self.log_dict({f"val/{name}": value for name, value in table.items()})
        self.log("val/score", torch.stack(rising + [1.0 - value for value in falling]).mean(), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW with warm-up and cosine."""
        recipe = self.recipe
        optimiser = torch.optim.AdamW(self.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.05, div_factor=20
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def one(batch: dict[str, Tensor], n: int) -> dict[str, Tensor]:
    """The n-th sample of a batch."""
    return {name: value[n] for name, value in batch.items()}


def _outline(raw: Tensor, bits: Tensor) -> Tensor:
    return losses.partial_cross_entropy(raw, bits) + losses.partial_dice(raw, bits)


def figures_of(task: str, raw: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Figures of one sample, at the network's own size; only those that its labels allow."""
    if task in SLICE_TASKS:
        made = {f"dice-{name}": _dice(raw[name], truth[name]) for name in raw}
        made |= _dice_by_class(raw["lesions"], truth["lesions"]) if task == "ct-lesions" else {}
        return {name: value for name, value in made.items() if not torch.isnan(value)}
    if task == "cxr-lungs":
        made = {f"dice-{name}": _dice(raw[name], truth[name]) for name in ("lungs", "fields")}
        made["right-kind"] = ((raw["kind"][:1] > 0) == (truth["kind"][:1] > 0.5)).float().mean()
        return {name: value for name, value in made.items() if not torch.isnan(value)}
    chances = torch.sigmoid(raw["affected"])
    brixia = torch.sigmoid(raw["brixia"]).sum()
    made = {
        "dice-lesions": _dice(raw["lesions"], truth["lesions"]),
        "right-disease": ((raw["disease"] > 0) == (truth["disease"] > 0.5)).float().mean(),
        "error-six-zone": (chances.sum() - truth["six-zone"][0]).abs(),
        "error-brixia": (brixia - truth["brixia"].sum()).abs(),
    }
    return {name: value for name, value in made.items() if not torch.isnan(value)}


def _dice(raw: Tensor, bits: Tensor) -> Tensor:
    """Dice of any structure where it is known; NaN where there is no mask or an empty one."""
    truth, found = (bits & 1) == 0, raw.argmax(0) > 0
    known = truth | (bits == 1) | (bits == NOTHING_OR_FLUID)
    if bool((bits == losses.says_nothing(len(raw))).all()) or not bool(truth.any()):
        return torch.tensor(float("nan"))
    found = found & known
    return 2.0 * (truth & found).sum() / (truth.sum() + found.sum())


def _dice_by_class(raw: Tensor, bits: Tensor) -> dict[str, Tensor]:
    """Dice of each class that a slice shows and whose pixels are told apart."""
    made: dict[str, Tensor] = {}
    for c, name in enumerate(("ground-glass", "consolidation", "effusion"), 1):
        truth, found = bits == (1 << c), raw.argmax(0) == c
        if bool(truth.any()) and not bool((bits == 6).any()):
            made[f"dice-{name}"] = 2.0 * (truth & found).sum() / (truth.sum() + found.sum())
    return made

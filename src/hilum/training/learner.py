"""What every Lightning module of the laboratory does alike: optimiser, schedule, and chance by the step's number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from .parts import Length, Optimiser, Schedule


def optimiser_of(parameters: Any, how: Optimiser) -> torch.optim.Optimizer:
    """The optimiser of a recipe on a network's parameters."""
    name, _, variant = how.name.partition("-")
    common: dict[str, Any] = {"lr": how.rate, "weight_decay": how.weight_decay}
    if name == "sgd":
        return torch.optim.SGD(parameters, momentum=how.momentum, **common)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, momentum=how.momentum, **common)
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(parameters, amsgrad=variant == "amsgrad", **common)


def schedule_of(optimiser: torch.optim.Optimizer, how: Schedule, length: Length, total_steps: int) -> Any:
    """The schedule of a recipe; None for a constant rate."""
    lr = torch.optim.lr_scheduler
    if how.name == "one-cycle":
        rate = optimiser.param_groups[0]["lr"]
        return lr.OneCycleLR(optimiser, rate, total_steps=total_steps, pct_start=how.warm_up, div_factor=20)
    if how.name == "cosine":
        return lr.CosineAnnealingLR(optimiser, total_steps, eta_min=how.least)
    if how.name == "plateau":
        rises = Length(length.epochs, length.steps, length.minutes, watch=how.watch).rises
        return lr.ReduceLROnPlateau(
            optimiser,
            mode="max" if rises and not how.watch.startswith("train/") else "min",
            factor=how.factor,
            patience=how.patience,
            threshold=how.threshold,
            threshold_mode="abs",
            cooldown=how.cooldown,
            min_lr=how.least,
        )
    return None


class Learner(lightning.LightningModule):
    """A Lightning module with the optimiser and schedule of a recipe.

    Chance is drawn anew for every step from the seed and the step's number, and so is the order of the samples: a
    training that goes on from a checkpoint draws what it would have drawn.

    Parameters
    ----------
    network : what is trained
    optimiser, schedule, length : of the recipe
    seed : of everything drawn
    """

    def __init__(self, network: nn.Module, optimiser: Optimiser, schedule: Schedule, length: Length, seed: int) -> None:
        super().__init__()
        self.network = network
        self.length = length
        self.rate = optimiser.rate
        self.round_steps = schedule.round_steps
        self.validate_every = 1
        self.total_steps = length.steps
        self.steps_done = 0
        self._optimiser, self._schedule, self._seed = optimiser, schedule, seed
        self.round_sum = torch.zeros(2)  # no buffer: those are made alike on all devices at every step

    @property
    def needs_an_end(self) -> bool:
        """Whether its schedule follows the length of the training."""
        return self._schedule.name in ("one-cycle", "cosine")

    def fresh_optimiser(self) -> torch.optim.Optimizer:
        """An optimiser of the recipe on this task's parameters, at its present rate."""
        return optimiser_of(self.parameters(), replace(self._optimiser, rate=self.rate))

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser with its schedule."""
        optimiser = self.fresh_optimiser()
        schedule = schedule_of(optimiser, self._schedule, self.length, self.total_steps)
        if schedule is None:
            return optimiser
        if self._schedule.name == "plateau":  # stepped by hand, when a round or a validation ends
            never = {"frequency": 10**9, "strict": False, "monitor": self._schedule.watch}
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, **never}}
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes how far the training is, for whoever draws samples."""
        self.steps_done = int(checkpoint["global_step"])
        self.round_sum = checkpoint.get("round_sum", self.round_sum)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps what a round has come to so far."""
        checkpoint["round_sum"] = self.round_sum.cpu()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Chance of this step, whatever was drawn before."""
        torch.manual_seed((self._seed * 1_000_003 + self.global_step) * 64 + self.global_rank)

    def note(self, total: Tensor, terms: dict[str, Tensor]) -> None:
        """Log the losses of a step; nothing outside of a training."""
        if self._trainer is None:
            return
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        self.log("train/total", total.detach())
        self.log("train/rate", self.trainer.optimizers[0].param_groups[0]["lr"])
        held = total.detach().float()
        self.round_sum = self.round_sum.to(held.device) + torch.stack([held, torch.ones_like(held)])

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """At the end of a round, its mean loss may let the rate fall."""
        if self.round_steps and (batch_idx + 1) % self.round_steps == 0:
            mean = self.over_all(self.round_sum)
            self.round_sum = torch.zeros_like(self.round_sum)
            if self._schedule.name == "plateau" and self._schedule.watch == "train/total":
                self._fall(float(mean[0] / mean[1].clamp(min=1.0)))

    def figures(self, table: dict[str, Tensor]) -> None:
        """Log the figures of a validation; one of them may let the rate fall."""
        self.log_dict(table)
        if self._schedule.name == "plateau" and self._schedule.watch in table and not self.trainer.sanity_checking:
            self._fall(float(table[self._schedule.watch]))

    def _fall(self, figure: float) -> None:
        schedule: Any = self.lr_schedulers()
        schedule.step(figure)

    def over_all(self, value: Tensor) -> Tensor:
        """The sum of a figure over all devices."""
        if self.trainer.world_size == 1:
            return value
        made: Any = self.trainer.strategy.reduce(value.to(self.device, copy=True), reduce_op="sum")
        return made

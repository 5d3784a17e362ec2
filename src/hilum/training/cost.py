"""What a training will cost, before it begins: parameters, operations, memory, speed and time."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.data import default_collate
from torch.utils.flop_counter import FlopCounterMode

from hilum.wording import counted

from .learner import Learner

TIMED_BATCH = 2
"""Samples in a timed step, at most: a step of a whole batch takes as many times as long."""

TIMED_STEPS = 2
"""Steps that are timed, after one that is not."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a training will cost.

    Attributes
    ----------
    parameters : numbers that are learned
    macs : multiplications with additions for one sample, forward; None where they cannot be counted
    memory_bytes : of a step: weights, gradients, two moments, and what the way back keeps, for a whole batch
    samples_per_second : in training, samples and their changes included
    steps : of the training; a huge number where time alone ends it
    seconds : of all steps at that speed, validation not counted
    """

    parameters: int
    macs: float | None
    memory_bytes: float
    samples_per_second: float
    steps: int
    seconds: float

    def __str__(self) -> str:
        """One line for people."""
        macs = "?" if self.macs is None else f"{self.macs / 1e9:.2f} G"
        known = self.steps < 10**7
        hours = f"{counted(self.steps, 'step')}, about {_as_time(self.seconds)}" if known else "as long as it is given"
        return (
            f"{self.parameters / 1e6:.2f} M parameters, {macs} MACs a sample, about {self.memory_bytes / 1e9:.1f} GB a "
            f"step, {self.samples_per_second:.2g} samples/s here: {hours}."
        )


def _as_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def cost_of(task: Learner, training: Any, *, batch: int, steps: int) -> Cost:
    """Measured on a copy of the task, which is left as it was.

    Parameters
    ----------
    task : with its network
    training : samples by number
    batch, steps : of the training
    """
    copied = copy.deepcopy(task).train()
    few = min(TIMED_BATCH, batch) if batch > 1 else 1
    first = default_collate([training[each] for each in range(few)])
    optimiser = copied.fresh_optimiser()
    image = first["film"] if "film" in first else first["volume"]
    macs, kept = _macs(copied, image[:1]), _kept_bytes(copied, first) / few
    taken: list[float] = []
    for number in range(1 + TIMED_STEPS):
        started = time.perf_counter()
        made = default_collate([training[number * few + each] for each in range(few)])
        _step(copied, made, optimiser)
        taken.append(time.perf_counter() - started)
    rate = few / max(min(taken[1:]), 1e-9)
    weights = sum(value.numel() for value in copied.parameters())
    return Cost(weights, macs, 16.0 * weights + kept * batch, rate, steps, steps * batch / rate)


def _step(task: Learner, batch: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    loss: Any = task.training_step(batch, 0)  # type: ignore[call-arg]
    loss.backward()
    optimiser.step()


def _macs(task: Learner, image: Tensor) -> float | None:
    counter = FlopCounterMode(display=False)
    was_training = task.training
    try:
        with counter, torch.no_grad():
            task.eval()(image)
    except (NotImplementedError, RuntimeError):
        return None
    finally:
        task.train(was_training)
    total = counter.get_total_flops() / 2
    return total if math.isfinite(total) and total > 0 else None


def _kept_bytes(task: Learner, batch: dict[str, Tensor]) -> float:
    """Bytes that the way back keeps of a batch; weights, which are there anyway, are not counted."""
    own = {value.untyped_storage().data_ptr() for value in task.parameters()}
    seen: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return value

    with saved_tensors_hooks(keep, lambda value: value):
        task.training_step(batch, 0)  # type: ignore[call-arg]
    return float(sum(seen.values()))

"""One training from its parts: samples by number, checkpoints that survive a kill, logs, and the best weights."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from hilum.errors import SettingsError
from hilum.registry import unknown

from .learner import Learner
from .parts import Length
from .state_dict import read_checkpoint

WEIGHTS = "weights.pt"
"""File of the best weights in a training's folder."""

LAST = "last.ckpt"
"""File from which a training is gone on with."""

ENDLESS = 10**7
"""Steps of a training that only minutes or patience end."""


class Numbered(Protocol):
    """Training samples by number: any number, and always the same sample for it."""

    @property
    def round_length(self) -> int:
        """Samples in a round through the data."""
        ...

    def __getitem__(self, number: int, /) -> Any:
        """The sample of a number."""
        ...


@dataclass(frozen=True, slots=True)
class Where:
    """Where a training runs, and how often it notes where it is.

    Attributes
    ----------
    devices : how many; the batch is divided among them
    kind : of device, ``auto`` takes a graphics card if there is one
    threads : of torch; 0 leaves torch's own choice
    save_every : steps between checkpoints
    workers : processes that prepare samples; 0 for none
    pictures : validation samples that are drawn in the log
    """

    devices: int = 1
    kind: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    save_every: int = 100
    workers: int = 0
    pictures: int = 4


class Standing(Protocol):
    """A task that knows where its training stands."""

    total_steps: int
    steps_done: int

    @property
    def global_rank(self) -> int:
        """Number of this device."""
        ...


class Order(Sampler[int]):
    """Numbers of the samples of this device, from the step at which the training stands."""

    def __init__(self, task: Standing, batch: int, devices: int) -> None:
        self._task, self._batch, self._share = task, batch, batch // devices

    def __len__(self) -> int:
        return self._task.total_steps * self._share

    def __iter__(self) -> Iterator[int]:
        first = self._task.global_rank * self._share
        for step in range(self._task.steps_done, self._task.total_steps):
            start = step * self._batch + first
            yield from range(start, start + self._share)


class Loader(DataLoader[Any]):
    """A loader that Lightning knows to go on where it stood: the order asks the task where that is."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the step's number says it all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`state_dict`."""


class Keeper(Callback):
    """Writes the best weights and the last checkpoint, each as a whole or not at all.

    The last checkpoint is never written between the end of a step and its validation, so that none is lost: it waits
    for a step without one, and where every step has one, for the beginning of the next.

    Parameters
    ----------
    output : folder of the training
    length : what is watched
    every : steps between checkpoints
    """

    def __init__(self, output: Path, length: Length, every: int) -> None:
        self._output, self._length, self._every = output, length, every
        self._best: float | None = None
        self._is_due = False

    def state_dict(self) -> dict[str, Any]:
        """The best figure."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See :meth:`state_dict`."""
        self._best = state_dict["best"]

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the weights if they are the best so far; SettingsError if what is watched does not exist."""
        if trainer.sanity_checking:
            return
        figure = trainer.callback_metrics.get(self._length.watch)
        if figure is None:
            known = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise SettingsError(f"length.watch: {unknown('figure', self._length.watch, known)}")
        if math.isnan(float(figure)):
            return
        value = float(figure) if self._length.rises else -float(figure)
        if self._best is None or value > self._best:
            self._best = value
            if trainer.is_global_zero and isinstance(pl_module, Learner):
                state = {
                    name: value.detach().cpu().contiguous() for name, value in pl_module.network.state_dict().items()
                }
                _save_whole(state, self._output / WEIGHTS)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's signature
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Write the checkpoint when it is due."""
        self._is_due |= (batch_idx + 1) % self._every == 0
        if self._is_due and (batch_idx + 1) % int(trainer.val_check_batch or 1) != 0:
            self._is_due = False
            self._save(trainer)

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002 - Lightning's signature
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Write the checkpoint that is due, where every step ends with a validation."""
        if self._is_due and int(trainer.val_check_batch or 1) == 1:
            self._is_due = False
            self._save(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Write the checkpoint of the finished training."""
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        target = self._output / LAST
        part = target.with_name(f"{target.name}.part")
        trainer.save_checkpoint(part)  # by all devices
        if trainer.is_global_zero:
            part.replace(target)


def _save_whole(state: dict[str, Tensor], target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    torch.save(state, part)
    part.replace(target)


def steps_of(length: Length, round_length: int) -> tuple[int, int]:
    """Steps of a training, and steps between its validations."""
    of_round = max(1, math.ceil(round_length / length.batch))
    limits = [length.epochs * of_round, length.steps]
    total = min((limit for limit in limits if limit), default=ENDLESS)
    return total, min(length.validate_every or of_round, total)


def plan(task: Learner, training: Numbered) -> None:
    """Tell a task how many steps it will take, and how many are in a round of its schedule.

    Raises
    ------
    SettingsError
        The schedule needs to know when the training ends, and only minutes end it.
    """
    task.total_steps, task.validate_every = steps_of(task.length, training.round_length)
    task.round_steps = task.round_steps or task.validate_every
    if task.total_steps == ENDLESS and task.needs_an_end:
        raise SettingsError("The schedule follows the length of the training: give length.epochs or length.steps.")


def fit(
    task: Learner,
    training: Numbered,
    watched: Dataset[Any],
    output: Path,
    *,
    where: Where,
    precision: Any,
    clip: float = 0.0,
    callbacks: tuple[Callback, ...] = (),
) -> Path:
    """Train; the weights that did best on the validation samples are written to ``output / "weights.pt"``.

    What was begun in ``output`` is gone on with.

    Parameters
    ----------
    task : with the network; told its length
    training, watched : samples
    output : folder for logs, checkpoint and weights
    where : devices
    precision : as in Lightning
    clip : largest norm of a gradient; 0 for any
    callbacks : further ones

    Raises
    ------
    SettingsError
        The batch cannot be divided among the devices, or the training never ends.
    ReadError
        The checkpoint of what was begun is damaged.
    """
    if task.length.batch % where.devices:
        raise SettingsError(f"A batch of {task.length.batch} cannot be divided among {where.devices} devices.")
    if where.threads:
        torch.set_num_threads(where.threads)
    plan(task, training)
    output.mkdir(parents=True, exist_ok=True)
    trainer = _trainer(task, output, where=where, precision=precision, clip=clip, callbacks=callbacks)
    share = task.length.batch // where.devices
    chance = torch.Generator().manual_seed(0)  # a loader of its own chance does not touch that of the steps
    options: dict[str, Any] = {"num_workers": where.workers, "generator": chance, "drop_last": False}
    data: Any = training
    loader = Loader(data, batch_size=share, sampler=Order(task, task.length.batch, where.devices), **options)
    begun = output / LAST
    if begun.exists():
        read_checkpoint(begun)  # Lightning tells of a damaged one by a trace
    trainer.fit(
        task,
        loader,
        _watching(watched, task, where, options),
        ckpt_path=str(begun) if begun.exists() else None,
        weights_only=False,
    )
    if not (output / WEIGHTS).exists() and trainer.is_global_zero:
        torch.save(task.network.state_dict(), output / WEIGHTS)
    return output / WEIGHTS


def _watching(watched: Dataset[Any], task: Learner, where: Where, options: dict[str, Any]) -> DataLoader[Any]:
    """Every validation sample once, divided among the devices."""
    if where.devices > 1 and isinstance(watched, Sized):
        sampler: Any = _EveryNth(len(watched), task, where.devices)
        return DataLoader(watched, batch_size=max(1, task.length.batch // where.devices), sampler=sampler, **options)
    return DataLoader(watched, batch_size=task.length.batch, **options)


class _EveryNth(Sampler[int]):
    """The validation samples of this device, none of them twice."""

    def __init__(self, count: int, task: Learner, devices: int) -> None:
        self._count, self._task, self._devices = count, task, devices

    def __len__(self) -> int:
        return len(range(self._task.global_rank, self._count, self._devices))

    def __iter__(self) -> Iterator[int]:
        yield from range(self._task.global_rank, self._count, self._devices)


def _trainer(
    task: Learner, output: Path, *, where: Where, precision: Any, clip: float, callbacks: tuple[Callback, ...]
) -> lightning.Trainer:
    length = task.length
    stop = [
        EarlyStopping(
            length.watch,
            min_delta=length.least_gain,
            patience=length.patience,
            mode="max" if length.rises else "min",
        )
    ]
    return lightning.Trainer(
        accelerator=where.kind,
        devices=where.devices,
        strategy="ddp" if where.devices > 1 else "auto",
        precision=precision,
        max_steps=task.total_steps,
        max_time=timedelta(minutes=length.minutes) if length.minutes else None,
        gradient_clip_val=clip or None,
        logger=_loggers(output),
        callbacks=[Keeper(output, length, where.save_every), *(stop if length.patience else []), *callbacks],
        log_every_n_steps=min(10, task.validate_every),
        val_check_interval=task.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _loggers(output: Path) -> list[Any]:
    """CSV and TensorBoard, in a folder of their own for each time that the training is gone on with."""
    number = 0
    while (output / f"log-{number}").exists() and "LOCAL_RANK" not in os.environ:
        number += 1
    if "LOCAL_RANK" in os.environ:  # a further device writes nothing
        number = max(0, sum(1 for _ in output.glob("log-*")) - 1)
    version = f"log-{number}"
    return [CSVLogger(output, name="", version=version), TensorBoardLogger(output, name="", version=version)]

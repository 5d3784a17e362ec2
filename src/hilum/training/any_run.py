"""A training of the laboratory of any kind, films, volumes or instances: its cost, its learning rate, and itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import Dataset

from hilum.errors import SettingsError
from hilum.models.card_writer import write_table
from hilum.writers.csv_file import write_csv

from .cost import Cost, cost_of
from .fit import Where, fit, plan
from .instances.recipe import InstanceRecipe
from .lab.recipe import FilmRecipe
from .learner import Learner
from .library import AnyRecipe, as_table, load
from .volume_recipe import VolumeRecipe

RECIPE = "recipe.toml"
"""The recipe of a training, all of it, in its folder."""

RATES = "rates.csv"
"""Where the search for a learning rate is written."""

LEAST_RATE, HIGHEST_RATE = 1e-7, 1.0
"""Between which a learning rate is looked for."""

SMOOTHING = 0.9
"""Of the loss along the search: the share of what came before."""

DIVERGED = 4.0
"""The search ends when the loss is as many times the least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A training that could begin.

    Attributes
    ----------
    recipe : all settings
    task : with the network and its first weights
    training, watched : samples
    where : devices
    callbacks : that go with the kind of recipe
    """

    recipe: FilmRecipe | VolumeRecipe | InstanceRecipe
    task: Learner
    training: Any
    watched: Dataset[Any]
    where: Where
    callbacks: tuple[Callback, ...] = ()

    def cost(self) -> Cost:
        """What the training will cost, by a few steps on a copy."""
        return cost_of(self.task, self.training, batch=self.recipe.length.batch, steps=self.task.total_steps)

    def train(self, output: Path, *, callbacks: Sequence[Callback] = ()) -> Path:
        """Train; the file of the best weights. Errors as of :func:`~hilum.training.fit.fit`.

        The recipe is written beside the weights, for whoever exports them.

        Raises
        ------
        SettingsError
            What was begun in ``output`` had another recipe.
        """
        self._note_recipe(output)
        return fit(
            self.task,
            self.training,
            self.watched,
            output,
            where=self.where,
            precision=self.recipe.precision,
            clip=self.recipe.optimiser.clip,
            callbacks=(*self.callbacks, *callbacks),
        )

    def _note_recipe(self, output: Path) -> None:
        """Write the recipe, or compare it with the one that is there; how long the training is may have changed."""
        file = output / RECIPE
        if not file.exists():
            output.mkdir(parents=True, exist_ok=True)
            write_table(self.recipe, file)
            return
        begun, now = as_table(load(file)), as_table(self.recipe)
        other = sorted(key for key in now if key != "length" and now[key] != begun.get(key))
        if other:
            raise SettingsError(
                f"The training in {str(output)!r} was begun with another recipe: {', '.join(other)} differ. Give "
                "another output folder, or the recipe that is there."
            )

    def find_rate(self, output: Path, steps: int = 100) -> str:
        """Look for a learning rate; a table goes to ``output``, and a sentence comes back."""
        rates, losses = self._raise_rate(steps)
        write_csv(output / RATES, ("rate", "loss"), zip(rates, losses, strict=True))
        return f"{suggested(rates, losses):.2g}"

    def _raise_rate(self, steps: int) -> tuple[list[float], list[float]]:
        """The rate, raised step by step, and the smoothed loss."""
        self.task.rate = LEAST_RATE
        optimiser = self.task.fresh_optimiser()
        growth = (HIGHEST_RATE / LEAST_RATE) ** (1 / max(1, steps - 1))
        rates: list[float] = []
        losses: list[float] = []
        smooth, batch = 0.0, self.recipe.length.batch
        for step in range(steps):
            rate = LEAST_RATE * growth**step
            for group in optimiser.param_groups:
                group["lr"] = rate
            numbers = range(step * batch, (step + 1) * batch)
            made = torch.utils.data.default_collate([self.training[number] for number in numbers])
            optimiser.zero_grad()
            loss: Any = self.task.train().training_step(made, step)  # type: ignore[call-arg]
            loss.backward()
            optimiser.step()
            smooth = SMOOTHING * smooth + (1 - SMOOTHING) * float(loss.detach())
            rates.append(rate)
            losses.append(smooth / (1 - SMOOTHING ** (step + 1)))
            if not losses[-1] <= DIVERGED * min(losses):
                break
        return rates, losses


def suggested(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest along the logarithm of the rate; both of one length, two at least."""
    falls = [losses[n + 1] - losses[n - 1] for n in range(1, len(losses) - 1)]
    if not falls:
        return rates[0]
    return rates[1 + min(range(len(falls)), key=falls.__getitem__)]


def begin(
    recipe: AnyRecipe,
    data: Sequence[Path],
    *,
    fold: int | None = None,
    fold_file: Path | None = None,
    where: Where | None = None,
) -> Begun:
    """Everything of a training but its steps.

    Parameters
    ----------
    recipe : for films, for volumes or for instances, of the laboratory
    data : tables of cases, databases that Hilum made, or downloaded folders that it reads
    fold, fold_file : a split into folds and the one that is watched, or a split; None takes what the tables state
    where : devices

    Raises
    ------
    SettingsError
        The recipe is not one of the laboratory, or does not fit the data, or its encoder's weights would have to be
        downloaded.
    ReadError
        A table or an image cannot be read.
    """
    where = where or Where()
    if where.threads:
        torch.set_num_threads(where.threads)
    if isinstance(recipe, FilmRecipe):
        from .lab.run import prepared

        made = prepared(recipe, data, fold=fold, fold_file=fold_file, where=where)
    elif isinstance(recipe, VolumeRecipe):
        from .volume_run import prepared as prepared_volumes

        made = prepared_volumes(recipe, data, fold=fold, fold_file=fold_file)
    elif isinstance(recipe, InstanceRecipe):
        from .instances.run import prepared as prepared_instances

        made = prepared_instances(recipe, data, fold=fold, fold_file=fold_file, where=where)
    else:
        raise SettingsError(f"The recipe {recipe.name} is not one of the laboratory.")
    task, training, watched, callbacks = made
    plan(task, training)
    return Begun(recipe, task, training, watched, where, callbacks)


def train(
    recipe: AnyRecipe,
    data: Sequence[Path],
    output: Path,
    *,
    fold: int | None = None,
    fold_file: Path | None = None,
    where: Where | None = None,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a recipe of the laboratory; ``output / "weights.pt"`` are the weights that did best in validation.

    What was begun in ``output`` is gone on with. Parameters and errors as of :func:`begin` and
    :func:`~hilum.training.fit.fit`.
    """
    begun = begin(recipe, data, fold=fold, fold_file=fold_file, where=where)
    return begun.train(output, callbacks=callbacks)

"""One training of the laboratory: a recipe and tables of cases in, a folder with the best weights out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import Dataset

from hilum.training.cost import Cost, cost_of
from hilum.training.fit import Where, fit, plan

from .cases import Parts, parts_of
from .films import Films, Watched
from .overlays import Overlays
from .recipe import FilmRecipe
from .task import MaskTask


def train(
    recipe: FilmRecipe,
    data: Sequence[Path],
    output: Path,
    *,
    fold: int | None = None,
    fold_file: Path | None = None,
    where: Where | None = None,
    tell: Callable[[Cost], None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a network; the weights that did best on the validation cases are written to ``output / "weights.pt"``.

    What was begun in ``output`` is gone on with.

    Parameters
    ----------
    recipe : all settings
    data : tables of cases, databases that Hilum made, or downloaded folders that it reads
    output : folder for logs, checkpoint and weights
    fold, fold_file : a split into folds and the one that is watched, or a split; None takes what the tables state
    where : devices
    tell : told what the training will cost, before it begins
    callbacks : further ones of Lightning

    Raises
    ------
    SettingsError
        The recipe does not fit the data, or its encoder's weights would have to be downloaded.
    ReadError
        A table or a film cannot be read.
    """
    return train_parts(
        recipe,
        parts_of(data, fold=fold, fold_file=fold_file),
        output,
        where=where,
        tell=tell,
        callbacks=callbacks,
    )


def train_parts(
    recipe: FilmRecipe,
    parts: Parts,
    output: Path,
    *,
    where: Where | None = None,
    tell: Callable[[Cost], None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """The same, of cases that are in hand."""
    where = where or Where()
    if where.threads:
        torch.set_num_threads(where.threads)
    task, training, watched = prepared(recipe, parts)
    if tell is not None:
        plan(task, training)
        tell(cost_of(task, training, batch=recipe.length.batch, steps=task.total_steps))
    return fit(
        task,
        training,
        watched,
        output,
        where=where,
        precision=recipe.precision,
        clip=recipe.optimiser.clip,
        callbacks=(Overlays(watched, recipe, where.pictures), *callbacks),
    )


def prepared(recipe: FilmRecipe, parts: Parts) -> tuple[MaskTask, Films, Dataset[dict[str, torch.Tensor]]]:
    """The task with its first weights, the training samples, and the validation samples."""
    lightning.seed_everything(recipe.seed, verbose=False)
    return MaskTask(recipe), Films(parts.train, recipe), Watched(parts.val, recipe)

"""What a training of instances needs: task and samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback

from hilum.errors import SettingsError
from hilum.training.fit import Where
from hilum.training.lab.cases import parts_of

from .films import InstanceFilms
from .recipe import InstanceRecipe
from .task import InstanceTask


def prepared(
    recipe: InstanceRecipe,
    data: Sequence[Path],
    *,
    fold: int | None,
    fold_file: Path | None,
    where: Where,
) -> tuple[InstanceTask, InstanceFilms, InstanceFilms, tuple[Callback, ...]]:
    """The task with its first weights, the training samples, and the validation samples.

    Parameters and errors as of :func:`hilum.training.any_run.begin`.
    """
    if where.devices > 1:
        raise SettingsError(f"Recipes for instances train on one device, not on {where.devices}.")
    lightning.seed_everything(recipe.seed, verbose=False)
    task = InstanceTask(recipe)
    parts = parts_of(data, fold=fold, fold_file=fold_file)
    return task, InstanceFilms(parts.train, recipe), InstanceFilms(parts.val, recipe, watched=True), ()

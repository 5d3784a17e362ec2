"""What a training of the laboratory on films needs: task, samples and drawings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from torch.utils.data import Dataset

from hilum.training.fit import Where

from .cases import parts_of
from .films import Films, Watched
from .overlays import Overlays
from .recipe import FilmRecipe
from .task import MaskTask


def prepared(
    recipe: FilmRecipe,
    data: Sequence[Path],
    *,
    fold: int | None,
    fold_file: Path | None,
    where: Where,
) -> tuple[MaskTask, Films, Dataset[Any], tuple[Callback, ...]]:
    """The task with its first weights, the training samples, the validation samples, and what draws them.

    Parameters and errors as of :func:`hilum.training.any_run.begin`.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    task = MaskTask(recipe)
    parts = parts_of(data, fold=fold, fold_file=fold_file)
    watched = Watched(parts.val, recipe)
    return task, Films(parts.train, recipe), watched, (Overlays(watched, recipe, where.pictures),)

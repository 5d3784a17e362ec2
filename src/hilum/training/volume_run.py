"""What a training on volumes needs: task and blocks of labelled CT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback

from .volume_data import Blocks, Watched, labelled_parts, prepare
from .volume_recipe import VolumeRecipe
from .volume_task import VolumeTask


def prepared(
    recipe: VolumeRecipe, data: Sequence[Path], *, fold: int | None = None, fold_file: Path | None = None
) -> tuple[VolumeTask, Blocks, Watched, tuple[Callback, ...]]:
    """The task with its first weights, the blocks for training, and those for validation.

    Parameters
    ----------
    recipe : all settings
    data : folders of labelled volumes, or tables of cases, see :mod:`hilum.training.volume_data`
    fold, fold_file : of tables of cases, a split into folds and the one that is watched, or a split; None takes what
        they state

    Raises
    ------
    SettingsError
        A folder holds no labelled volumes, or there are fewer than two.
    ReadError
        A volume cannot be read.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    parts = labelled_parts(data, fold=fold, fold_file=fold_file)
    training, watched = ([prepare(volume, recipe) for volume in part] for part in parts)
    return VolumeTask(recipe), Blocks(training, recipe), Watched(watched, recipe), ()

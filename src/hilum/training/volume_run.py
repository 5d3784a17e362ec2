"""One training on volumes: a recipe and folders of labelled CT in, a folder with the best weights out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from .run import WEIGHTS
from .volume_data import Blocks, Watched, prepare, read_labelled, split
from .volume_recipe import VolumeRecipe
from .volume_task import VolumeTask

CHECKS = 20
"""How often a training looks at its validation blocks, at most."""


def train(recipe: VolumeRecipe, data: Sequence[Path], output: Path, *, threads: int = 0) -> Path:
    """Train a network; the weights that did best on the validation volumes are written to ``output / "weights.pt"``.

    What was begun in ``output`` is gone on with.

    Parameters
    ----------
    recipe : all settings
    data : folders of labelled volumes, see :mod:`hilum.training.volume_data`
    output : folder for logs, checkpoints and weights
    threads : of torch; 0 leaves torch's own choice

    Raises
    ------
    SettingsError
        A folder holds no labelled volumes, or there are fewer than two.
    ReadError
        A volume cannot be read.
    """
    if threads:
        torch.set_num_threads(threads)
    lightning.seed_everything(recipe.seed, verbose=False)
    volumes = [prepare(volume, recipe) for folder in data for volume in read_labelled(folder)]
    training, watched = split(volumes)
    folder = output / "checkpoints"
    best = ModelCheckpoint(folder, "best", monitor="val/dice-lesions", mode="max", enable_version_counter=False)
    last = ModelCheckpoint(folder, "last", enable_version_counter=False)
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision=recipe.precision,
        max_steps=recipe.steps,
        logger=CSVLogger(output, name="", version="log"),
        callbacks=[best, last],
        log_every_n_steps=10,
        val_check_interval=max(1, recipe.steps // CHECKS),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    task, begun = VolumeTask(recipe), folder / "last.ckpt"
    trainer.fit(
        task,
        DataLoader(Blocks(training, recipe), batch_size=recipe.batch),
        DataLoader(Watched(watched, recipe)),
        ckpt_path=begun if begun.exists() else None,
    )
    state = torch.load(folder / "best.ckpt", weights_only=False, map_location="cpu")["state_dict"]
    torch.save({name: state[f"network.{name}"].contiguous() for name in task.network.state_dict()}, output / WEIGHTS)
    return output / WEIGHTS

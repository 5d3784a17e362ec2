"""Validation films in the log: truth and what was found drawn over them, and the probability beside."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor
from torch.utils.data import Dataset

from .recipe import FilmRecipe

TRUTH, FOUND = (0.0, 0.75, 0.2), (0.9, 0.1, 0.1)
"""Colours: where both are, both are added."""

SHARE = 0.35
"""How much of a colour is laid over the film."""


class Overlays(Callback):
    """Draws the first validation samples after each validation.

    Parameters
    ----------
    watched : the samples
    recipe : what its grey values mean
    count : how many are drawn
    """

    def __init__(self, watched: Dataset[dict[str, Tensor]], recipe: FilmRecipe, count: int) -> None:
        self._watched, self._recipe, self._count = watched, recipe, count

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the pictures to the folder of the log, and to TensorBoard."""
        if not trainer.is_global_zero or trainer.sanity_checking or not self._count:
            return
        watched: Any = self._watched
        samples = [watched[n] for n in range(min(self._count, len(watched)))]
        films = torch.stack([each["film"] for each in samples]).to(pl_module.device)
        was_training = pl_module.training
        with torch.inference_mode():
            chance = torch.sigmoid(pl_module.eval()(films)[0].float()).cpu().numpy()[:, 0]
        pl_module.train(was_training)
        rows = [panel(each, chance[n], self._recipe) for n, each in enumerate(samples)]
        sheet = np.concatenate(rows, axis=0)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("val/overlays", sheet, trainer.global_step, dataformats="HWC")
                folder = str(logger.log_dir)
                Picture.fromarray(sheet).save(f"{folder}/overlays-{trainer.global_step:07d}.png")


def panel(sample: dict[str, Tensor], chance: NDArray[np.float32], recipe: FilmRecipe) -> NDArray[np.uint8]:
    """A film with truth (green) and what was found (red) over it, and the probability: (size, 2 size, 3) uint8."""
    spec = recipe.input
    grey = sample["film"][0].numpy() * spec.std[0] + spec.mean[0]
    made = np.repeat(grey[..., None], 3, axis=2)
    truth = sample["truth"][0].numpy() > 0.5
    for mask, colour in ((truth, TRUTH), (chance >= 0.5, FOUND)):
        made[mask] = (1 - SHARE) * made[mask] + SHARE * np.asarray(colour)
    both = np.concatenate([made, np.repeat(chance[..., None], 3, axis=2)], axis=1)
    return np.rint(np.clip(both, 0, 1) * 255).astype(np.uint8)

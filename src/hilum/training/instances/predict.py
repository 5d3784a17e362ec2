"""From a trained detector to the instances of a film, on the film's own pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.errors import SettingsError
from hilum.image import Image, LabelMap
from hilum.models.card import ImageInput
from hilum.scoring.film_instances import FilmInstance, film_instance
from hilum.segmentation.one_mask import Frame, seen
from hilum.training.state_dict import load_weights

from .network import InstanceNetwork
from .recipe import InstanceRecipe

HALF = 0.5
"""A pixel belongs to an instance from this probability on."""


def open_detector(recipe: InstanceRecipe, weights: Path) -> InstanceNetwork:
    """The network of a training, ready to predict.

    Raises
    ------
    ModelMismatch
        The file cannot be read, or holds the weights of another network.
    """
    network = InstanceNetwork(recipe, begin=False)
    load_weights(network, weights)
    return network.eval()


def predict(
    network: InstanceNetwork, recipe: InstanceRecipe, film: Image, lungs: LabelMap | None = None
) -> tuple[FilmInstance, ...]:
    """The lesions of a film, the most certain first; what is empty at one half is left out.

    Parameters
    ----------
    network : from :func:`open_detector`
    recipe : of its training
    film : in any orientation that its grid states; the instances lie on the upright film
    lungs : 1 the patient's right, 2 the left: for side and zone, and where the recipe looks at the lungs only

    Raises
    ------
    SettingsError
        The recipe looks at the lungs, and none were given.
    GridMismatch
        The lungs do not lie on the film.
    """
    if lungs is not None:
        film.plane.require_same(lungs.plane)
    upright, spec = film.upright(), plain_input(recipe)
    sides = None if lungs is None else np.asarray(lungs.upright().array)
    frame = _frame(recipe, spec, upright.array.shape, sides)
    grey = torch.from_numpy(np.ascontiguousarray(seen(upright.array, frame, spec)))
    with torch.inference_mode():
        (found,) = network(grey)
    made: list[FilmInstance] = []
    for chance, score in zip(found["masks"][:, 0].numpy(), found["scores"].tolist(), strict=True):
        mask = back(chance, frame, (upright.array.shape[0], upright.array.shape[1])) >= HALF
        if mask.any():
            made.append(film_instance(mask, score, sides))
    return tuple(sorted(made, key=lambda each: -each.score))


def plain_input(recipe: InstanceRecipe) -> ImageInput:
    """The view as the network's samples have it: one channel, 0 to 1."""
    spec = recipe.films.input
    return replace(spec, shape=("batch", 1, *spec.size_px), mean=(0.0,), std=(1.0,))


def back(chance: NDArray[np.float32], frame: Frame, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A map of the view (size, size) on the film (rows, columns); 0 where the view does not reach."""
    whole = Picture.fromarray(chance).resize((frame.width, frame.height), Picture.Resampling.BILINEAR)
    right, bottom = frame.left + frame.width, frame.top + frame.height
    top, left = max(0, frame.top), max(0, frame.left)
    box = (left - frame.left, top - frame.top, min(right, shape[1]) - frame.left, min(bottom, shape[0]) - frame.top)
    made = np.zeros(shape, dtype=np.float32)
    made[top : min(bottom, shape[0]), left : min(right, shape[1])] = np.asarray(whole.crop(box))
    return made


def _frame(recipe: InstanceRecipe, spec: ImageInput, shape: tuple[int, ...], lungs: NDArray[np.uint8] | None) -> Frame:
    if recipe.view.region == "image":
        return Frame.about((0, shape[0]), (0, shape[1]), spec)
    if lungs is None or not lungs.any():
        raise SettingsError(f"The recipe {recipe.name} looks at the lungs, and none were given: segment them first.")
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    return Frame.about((int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1), spec)

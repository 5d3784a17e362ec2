"""What the best weights of a fold make of its held-out cases: films at the network's size, CT on its lattice.

Exact overlaps, by hilum.evaluation: what has no value is not measured. Volumes are put together from their blocks by
the plain mean where blocks overlap, as MIScnn does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.datasets.schema import DatasetCase
from hilum.errors import SettingsError
from hilum.evaluation.overlap import Overlap, overlap
from hilum.measurement import NotMeasured
from hilum.segmentation.patches import starts

from .crossval_tables import CaseFigures
from .lab.films import Watched
from .lab.recipe import FilmRecipe
from .losses_volume import INFECTION, OF_VOXELS
from .volume_data import Prepared, cut, labelled, prepare, teaches
from .volume_recipe import VolumeRecipe

MEASURES = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy")
"""Of each structure of each held-out case."""

HALF = 0.5
"""From this probability on a pixel counts, where there is one channel."""

Overlaps = Mapping[str, Overlap]
"""By structure; the one structure of a film has an empty name."""


def judged(task: Any, cases: Iterable[DatasetCase], recipe: FilmRecipe | VolumeRecipe) -> Iterator[CaseFigures]:
    """Figures of every case, or why it has none.

    Parameters
    ----------
    task : with the weights to judge; called with a batch of inputs
    cases : held out
    recipe : of the task
    """
    names = [""] if isinstance(recipe, FilmRecipe) else structures(recipe)
    task = task.cpu().eval()
    for case in cases:
        found = _of_film(task, case, recipe) if isinstance(recipe, FilmRecipe) else _of_volume(task, case, recipe)
        if isinstance(found, NotMeasured):
            nothing = dict.fromkeys(_name(measure, name) for name in names for measure in MEASURES)
            yield CaseFigures(case.key, case.person, nothing, found.reason)
            continue
        values = {_name(measure, name): getattr(found[name], measure) for name in names for measure in MEASURES}
        reasons = dict.fromkeys(value.reason for value in values.values() if isinstance(value, NotMeasured))
        figures = {name: None if isinstance(value, NotMeasured) else float(value) for name, value in values.items()}
        yield CaseFigures(case.key, case.person, figures, "; ".join(reasons))


def structures(recipe: VolumeRecipe) -> list[str]:
    """What a network of volumes tells apart, by name: the infection alone, or both lungs and the infection."""
    return [OF_VOXELS[INFECTION]] if len(recipe.channels) == 1 else list(OF_VOXELS[1:])


def _name(measure: str, structure: str) -> str:
    return f"{measure} {structure}".rstrip()


def _of_film(task: Any, case: DatasetCase, recipe: FilmRecipe) -> Overlaps | NotMeasured:
    """Pixels of a film at the network's size where the reference tells; of all its views together."""
    try:
        views = Watched([case], recipe)
    except SettingsError:
        return NotMeasured("it has no reference for what the recipe is for")
    parts: list[Overlap] = []
    for number in range(len(views)):
        view = views[number]
        with torch.inference_mode():
            found = torch.sigmoid(task(view["film"][None])[0].float())[0] >= HALF
        known = ~view["unknown"]
        parts.append(overlap((view["truth"] > HALF)[known].numpy(), found[known].numpy()))
    if not parts:
        return NotMeasured("no lungs were found on it")
    return {
        "": Overlap(
            sum(part.both for part in parts),
            sum(part.only_reference for part in parts),
            sum(part.only_predicted for part in parts),
            sum(part.neither or 0 for part in parts),
        )
    }


def _of_volume(task: Any, case: DatasetCase, recipe: VolumeRecipe) -> Overlaps | NotMeasured:
    """Voxels of a CT on the network's lattice."""
    if not teaches(case):
        return NotMeasured("it is no CT with masks of lungs and lesions")
    volume = prepare(labelled(case), recipe)
    chances = whole(task, volume, recipe)
    if len(chances) == 1:
        found = np.where((chances[0] >= HALF) & (volume.classes > 0), INFECTION, 0)
    else:
        found = chances.argmax(axis=0)
    numbers = {name: OF_VOXELS.index(name) for name in structures(recipe)}
    return {name: overlap(volume.classes == number, found == number) for name, number in numbers.items()}


def whole(task: Any, volume: Prepared, recipe: VolumeRecipe) -> NDArray[np.float32]:
    """Probabilities of every channel on a whole volume, (channels, slices, rows, columns), from its blocks."""
    patches = recipe.patches
    axes = zip(volume.classes.shape, patches.size, patches.overlap, strict=True)
    corners = list(product(*(starts(length, size, overlap_) for length, size, overlap_ in axes)))
    total = np.zeros((len(recipe.channels), *volume.classes.shape), dtype=np.float32)
    count = np.zeros(volume.classes.shape, dtype=np.float32)
    for first in range(0, len(corners), recipe.length.batch):
        some = corners[first : first + recipe.length.batch]
        blocks = np.stack([cut(volume, corner, recipe)[0] for corner in some])[:, None]
        with torch.inference_mode():
            raw = task(torch.from_numpy(np.ascontiguousarray(blocks, dtype=np.float32))).float()
        chances = (torch.sigmoid(raw) if raw.shape[1] == 1 else torch.softmax(raw, dim=1)).numpy()
        for corner, chance in zip(some, chances, strict=True):
            here = tuple(slice(start, start + size) for start, size in zip(corner, patches.size, strict=True))
            total[:, *here] += chance.reshape(-1, *patches.size)
            count[here] += 1
    return total / count

"""A folder of small computed volumes, and recipes small enough for a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.models.card import Patches
from hilum.training import volume_recipe
from hilum.training.parts import Length, NetworkSettings, Schedule
from hilum.training.phantom_volumes import ENDING, SPACING_MM

SHAPE = (12, 44, 48)
WATCHED = "val/dice-lesions"


def chest(seed):
    """Tissue in air, two lungs, an opacity in each and an effusion in the left: HU, lungs, lesions."""
    rng = np.random.default_rng(seed)
    array, lungs, lesions = np.full(SHAPE, -1000, np.int16), np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    array[:, 4:40, 3:45] = 40
    lungs[1:11, 8:34, 6:21], lungs[1:11, 8:34, 27:42] = 1, 2
    lesions[3:8, 12:20, 9:17], lesions[4:7, 22:30, 30:38], lesions[1:3, 30:34, 28:40] = 1, 2, 3
    array[lungs > 0] = -850
    array[lesions == 1], array[lesions == 2], array[lesions == 3] = -500, 30, 10
    return (array + rng.normal(0, 15, SHAPE)).astype(np.int16), lungs, lesions


def write_folder(folder, count=3):
    """Computed volumes as :mod:`hilum.training.phantom_volumes` stores them."""
    folder.mkdir()
    for seed in range(count):
        array, lungs, lesions = chest(seed)
        np.savez_compressed(folder / f"{seed:05d}{ENDING}", ct=array, lungs=lungs, lesions=lesions)
    return folder


def small(name, **changes):
    """A shipped recipe cut down to a few steps on blocks of 16 pixels, at the volumes' own spacing."""
    recipe = volume_recipe.load(name)
    depth = 1 if recipe.patches.size[0] == 1 else 8
    overlap = (0 if depth == 1 else 4, 8, 8)
    how = {"scale": recipe.patches.scale, "within": recipe.patches.within, "blend": recipe.patches.blend}
    patches = Patches((depth, 16, 16), overlap, SPACING_MM, **how)
    network = NetworkSettings(filters=4, halvings=2, momentum=0.3)
    augment = replace(recipe.augment, elastic=min(recipe.augment.elastic, 20.0))
    settings = {"patches": patches, "network": network, "augment": augment}
    length = Length(steps=changes.pop("steps", 2), batch=changes.pop("batch", 2), watch=WATCHED, validate_every=2)
    return replace(recipe, **settings | {"length": length, "schedule": Schedule()} | changes)

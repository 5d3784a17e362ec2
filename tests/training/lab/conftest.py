"""A table of small computed films, by patient, with a stated split; and a recipe that trains on it in seconds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.training.lab.recipe import FilmAugment, FilmRecipe, Presence, View
from hilum.training.parts import Length, NetworkSettings, Optimiser

SHAPE = (97, 113)


def film(seed):
    """A frontal chest in three strokes: grey, lungs (right 1, left 2), an opacity in the right lung of odd seeds."""
    rng = np.random.default_rng(seed)
    lungs, lesion = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    drop = int(rng.integers(-4, 5))
    cv2.ellipse(lungs, (34, 48 + drop), (17, 33), 0, 0, 360, 1, -1)
    cv2.ellipse(lungs, (79, 48 + drop), (15, 31), 0, 0, 360, 2, -1)
    if seed % 2:
        cv2.circle(lesion, (34, 60 + drop), 9, 1, -1)
    picture = 180.0 - 110.0 * (lungs > 0) + 70.0 * lesion + rng.normal(0, 6, SHAPE)
    return np.clip(picture, 0, 255).astype(np.uint8), lungs, lesion


def write_table(folder, count=8):
    """Films 0 and 1 of every four are for validation; even ones are healthy and have no mask of lesions."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for seed in range(count):
        name = f"film-{seed}"
        for kind, array in zip(("image", "lungs", "lesions"), film(seed), strict=True):
            Image.fromarray(array).save(folder / f"{name}-{kind}.png")
        masks = {"lungs": Mask(folder / f"{name}-lungs.png", {1: "right-lung", 2: "left-lung"})}
        if seed % 2:
            masks["lesions"] = Mask(folder / f"{name}-lesions.png", {1: "ground-glass"})
        cases.append(
            DatasetCase(
                source="made",
                case=name,
                patient=f"patient-{seed}",
                modality="CXR",
                image=folder / f"{name}-image.png",
                masks=masks,
                finding="COVID-19" if seed % 2 else "No finding",
                split="val" if seed % 4 < 2 else "train",
            )
        )
    CaseTable.of(cases).write_csv(folder / "cases.csv")
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("films") / "db")


@pytest.fixture(scope="session")
def lungs_recipe():
    """Stage I by a small U-Net."""
    return FilmRecipe(
        name="small-lungs",
        task="cxr-lungs",
        view=View(64),
        network=NetworkSettings(filters=4, halvings=2, momentum=0.3),
        losses={"dice": 1.0, "bce": 0.5},
        length=Length(steps=6, batch=2, validate_every=3),
        optimiser=Optimiser("adam", 1e-2),
        augment=FilmAugment(clahe=0.3, crop=0.3, rotate=0.5, flip=0.5, grey=0.3),
    )


@pytest.fixture(scope="session")
def lesions_recipe():
    """Stage II by a network with an encoder and a classification head."""
    return FilmRecipe(
        name="small-lesions",
        task="cxr-lesions",
        view=View(64, region="lungs-only", fit="stretch", window_grey=(0.0, 255.0), lungs="reference"),
        network=NetworkSettings("fpn", "resnet18", classification=True),
        losses={"jaccard": 1.0},
        presence=Presence("smooth-l1", weighting="dynamic"),
        length=Length(steps=2, batch=2, validate_every=2),
    )


@pytest.fixture(autouse=True)
def one_thread():
    """Tests of training take one core."""
    torch.set_num_threads(1)

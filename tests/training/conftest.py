"""Two folders of computed films in the layouts of the training data, and recipes small enough for a test."""

from __future__ import annotations

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from hilum.training import recipe as recipes

LETTERS = "ABCDEF"
SCORED = [
    "case",
    "source",
    "patient",
    "finding",
    "view",
    "split",
    "lungs_lr",
    "lungs_v7",
    "lesions",
    "brixia_senior",
    "brixia_junior",
    "geographic_extent",
    "opacity",
    "six_zone_score_R",
    "six_zone_score_D",
    "poor_quality",
] + [f"brixia_{reader}_{letter}" for reader in ("senior", "junior") for letter in LETTERS]
FIELDS = ["case", "source", "patient", "finding", "view", "split", "lungs", "lesions", "aspect_w_over_h"]
BRIXIA = {
    "brixia_senior": "6",
    **{f"brixia_senior_{letter}": grade for letter, grade in zip(LETTERS, "012300", strict=True)},
}
SHAPE = (97, 113)


def film(seed):
    """A frontal chest in four strokes, with its lungs (right 1, left 2) and an opacity in the right one."""
    rng = np.random.default_rng(seed)
    lungs, lesion = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    cv2.ellipse(lungs, (34, 48), (17, 33), 0, 0, 360, 1, -1)
    cv2.ellipse(lungs, (79, 48), (15, 31), 0, 0, 360, 2, -1)
    cv2.circle(lesion, (34, 60), 9, 1, -1)
    picture = 180.0 - 110.0 * (lungs > 0) + 70.0 * lesion + rng.normal(0, 6, SHAPE)
    return np.clip(picture, 0, 255).astype(np.uint8), lungs, lesion


def write_folder(folder, columns, rows):
    """A table with its files; ``True`` in a column of masks writes that mask."""
    folder.mkdir()
    for number, row in enumerate(rows):
        picture, lungs, lesion = film(number)
        masks = {"lungs": lungs, "lungs_lr": lungs, "lungs_v7": (lungs > 0).astype(np.uint8), "lesions": lesion}
        for kind, mask in masks.items():
            if row.get(kind) == "True":
                (folder / kind).mkdir(exist_ok=True)
                Image.fromarray(mask).save(folder / kind / f"{row['case']}.png")
        (folder / "images").mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / "images" / f"{row['case']}.jpg", quality=95)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({"source": "made", "patient": row["case"], **row})
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A folder of either layout, each with a film of every kind in training and validation."""
    root = tmp_path_factory.mktemp("films")
    scored, fields = [], []
    for split in ("train", "val"):
        ill = {"finding": "COVID-19", "split": split}
        scored += [
            {"case": f"outlined-{split}", "lungs_lr": "True", "lesions": "True", "six_zone_score_R": "2"}
            | BRIXIA
            | ill,
            {"case": f"union-{split}", "lungs_v7": "True", "six_zone_score_R": "1", "geographic_extent": "3"} | ill,
            {"case": f"healthy-{split}", "lungs_lr": "True", "finding": "No finding", "split": split},
        ]
        fields += [
            {"case": f"expert-{split}", "lungs": "True", "finding": "Tuberculosis", "split": split},
            {"case": f"coarse-{split}", "lungs": "True", "lesions": "True", "source": "quex"} | ill,
            {"case": f"clear-{split}", "lungs": "True", "finding": "No finding", "split": split},
        ]
    return write_folder(root / "scored", SCORED, scored), write_folder(root / "fields", FIELDS, fields)


@pytest.fixture(scope="session")
def small():
    """Gives a shipped recipe cut down to two steps on pictures of 64 pixels."""

    def cut(name, **changes):
        settings = {"size_px": 64, "batch": 2, "steps": 2, "precision": "32-true"} | changes
        return replace(recipes.load(name), **settings)

    return cut


@pytest.fixture(scope="session")
def lung_recipe(small):
    """Stage I on every kind of film."""
    return small("cxr-lungs-pretrain")


@pytest.fixture(scope="session")
def lesion_recipe(small):
    """Stage II on every kind of film, with the lungs that readers drew."""
    return small(
        "cxr-lesions-pretrain",
        size_px=96,  # below it, example zones are empty
        mix={"outlined": 0.5, "scored": 0.2, "coarse": 0.1, "healthy": 0.1, "other-disease": 0.1},
    )


@pytest.fixture(autouse=True)
def one_thread():
    """Tests of training take one core."""
    torch.set_num_threads(1)

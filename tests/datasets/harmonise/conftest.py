"""A source of three small thoraces, of which one has no lungs, and a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.phantom import random_lesions, thorax
from hilum.phantom.thorax import default_grid
from hilum.writers.masks import write
from hilum.writers.png import encode_png

SPACING_MM = (12.0, 6.0, 6.0)
LESIONS = {1: "ground-glass", 2: "consolidation", 3: "effusion"}
LUNGS = {1: "right-lung", 2: "left-lung"}


def write_ct(folder: Path, seed: int) -> DatasetCase:
    made = thorax(seed, grid=default_grid(seed, spacing_mm=SPACING_MM), lesions=random_lesions(seed, 0.6))
    for name, artefact in (("ct", made.ct), ("lungs", made.lungs), ("lesions", made.lesions)):
        write(artefact, folder / f"{name}.nii.gz")
    masks = {"lungs": Mask(folder / "lungs.nii.gz", LUNGS), "lesions": Mask(folder / "lesions.nii.gz", LESIONS)}
    return DatasetCase("phantom", folder.name, folder.name, "CT", folder / "ct.nii.gz", masks, split="train")


def write_film(folder: Path) -> DatasetCase:
    folder.mkdir(parents=True)
    rows, columns = np.indices((60, 40))
    (folder / "film.png").write_bytes(encode_png((rows * 3 + columns).astype(np.uint8), is_picture=True))
    fields = np.where((rows > 10) & (rows < 50), np.where(columns < 20, 1, 2), 0).astype(np.uint8)
    (folder / "fields.png").write_bytes(encode_png(fields, is_picture=False))
    masks = {"lung-fields": Mask(folder / "fields.png", LUNGS)}
    return DatasetCase("films", "film", "film", "CXR", folder / "film.png", masks, scores={"brixia-senior": 4.0})


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> CaseTable:
    root = tmp_path_factory.mktemp("source")
    first, second = (write_ct(root / f"p{seed}", seed) for seed in (1, 2))
    healthy = DatasetCase(
        "phantom", "p3", "p3", "CT", second.image, {"lungs": second.masks["lungs"]}, finding="No finding"
    )
    return CaseTable.of([first, second, healthy, write_film(root / "film")])

"""A small cohort with truth, and masks that somebody else made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, Image, LabelMap, Quantity
from hilum.provenance import Source
from hilum.writers.masks import write

FILM = (37, 41)
VOLUME = (7, 11, 13)
SPACING = (2.5, 0.8, 0.7)
_MADE = Source("made", "0" * 64, None)


@dataclass(frozen=True)
class Cohort:
    """Three films with lungs and lesions, one of them healthy, and a CT with lesions."""

    root: Path
    table: CaseTable

    @property
    def csv(self) -> Path:
        return self.root / "cases.csv"

    def case(self, name: str) -> DatasetCase:
        return next(case for case in self.table if case.case == name)


def lungs(shift: int = 0) -> np.ndarray:
    made = np.zeros(FILM, np.uint8)
    made[8 + shift : 30 + shift, 4:16] = 1
    made[8 + shift : 28 + shift, 24:37] = 2
    return made


def opacity(shift: int = 0) -> np.ndarray:
    made = np.zeros(FILM, np.uint8)
    made[20 + shift : 27 + shift, 5:13] = 1
    made[10 + shift : 15 + shift, 26:35] = 2
    return made


def ball(shift: int = 0) -> np.ndarray:
    made = np.zeros(VOLUME, np.uint8)
    made[2:5, 3:8, 4 + shift : 9 + shift] = 1
    return made


def volume(array: np.ndarray, labels: dict | None = None) -> Image | LabelMap:
    grid = VolumeGrid.of_spacing(VOLUME, SPACING)
    if labels is None:
        return Image(array, grid, Quantity.HOUNSFIELD, _MADE)
    return LabelMap(array, grid, labels, _MADE)


def save(array: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(array).save(path)
    return path


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    root = tmp_path / "truth"
    generator = np.random.default_rng(0)
    cases = []
    for n, (name, finding) in enumerate((("a", "COVID-19"), ("b", "COVID-19"), ("c", "No finding"))):
        film = generator.integers(0, 255, FILM).astype(np.uint8)
        empty = np.zeros(FILM, np.uint8)
        masks = {
            "lungs": Mask(save(lungs(), root / f"lungs/{name}.png"), {1: "right-lung", 2: "left-lung"}),
            "lesions": Mask(
                save(empty if name == "c" else opacity(), root / f"lesions/{name}.png"),
                {1: "ground-glass", 2: "consolidation"},
            ),
        }
        scores = {} if name == "c" else {"six-zone-r": 2.0 + n, "six-zone-d": 3.0}
        image = save(film, root / f"images/{name}.png")
        cases.append(DatasetCase("made", name, f"p{n}", "CXR", image, masks, scores, finding, split="test"))
    root.joinpath("ct").mkdir()
    scan = write(volume(np.full(VOLUME, -700, np.int16)), root / "ct/v.nii.gz")
    truth = write(volume(ball(), dict(LESIONS)), root / "ct/v-lesions.nii.gz")
    cases.append(
        DatasetCase("made", "v", "p9", "CT", scan, {"lesions": Mask(truth, {1: "ground-glass"})}, finding="COVID-19")
    )
    table = CaseTable.of(cases)
    table.write_csv(root / "cases.csv")
    return Cohort(root, table)


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """As ``hilum analyse`` writes it; nothing of film b, and a consolidation too few on film a."""
    folder = tmp_path / "ours"
    save(lungs(1), folder / "a/lungs.png")
    save(opacity(), folder / "a/lesions.png")
    save(lungs(), folder / "c/lungs.png")
    save(np.zeros(FILM, np.uint8), folder / "c/lesions.png")
    (folder / "v").mkdir()
    write(volume(ball(1), dict(LESIONS)), folder / "v/lesions.nii.gz")
    return folder

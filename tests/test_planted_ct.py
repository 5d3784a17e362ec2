"""What is planted into a computed chest, and what the shipped networks find of it."""

from __future__ import annotations

import numpy as np
import pytest

from hilum import analyse
from hilum.case import Case
from hilum.image import Image
from hilum.phantom import Lesion, Thorax, default_grid, thorax
from hilum.segmentation.solids import shrunken
from hilum.settings import RuntimeSettings, Settings

BODY = 71
"""Neither trained on, nor used to choose a threshold, nor in the evaluation."""

PLANTED_ML = (80, 200, 500)
"""Three quarters ground-glass, low in the right lung; the rest consolidation, in the middle of the left one."""

SETTINGS = Settings(runtime=RuntimeSettings(engine="onnxruntime"))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Thorax, Case]]:
    """Chests with more and more disease, and their cases."""
    grid = default_grid(BODY, spacing_mm=(5, 2.2, 2.2))
    made: list[tuple[Thorax, Case]] = []
    for total in PLANTED_ML:
        lesions = (
            Lesion("ground-glass", "right-lower", 0.75 * total, seed=BODY),
            Lesion("consolidation", "left-middle", 0.25 * total, seed=BODY + 1),
        )
        chest = thorax(BODY, grid=grid, lesions=lesions)
        made.append((chest, analyse(chest.ct, settings=SETTINGS)))
    return made


def test_the_volume_found_follows_the_planted_one(pairs):
    errors: list[float] = []
    for chest, case in pairs:
        planted = chest.volume_ml("ground-glass") + chest.volume_ml("consolidation")
        errors.append(case.measures.find("volume", "both", "opacity") / planted - 1)
    assert sum(map(abs, errors)) / len(errors) <= 0.05, errors
    assert max(map(abs, errors)) <= 0.10, errors


def test_a_mirrored_chest_mirrors_what_the_networks_find(pairs):
    chest, case = pairs[1]
    mirrored = analyse(Image(chest.ct.array[:, :, ::-1], chest.ct.grid, chest.ct.quantity, chest.ct.origin),
                       settings=SETTINGS)  # fmt: skip
    for side, across in (("right", "left"), ("left", "right")):
        for structure in ("lung", "opacity"):
            expected = case.measures.find("volume", side, structure)
            assert mirrored.measures.find("volume", across, structure) == pytest.approx(expected, rel=0.05)
    for name in ("zonal-24", "mosmed", "opacity-percent"):
        assert mirrored.scores[name].value == pytest.approx(case.scores[name].value, rel=0.05), name


def test_a_mass_without_texture_is_not_taken_for_the_diaphragm():
    chest = thorax(BODY, grid=default_grid(BODY))
    spacing = chest.ct.volume.spacing_mm
    right = chest.lungs.array == 1
    middle = np.argwhere(shrunken(right, 27.0, spacing)).mean(axis=0)  # well away from heart, wall and diaphragm
    away = (np.indices(right.shape).transpose(1, 2, 3, 0) - middle) * spacing
    mass = np.linalg.norm(away, axis=-1) <= 20
    assert (mass & right).sum() == mass.sum()
    array = np.where(mass, np.int16(20), chest.ct.array)
    case = analyse(Image(array, chest.ct.grid, chest.ct.quantity, chest.ct.origin), settings=SETTINGS)
    planted = np.count_nonzero(mass) * chest.ct.volume.voxel_ml
    assert case.measures.find("volume", "right", "opacity") == pytest.approx(planted, rel=0.1)
    assert case.measures.find("volume", "left", "opacity") < 1

"""Cross-validation of recipes for volumes: figures of every CT and structure."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch

from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.training.crossval import plan_folds, run_folds
from hilum.training.crossval_cases import MEASURES, judged, structures, whole
from hilum.training.crossval_tables import summaries
from hilum.training.fit import Where
from hilum.training.losses_volume import INFECTION
from hilum.training.phantom_volumes import SPACING_MM
from hilum.training.volume_data import labelled, prepare

from .volumes import chest, small

pytestmark = pytest.mark.filterwarnings("default")  # lightning deprecates its own parts

HERE = Where(kind="cpu", threads=1, pictures=0)


def write(path, array):
    affine = np.diag([*(-spacing for spacing in SPACING_MM[:0:-1]), SPACING_MM[0], 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine), path)
    return path


def case_of(folder, seed):
    array, lungs, lesions = chest(seed)
    return DatasetCase(
        source="made",
        case=f"ct-{seed}",
        patient=f"patient-{seed}",
        modality="CT",
        image=write(folder / f"{seed}-ct.nii.gz", array),
        masks={
            "lungs": Mask(write(folder / f"{seed}-lungs.nii.gz", lungs), {1: "right-lung", 2: "left-lung"}),
            "lesions": Mask(
                write(folder / f"{seed}-lesions.nii.gz", lesions),
                {1: "ground-glass", 2: "consolidation", 3: "effusion"},
            ),
        },
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    CaseTable.of([case_of(folder, seed) for seed in range(4)]).write_csv(folder / "cases.csv")
    return folder


class Knows:
    """A task that gives the truth back: it is handed the volume's classes in place of densities."""

    def __init__(self, channels):
        self.channels = channels

    def cpu(self):
        return self

    def eval(self):
        return self

    def __call__(self, blocks):
        if self.channels == 1:
            return torch.where(blocks == INFECTION, 9.0, -9.0)
        hot = torch.nn.functional.one_hot(blocks[:, 0].long(), self.channels)
        return 9.0 * torch.movedim(hot, -1, 1).float()


@pytest.mark.parametrize("name", ["miscnn-3d", "ggo-cons-2d"])
def test_a_network_that_knows_the_truth_is_perfect_wherever_blocks_lie(table, name, monkeypatch) -> None:
    recipe = small(name)
    volume = prepare(labelled(case_of(table, 1)), recipe)
    told = type(volume)(volume.classes.astype(np.float32), volume.classes)
    monkeypatch.setattr("hilum.training.crossval_cases.prepare", lambda *_: told)
    (found,) = judged(Knows(len(recipe.channels)), [case_of(table, 1)], recipe)
    assert {figure: value for figure, value in found.figures.items() if value != 1.0} == {}
    assert set(found.figures) == {f"{measure} {each}" for measure in MEASURES for each in structures(recipe)}
    chances = whole(Knows(len(recipe.channels)), told, recipe)
    assert chances.shape == (len(recipe.channels), *volume.classes.shape)


def test_a_case_without_masks_is_not_measured(table) -> None:
    bare = DatasetCase("made", "bare", "bare", "CT", table / "0-ct.nii.gz")
    (found,) = judged(Knows(4), [bare], small("miscnn-3d"))
    assert set(found.figures.values()) == {None}
    assert "no CT with masks" in found.reason


def test_two_folds_of_volumes_have_figures_of_every_structure(table, tmp_path) -> None:
    jobs = plan_folds(small("miscnn-3d"), [table], tmp_path, folds=2, where=HERE)
    results = [result for _, result in run_folds(jobs)]
    assert sorted(case.case for result in results for case in result.cases) == [f"made/ct-{n}" for n in range(4)]
    assert all("val/dice-lesions" in result.figures for result in results)
    made = {each.figure: each for each in summaries(results)}
    assert made["accuracy left-lung"].n_cases == 4
    assert 0 <= made["accuracy infection"].mean <= 1

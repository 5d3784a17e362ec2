"""A small data set in which nothing is wrong, to be spoilt one way at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.schema import CaseTable, DatasetCase, Mask

SIDES = {1: "right-lung", 2: "left-lung"}
LESIONS = {1: "ground-glass", 2: "consolidation"}
FILM = (77, 91)
VOLUME = (24, 39, 41)
AFFINE = np.diag([-4.0, -4.0, 8.0, 1.0])


def film(seed: int) -> np.ndarray:
    """A picture like no other, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 16)).astype(np.uint8)
    return np.asarray(Picture.fromarray(coarse).resize(FILM[::-1], Picture.Resampling.BICUBIC))


def film_masks() -> tuple[np.ndarray, np.ndarray]:
    lungs, lesions = np.zeros((2, *FILM), np.uint8)
    lungs[10:60, 8:38], lungs[10:60, 52:82] = 1, 2
    lesions[20:30, 10:20], lesions[40:50, 60:70] = 1, 2
    return lungs, lesions


def volume(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hounsfield units and lungs, axes as in NIfTI: columns, rows, slices."""
    slices, rows, columns = VOLUME
    noise = np.random.default_rng(seed).integers(-120, 120, (columns // 3 + 1, 1, slices // 3 + 1))
    grain = noise.repeat(3, axis=0).repeat(3, axis=2)[:columns, :, :slices]
    array = np.full((columns, rows, slices), -1000, np.int16)
    array[3:38, 5:34] = 40
    lungs = np.zeros(array.shape, np.uint8)
    lungs[6:18, 10:28, 3:20], lungs[23:35, 10:28, 3:20] = 1, 2
    array[lungs > 0] = -820
    inside = array > -1000
    return (array + grain * inside).astype(np.int16), lungs


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(array).save(path)


def nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


@dataclass
class Tree:
    """The data set: its cases may be replaced, its files overwritten."""

    root: Path
    cases: dict[str, DatasetCase]

    @property
    def table(self) -> CaseTable:
        return CaseTable(tuple(self.cases.values()))

    def change(self, name: str, **fields) -> None:
        self.cases[name] = replace(self.cases[name], **fields)

    def image(self, name: str) -> Path:
        return self.cases[name].image

    def mask(self, name: str, kind: str) -> Path:
        return self.cases[name].masks[kind].path


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Four films of three patients in two splits, one of them healthy and empty, and two volumes."""
    cases = {}
    for n, (patient, split) in enumerate([("a", "train"), ("a", "train"), ("b", "test"), ("c", "test")]):
        name = f"film-{n}"
        lungs, lesions = film_masks()
        save(tmp_path / f"{name}.png", film(n))
        save(tmp_path / f"{name}-lungs.png", lungs)
        save(tmp_path / f"{name}-lesions.png", lesions)
        masks = {
            "lungs": Mask(tmp_path / f"{name}-lungs.png", SIDES),
            "lesions": Mask(tmp_path / f"{name}-lesions.png", LESIONS),
        }
        cases[name] = DatasetCase("films", name, patient, "CXR", tmp_path / f"{name}.png", masks, split=split)
    for n in range(2):
        name = f"volume-{n}"
        array, lungs = volume(n)
        nifti(tmp_path / f"{name}.nii.gz", array)
        nifti(tmp_path / f"{name}-lungs.nii.gz", lungs)
        masks = {"lungs": Mask(tmp_path / f"{name}-lungs.nii.gz", SIDES)}
        cases[name] = DatasetCase("volumes", name, name, "CT", tmp_path / f"{name}.nii.gz", masks)
    return Tree(tmp_path, cases)

"""Small trees in the layouts of the CT sources."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

SHAPE = (11, 13)


def _picture(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(array).save(path, **({"quality": 100} if path.suffix == ".jpg" else {}))


def grey(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """No two rows and no two columns alike."""
    rows, columns = np.indices(shape)
    return (rows * 17 + columns).astype(np.uint8)


def mask(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """1 in the first rows, 2 at the first column."""
    made = np.zeros(shape, np.uint8)
    made[1:3], made[2:, 0] = 1, 2
    return made


def nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


@pytest.fixture
def ct_tree(tmp_path: Path) -> Path:
    """One folder a source, a few small files in each."""
    table = ["case,volume,index,lesion_px,lung_px,split"]
    for volume, split in (("coronacases-01", "val"), ("coronacases-03", "test"), ("radiopaedia-c", "test")):
        for index in range(2):
            name = f"{volume}-{index:03d}"
            table.append(f"{name},{volume},{index},1,1,{split}")
            _picture(tmp_path / "ma20-slices" / "images" / f"{name}.jpg", grey())
            _picture(tmp_path / "ma20-slices" / "lungs" / f"{name}.png", np.minimum(mask(), 1))
            _picture(tmp_path / "ma20-slices" / "lesions" / f"{name}.png", (mask() == 2).astype(np.uint8))
    (tmp_path / "ma20-slices" / "cases.csv").write_text("\n".join(table), encoding="utf-8")
    for name in ("medseg-000", "medseg-001"):
        _picture(tmp_path / "medseg-slices" / "images" / f"{name}.png", grey())
        _picture(tmp_path / "medseg-slices" / "lesions" / f"{name}.png", mask())
    lines = "case,width,split\nmedseg-000,13,train\nmedseg-001,13,test\n"
    (tmp_path / "medseg-slices" / "cases.csv").write_text(lines, encoding="utf-8")
    _picture(tmp_path / "coronacases-slices" / "case3_115_image.png", grey())
    _picture(tmp_path / "coronacases-slices" / "case3_115_lesion.png", (mask() == 1).astype(np.uint8))
    _arrays(tmp_path / "ma2020-slices")
    _picture(tmp_path / "lungsegdb-slices" / "images" / "18.png", np.stack([grey()] * 3, axis=-1))
    _picture(tmp_path / "lungsegdb-slices" / "masks" / "18.png", np.stack([mask() * 120] * 3, axis=-1))
    _volumes(tmp_path)
    return tmp_path


def _arrays(folder: Path) -> None:
    """Rows from right to left; columns to the front in Hounsfield units, to the back in grey levels."""
    folder.mkdir()
    sides = mask().T  # upright, 1 would be the author's left lung
    hounsfield = grey().astype(np.int16) * 10 - 1000
    np.save(folder / "coronacases_001_image_slice_98.npy", hounsfield[::-1].T)
    np.save(folder / "coronacases_001_masks_slice_98.npy", mask()[::-1].T)
    np.save(folder / "radiopaedia_14_85914_0_image_slice_0.npy", grey().T)
    np.save(folder / "radiopaedia_14_85914_0_masks_slice_0.npy", sides)


def _volumes(root: Path) -> None:
    numbers = np.arange(5 * 7 * 3, dtype=np.int16).reshape(5, 7, 3)
    towards_front = np.diag([-2.0, 1.5, 4.0, 1.0])
    nifti(root / "imlab-lung3d" / "id001_ct.nii.gz", numbers, towards_front)
    nifti(root / "imlab-lung3d" / "id001_lungmask.nii.gz", (numbers > 50).astype(np.uint8), towards_front)
    towards_back = np.diag([-2.0, -1.5, 4.0, 1.0])
    folder = root / "covid-ct-md"
    for name in ("P001", "normal001"):
        nifti(folder / f"{name}_ct.nii.gz", numbers, towards_back)
    head = "nifti_k,label_index,z_mm,infected,LLL,LUL,RLL,RML,RUL"
    rows = ["0,2,-4.0,0,0,0,0,0,0", "1,1,0.0,1,1,0,0,0,1", "2,0,4.0,1,0,1,0,0,0"]
    (folder / "P001_slice_lobe_labels.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    cases = "case,diagnosis,sex,age,slices\nP001,COVID-19,M,39,3\nnormal001,normal,F,70,3\n"
    (folder / "cases.csv").write_text(cases, encoding="utf-8")
    (root / "elastix-lung").mkdir()
    for name in ("3DCT_lung_registered.mha", "3DCT_lung_baseline_mask.mha"):
        (root / "elastix-lung" / name).touch()

"""``hilum score`` from files to numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from hilum.cli.app import app

AFFINE = np.diag([-10.0, -10.0, 10.0, 1.0])
"""Voxels of 1 ml; columns towards the left, rows towards the back."""


def hilum(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def write(path: Path, array: Any, kind: Any = np.uint8) -> Path:
    data = np.ascontiguousarray(np.asarray(array).astype(kind).transpose(2, 1, 0))
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), path)
    return path


@pytest.fixture
def case(tmp_path: Path) -> dict[str, Path]:
    """Two lungs of 120 ml, the right lower lobe consolidated."""
    lobes = np.zeros((12, 14, 16), np.uint8)
    lobes[1:11, 2:8, 2:4], lobes[1:11, 2:8, 10:12] = 1, 4
    lobes[1:6, 2:5, 2:4], lobes[1:6, 5:8, 2:4], lobes[1:6, 2:8, 10:12] = 2, 3, 5
    lungs = np.array([0, 1, 1, 1, 2, 2], np.uint8)[lobes]
    hu = np.where(lungs > 0, -850, 40)
    hu[lobes == 3] = -100
    return {
        "image": write(tmp_path / "ct.nii.gz", hu, np.int16),
        "lungs": write(tmp_path / "lungs.nii.gz", lungs),
        "lesions": write(tmp_path / "lesions.nii.gz", 2 * (lobes == 3)),
        "lobes": write(tmp_path / "lobes.nii.gz", lobes),
    }


def options(case: dict[str, Path], *roles: str) -> list[Any]:
    return [item for role in roles for item in (f"--{role}", case[role])]


def test_all_masks_and_the_image(case: dict[str, Path]) -> None:
    result = hilum(*options(case, "image", "lungs", "lesions", "lobes"), "--json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    scores = {name: score["value"] for name, score in made["scores"].items()}
    assert scores == {
        "opacity-percent": 12.5,
        "high-opacity-percent": 12.5,
        "ct-severity-25": 5,
        "total-severity-20": 4,
        "lung-severity-score": 4,
        "lung-high-opacity-score": 4,
        "zonal-24": 5,
        "mosmed": 1,
        "mosmed-whole": 1,
    }
    assert made["instances"][0]["region"] == "right-lower-lobe"
    rows = {(row["id"], row["region"], row["structure"]): row for row in made["measures"]}
    assert rows["mean-hu", "both", "consolidation"]["value"] == -100
    assert rows["volume", "left", "consolidation"] == {
        "id": "volume", "region": "left", "structure": "consolidation", "value": 0, "unit": "ml", "method": "masks",
    }  # fmt: skip


def test_masks_alone_say_what_they_cannot(case: dict[str, Path]) -> None:
    result = hilum(*options(case, "lungs", "lesions"))
    assert result.exit_code == 0, result.stderr
    assert "CT severity score (0-25)             not measured: it takes the lobes, and none were given" in result.stdout
    assert "Lung with high opacity               not measured: it takes Hounsfield units" in result.stdout
    assert "Lung with opacity                    12.5 %" in result.stdout
    assert "Volume, consolidation                30 ml (± 21)" in result.stdout


def test_a_file_of_the_result(case: dict[str, Path], tmp_path: Path) -> None:
    result = hilum(*options(case, "lungs", "lesions", "lobes"), "-o", tmp_path / "out.json", "--json")
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(result.stdout)


def test_labels_of_a_tool_are_those_of_what_it_makes(case: dict[str, Path], tmp_path: Path) -> None:
    lobes = nibabel.load(case["lobes"]).get_fdata().astype(np.uint8).transpose(2, 1, 0)
    organs = np.array([0, 12, 13, 14, 10, 11], np.uint8)[lobes]
    organs[0] = 5
    ours = json.loads(hilum(*options(case, "lungs", "lesions", "lobes"), "--json").stdout)
    file = write(tmp_path / "total.nii.gz", organs)
    theirs = hilum(
        "--lungs", file, "--lesions", case["lesions"], "--lobes", file, "--labels", "totalsegmentator", "--json"
    )
    assert json.loads(theirs.stdout) == ours
    ltrc = write(tmp_path / "ltrc.nii.gz", np.array([0, 3, 4, 5, 1, 2], np.uint8)[lobes])
    mixed = hilum(
        "--lungs", file, "--lesions", case["lesions"], "--lobes", ltrc, "--labels", "totalsegmentator", "--labels",
        "lobes=lungmask", "--json",
    )  # fmt: skip
    assert json.loads(mixed.stdout) == ours


def test_a_film(tmp_path: Path) -> None:
    lungs = np.zeros((31, 41), np.uint8)
    lungs[2:29, 3:17], lungs[2:29, 24:38] = 1, 2
    lesions = (lungs == 1).astype(np.uint8)
    for name, array in (("lungs", lungs), ("lesions", lesions)):
        Pillow.fromarray(array).save(tmp_path / f"{name}.png")
    result = hilum("--lungs", tmp_path / "lungs.png", "--lesions", tmp_path / "lesions.png", "--json")
    made = json.loads(result.stdout)
    assert made["scores"]["six-zone"]["value"] == 3
    assert made["scores"]["opacity-percent"]["value"] == 50
    assert made["measures"] == []
    assert [(each["pixels"], each["zone"]) for each in made["instances"]] == [(378, "right-upper")]


@pytest.mark.parametrize(
    ("labels", "status", "message"),
    [
        ("airways=lungmask", 2, "'airways' is none of lungs, lesions, lobes"),
        ("lungmsk", 1, "Did you mean 'lungmask'"),
        ("lesions=lungmask", 1, "says nothing of lesions"),
        ("lungs=slicer-lcta", 1, "goes by names"),
    ],
)
def test_wrong_labels(case: dict[str, Path], labels: str, status: int, message: str) -> None:
    result = hilum(*options(case, "lungs", "lesions"), "--labels", labels)
    assert result.exit_code == status
    assert message in " ".join(result.stderr.split())


def test_one_mask_of_both_lungs(case: dict[str, Path], tmp_path: Path) -> None:
    ours = json.loads(hilum(*options(case, "image", "lungs", "lesions"), "--json").stdout)
    both = nibabel.load(case["lungs"]).get_fdata().transpose(2, 1, 0) > 0
    lungs = write(tmp_path / "both.nii.gz", both)
    rest = options(case, "image", "lesions")
    assert "its labels are 'one-mask'; else name the tool that made it, as in --labels" in " ".join(
        hilum("--lungs", lungs, *rest).stderr.split()
    )
    assert json.loads(hilum("--lungs", lungs, *rest, "--labels", "one-mask", "--json").stdout) == ours


def test_what_is_odd_about_the_image_is_told(case: dict[str, Path]) -> None:
    result = hilum(*options(case, "image", "lungs", "lesions"), "--json")
    assert {"code": "not-hounsfield", "gravity": "warning"} in json.loads(result.stdout)["findings"]
    assert "warning: Its slices are 10 mm apart" in result.stderr


def test_a_mask_is_no_image(case: dict[str, Path]) -> None:
    result = hilum("--image", case["lungs"], *options(case, "lungs", "lesions"))
    assert result.exit_code == 1
    assert "it is a mask, not a scan" in " ".join(result.stderr.split())


def test_masks_on_other_voxels(case: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((16, 14, 12), np.uint8), AFFINE + np.eye(4) * [1, 1, 1, 0]), other)
    result = hilum("--lungs", case["lungs"], "--lesions", other)
    assert result.exit_code == 1
    assert "does not lie on the voxels of the image" in result.stderr

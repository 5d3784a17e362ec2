"""A case becomes a folder: the files that were asked for, whole or not at all."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

from hilum.errors import SettingsError, UnknownModel, WriteError
from hilum.geometry import PlaneOrientation
from hilum.models import catalogue
from hilum.settings import OutputSettings
from hilum.writers import limits, write_case
from hilum.writers.overlay import render
from hilum.writers.result_json import schema

EVERYTHING = OutputSettings(masks=("png", "nifti"), probability=True)
TURNED = PlaneOrientation("F", "R")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(make_case, **options):
    shape = (110, 130)
    maps = {"opacity": np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape[::-1])}
    return make_case(orientation=TURNED, with_fields=True, probability=maps, **options)


def test_everything(make_case, tmp_path):
    case = full(make_case)
    folder = write_case(case, tmp_path / "out", EVERYTHING)
    assert folder == tmp_path / "out" / "case-1"
    assert names(folder.parent) == ["case-1"]
    made = json.loads((folder / "result.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(made)
    listed = [file["name"] for file in made["files"]]
    assert sorted([*listed, "result.json"]) == names(folder)
    assert listed == [
        *("lungs.png", "lungs.nii.gz", "lesions.png", "lesions.nii.gz", "lung-fields.png", "lung-fields.nii.gz"),
        *("probability-opacity.png", "overlay.png", "report.html"),
    ]


def test_masks_are_the_case_s_own_pixels(make_case, tmp_path):
    case = full(make_case)
    folder = write_case(case, tmp_path, EVERYTHING)
    for stem, labels in (("lungs", case.lungs), ("lesions", case.lesions), ("lung-fields", case.lung_fields)):
        assert np.array_equal(np.asarray(Picture.open(folder / f"{stem}.png")), labels.array)
        volume = nibabel.load(folder / f"{stem}.nii.gz")
        assert np.array_equal(np.asanyarray(volume.dataobj)[..., 0].T, labels.array)
    probability = np.asarray(Picture.open(folder / "probability-opacity.png"))
    assert np.abs(probability / 255 - case.probability["opacity"]).max() < 0.002


def test_the_overlay_is_the_drawing(make_case, tmp_path):
    case = full(make_case)
    folder = write_case(case, tmp_path, OutputSettings())
    assert np.array_equal(np.asarray(Picture.open(folder / "overlay.png")), render(case))


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({}, ["lesions.png", "lungs.png", "overlay.png", "report.html", "result.json"]),
        ({"masks": ()}, ["overlay.png", "report.html", "result.json"]),
        ({"overlay": False}, ["lesions.png", "lungs.png", "report.html", "result.json"]),
        ({"masks": (), "overlay": False, "report": False}, ["result.json"]),
        ({"masks": ("nifti",), "overlay": False, "report": False}, ["lesions.nii.gz", "lungs.nii.gz", "result.json"]),
    ],
)
def test_only_what_was_asked_for(case, tmp_path, options, files):
    assert names(write_case(case, tmp_path, OutputSettings(**options))) == files


def test_two_runs_give_the_same_bytes(make_case, tmp_path):
    first, second = (write_case(full(make_case), tmp_path / name, EVERYTHING) for name in ("a", "b"))
    for name in names(first):
        if not name.endswith(".nii.gz"):
            assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_second_run_replaces_the_first_whole(case, tmp_path):
    write_case(case, tmp_path, EVERYTHING)
    folder = write_case(case, tmp_path, OutputSettings(masks=(), report=False))
    assert names(folder) == ["overlay.png", "result.json"]
    assert names(tmp_path) == ["case-1"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_names_that_leave_the_folder(make_case, tmp_path, name):
    with pytest.raises(ValueError, match="cannot be named"):
        write_case(make_case(name), tmp_path / "out", OutputSettings())
    assert names(tmp_path) == []


def test_an_unknown_mask_format_is_found_before_anything_is_written(case, tmp_path):
    with pytest.raises(SettingsError, match="Did you mean 'nifti'"):
        write_case(case, tmp_path / "out", OutputSettings(masks=("nift",)))  # type: ignore[arg-type]
    assert names(tmp_path) == []


def test_a_full_disk_leaves_nothing(case, tmp_path, monkeypatch):
    write = Path.write_bytes

    def full_disk(self, content):
        if self.name == "overlay.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(WriteError, match="the disk is full"):
        write_case(case, tmp_path, OutputSettings())
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be(case, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"a folder was expected|a folder is needed"):
        write_case(case, tmp_path / "file" / "out", OutputSettings())


def test_limits_come_from_the_cards_of_the_networks_that_were_used(case, monkeypatch):
    limits._limits_of_model.cache_clear()

    class Card:
        limits = ("Faint opacity is missed.",)
        sha256 = "ef" * 32

    def card(name):
        if name == "lung-network":
            raise UnknownModel("none of that name")
        return Card()

    monkeypatch.setattr(catalogue, "card", card)
    assert limits.limits_of(case.provenance) == {"lesion-network": ("Faint opacity is missed.",)}
    limits._limits_of_model.cache_clear()
    monkeypatch.setattr(Card, "sha256", "00" * 32)
    assert limits.limits_of(case.provenance) == {}
    limits._limits_of_model.cache_clear()


def test_importing_the_writers_loads_nothing_heavy():
    heavy = {"SimpleITK", "PIL", "jinja2", "pydicom", "onnxruntime", "openvino"}
    script = f"import sys, hilum.writers; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"[]\n"

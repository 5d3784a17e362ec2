from __future__ import annotations

import json
import sys
from pathlib import Path

import harmonise
import nibabel
import numpy as np
import pytest
from measure import Spent

from hilum.datasets.schema import CaseTable

TINY = {"coarse": (9, 14, 16)}


def test_volumes_have_masks_on_their_voxels_and_are_the_same_every_time(tmp_path: Path) -> None:
    table = CaseTable.read_csv(harmonise.write_source(tmp_path / "a", 2, (18, 28, 32), **TINY))
    again = CaseTable.read_csv(harmonise.write_source(tmp_path / "b", 2, (18, 28, 32), **TINY))
    assert [path.read_bytes() for case in table for path in case.files] == [
        path.read_bytes() for case in again for path in case.files
    ]
    image, lungs, lesions = (nibabel.load(path) for path in table.cases[1].files)
    np.testing.assert_array_equal(image.affine, lungs.affine)
    inside = np.asarray(lungs.dataobj) > 0
    assert inside.any()
    assert np.asarray(image.dataobj)[inside].mean() < -400
    assert not np.asarray(lesions.dataobj)[~inside].any()


def test_simpleitk_resamples_every_file_over_the_whole_field_of_view(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    table = harmonise.write_source(tmp_path / "a", 1, (18, 28, 32), **TINY)
    took = harmonise.resample(table, tmp_path / "itk", 1)
    assert min(took.values()) > 0
    made = nibabel.load(tmp_path / "itk" / "v000-ct.nii.gz")
    assert made.shape == (423, 423, 76)


def test_the_ratio_is_to_the_bare_resampling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    theirs = {"read": 1.0, "resample": 4.0, "write": 5.0, "cpu": 7.0}

    def spend(command: list[str | Path]) -> Spent:
        if "--bare" in command:
            return Spent(0.0, 11.0, 12.0, 300.0, json.dumps(theirs))
        folder = Path(command[command.index("-o") + 1])
        folder.mkdir()
        return Spent(0.0, 6.4, 12.0, 300.0, "")

    monkeypatch.setattr(harmonise, "spend", spend)
    monkeypatch.setattr(harmonise, "write_source", lambda folder, count, shape: folder / "cases.csv")
    monkeypatch.setattr(sys, "argv", ["harmonise.py", "--volumes", "2", "--check"])
    assert harmonise.main() == 1
    told = capsys.readouterr().out
    assert "2 volumes of 256x256x120" in told
    assert [row["times the bare resampling"] for row in harmonise.rows(2, spend_of(6.0), theirs)] == [1.5, 1.0, 2.5]


def spend_of(wall_s: float) -> Spent:
    return Spent(0.0, wall_s, 1.0, 1.0, "")


def test_the_verdict_holds_at_its_edge() -> None:
    assert [harmonise.verdict(ratio) for ratio in (0.9, 1.5, 1.51)] == ["reached", "reached", "MISSED"]

"""``hilum analyse --lobes``: another tool's lobes on their way to the scores."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result

from hilum.batch import local
from hilum.batch.local import Lobes, Summary, analyse_one
from hilum.cli import run
from hilum.cli.app import app
from hilum.errors import Error, UnknownLabels
from hilum.geometry import VolumeGrid
from hilum.image import LabelMap
from hilum.readers import Entry, find, read
from hilum.settings import Settings

AFFINE = np.diag([-2.0, -3.0, 4.0, 1.0])


def write(path: Path, array: Any) -> Path:
    nibabel.save(nibabel.Nifti1Image(np.asarray(array, np.int16).transpose(2, 1, 0), AFFINE), path)
    return path


@pytest.fixture
def ltrc(tmp_path: Path) -> Path:
    """lungmask's numbers: 1 and 2 the left lobes, 3 to 5 the right ones."""
    array = np.zeros((6, 7, 13), np.uint8)
    array[:3, 2:5, 1:5], array[3:, 2:5, 1:5], array[:, 2:5, 7:11] = 5, 3, 1
    return write(tmp_path / "lobes.nii.gz", array)


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return write(tmp_path / "ct.nii.gz", np.full((6, 7, 13), -850))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Lobes | None]:
    made: list[Lobes | None] = []

    def analyse_all(entries: Iterable[Entry], output: Path, settings: Settings, **options: Any) -> Summary:
        made.append(options["lobes"])
        return Summary((), output / "results.csv")

    monkeypatch.setattr(run, "analyse_all", analyse_all)
    return made


def hilum(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["analyse", *map(str, arguments)])


def test_they_are_read_by_the_tools_labels_onto_the_ct(
    ct: Path, ltrc: Path, tmp_path: Path, given: list[Lobes | None]
) -> None:
    result = hilum(ct, "-o", tmp_path / "out", "--lobes", ltrc, "--lobe-labels", "lungmask")
    assert result.exit_code == 0, result.stderr
    (lobes,) = given
    assert lobes is not None
    image = read(ct)
    made = lobes(image)
    assert isinstance(made.grid, VolumeGrid)
    assert made.grid.same_as(image.volume)
    assert [made.pixels(label.name) for label in made.labels.values()] == [36, 0, 36, 72, 0]


def test_none_are_given_unless_asked_for(ct: Path, tmp_path: Path, given: list[Lobes | None]) -> None:
    hilum(ct, "-o", tmp_path / "out")
    assert given == [None]


def test_they_are_of_one_scan(ct: Path, ltrc: Path, tmp_path: Path, given: list[Lobes | None]) -> None:
    other = write(tmp_path / "other.nii.gz", np.full((6, 7, 13), -850))
    result = hilum(ct, other, "-o", tmp_path / "out", "--lobes", ltrc, "--lobe-labels", "lungmask")
    assert result.exit_code == 1
    assert "The lobes are of one CT, and 2 images were found" in result.stderr
    assert given == []


def test_unknown_labels(ct: Path, ltrc: Path, tmp_path: Path, given: list[Lobes | None]) -> None:
    result = hilum(ct, "-o", tmp_path / "out", "--lobes", ltrc, "--lobe-labels", "lungmsk")
    assert result.exit_code == 1
    assert "Did you mean 'lungmask'" in result.stderr
    assert given == []


def test_labels_that_are_not_known_are_told_with_the_option_that_names_them(
    ct: Path, tmp_path: Path, given: list[Lobes | None]
) -> None:
    hilum(ct, "-o", tmp_path / "out", "--lobes", write(tmp_path / "lobes.nii.gz", np.full((6, 7, 13), 11)))
    (lobes,) = given
    assert lobes is not None
    with pytest.raises(UnknownLabels, match=r"numbers 11, .* as in --lobe-labels totalsegmentator\.$"):
        lobes(read(ct))


def test_a_case_gets_them(ct: Path, ltrc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[LabelMap | None] = []

    def analyse(image: Any, *, lobes: LabelMap | None, **options: Any) -> None:
        seen.append(lobes)
        raise Error("Far enough.")

    monkeypatch.setattr(local, "analyse", analyse)
    (entry,) = find([ct])
    marked = LabelMap(np.zeros((6, 7, 13), np.uint8), read(ct).grid, {}, read(ltrc).origin)
    networks: Any = None
    made = analyse_one(
        entry,
        output=tmp_path,
        settings=Settings(),
        networks=networks,
        turn=threading.Lock(),
        lobes=lambda image: marked,
    )
    assert made.message == "Far enough."
    assert seen == [marked]

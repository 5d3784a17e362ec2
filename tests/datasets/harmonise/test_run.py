from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.harmonise import HarmoniseSettings, bring_back, harmonise
from hilum.datasets.harmonise import run as running
from hilum.datasets.open import open_case
from hilum.datasets.schema import CaseTable
from hilum.errors import WriteError
from hilum.image import Quantity

NATIVE = HarmoniseSettings(spacing_mm=None, about="centre")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_database_is_a_source_like_any_other(source: CaseTable, tmp_path: Path) -> None:
    outcomes = harmonise(source, tmp_path / "db")
    assert [outcome.message for outcome in outcomes] == [""] * 4
    table = CaseTable.read_csv(tmp_path / "db" / "cases.csv")
    assert [case.key for case in table] == [case.key for case in source]
    assert [case.split for case in table] == ["train", "train", "", ""]
    assert table.cases[3].scores == {"brixia-senior": 4.0}
    image, masks = open_case(table.cases[0])
    assert image.volume.spacing_mm == pytest.approx((4.5, 0.9, 0.9), rel=1e-5)
    assert image.quantity is Quantity.HOUNSFIELD
    assert set(masks) == {"lungs", "lesions"}
    before = open_case(source.cases[0])[1]
    for kind, labels in masks.items():
        back = bring_back(labels, before[kind].volume)
        np.testing.assert_array_equal(back.array, before[kind].array)


def test_a_second_run_changes_nothing_and_another_place_gives_the_same_bytes(source: CaseTable, tmp_path: Path) -> None:
    first = harmonise(source, tmp_path / "a", NATIVE, workers=2)
    made = contents(tmp_path / "a")
    again = harmonise(source, tmp_path / "a", NATIVE)
    assert [outcome.is_new for outcome in first] == [True] * 4
    assert [outcome.is_new for outcome in again] == [False] * 4
    assert contents(tmp_path / "a") == made
    harmonise(source, tmp_path / "b", NATIVE, workers=1)
    assert contents(tmp_path / "b") == made


def test_an_interrupted_run_goes_on_where_it_stopped(
    source: CaseTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmonise(source, tmp_path / "whole", NATIVE)
    real, seen = running.harmonise_volume, []

    def stops(*given: object) -> object:
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append(given)
        return real(*given)

    monkeypatch.setattr(running, "harmonise_volume", stops)
    with pytest.raises(KeyboardInterrupt):
        harmonise(source, tmp_path / "db", NATIVE, workers=1)
    assert not (tmp_path / "db" / "manifest.json").exists()
    monkeypatch.undo()
    outcomes = harmonise(source, tmp_path / "db", NATIVE)
    assert not outcomes[0].is_new
    assert outcomes[1].is_new
    assert contents(tmp_path / "db") == contents(tmp_path / "whole")


def test_what_was_changed_is_made_anew(source: CaseTable, tmp_path: Path) -> None:
    harmonise(source, tmp_path / "db", NATIVE)
    (tmp_path / "db" / "Case-0000" / "img.nii.gz").write_bytes(b"cut")
    assert [outcome.is_new for outcome in harmonise(source, tmp_path / "db", NATIVE)] == [True, False, False, False]
    other = replace(NATIVE, labels="merge")
    assert [outcome.is_new for outcome in harmonise(source, tmp_path / "db", other)] == [True] * 4
    assert (tmp_path / "db" / "Case-0000" / "labels.nii.gz").exists()
    told = CaseTable.of([replace(source.cases[0], split="test"), *source.cases[1:]])
    assert [outcome.is_new for outcome in harmonise(told, tmp_path / "db", other)] == [True, False, False, False]


def test_one_bad_case_never_stops_the_rest(source: CaseTable, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"\x1f\x8b nothing")
    bad = [replace(source.cases[0], case=name, image=image) for name, image in
           (("gone", tmp_path / "gone.nii.gz"), ("broken", broken))]  # fmt: skip
    other = replace(source.cases[1], case="off", masks={"lesions": source.cases[0].masks["lesions"]})
    outcomes = harmonise(CaseTable.of([*bad, other, source.cases[2]]), tmp_path / "db", NATIVE)
    assert [outcome.record is None for outcome in outcomes] == [True, True, True, False]
    assert "gone.nii.gz" in outcomes[0].message
    assert "compressed with gzip" in outcomes[1].message
    assert "does not lie on its image" in outcomes[2].message
    manifest = json.loads((tmp_path / "db" / "manifest.json").read_text(encoding="utf-8"))
    assert [case["status"] for case in manifest["cases"]] == ["failed", "failed", "failed", "done"]
    assert [path.name for path in sorted((tmp_path / "db").glob("Case-*"))] == ["Case-0003"]
    assert len(CaseTable.read_csv(tmp_path / "db" / "cases.csv")) == 1


def test_a_folder_of_other_things_is_left_alone(source: CaseTable, tmp_path: Path) -> None:
    (tmp_path / "Case-0000").mkdir()
    (tmp_path / "Case-0000" / "thesis.txt").write_text("years")
    outcomes = harmonise(source, tmp_path, NATIVE)
    assert "will not be replaced" in outcomes[0].message
    assert (tmp_path / "Case-0000" / "thesis.txt").read_text() == "years"
    (tmp_path / "file").touch()
    with pytest.raises(WriteError):
        harmonise(source, tmp_path / "file")


def test_cases_that_are_no_more_go(source: CaseTable, tmp_path: Path) -> None:
    harmonise(source, tmp_path / "db", NATIVE)
    (tmp_path / "db" / "notes.txt").touch()
    gone = replace(source.cases[1], image=tmp_path / "gone.nii.gz")
    harmonise(CaseTable.of([source.cases[0], gone]), tmp_path / "db", NATIVE)
    left = {path.name for path in (tmp_path / "db").iterdir()}
    assert left == {"Case-0000", "cases.csv", "manifest.json", "notes.txt"}


def test_a_database_is_not_written_onto_what_it_is_made_of(source: CaseTable, tmp_path: Path) -> None:
    harmonise(source, tmp_path / "db", NATIVE)
    made = contents(tmp_path / "db")
    with pytest.raises(WriteError, match="cases are read from"):
        harmonise(CaseTable.read_csv(tmp_path / "db" / "cases.csv"), tmp_path / "db", NATIVE)
    assert contents(tmp_path / "db") == made


def test_slices_are_those_with_disease_with_lungs_and_lesions_apart(source: CaseTable, tmp_path: Path) -> None:
    settings = HarmoniseSettings(form="slices", normalise="window", spacing_mm=None, about="centre")
    harmonise(source, tmp_path / "db", settings)
    table = CaseTable.read_csv(tmp_path / "db" / "cases.csv")
    lesions = open_case(source.cases[0])[1]["lesions"].array
    diseased = np.flatnonzero(lesions.any(axis=(1, 2))).tolist()
    assert [case.case for case in table if case.patient == "p1"] == [f"p1-{index:04d}" for index in diseased]
    assert not [case for case in table if case.patient == "p3"]
    image, masks = open_case(table.cases[0])
    assert image.quantity is Quantity.WINDOWED_CT
    assert image.volume.spacing_mm == pytest.approx(open_case(source.cases[0])[0].volume.spacing_mm)
    np.testing.assert_array_equal(masks["lesions"].array[0], lesions[diseased[0]])
    harmonise(source, tmp_path / "all", replace(settings, slices="all"))
    every = CaseTable.read_csv(tmp_path / "all" / "cases.csv")
    assert len([case for case in every if case.patient == "p3"]) == len(open_case(source.cases[2])[0].array)


def test_films_keep_their_size_or_are_resized_with_their_masks(source: CaseTable, tmp_path: Path) -> None:
    film = CaseTable.of(source.cases[3:])
    harmonise(film, tmp_path / "same", HarmoniseSettings(lungs="source"))
    image, masks = open_case(CaseTable.read_csv(tmp_path / "same" / "cases.csv").cases[0])
    before, given = open_case(film.cases[0])
    np.testing.assert_array_equal(image.array, before.array)
    np.testing.assert_array_equal(masks["lung-fields"].array, given["lung-fields"].array)
    harmonise(film, tmp_path / "half", HarmoniseSettings(lungs="source", film_px=30))
    image, masks = open_case(CaseTable.read_csv(tmp_path / "half" / "cases.csv").cases[0])
    assert image.array.shape == masks["lung-fields"].array.shape == (30, 20)
    np.testing.assert_allclose(
        image.array[1:-1, 1:-1], before.array.reshape(30, 2, 20, 2).mean(axis=(1, 3))[1:-1, 1:-1], atol=1
    )

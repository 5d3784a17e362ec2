"""What a cohort is made of: folders, patterns, lists."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hilum.batch.inputs import cohort_of, place_of, stamp_of
from hilum.errors import ReadError
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom.dicom import write_dicom
from hilum.phantom.dicom_series import write_series
from hilum.provenance import Source
from hilum.settings import Settings

SETTINGS = Settings()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in ("a.png", "deep/b.png", "deep/c.jpg"):
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "films"


def names(*inputs: object, **options: object) -> list[str]:
    return [entry.name for entry in cohort_of(list(map(str, inputs)), SETTINGS, **options).entries]  # type: ignore[arg-type]


def test_folders_files_and_patterns(films: Path) -> None:
    assert names(films) == ["a", "deep-b", "deep-c"]
    assert names(films / "**" / "*.png") == ["a", "b"]
    assert names(films / "a.png", films / "*.png") == ["a"]


def test_a_file_whose_name_looks_like_a_pattern(films: Path) -> None:
    (films / "a[1].png").write_bytes(b"x")
    assert names(films / "a[1].png") == ["a_1"]


@pytest.mark.parametrize("what", ["none.png", "none*.png"])
def test_what_is_not_there(films: Path, what: str) -> None:
    with pytest.raises(ReadError, match="none"):
        names(films / what)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_with_groups(films: Path, delimiter: str) -> None:
    table = films.parent / "list.csv"
    lines = [("patient", "path", "sex", "ward"), ("1", "films/a.png", "F", "x"), ("2", "films/deep", "M", "y")]
    table.write_text("\ufeff" + "\n".join(delimiter.join(line) for line in lines), encoding="utf-8")
    cohort = cohort_of([table], SETTINGS, groups=["ward"])
    assert dict(cohort.groups) == {
        "a": {"patient": "1", "sex": "F", "ward": "x"},
        "b": {"patient": "2", "sex": "M", "ward": "y"},
        "c": {"patient": "2", "sex": "M", "ward": "y"},
    }


def test_a_list_as_parquet_says_the_same(films: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"path": ["films/a.png", None], "age": [71, 5]}), films.parent / "list.parquet")
    assert dict(cohort_of([films.parent / "list.parquet"], SETTINGS).groups) == {"a": {"age": "71"}}


def test_a_file_that_a_list_names_and_is_gone_is_a_case_that_fails(films: Path) -> None:
    table = films.parent / "list.csv"
    table.write_text("path\nfilms/a.png\nfilms/gone.png\nelsewhere/gone.png\n")
    cohort = cohort_of([table], SETTINGS)
    assert len({entry.name for entry in cohort.entries}) == 3
    with pytest.raises(ReadError, match=r"gone\.png"):
        cohort.entries[1].open()
    assert stamp_of(cohort.entries[1]) == ""


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("file,site", {}, "no column of paths"),
        ("path,site", {"groups": ["ward"]}, "ward"),
        ("path,modality", {"groups": ["modality"]}, "cannot be taken over"),
    ],
)
def test_lists_without_their_columns(films: Path, header: str, options: dict[str, object], message: str) -> None:
    table = films.parent / "list.csv"
    table.write_text(f"{header}\nfilms/a.png,x\n")
    with pytest.raises(ReadError, match=message):
        names(table, **options)


def test_rows_of_one_image_are_joined_unless_they_contradict(films: Path) -> None:
    table = films.parent / "list.csv"
    table.write_text("path,patient,date\nfilms/a.png,1,\nfilms/a.png,,2020-03-01\nfilms/../films/a.png,1,2020-03-01\n")
    assert dict(cohort_of([table], SETTINGS).groups) == {"a": {"patient": "1", "date": "2020-03-01"}}
    table.write_text("path,patient\nfilms/a.png,1\nfilms/a.png,2\n")
    with pytest.raises(ReadError, match=r"list\.csv' names '.*a\.png' with patient '2', and an earlier row with '1'"):
        cohort_of([table], SETTINGS)


def test_rows_without_a_path_are_told(films: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = films.parent / "list.csv"
    table.write_text("path,patient\nfilms/a.png,1\n,2\n,3\n")
    assert names(table) == ["a"]
    assert [record.getMessage() for record in caplog.records] == [
        f"rows of '{table}' with nothing in the column 'path' are left out: 2"
    ]
    caplog.clear()
    table.write_text("path,patient\nfilms/a.png,1\n")
    assert (names(table), caplog.records) == (["a"], [])


def test_a_row_ends_where_its_line_ends(films: Path) -> None:
    table = films.parent / "list.csv"
    table.write_text("path,site\nfilms/a.png,U\u2028l\x85m\n", encoding="utf-8")
    assert dict(cohort_of([table], SETTINGS).groups) == {"a": {"site": "U\u2028l\x85m"}}


@pytest.mark.parametrize("text", ["path,site\nfilms/a.png,{}\n", "path,{}\nfilms/a.png,x\n"])
def test_a_list_with_a_cell_that_never_ends(films: Path, text: str) -> None:
    table = films.parent / "list.csv"
    table.write_text(text.format("x" * 200_000))
    with pytest.raises(ReadError, match=r"list\.csv': field larger .*A CSV file in UTF-8 is wanted"):
        names(table)


def test_a_name_that_no_disk_holds_is_a_case_that_fails(films: Path) -> None:
    table = films.parent / "list.csv"
    table.write_text(f"path\nfilms/a.png\n{'x' * 300}.png\n")
    kept, lost = cohort_of([table], SETTINGS).entries
    assert (stamp_of(kept) != "", stamp_of(lost)) == (True, "")
    with pytest.raises(ReadError, match="too long"):
        lost.open()


def test_a_list_in_another_encoding(films: Path) -> None:
    table = films.parent / "list.csv"
    table.write_bytes("path\nfilms/a.png\n".encode("utf-16-le"))
    with pytest.raises(ReadError, match=r"list\.csv': it holds zero bytes\. A CSV file in UTF-8 is wanted"):
        names(table)


def test_a_damaged_parquet_list(films: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    table = films.parent / "list.parquet"
    table.write_bytes(b"not parquet")
    with pytest.raises(ReadError, match="A Parquet file is wanted"):
        names(table)


def test_results_of_hilum_are_left_out(films: Path) -> None:
    (films / "deep" / "result.json").write_text("{}")
    cohort = cohort_of([films], SETTINGS)
    assert ([entry.name for entry in cohort.entries], cohort.left_out) == (["a"], 2)


def test_the_place_is_the_same_however_the_file_was_reached(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(films.parent)
    (by_name,) = cohort_of(["films/a.png"], SETTINGS).entries
    (by_root,) = cohort_of([films / "a.png"], SETTINGS).entries
    assert place_of(by_name) == place_of(by_root) == (films / "a.png").as_posix()


def test_the_stamp_changes_with_the_file(films: Path) -> None:
    (entry,) = cohort_of([films / "a.png"], SETTINGS).entries
    plain, content = stamp_of(entry), stamp_of(entry, by_content=True)
    (films / "a.png").write_bytes(b"A.png")
    assert stamp_of(entry) != plain
    assert stamp_of(entry, by_content=True) != content


def test_an_archive_of_studies_and_films_in_folders_of_their_own(tmp_path: Path) -> None:
    grid = VolumeGrid.of_spacing((5, 64, 65), (2, 3, 3))
    for patient, seed in (("p1", 1), ("p1", 2), ("p2", 3)):
        noise = np.random.default_rng(seed).integers(-1000, 400, grid.shape).astype(np.float32)
        image = Image(noise, grid, Quantity.HOUNSFIELD, Source(f"phantom {seed}", f"{seed}" * 64))
        write_series(image, tmp_path / patient / f"study {seed}" / "series")
    (tmp_path / "p2" / "film").mkdir()
    film = Image(np.zeros((64, 65), np.uint8), PlaneGrid((64, 65)), Quantity.RADIOGRAPH, Source("film", "0" * 64))
    write_dicom(film, tmp_path / "p2" / "film" / "a.dcm")
    entries = cohort_of([tmp_path], SETTINGS).entries
    assert len({entry.name for entry in entries}) == len({place_of(entry) for entry in entries}) == 4
    assert [entry.study is None for entry in entries] == [False, False, True, False]
    assert [stamp_of(entry).split(":")[0] for entry in entries] == ["5", "5", "1", "5"]


def test_the_stamp_of_a_study_is_of_all_its_slices(tmp_path: Path) -> None:
    grid = VolumeGrid.of_spacing((7, 64, 65), (2, 3, 3))
    image = Image(np.zeros(grid.shape, np.float32), grid, Quantity.HOUNSFIELD, Source("phantom", "0" * 64))
    write_series(image, tmp_path / "ct")
    cohort = cohort_of([tmp_path / "ct"], SETTINGS)
    (entry,) = cohort.entries
    assert entry.study is not None
    assert place_of(entry) == f"{(tmp_path / 'ct').as_posix()}\n\n{entry.study.uid}"
    assert stamp_of(entry).startswith("7:")
    plain, content = stamp_of(entry), stamp_of(entry, by_content=True)
    os.utime(sorted((tmp_path / "ct").iterdir())[3], (1, 1))
    assert stamp_of(entry) != plain
    assert stamp_of(entry, by_content=True) == content

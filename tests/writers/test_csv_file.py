"""Tables as files: whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.errors import WriteError
from hilum.writers.csv_file import write_csv, write_records


def test_cells_stand_under_their_heads(tmp_path: Path) -> None:
    write_csv(tmp_path / "new" / "a.csv", ("case", "dice"), [("film, one", 0.5), ("b", None)])
    assert (tmp_path / "new" / "a.csv").read_bytes() == b'case,dice\n"film, one",0.5\nb,\n'


def test_what_a_record_lacks_is_empty_and_what_has_no_column_is_an_error(tmp_path: Path) -> None:
    write_records(tmp_path / "a.csv", ("case", "dice"), [{"dice": 1, "case": "a"}, {"case": "b"}])
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["case", "dice"], ["a", "1"], ["b", ""]]
    with pytest.raises(ValueError, match="iou"):
        write_records(tmp_path / "a.csv", ("case",), [{"case": "a", "iou": 1}])


def test_a_table_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")

    def rows() -> Iterator[tuple[str, ...]]:
        yield ("a",)
        raise KeyError("b")

    with pytest.raises(KeyError):
        write_csv(path, ("case",), rows())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_are_no_text_are_written_where_that_is_wanted(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("case",), [("film\udce9",)], errors="backslashreplace")
    assert (tmp_path / "a.csv").read_text() == "case\nfilm\\udce9\n"
    with pytest.raises(UnicodeEncodeError):
        write_csv(tmp_path / "b.csv", ("case",), [("film\udce9",)])
    assert not (tmp_path / "b.csv").exists()


def test_a_place_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="taken"):
        write_csv(tmp_path / "taken" / "a.csv", ("case",), [])

"""When results are of: told, or in the table of their cohort."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hilum.batch.dates import dates_of, read_date
from hilum.errors import ReadError


def cohort(folder: Path, dates: dict[str, str]) -> list[Path]:
    rows = "".join(f"{name},{when}\n" for name, when in dates.items())
    (folder / "results.csv").write_text(f"case,date\n{rows}")
    for name in dates:
        (folder / name.removeprefix("'")).mkdir()
    return [folder / name.removeprefix("'") for name in dates]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2020-03-31", date(2020, 3, 31)),
        ("20200331", date(2020, 3, 31)),
        (" 2020-03-31T10:20:00", date(2020, 3, 31)),
        ("2020-02-30", None),
        ("2020-0331", None),
        ("31.3.2020", None),
        ("", None),
    ],
)
def test_how_a_date_is_read(text, found):
    assert read_date(text) == found


def test_they_are_in_the_table_of_the_cohort(tmp_path):
    folders = cohort(tmp_path, {"b": "2020-03-01", "'=a": "20200415"})
    assert dates_of(folders) == (date(2020, 3, 1), date(2020, 4, 15))
    assert dates_of([folder / "result.json" for folder in folders]) == dates_of(folders)
    assert dates_of(folders, ["2021-01-01", "2021-01-01"]) == (date(2021, 1, 1), date(2021, 1, 1))


def test_without_all_of_them_there_are_none(tmp_path):
    assert dates_of(cohort(tmp_path, {"a": "2020-03-01", "b": ""})) == ()
    assert dates_of([tmp_path, tmp_path]) == ()


def test_what_is_no_course_of_time(tmp_path):
    folders = cohort(tmp_path, {"b": "2020-03-02", "a": "2020-03-01"})
    with pytest.raises(ReadError, match=r"stands after .* order of time"):
        dates_of(folders)
    with pytest.raises(ReadError, match="2 results and 1 date:"):
        dates_of(folders, ["2020-03-01"])
    with pytest.raises(ReadError, match="'March' is no date"):
        dates_of(folders, ["2020-03-01", "March"])

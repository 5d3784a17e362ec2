"""The page of a cohort says what its table says."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hilum.batch.report import cohort_view, write_cohort_page
from hilum.cli.app import app
from hilum.errors import ReadError
from hilum.writers.tables import COLUMNS


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Eleven films with opacity of 0 to 100 %, a CT with 50, and two failures."""
    columns = (*COLUMNS, "patient", "site", "age", "date")
    rows = [
        {
            "case": f"film-{n}",
            "status": "done",
            "modality": "cxr",
            "opacity-percent": str(10 * n),
            "findings": "cropped-lungs rotated" if n < 2 else "",
            "site": "Ulm" if n % 2 else "<b>Bonn</b>",
            "age": f"{60 + n}",
            "date": f"2020-0{1 + n // 4}-11",
            "patient": str(n),
            "six-zone": "3" if n else "",
        }
        for n in range(11)
    ]
    rows.append({"case": "ct", "status": "done", "modality": "ct", "opacity-percent": "50"})
    rows += [{"case": f"cat-{n}", "status": "failed", "error_code": "not-a-film", "site": "Ulm"} for n in range(2)]
    text = [",".join(columns), *(",".join(row.get(name, "") for name in columns) for row in rows)]
    (tmp_path / "results.csv").write_text("\n".join(text) + "\n")
    (tmp_path / "film-10").mkdir()
    Image.fromarray(np.full((700, 500, 3), 77, np.uint8)).save(tmp_path / "film-10" / "overlay.png")
    return tmp_path


def test_scores_of_films_and_ct_stay_apart(cohort: Path) -> None:
    view = cohort_view(cohort)
    assert (view.cases, view.done) == (14, 12)
    found = {(each.title, each.kind): each for each in view.scores}
    films = found["Lung with opacity", "films"]
    assert (films.measured, films.missing, films.percentiles) == (11, 0, (0.0, 5.0, 50.0, 95.0, 100.0))
    assert (found["Lung with opacity", "CT"].measured, found["Six-zone score", "films"].missing) == (1, 1)
    assert [plot.title for plot in view.plots] == ["Six-zone score, films", "Lung with opacity, films"]


def test_reasons_and_findings_are_counted(cohort: Path) -> None:
    view = cohort_view(cohort)
    assert view.failures == {"not-a-film": 2}
    assert view.findings == {"cropped-lungs": 2, "rotated": 2}


def test_groups(cohort: Path) -> None:
    groups = {group.name: group for group in cohort_view(cohort).groups}
    assert list(groups) == ["site", "age", "date"]
    assert [(row.value, row.cases, row.failed) for row in groups["site"].rows] == [
        ("<b>Bonn</b>", 6, 0),
        ("Ulm", 7, 2),
        ("not given", 1, 0),
    ]
    assert [row.value for row in groups["age"].rows] == ["60 to 69", "70 to 79", "not given"]
    months = groups["date"].rows[:3]
    assert [(row.value, row.medians[1]) for row in months] == [("2020-01", 15.0), ("2020-02", 55.0), ("2020-03", 90.0)]
    assert math.isnan(months[0].medians[2])


def test_severity_over_time_of_patients_with_several_days(cohort: Path) -> None:
    assert cohort_view(cohort).courses == ()
    lines = (cohort / "results.csv").read_text().splitlines()
    place = lines[0].split(",").index("patient")
    cells = [line.split(",") for line in lines]
    for number, row in enumerate(cells[1:12]):  # films 0 to 10: January 0-3, February 4-7, March 8-10
        row[place] = f"<i>p{number % 4}</i>"
    (cohort / "results.csv").write_text("\n".join(",".join(row) for row in cells) + "\n")
    view = cohort_view(cohort)
    (films,) = view.courses
    assert (films.kind, films.patients, films.images, films.rose, films.fell) == ("films", 4, 11, 4, 0)
    assert (films.days, films.first, films.last) == (60, 15, 85)
    (plot,) = view.course_plots
    assert [name for name, _ in plot.lines] == ["<i>p0</i>", "<i>p1</i>", "<i>p2</i>", "<i>p3</i>"]
    assert len(plot.points) == 11
    page = write_cohort_page(cohort).read_text(encoding="utf-8")
    assert "Over time" in page
    assert "<i>" not in page


@pytest.mark.parametrize(("date", "unread"), [("31.01.2020", 11), ("2020-01-31", 0), ("", 0)])
def test_dates_that_cannot_be_read_are_told(cohort: Path, date: str, unread: int) -> None:
    table = cohort / "results.csv"
    table.write_text(re.sub(r"2020-0\d-11", date, table.read_text()))
    assert cohort_view(cohort).unread_dates == unread
    page = write_cohort_page(cohort).read_text()
    assert (f"have no place in time: {unread}." in page) == bool(unread)


def test_extremes_are_the_most_severe_first(cohort: Path) -> None:
    extremes = cohort_view(cohort, pictures=2).extremes
    assert [(each.case, each.words) for each in extremes] == [
        ("film-10", "100.0 %, films"),
        ("film-9", "90.0 %, films"),
    ]
    assert extremes[0].picture.startswith("data:image/jpeg;base64,")
    assert extremes[1].picture == ""
    assert cohort_view(cohort, pictures=0).extremes == ()


def test_the_page_fetches_nothing_and_runs_nothing(cohort: Path) -> None:
    page = write_cohort_page(cohort).read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=\"(?!data:|#)", page) == []
    assert "<script" not in page
    assert "<b>Bonn" not in page
    assert "By site" in page
    assert "<svg" in page


def test_a_cohort_of_failures_only(tmp_path: Path) -> None:
    row = ",".join({"case": "a", "status": "failed", "error_code": "not-a-film"}.get(name, "") for name in COLUMNS)
    (tmp_path / "results.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n")
    assert "No case has a score." in write_cohort_page(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("text", "message"), [(None, "Cannot read"), ("case,status\na,done\n", "no column")])
def test_folders_without_a_table(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "results.csv").write_text(text)
    with pytest.raises(ReadError, match=message):
        cohort_view(tmp_path)


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        (b"film-10,", b"M\xfcller,", r"results\.csv': 'utf-8' codec"),
        (b"film-10,", b"x" * 200_000 + b",", r"results\.csv': field larger"),
        (b",100,", b",99;5,", r"the case 'film-10' has '99;5' under 'opacity-percent', and a number like 12\.5"),
    ],
)
def test_a_table_that_another_program_has_changed(cohort: Path, was: bytes, now: bytes, message: str) -> None:
    table = cohort / "results.csv"
    table.write_bytes(table.read_bytes().replace(was, now))
    with pytest.raises(ReadError, match=message):
        cohort_view(cohort)


def test_the_command_says_where_the_page_is(cohort: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(cohort)])
    assert (result.exit_code, result.stdout) == (0, f"Report: {cohort / 'cohort.html'}\n")

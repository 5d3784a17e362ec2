"""results.csv: a row a case, whatever became of it."""

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from hilum.errors import WriteError
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.scoring import DEFINITIONS
from hilum.settings import OutputSettings
from hilum.writers import write_case
from hilum.writers.tables import COLUMNS, write_results

FOUND = (Finding("cropped-lungs", Gravity.WARNING, "Cut."), Finding("too-small", Gravity.NOTE, "Small."))
JSON_ONLY = OutputSettings(masks=(), overlay=False, report=False)


@dataclass(frozen=True)
class Outcome:
    name: str
    source: str = "films/film.dcm"
    status: Literal["done", "failed"] = "done"
    code: str = ""
    message: str = ""
    folder: Path | None = None


def table(outcomes, output: Path) -> list[dict[str, str]]:
    text = write_results(outcomes, output).read_bytes().decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def done(case, output: Path) -> Outcome:
    return Outcome(case.name, folder=write_case(case, output, JSON_ONLY))


def test_the_columns_are_stable():
    assert COLUMNS[:9] == (
        *("case", "status", "error_code", "error_message", "source"),
        *("six-zone", "brixia", "geographic-extent", "opacity-percent"),
    )
    assert COLUMNS[9:11] == ("six-zone:right-upper", "six-zone:right-middle")
    assert COLUMNS[31:36] == ("not_measured", "disease_probability", "disease_threshold", "findings", "models")
    assert COLUMNS[36:39] == ("modality", "high-opacity-percent", "ct-severity-25")
    assert COLUMNS[-3:] == ("hu-band:affected:both", "count:opacity:both", "share:opacity:both:hounsfield-bands")
    assert len(set(COLUMNS)) == len(COLUMNS) == 105


def test_every_score_that_there_is_has_its_columns(case):
    assert set(DEFINITIONS) <= set(COLUMNS)
    wanted = {f"{name}:{region}" for name, score in case.scores.items() for region in score.parts}
    assert wanted <= set(COLUMNS)


def test_a_case(make_case, tmp_path):
    case = make_case(findings=FOUND)
    (row,) = table([done(case, tmp_path)], tmp_path)
    assert row["case"] == "case-1"
    assert row["status"] == "done"
    assert row["source"] == "film.dcm"
    assert float(row["six-zone"]) == case.scores["six-zone"].value
    assert row["brixia"] == "6"
    assert float(row["opacity-percent:right"]) == pytest.approx(case.scores["opacity-percent"].parts["right"], abs=1e-4)
    assert row["disease_probability"] == "0.93"
    assert row["findings"] == "cropped-lungs too-small"
    assert row["models"] == "lung-network=1.0 lesion-network=2.1"
    assert row["error_code"] == row["error_message"] == row["not_measured"] == ""


def test_what_was_not_measured_is_empty_with_a_reason(make_case, tmp_path):
    case = make_case(lungs=(1,), disease=NotMeasured("no"))
    (row,) = table([done(case, tmp_path)], tmp_path)
    assert row["six-zone"] == row["six-zone:left-upper"] == row["disease_probability"] == ""
    assert row["six-zone:right-upper"] in {"0", "1"}
    assert "six-zone: the left lung was not found" in row["not_measured"]


def test_scores_that_a_case_does_not_have_are_empty(case, tmp_path):
    only = replace(case, scores={"brixia": case.scores["brixia"]})
    (row,) = table([done(only, tmp_path)], tmp_path)
    assert (row["brixia"], row["six-zone"], row["six-zone:right-upper"]) == ("6", "", "")


def test_failed_cases_have_a_row_in_their_place(case, tmp_path):
    failed = Outcome("bad", "a.zip/b/cat.png", "failed", "not-a-film", "It is a cat.\nIt purrs.")
    rows = table([done(case, tmp_path), failed], tmp_path)
    assert [row["status"] for row in rows] == ["done", "failed"]
    assert rows[1]["error_code"] == "not-a-film"
    assert rows[1]["error_message"] == "It is a cat. It purrs."
    assert rows[1]["source"] == "cat.png"
    assert rows[1]["six-zone"] == ""


def test_a_result_that_went_away_is_told(tmp_path):
    (row,) = table([Outcome("gone", folder=tmp_path / "gone")], tmp_path)
    assert row["status"] == "done"
    assert row["not_measured"] == "the result.json of this case cannot be read"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=cmd|' /C calc'!A0"])
def test_formulas_are_text(tmp_path, text):
    (row,) = table([Outcome(text, text, "failed", "x", text)], tmp_path)
    for column in ("case", "error_message"):
        assert row[column].startswith("'")
    assert row["source"][0] not in "=+-@\t\r"


def test_commas_quotes_and_letters_survive(tmp_path):
    name = 'Müller, "AP" 肺'
    (row,) = table([Outcome(name, status="failed", message="a;b,c")], tmp_path)
    assert (row["case"], row["error_message"]) == (name, "a;b,c")


def test_names_that_are_not_unicode(tmp_path):
    (row,) = table([Outcome("odd-\udcff", status="failed")], tmp_path)
    assert row["case"] == "odd-\\udcff"


def test_an_empty_run_has_a_header(tmp_path):
    assert write_results([], tmp_path).read_text() == ",".join(COLUMNS) + "\n"


def test_it_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WriteError, match=r"results\.csv"):
        write_results([], tmp_path / "taken")


def test_the_earlier_table_is_replaced(tmp_path):
    write_results([Outcome("a", status="failed")], tmp_path)
    rows = table([Outcome("b", status="failed")], tmp_path)
    assert [row["case"] for row in rows] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]

"""Tables of a cross-validation, from results of folds that nobody trained."""

from __future__ import annotations

import csv
import statistics

import pytest

from hilum.errors import ReadError
from hilum.training.crossval_tables import (
    DETAILED,
    FINAL,
    FOLDS,
    CaseFigures,
    FoldResult,
    as_text,
    read_result,
    summaries,
    write_result,
    write_tables,
)

MADE_OF = {"recipe": "a", "split": "b"}


def fold(number, *dices):
    cases = tuple(
        CaseFigures(f"case-{number}-{n}", f"patient-{number}", {"dice": dice}, "" if dice is not None else "empty")
        for n, dice in enumerate(dices)
    )
    return FoldResult(number, MADE_OF, {"val/dice": 0.5 + number / 10}, cases)


RESULTS = [fold(0, 0.5, 0.7, 0.9), fold(1, 0.6, None), fold(2, 0.8, 0.4)]


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_final_table_has_the_median_of_the_folds_and_the_mean_of_the_cases() -> None:
    (made,) = summaries(RESULTS)
    values = [0.5, 0.7, 0.9, 0.6, 0.8, 0.4]
    assert made.mean == pytest.approx(statistics.mean(values))
    assert made.fold_median == pytest.approx(statistics.median([0.7, 0.6, 0.6]))
    assert (made.lowest_fold, made.highest_fold) == (pytest.approx(0.6), pytest.approx(0.7))
    assert (made.n_folds, made.n_cases, made.n_patients, made.n_unmeasured) == (3, 6, 3, 1)
    assert made.low <= made.mean <= made.high


def test_folds_without_cases_count_as_one_each() -> None:
    (made,) = summaries([FoldResult(n, MADE_OF, {"val/dice": 0.1 * n}) for n in (1, 2, 4)])
    assert (made.figure, made.n_cases, made.n_patients) == ("val/dice", 3, 3)
    assert made.fold_median == pytest.approx(0.2)
    assert made.mean == pytest.approx(0.7 / 3)


def test_a_figure_that_nothing_has_is_left_out() -> None:
    assert summaries([fold(0, None)]) == []


def test_the_tables_hold_every_case_and_every_fold(tmp_path) -> None:
    write_tables(list(reversed(RESULTS)), tmp_path)
    detailed, folds, final = (rows(tmp_path / name) for name in (DETAILED, FOLDS, FINAL))
    assert [(row["fold"], row["dice"]) for row in detailed][:2] == [("0", "0.500000"), ("0", "0.700000")]
    assert [row["reason"] for row in detailed if not row["dice"]] == ["empty"]
    assert [row["median dice"] for row in folds] == ["0.700000", "0.600000", "0.600000"]
    assert [row["val/dice"] for row in folds] == ["0.500000", "0.600000", "0.700000"]
    assert [row["figure"] for row in final] == ["dice"]


def test_people_are_told_what_was_not_measured() -> None:
    assert "3, 6, 3; not measured in 1" in as_text(summaries(RESULTS))


def test_a_result_comes_back_as_it_was_written(tmp_path) -> None:
    assert read_result(tmp_path) is None
    write_result(RESULTS[1], tmp_path)
    assert read_result(tmp_path) == RESULTS[1]


def test_a_broken_result_is_an_error(tmp_path) -> None:
    (tmp_path / "result.json").write_text('{"fold": 1}')
    with pytest.raises(ReadError, match=r"result\.json"):
        read_result(tmp_path)

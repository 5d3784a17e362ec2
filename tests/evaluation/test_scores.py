from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from hilum.errors import ReadError, SettingsError, UnknownName
from hilum.evaluation.score_results import as_json, as_markdown, missing_of, write_score_results
from hilum.evaluation.scores import READER_PAIR, evaluate_scores, readings_of
from hilum.evaluation.systems import CONVERSIONS, read_estimates
from hilum.measurement import NotMeasured

from .conftest import Cohort


def _table(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_bs_net_counts_zones_above_class_0(tmp_path: Path):
    classes = _table(tmp_path, "filename,A,B,C,D,E,F\na.png,0,1,3,0,0,2\n")
    assert read_estimates("bs", classes, "", conversion="bs-net").values == {"a": 3.0}
    heads = ",".join(f"{zone}{n}" for zone in "ABCDEF" for n in range(4))
    chances = ",".join(["0.4,0.3,0.2,0.1"] * 4 + ["0.1,0.2,0.3,0.4"] * 2)
    soft = _table(tmp_path, f"case,{heads}\na,{chances}\n")
    assert read_estimates("bs", soft, "", conversion="bs-net").values == {"a": 2.0}


def test_covid_net_s_is_six_times_the_extent_rounded(tmp_path: Path):
    table = _table(tmp_path, "case,geographic\na,0.5\nb,0.42\nc,1.0\nd,\ne,0.08\n")
    found = read_estimates("s", table, "", conversion="covid-net-s").values
    assert [found[name] for name in "abce"] == [3.0, 3.0, 6.0, 0.0]
    assert found["d"] == NotMeasured("there is no geographic extent")


def test_the_two_stage_rule_is_strictly_above_its_threshold(tmp_path: Path):
    heads = ",".join(f"lung_segment_{n}" for n in range(1, 7))
    table = _table(tmp_path, f"filename,{heads}\na.jpg,0.31,0.32,0,1,0.30,0.9\n")
    assert read_estimates("t", table, "", conversion="two-stage", threshold=0.31).values == {"a": 3.0}
    with pytest.raises(ReadError, match="needs a threshold"):
        read_estimates("t", table, "", conversion="two-stage")


def test_what_is_no_table_of_a_system_is_refused(tmp_path: Path):
    plain = _table(tmp_path, "case,six-zone\na,2\nb,\n")
    assert read_estimates("x", plain, "six-zone").values == {"a": 2.0, "b": NotMeasured("its score is empty")}
    with pytest.raises(ReadError, match=r"has no row of COVID-Net-S; expected the columns geographic"):
        read_estimates("x", plain, "", conversion="covid-net-s")
    with pytest.raises(ReadError, match="lacks the columns brixia; it has case, six-zone"):
        read_estimates("x", plain, "brixia")
    with pytest.raises(ReadError, match="line 2: could not convert"):
        read_estimates("x", _table(tmp_path, "case,six-zone\na,two\n"), "six-zone")
    with pytest.raises(ReadError, match="more than one row for 'a'"):
        read_estimates("x", _table(tmp_path, "case,six-zone\na,1\na.png,2\n"), "six-zone")
    with pytest.raises(ReadError, match="a row without a case"):
        read_estimates("x", _table(tmp_path, "patient,six-zone\na,1\n"), "six-zone")
    with pytest.raises(UnknownName, match="Did you mean 'bs-net'"):
        read_estimates("x", plain, "", conversion="bsnet")
    assert CONVERSIONS.names() == ("bs-net", "covid-net-s", "two-stage")


def test_diseased_healthy_and_readers_stand_apart(cohort: Cohort, tmp_path: Path):
    readings, left_out = readings_of(cohort.table, "six-zone")
    assert [(each.case, each.group, each.truth) for each in readings] == [
        ("a", "diseased", 2.5),
        ("b", "diseased", 3.0),
        ("c", "healthy", 0.0),
    ]
    ours = read_estimates("ours", _table(tmp_path, "case,six-zone\na,2\nb,5\nc,1\n"), "six-zone")
    results = evaluate_scores(readings, [ours], "six-zone", n_left_out=left_out)
    value = {(line.system, line.group, line.statistic): line.value for line in results.lines}
    assert value["ours", "all", "mae"].estimate == pytest.approx((0.5 + 2 + 1) / 3)
    assert value["ours", "diseased", "mae"].estimate == pytest.approx(1.25)
    assert value["ours", "healthy", "mae"].estimate == 1.0
    assert value[READER_PAIR, "all", "mae"].estimate == pytest.approx(0.5)
    assert (READER_PAIR, "healthy", "mae") not in value


def test_figures_are_those_of_scikit_learn(cohort: Cohort, tmp_path: Path):
    from dataclasses import replace

    generator = np.random.default_rng(4)
    truth, estimate = generator.integers(0, 7, (2, 23))
    (reading, *_), _ = readings_of(cohort.table, "six-zone")
    readings = [replace(reading, case=f"c{n}", person=f"p{n}", truth=float(t)) for n, t in enumerate(truth)]
    rows = "\n".join(f"c{n},{e}" for n, e in enumerate(estimate))
    ours = read_estimates("ours", _table(tmp_path, f"case,six-zone\n{rows}\n"), "six-zone")
    lines = evaluate_scores(readings, [ours], "six-zone").lines
    value = {line.statistic: line.value.estimate for line in lines if line.system == "ours"}
    assert value["mse"] == pytest.approx(metrics.mean_squared_error(truth, estimate))
    assert value["r2"] == pytest.approx(metrics.r2_score(truth, estimate))
    assert value["kappa"] == pytest.approx(metrics.cohen_kappa_score(truth, estimate, weights="quadratic"))


def test_a_missing_score_is_the_farther_end_of_the_scale(cohort: Cohort, tmp_path: Path):
    readings, _ = readings_of(cohort.table, "six-zone")
    ours = read_estimates("ours", _table(tmp_path, "case,six-zone\nb,3\n"), "six-zone")
    results = evaluate_scores(readings, [ours], "six-zone")
    assert list(results.series[0].estimate) == [6.0, 3.0, 6.0]
    assert missing_of(results) == [
        ("ours", "made/a", "there is no row for it"),
        ("ours", "made/c", "there is no row for it"),
    ]


def test_two_systems_are_compared_and_everything_is_written(cohort: Cohort, tmp_path: Path):
    readings, _ = readings_of(cohort.table, "six-zone")
    ours = read_estimates("ours", _table(tmp_path, "case,six-zone\na,2\nb,3\nc,0\n"), "six-zone")
    theirs = read_estimates("theirs", _table(tmp_path, "case,six-zone\na,5\nb,6\nc,3\n"), "six-zone")
    results = evaluate_scores(readings, [ours, theirs], "six-zone", n_left_out=2)
    first = results.comparisons[0]
    assert (first.first, first.second, first.group) == ("ours", "theirs", "all")
    assert first.statistics["mae"].estimate == pytest.approx((2.5 + 3 + 3 - 0.5) / 3)
    write_score_results(results, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"scores.csv", "summary.csv", "summary.json", "summary.md"}
    assert as_json(results)["left_out"] == 2
    text = as_markdown(results)
    assert "Limits of agreement" in text
    assert "Left out for poor quality: 2." in text


def test_the_mean_of_readers_may_be_rounded_up(cohort: Cohort):
    readings, _ = readings_of(cohort.table, "six-zone", round_up=True)
    assert [each.truth for each in readings] == [3.0, 3.0, 0.0]


def test_poor_cases_may_be_left_out_and_unknown_scores_are_refused(cohort: Cohort):
    from dataclasses import replace

    poor = [replace(case, facts={"poor quality": "yes"}) for case in cohort.table if case.case == "a"]
    assert readings_of(poor, "six-zone", leave_out_poor=True) == ([], 1)
    by_one = [replace(poor[0], facts={"poor quality d": "yes"}), replace(poor[0], facts={"poor quality d": "no"})]
    kept, left_out = readings_of(by_one, "six-zone", leave_out_poor=True)
    assert (len(kept), left_out) == (1, 1)
    with pytest.raises(SettingsError, match="Did you mean 'brixia'"):
        readings_of(poor, "brixa")
    with pytest.raises(SettingsError, match="No case has a brixia score"):
        evaluate_scores([], [], "brixia")

from pathlib import Path

import pytest

from hilum.errors import ReadError
from hilum.evaluation.compare import runs_of, tables_of, write_comparison
from hilum.evaluation.gallery import write_gallery
from hilum.evaluation.masks import Conditions, judge
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.results import results_of, write_results
from hilum.evaluation.score_results import write_score_results
from hilum.evaluation.scores import evaluate_scores, readings_of
from hilum.evaluation.systems import read_estimates

from .conftest import Cohort

pytest.importorskip("matplotlib")


def test_tables_and_lines_of_a_text_come_under_their_headings():
    made = tables_of("intro\n\n## One\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n- note\n### Two\n")
    assert [(each.title, each.heads, each.rows) for each in made] == [
        ("", (), (("intro",),)),
        ("One", ("a", "b"), (("1", "2"),)),
        ("", (), (("note",),)),
    ]


def test_one_page_holds_everything_and_fetches_nothing(cohort: Cohort, predicted: Path, tmp_path: Path):
    systems = [Predictions("ours <1>", predicted)]
    cases = list(cohort.table)
    results = results_of(judge(cases, systems, ["lesions"], Conditions(has_surfaces=False)))
    write_results(results, tmp_path / "masks")
    write_gallery(results, cases, systems, tmp_path / "masks", count=1)
    (tmp_path / "x.csv").write_text("case,six-zone\na,2\nb,3\nc,0\n", encoding="utf-8")
    readings, _ = readings_of(cohort.table, "six-zone")
    scores = evaluate_scores(readings, [read_estimates("ours", tmp_path / "x.csv", "six-zone")], "six-zone")
    write_score_results(scores, tmp_path / "scores")
    (tmp_path / "training/log").mkdir(parents=True)
    (tmp_path / "training/log/metrics.csv").write_text("step,train/total\n0,1.0\n1,0.5\n", encoding="utf-8")
    (tmp_path / "training/thresholds.csv").write_text("threshold,mae\n0.1,1\n0.2,2\n", encoding="utf-8")
    networks = "network,parameters_m,macs_g,films_per_s,accuracy\nPAN,4,3,2,0.9\n"
    (tmp_path / "training/networks.csv").write_text(networks, encoding="utf-8")
    runs = runs_of([tmp_path / name for name in ("masks", "scores", "training")])
    write_comparison(runs, tmp_path / "page.html", figures=tmp_path / "figures", formats=[".svg"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    drawn = {"boxes", "fitting-curves", "bland-altman-scores", "thresholds-training", "networks-training"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == drawn
    assert page.count("<svg") == len(drawn)
    assert "ours &lt;1&gt;" in page
    assert "data:image/gif;base64," in page
    assert 'src="http' not in page
    assert "<link" not in page


def test_systems_of_one_name_in_two_runs_are_told_apart(cohort: Cohort, predicted: Path, tmp_path: Path):
    from hilum.evaluation.compare import _boxes

    for name in ("first", "second"):
        judged = judge([cohort.case("a")], [Predictions("net", predicted)], ["lungs"], Conditions(has_surfaces=False))
        write_results(results_of(judged), tmp_path / name)
    made = _boxes(runs_of([tmp_path / "first", tmp_path / "second"]))
    assert list(made["both-lungs"]) == ["net, first", "net, second"]


def test_a_folder_without_results_is_refused(tmp_path: Path):
    with pytest.raises(ReadError, match="holds no results"):
        runs_of([tmp_path])

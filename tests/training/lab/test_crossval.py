"""Cross-validation on small computed films: every case once, resumable, equal on Ray, nothing swallowed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.datasets.split import read_split
from hilum.datasets.tables import open_tables
from hilum.errors import SettingsError
from hilum.training import crossval
from hilum.training.crossval import folds_of, plan_folds, run_fold, run_folds
from hilum.training.crossval_tables import read_result, write_tables
from hilum.training.fit import Where

pytestmark = pytest.mark.filterwarnings("default")  # lightning deprecates its own parts

HERE = Where(kind="cpu", threads=1, save_every=2, pictures=0)


@pytest.fixture(scope="module")
def recipe(lungs_recipe):
    return replace(lungs_recipe, length=replace(lungs_recipe.length, steps=3, validate_every=3))


@pytest.fixture(scope="module")
def done(table, recipe, tmp_path_factory):
    """A cross-validation in two folds."""
    output = tmp_path_factory.mktemp("crossval")
    jobs = plan_folds(recipe, [table], output, folds=2, where=HERE)
    return jobs, [result for _, result in run_folds(jobs)]


def test_every_case_is_held_out_once(done, tmp_path) -> None:
    _, results = done
    write_tables(results, tmp_path)
    with (tmp_path / "cv_results.detailed.csv").open() as file:
        held_out = [row["case"] for row in csv.DictReader(file)]
    assert sorted(held_out) == [f"made/film-{n}" for n in range(8)]
    assert {path.name for path in tmp_path.iterdir()} == {
        "cv_results.detailed.csv",
        "cv_results.folds.csv",
        "cv_results.final.csv",
    }


def test_figures_of_all_pixels_are_those_of_the_cases_together(done) -> None:
    for result in done[1]:
        assert result.figures["val/dice"] <= max(case.figures["dice"] for case in result.cases) + 1e-6
        accuracy = [case.figures["accuracy"] for case in result.cases]
        assert result.figures["val/accuracy"] == pytest.approx(sum(accuracy) / len(accuracy), abs=1e-5)


def test_a_finished_fold_is_not_trained_again(done) -> None:
    jobs, results = done
    before = (jobs[0].folder / "weights.pt").stat().st_mtime_ns
    assert run_fold(jobs[0]) == results[0]
    assert (jobs[0].folder / "weights.pt").stat().st_mtime_ns == before


def test_a_broken_fold_is_gone_on_with_to_the_same_result(done, table, recipe, tmp_path, monkeypatch) -> None:
    jobs = plan_folds(recipe, [table], tmp_path, folds=2, where=HERE)

    def killed(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(crossval, "_pooled", killed)  # after its steps, before its result
    ((_, outcome),) = run_folds(jobs[1:])
    assert isinstance(outcome, RuntimeError)
    assert read_result(jobs[1].folder) is None
    monkeypatch.undo()
    ((_, outcome),) = run_folds(jobs[1:])
    assert outcome == done[1][1]


def test_one_fold_that_fails_does_not_keep_the_others(done, monkeypatch) -> None:
    jobs, results = done
    lost = replace(jobs[0], output=jobs[0].output.parent / "elsewhere", data=(Path("nowhere"),))
    lost.folder.mkdir(parents=True)
    lost.split.write_bytes(jobs[0].split.read_bytes())
    outcomes = [outcome for _, outcome in run_folds([lost, jobs[1]])]
    assert isinstance(outcomes[0], Exception)
    assert "nowhere" in str(outcomes[0])
    assert outcomes[1] == results[1]


def test_a_folder_of_another_recipe_is_refused(done, recipe) -> None:
    other = replace(done[0][0], recipe=replace(recipe, seed=5))
    with pytest.raises(SettingsError, match="another recipe"):
        run_fold(other)


def test_another_split_in_the_folder_is_refused(done, table, recipe) -> None:
    with pytest.raises(SettingsError, match="another split"):
        plan_folds(recipe, [table], done[0][0].output, folds=3)


def test_one_patient_is_left_out_at_a_time(table, recipe, tmp_path) -> None:
    jobs = plan_folds(recipe, [table], tmp_path, folds=None)
    split = read_split(tmp_path / "folds.json")
    assert len(jobs) == len(split.parts) == 8
    assert {len(names) for names in split.parts.values()} == {1}


def test_cases_for_a_test_take_no_part(table) -> None:
    cases = open_tables([table])
    some = type(cases)(tuple(replace(case, split="test" if n < 3 else case.split) for n, case in enumerate(cases)))
    split = folds_of(some, 2)
    assert sorted(name for names in split.parts.values() for name in names) == [f"made/film-{n}" for n in range(3, 8)]


@pytest.mark.slow
def test_the_command_runs_folds_on_a_ray_cluster_to_equal_results(done, table, tmp_path) -> None:
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    jobs, results = done
    chosen = ["crossval", str(jobs[0].folder / "recipe.toml"), "--data", str(table), "--folds", "2", "--ray", "local"]
    chosen += ["--device", "cpu", "--threads", "1", "--save-every", "2", "-o", str(tmp_path)]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 0, told.output
    assert "2 of 2 folds are finished" in told.stdout
    assert [read_result(tmp_path / f"fold-{number}") for number in (0, 1)] == results


def test_the_command_runs_one_fold_and_tells_how_many_are_left(table, tmp_path) -> None:
    chosen = ["crossval", "two-stage-lungs-unet", "--data", str(table), "--folds", "2", "--only", "1"]
    chosen += ["--threads", "1", "--device", "cpu", "-o", str(tmp_path)]
    small = ["network.encoder=resnet18", "network.encoder_weights=none", "length.steps=1", "length.batch=2"]
    for setting in (*small, "view.size_px=64"):
        chosen += ["--set", setting]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 0, told.output
    assert "1 of 2 folds are finished" in told.stdout
    assert (tmp_path / "fold-1" / "result.json").exists()
    assert not (tmp_path / "fold-0").exists()


def test_a_fold_that_is_not_there_is_a_wrong_use(table, tmp_path) -> None:
    chosen = ["crossval", "two-stage-lungs-unet", "--data", str(table), "--folds", "2", "--only", "2"]
    assert CliRunner().invoke(app, [*chosen, "-o", str(tmp_path)]).exit_code == 2

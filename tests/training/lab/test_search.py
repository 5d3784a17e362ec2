"""Searches on small computed films: resumable, failures noted, bad trials given up."""

from __future__ import annotations

import csv
from dataclasses import replace

import optuna
import pytest
from click.testing import CliRunner
from optuna.trial import TrialState

from hilum.cli.app import app
from hilum.errors import SettingsError
from hilum.training import search
from hilum.training.fit import Where
from hilum.training.library import load
from hilum.training.search import (
    TrialOutcome,
    best_of,
    labels_of,
    outcomes,
    plan_trials,
    run_trial,
    run_trials,
    write_outcomes,
)
from hilum.training.search_space import Pruner, Setting, space_of

pytestmark = pytest.mark.filterwarnings("default")  # the libraries deprecate and try their own parts

HERE = Where(kind="cpu", threads=1, pictures=0)
SMALL = {
    "network.encoder": "resnet18",
    "network.encoder_weights": "none",
    "view.size_px": 64,
    "length.epochs": 0,
    "length.steps": 2,
    "length.batch": 2,
    "length.validate_every": 1,
    "length.patience": 0,
}


@pytest.fixture(scope="module")
def space():
    return space_of(
        {
            "name": "small",
            "recipe": "two-stage-lungs-unet",
            "trials": 3,
            "sampler": "random",
            "fixed": SMALL,
            "space": {
                "optimiser.rate": {"low": 1e-4, "high": 1e-2, "log": True},
                "losses": {"choices": [{"dice": 1.0}, {"bce": 0.5, "dice": 0.5}]},
            },
        }
    )


@pytest.fixture(scope="module")
def done(space, table, tmp_path_factory):
    output = tmp_path_factory.mktemp("search")
    jobs = plan_trials(space, [table], output, where=HERE)
    return output, list(run_trials(jobs))


def test_trials_have_their_settings_and_figures(done, space) -> None:
    output, found = done
    assert [each.state for each in found] == ["complete"] * 3
    assert all(0 <= each.value <= 1 for each in found)
    assert len({each.values["optimiser.rate"] for each in found}) == 3
    assert found == outcomes(space, output)


def test_the_best_recipe_can_be_trained_again(done, space) -> None:
    output, found = done
    write_outcomes(space, found, output)
    best, recipe = best_of(space, found), load(output / "best.toml")
    assert recipe.optimiser.rate == pytest.approx(best.values["optimiser.rate"])
    assert dict(recipe.losses) == best.values["losses"]
    assert recipe.name == "small-best"
    with (output / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * 3


def test_a_search_that_was_interrupted_goes_on(done, space, table, tmp_path) -> None:
    jobs = plan_trials(space, [table], tmp_path, where=HERE)
    run_trial(jobs[0])
    study = search._study(space, tmp_path, 1)
    killed = study.ask()
    search.drawn(killed, space.settings)
    left = plan_trials(space, [table], tmp_path, where=HERE)
    assert len(left) == 2
    found = list(run_trials(left))
    assert found[0].values["optimiser.rate"] == pytest.approx(killed.params["optimiser.rate"])
    everything = outcomes(space, tmp_path)
    assert [(each.state, each.reason) for each in everything][1] == ("fail", "interrupted")
    assert sum(each.state == "complete" for each in everything) == 3
    assert plan_trials(space, [table], tmp_path, where=HERE) == []


def test_what_kept_a_trial_from_being_finished_is_noted(space, table, tmp_path, monkeypatch) -> None:
    def full(*_, **__):
        raise MemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(search, "begin", full)
    (job, *_) = plan_trials(space, [table], tmp_path, where=HERE)
    outcome = run_trial(job)
    assert (outcome.state, outcome.value) == ("fail", None)
    assert outcome.reason == "MemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    assert "optimiser.rate" in outcome.values
    write_outcomes(space, [outcome], tmp_path)
    assert "CUDA out of memory" in (tmp_path / "trials.csv").read_text()
    assert not (tmp_path / "best.toml").exists()


def test_a_figure_that_the_recipe_does_not_tell_is_a_failure_that_says_so(space, table, tmp_path) -> None:
    (job, *_) = plan_trials(replace(space, watch="val/none"), [table], tmp_path, where=HERE)
    assert "'val/none', which the recipe does not tell; it tells val/accuracy" in run_trial(job).reason


def test_a_bad_trial_is_given_up(space, table, tmp_path) -> None:
    watched = replace(space, pruner=Pruner("median", least=0, warm_up=1), watch="val/total", rises=False)
    jobs = plan_trials(watched, [table], tmp_path, where=HERE)
    study = search._study(watched, tmp_path, 0)
    study.add_trial(optuna.create_trial(state=TrialState.COMPLETE, value=-9.0, intermediate_values={1: -9.0, 2: -9.0}))
    outcome = run_trial(jobs[0])
    assert outcome.state == "pruned"
    assert outcome.value > 0


def test_another_search_in_the_folder_is_refused(done, space, table) -> None:
    with pytest.raises(SettingsError, match="another search"):
        plan_trials(replace(space, seed=7), [table], done[0], where=HERE)


def test_a_share_of_the_patients_is_trained_on_and_all_are_watched(space, table, tmp_path) -> None:
    (job, *_) = plan_trials(replace(space, share=0.5), [table], tmp_path, where=HERE)
    text = (job.output / "split.json").read_text()
    assert text.count("made/film-") == 2 + 4


def test_a_grid_takes_every_combination_once(space, table, tmp_path, monkeypatch) -> None:
    settings = (Setting("seed", choices=(1, 2)), Setting("losses", choices=({"dice": 1.0}, {"bce": 1.0})))
    grid = replace(space, sampler="grid", trials=9, settings=settings)
    jobs = plan_trials(grid, [table], tmp_path, where=HERE)
    assert len(jobs) == 4

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(search, "begin", full)
    found = [(each.values["seed"], tuple(each.values["losses"])) for each in run_trials(jobs)]
    assert sorted(found) == [(1, ("bce",)), (1, ("dice",)), (2, ("bce",)), (2, ("dice",))]


def test_values_of_a_range_with_steps() -> None:
    assert labels_of(Setting("a", low=384, high=640, step=128, is_whole=True)) == [384, 512, 640]
    assert labels_of(Setting("a", low=0.0, high=0.3, step=0.1)) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_less_is_better_of_a_loss(space) -> None:
    found = [
        TrialOutcome(0, "complete", 0.5, {}),
        TrialOutcome(1, "complete", 0.2, {}),
        TrialOutcome(2, "fail", None, {}),
    ]
    assert best_of(replace(space, rises=False), found).number == 1
    assert best_of(space, found).number == 0
    assert best_of(space, found[2:]) is None


def write_space(folder, trials):
    """The file of a small search, and the command that runs it."""
    lines = ['name = "mine"', 'recipe = "two-stage-lungs-unet"', f"trials = {trials}", "[fixed]"]
    lines += [f'"{key}" = {value!r}' for key, value in SMALL.items()]
    lines += ["[space]", '"optimiser.rate" = { choices = [0.001] }']
    (folder / "mine.toml").write_text("\n".join(lines))
    return ["search", str(folder / "mine.toml"), "-o", str(folder / "out"), "--threads", "1", "--device", "cpu"]


@pytest.mark.slow
def test_the_command_runs_trials_on_a_ray_cluster(table, tmp_path) -> None:
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    told = CliRunner().invoke(app, [*write_space(tmp_path, 2), "--data", str(table), "--ray", "local"])
    assert told.exit_code == 0, told.output
    assert "2 trials: 2 complete" in told.stdout
    with (tmp_path / "out" / "trials.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["complete"] * 2
    assert (tmp_path / "out" / "best.toml").exists()


def test_the_command_tells_the_best(table, tmp_path) -> None:
    told = CliRunner().invoke(app, [*write_space(tmp_path, 1), "--data", str(table)])
    assert told.exit_code == 0, told.output
    assert "1 trial: 1 complete" in told.stdout
    assert "INFO" not in told.output  # what Lightning says of itself
    assert (tmp_path / "out" / "best.toml").exists()


def test_a_search_without_a_complete_trial_says_so(table, tmp_path) -> None:
    text = 'name = "mine"\nrecipe = "two-stage-lungs-unet"\ntrials = 1\n[space]\nseed = { choices = ["x"] }\n'
    (tmp_path / "mine.toml").write_text(text)
    chosen = ["search", str(tmp_path / "mine.toml"), "--data", str(table), "-o", str(tmp_path / "out")]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 3
    assert "trial 0: fail ValueError: seed cannot be 'x'" in told.stderr

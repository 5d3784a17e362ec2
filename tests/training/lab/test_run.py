"""Trainings of the laboratory from the command line to a film that is analysed by what was trained."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch.callbacks import Callback

from hilum import analyse
from hilum.cli import export as export_command
from hilum.cli import train as train_command
from hilum.datasets.schema import CaseTable
from hilum.datasets.split import split_folds, write_split
from hilum.errors import SettingsError
from hilum.models.card import CARD, read_card
from hilum.models.card_writer import write_table
from hilum.readers import from_array
from hilum.settings import resolve
from hilum.training.any_run import RECIPE, begin, suggested, train
from hilum.training.fit import ENDLESS, LAST, Where, steps_of
from hilum.training.lab.export import export
from hilum.training.lab.recipe import FilmAugment, Presence
from hilum.training.library import changed, load
from hilum.training.parts import Length, LossSettings, NetworkSettings, Optimiser, Schedule

from .conftest import film
from .conftest import write_table as write_cases

pytestmark = pytest.mark.filterwarnings("default")
HERE = Where(kind="cpu", threads=1, pictures=1)


def invoke(command, *words):
    return CliRunner().invoke(command.command, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def learned(lungs_recipe, lesions_recipe, tmp_path_factory):
    """Two small networks that learned what is plain to see, as models for the catalogue."""
    table = write_cases(tmp_path_factory.mktemp("many") / "db", 16)
    root = tmp_path_factory.mktemp("learned")
    small = NetworkSettings(filters=8, halvings=3, momentum=0.3)
    length, steady = Length(steps=60, batch=4, validate_every=20), FilmAugment(flip=0.5)
    lungs = replace(lungs_recipe, network=small, length=length, augment=steady)
    lesions = replace(lesions_recipe, network=small, length=length, presence=Presence(), optimiser=Optimiser(rate=1e-2))
    for recipe, name in ((lungs, "own-lungs"), (lesions, "own-lesions")):
        weights = train(recipe, [table], root / name, where=HERE)
        export(load(root / name / RECIPE), weights, root / "models" / name)
    return root


def test_what_was_trained_analyses_a_film(learned, monkeypatch):
    monkeypatch.setenv("HILUM_MODELS", str(learned / "models"))
    settings = resolve(None, overrides={"models.cxr_lungs": "own-lungs", "models.cxr_lesions": "own-lesions"})
    picture, lungs, lesion = (np.kron(each, np.ones((2, 2), np.uint8)) for each in film(41))
    case = analyse(from_array(picture, name="film"), settings=settings)
    found = case.lungs.array
    for side in (1, 2):
        both = np.count_nonzero((found == side) & (lungs == side))
        assert 2 * both / (np.count_nonzero(found == side) + np.count_nonzero(lungs == side)) > 0.85
    opacity = case.lesions.array > 0
    assert 2 * np.count_nonzero(opacity & (lesion > 0)) / (opacity.sum() + lesion.sum()) > 0.6
    assert "six-zone" in case.scores


def test_the_log_has_figures_and_pictures(learned):
    with next((learned / "own-lungs").glob("log-*/metrics.csv")).open() as file:
        rows = list(csv.DictReader(file))
    dice = [float(row["val/dice"]) for row in rows if row["val/dice"]]
    assert len(dice) == 3
    assert dice[-1] > 0.85
    assert {"train/dice", "train/bce", "train/total", "train/rate", "val/iou", "val/recall"} <= set(rows[0])
    assert len(list((learned / "own-lungs").glob("log-*/overlays-*.png"))) == 3
    assert list((learned / "own-lungs").glob("log-*/events*"))


def test_commands_train_go_on_and_export(lungs_recipe, table, tmp_path):
    file, run = tmp_path / "own.toml", tmp_path / "run"
    write_table(lungs_recipe, file)
    assert load(file) == lungs_recipe
    words = [file, "--data", table, "-o", run, "--device", "cpu", "--threads", "1", "--set", "length.steps=3"]
    trained = invoke(train_command, *words)
    assert trained.exit_code == 0
    assert trained.stdout.splitlines()[-1] == str(run / "weights.pt")
    assert "parameters" in trained.stderr
    assert "3 steps" in trained.stderr
    assert invoke(train_command, *words[:-1], "length.steps=5").exit_code == 0
    assert torch.load(run / LAST, weights_only=False)["global_step"] == 5
    with pytest.raises(SettingsError, match="optimiser differ"):
        invoke(train_command, *words[:-1], "optimiser.rate=0.5")
    exported = invoke(export_command, run / RECIPE, run / "weights.pt", "-o", tmp_path / "own-lungs", "--steps", "5")
    assert exported.exit_code == 0
    card = read_card(tmp_path / "own-lungs" / CARD)
    assert (card.task, card.recipe, card.steps) == ("cxr-lungs", "small-lungs", 5)
    assert card.outputs["lungs"].channels == ("lung",)


def test_cost_and_rate_are_told_without_training(lungs_recipe, table, tmp_path):
    file, run = tmp_path / "own.toml", tmp_path / "run"
    write_table(lungs_recipe, file)
    words = [file, "--data", table, "-o", run, "--device", "cpu", "--threads", "1"]
    told = invoke(train_command, *words, "--cost")
    assert "MACs" in told.stdout
    assert not run.exists()
    rate = float(invoke(train_command, *words, "--find-rate").stdout)
    assert 1e-7 <= rate <= 1
    assert len((run / "rates.csv").read_text().splitlines()) > 20


def test_the_cost_of_a_known_network(lungs_recipe, table):
    recipe = replace(lungs_recipe, length=Length(epochs=3, batch=2))
    begun = begin(recipe, [table], where=HERE)
    before = {name: value.clone() for name, value in begun.task.state_dict().items()}
    cost = begun.cost()
    assert cost.parameters == sum(value.numel() for value in begun.task.network.parameters())
    assert cost.steps == 6  # four films for training, two a step, three times
    assert cost.macs == pytest.approx(_macs_of_convolutions(begun.task.network.net), rel=1e-6)
    assert cost.memory_bytes > 16 * cost.parameters
    assert all(
        torch.equal(value, before[name]) or value.isnan().all() for name, value in begun.task.state_dict().items()
    )


def _macs_of_convolutions(network):
    """Counted by hand: kernel, channels and pixels of every convolution."""
    total = [0.0]

    def count(layer, inputs, output):
        pixels = inputs[0] if isinstance(layer, torch.nn.ConvTranspose2d) else output
        total[0] += layer.weight.numel() * pixels[0, 0].numel()

    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        network.eval()(torch.rand(1, 1, 64, 64))
    return total[0]


def test_the_steepest_fall_is_suggested():
    assert suggested([1e-3, 1e-2, 1e-1, 1.0], [1.0, 0.9, 0.3, 2.0]) == 1e-2
    assert suggested([1e-3], [1.0]) == 1e-3


def test_steps_follow_from_what_comes_first():
    assert steps_of(Length(epochs=3, batch=4), 10) == (9, 3)
    assert steps_of(Length(epochs=3, steps=5, batch=4), 10) == (5, 3)
    assert steps_of(Length(minutes=1.0, batch=4, validate_every=7), 10) == (ENDLESS, 7)
    with pytest.raises(ValueError, match="epochs, steps or minutes"):
        Length()


def test_a_schedule_that_follows_the_length_needs_one(lungs_recipe, table, tmp_path):
    recipe = replace(lungs_recipe, length=Length(minutes=0.1), schedule=Schedule("one-cycle"))
    with pytest.raises(SettingsError, match=r"length\.epochs"):
        begin(recipe, [table], where=HERE)


def test_a_figure_that_does_not_exist_cannot_be_watched(lungs_recipe, table, tmp_path):
    recipe = replace(lungs_recipe, length=Length(steps=2, batch=2, watch="val/dicee"))
    with pytest.raises(SettingsError, match="Did you mean 'val/dice'"):
        train(recipe, [table], tmp_path, where=HERE)


def test_minutes_end_a_training(lungs_recipe, table, tmp_path):
    recipe = replace(lungs_recipe, length=Length(minutes=0.03, batch=2, validate_every=2))
    train(recipe, [table], tmp_path, where=HERE)
    assert 1 <= torch.load(tmp_path / LAST, weights_only=False)["global_step"] < ENDLESS


def test_folds_are_trained_on_and_watched_in_turn(lungs_recipe, table, tmp_path):
    cases = CaseTable.read_csv(table / "cases.csv")
    write_split(split_folds(cases, 2, seed=3, strata=()), tmp_path / "folds.json", "hilum")
    held = []
    for fold in (0, 1):
        begun = begin(lungs_recipe, [table], fold=fold, fold_file=tmp_path / "folds.json", where=HERE)
        held.append(len(begun.watched))
        assert begun.training.round_length + held[-1] == len(cases)
    assert sum(held) == len(cases)
    with pytest.raises(SettingsError, match="name one of 0 to 1"):
        begin(lungs_recipe, [table], fold_file=tmp_path / "folds.json", where=HERE)
    with pytest.raises(SettingsError, match="--fold-file"):
        begin(lungs_recipe, [table], fold=1, where=HERE)


def test_a_patient_on_both_sides_is_refused(lungs_recipe, table, tmp_path):
    cases = [replace(case, patient="same") for case in CaseTable.read_csv(table / "cases.csv")]
    CaseTable.of(cases).write_csv(tmp_path / "cases.csv")
    with pytest.raises(SettingsError, match="made/same"):
        begin(lungs_recipe, [tmp_path], where=HERE)


def test_a_table_without_a_split_is_refused(lungs_recipe, table, tmp_path):
    CaseTable.of(replace(c, split="") for c in CaseTable.read_csv(table / "cases.csv")).write_csv(
        tmp_path / "cases.csv"
    )
    with pytest.raises(SettingsError, match="hilum datasets split"):
        begin(lungs_recipe, [tmp_path], where=HERE)


def test_a_batch_is_divided_among_devices_or_refused(lungs_recipe, table, tmp_path):
    with pytest.raises(SettingsError, match="divided among 3"):
        train(lungs_recipe, [table], tmp_path, where=Where(devices=3, kind="cpu"))


def test_options_of_the_other_kind_are_refused(table, tmp_path):
    refused = CliRunner().invoke(
        train_command.command, ["cxr-lungs", "--data", str(table), "-o", str(tmp_path), "--fold", "1"]
    )
    assert refused.exit_code == 2
    assert "--fold" in refused.output
    refused = CliRunner().invoke(
        train_command.command, ["miscnn-3d", "--data", str(table), "-o", str(tmp_path), "--others", str(table)]
    )
    assert refused.exit_code == 2
    refused = CliRunner().invoke(
        train_command.command, ["miscnn-3d", "--data", str(table), "-o", str(tmp_path), "--set", "length"]
    )
    assert "KEY=VALUE" in refused.output


def test_every_recipe_is_listed_with_a_line():
    told = invoke(train_command, "--list").stdout.splitlines()
    assert len(told) > 25
    assert all(len(line.split("  ", 1)[1].strip()) > 20 for line in told)


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam", "adamw", "adam-amsgrad", "adamw-amsgrad"])
def test_every_optimiser_learns_and_clips(lungs_recipe, table, tmp_path, optimiser):
    how = Optimiser(optimiser, rate=1e-2, momentum=0.9 if optimiser in ("sgd", "rmsprop") else 0.0, clip=0.5)
    recipe = replace(lungs_recipe, optimiser=how, length=Length(steps=1, batch=2), schedule=Schedule("cosine"))
    task = begin(recipe, [table], where=HERE).task
    made = task.fresh_optimiser()
    assert type(made).__name__.lower() == optimiser.split("-")[0]
    assert made.param_groups[0].get("amsgrad", False) == optimiser.endswith("amsgrad")
    seen = []

    class Seen(Callback):
        def on_train_start(self, trainer, task):
            trainer.optimizers[0].register_step_post_hook(
                lambda *_: seen.append(float(torch.nn.utils.get_total_norm([p.grad for p in task.parameters()])))
            )

    train(recipe, [table], tmp_path, where=HERE, callbacks=[Seen()])
    assert seen
    assert all(norm <= 0.5 + 1e-4 for norm in seen)


@pytest.mark.parametrize("precision", ["bf16-mixed"])
def test_mixed_precision_learns(lungs_recipe, table, tmp_path, precision):
    weights = train(replace(lungs_recipe, precision=precision), [table], tmp_path, where=HERE)
    state = torch.load(weights, weights_only=True)
    assert all(bool(torch.isfinite(value.float()).all()) for value in state.values())


def test_a_changed_recipe_is_whole(lungs_recipe):
    made = changed(lungs_recipe, {"optimiser.rate": 0.5, "network.architecture": "unet-dense", "seed": 4})
    assert (made.optimiser.rate, made.network.architecture, made.seed) == (0.5, "unet-dense", 4)
    assert replace(made, optimiser=lungs_recipe.optimiser, network=lungs_recipe.network, seed=0) == lungs_recipe
    with pytest.raises(ValueError, match="Did you mean 'rate'"):
        changed(lungs_recipe, {"optimiser.rates": 0.5})
    with pytest.raises(SettingsError, match="Did you mean 'two-stage-lungs-fpn'"):
        load("two-stage-lung-fpn")


def test_a_weight_decay_or_loss_setting_that_no_loss_has_is_refused(lungs_recipe, table):
    with pytest.raises(SettingsError, match="delta"):
        begin(replace(lungs_recipe, loss_settings=LossSettings(delta=0.3)), [table], where=HERE)

"""Two steps of both trainings on a handful of computed films: weights, resuming, export, thresholds, commands."""

from __future__ import annotations

import builtins
import shutil
from dataclasses import fields, replace
from importlib import import_module
from itertools import count

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hilum.cli import export as export_command
from hilum.cli import train as train_command
from hilum.errors import MissingExtra, ModelError, SettingsError
from hilum.models.card import CARD, WEIGHTS, read_card
from hilum.training import export as export_module
from hilum.training import recipe as recipes
from hilum.training.export import example_inputs, export
from hilum.training.networks import NETWORKS
from hilum.training.run import _sets, averaged, train
from hilum.training.task import FilmTask
from hilum.training.thresholds import PROVISIONAL, choose

pytestmark = pytest.mark.filterwarnings("default")  # lightning and the exporter of torch deprecate their own parts


FILM_TASKS = ("cxr-lungs", "cxr-lesions")


@pytest.fixture(scope="module", autouse=True)
def blank():
    """Networks begin at random, so that no package of weights is needed, and the score rises with every validation."""
    scores, plain = count(1), FilmTask.log

    def log(self, name, value, **options):
        plain(self, name, torch.tensor(float(next(scores))) if name == "val/score" else value, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hilum.training.networks.load_carried", lambda encoder, name: None)
        patch.setattr(FilmTask, "log", log)
        yield


@pytest.fixture(scope="module")
def lung_run(folders, lung_recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("lung-run")
    train(lung_recipe, folders, output, threads=1)
    return output


@pytest.fixture(scope="module")
def lesion_run(folders, lesion_recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("lesion-run")
    train(lesion_recipe, folders, output, threads=1)
    return output


@pytest.fixture(scope="module")
def networks_folder(lung_run, lesion_run, lung_recipe, lesion_recipe, tmp_path_factory):
    """Both trainings exported, as a folder for ``HILUM_MODELS``."""
    folder = tmp_path_factory.mktemp("networks")
    for recipe, run in ((lung_recipe, lung_run), (lesion_recipe, lesion_run)):
        export(recipe, run / "weights.pt", folder / recipe.task, thresholds=PROVISIONAL[recipe.task])
    return folder


@pytest.mark.parametrize("which", ["lung", "lesion"])
def test_what_is_kept_is_the_average_and_not_the_last_weights(which, request):
    run, recipe = request.getfixturevalue(f"{which}_run"), request.getfixturevalue(f"{which}_recipe")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    kept = torch.load(run / "weights.pt", weights_only=True)
    raw = checkpoint["current_model_state"]
    assert all(torch.equal(value, checkpoint["state_dict"][f"network.{name}"]) for name, value in kept.items())
    assert any(not torch.equal(value, raw[f"network.{name}"]) for name, value in kept.items())
    assert set(averaged(run / "checkpoints" / "last.ckpt", FilmTask(recipe, pretrained=False))) == set(kept)
    assert all(bool(torch.isfinite(value).all()) for value in kept.values())


def test_a_training_goes_on_from_its_checkpoint(folders, small, tmp_path, monkeypatch):
    recipe, plain, taken = small("cxr-lungs-pretrain", steps=3), FilmTask.training_step, []

    def step(self, batch, number):
        taken.append(self.global_step)
        if len(taken) == 3:
            raise RuntimeError("the power fails")
        return plain(self, batch, number)

    monkeypatch.setattr(FilmTask, "training_step", step)
    with pytest.raises(RuntimeError, match="power"):
        train(recipe, folders, tmp_path, threads=1)
    assert not (tmp_path / "weights.pt").exists()
    train(recipe, folders, tmp_path, threads=1)
    assert taken == [0, 1, 2, 2]
    (last,) = (tmp_path / "checkpoints").glob("last*.ckpt")
    assert torch.load(last, weights_only=False)["global_step"] == 3
    assert (tmp_path / "weights.pt").exists()


def test_a_broken_training_comes_to_the_weights_of_a_whole_one(folders, small, tmp_path, monkeypatch):
    recipe, plain = small("cxr-lungs-pretrain", steps=4), FilmTask.training_step
    train(recipe, folders, tmp_path / "whole", threads=1)

    def step(self, batch, number):
        if self.global_step == 2:
            raise RuntimeError("the power fails")
        return plain(self, batch, number)

    monkeypatch.setattr(FilmTask, "training_step", step)
    with pytest.raises(RuntimeError, match="power"):
        train(recipe, folders, tmp_path / "broken", threads=1)
    monkeypatch.setattr(FilmTask, "training_step", plain)
    train(recipe, folders, tmp_path / "broken", threads=1)
    whole, broken = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("whole", "broken"))
    for name, value in whole.items():
        torch.testing.assert_close(value, broken[name], rtol=0, atol=1e-6, msg=name)


def test_a_draw_is_the_same_again_and_another_draw_is_not(folders, small):
    (training, _) = _sets(small("cxr-lungs-pretrain"), folders, ())
    first, again, other = (training.drawn(draw, 0)["film"] for draw in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_finished_training_is_not_done_again(folders, lung_run, lung_recipe, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(lung_run, output)
    train(lung_recipe, folders, output, threads=1)
    before, after = (torch.load(run / "weights.pt", weights_only=True) for run in (lung_run, output))
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_finished_training_cannot_be_made_longer(folders, lung_run, lung_recipe, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(lung_run, output)
    with pytest.raises(SettingsError, match="planned for 2 steps"):
        train(replace(lung_recipe, steps=5), folders, output, threads=1)


def test_a_recipe_that_refines_another_needs_its_weights(folders, small, lung_recipe, tmp_path):
    with pytest.raises(SettingsError, match="cxr-lesions-pretrain"):
        train(small("cxr-lesions"), folders, tmp_path)
    with pytest.raises(SettingsError, match="no weights"):
        train(lung_recipe, folders, tmp_path, start=tmp_path / "weights.pt")


def test_a_kind_without_films_is_an_error(folders, small, tmp_path):
    with pytest.raises(SettingsError, match="coarse"):
        train(small("cxr-lesions-pretrain"), folders[:1], tmp_path)


@pytest.mark.parametrize("task", FILM_TASKS)
def test_the_card_of_an_export_reads_back(networks_folder, task):
    card = read_card(networks_folder / task / CARD)
    assert (card.name, card.task) == (task, task)
    assert dict(card.thresholds) == dict(PROVISIONAL[task])
    assert tuple(card.outputs) == NETWORKS[task].outputs
    assert sorted(file.name for file in card.folder.iterdir()) == sorted([CARD, WEIGHTS, "LICENSE"])


def test_an_export_that_differs_from_torch_is_refused(lung_run, lung_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="differs"):
        export(lung_recipe, lung_run / "weights.pt", tmp_path / "cxr-lungs", thresholds=PROVISIONAL["cxr-lungs"])
    assert not list(tmp_path.iterdir())


def test_examples_are_films_with_zones_apart(lesion_recipe):
    film, zones = example_inputs(lesion_recipe, 2)
    assert film.shape == (2, 1, 96, 96)
    assert 0 <= float(film.min()) < float(film.max()) <= 1
    assert float(zones.sum(1).max()) == 1


@pytest.mark.parametrize("task", FILM_TASKS)
def test_chosen_thresholds_are_on_the_card_and_within_range(networks_folder, folders, task, tmp_path, monkeypatch):
    monkeypatch.setenv("HILUM_MODELS", str(networks_folder))
    monkeypatch.setattr("hilum.models.catalogue.SHIPPED", tmp_path / "none")
    folder = tmp_path / task
    shutil.copytree(networks_folder / task, folder)
    monkeypatch.setattr("hilum.training.thresholds.segment_lungs", _drawn_lungs) if task == "cxr-lesions" else None
    chosen = choose(folder, folders[:1])
    card = read_card(folder / CARD)
    assert set(chosen) <= set(PROVISIONAL[task]) == set(card.thresholds)
    assert dict(card.thresholds) == dict(PROVISIONAL[task]) | dict(chosen)
    assert all(0 <= value <= 1 for value in card.thresholds.values())


def _drawn_lungs(image, network):
    """Lungs where the computed films have them: an untrained network finds none."""
    from types import SimpleNamespace

    from hilum.image import LUNGS, LabelMap

    lungs = np.zeros(image.plane.shape, np.uint8)
    lungs[15:81, 17:51], lungs[17:79, 64:94] = 1, 2
    return SimpleNamespace(lungs=LabelMap(lungs, image.grid, LUNGS, image.origin))


def recipe_file(recipe, path):
    """A recipe as TOML."""
    lines, tables = [], []
    for item in fields(recipe):
        value = getattr(recipe, item.name)
        if item.name in ("mix", "losses"):
            tables += [f"[{item.name}]", *(f"{name} = {number}" for name, number in value.items())]
        elif item.name != "augment":
            lines.append(f"{item.name} = {value!r}")
    path.write_text("\n".join([*lines, *tables]), encoding="utf-8")
    return path


def test_commands_train_and_export(folders, lung_recipe, lung_run, tmp_path):
    file = recipe_file(lung_recipe, tmp_path / "small.toml")
    run = tmp_path / "run"
    shutil.copytree(lung_run, run)
    data = [word for folder in folders for word in ("--data", str(folder))]
    trained = CliRunner().invoke(train_command.command, [str(file), *data, "-o", str(run)], catch_exceptions=False)
    assert trained.exit_code == 0
    weights = trained.stdout.splitlines()[-1]
    assert weights == str(run / "weights.pt")
    network = tmp_path / "cxr-lungs"
    arguments = [str(file), weights, "-o", str(network), "--data", str(folders[0])]
    exported = CliRunner().invoke(export_command.command, arguments, catch_exceptions=False)
    assert exported.exit_code == 0
    assert [line.split(" = ")[0] for line in exported.stdout.splitlines()[-3:]] == ["film", "inverted", "turned"]
    assert read_card(network / CARD).recipe == "cxr-lungs-pretrain"


@pytest.mark.parametrize(
    ("command", "module"), [(train_command.command, "run"), (export_command.command, "export")], ids=["train", "export"]
)
def test_without_torch_the_extra_is_named(command, module, folders, tmp_path, monkeypatch):
    import sys

    import hilum.training as package

    plain = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return plain(name, *arguments, **options)

    import_module(f"hilum.training.{module}")
    monkeypatch.delitem(sys.modules, f"hilum.training.{module}")
    monkeypatch.delattr(package, module)
    monkeypatch.setattr(builtins, "__import__", without)
    file = tmp_path / "weights.pt"
    file.touch()
    words = [
        "cxr-lungs",
        *([str(file)] if module == "export" else []),
        "--data",
        str(folders[0]),
        "-o",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(command, words)
    assert isinstance(result.exception, MissingExtra)
    assert "hilum[train]" in str(result.exception)


def test_recipes_of_every_task_have_the_losses_that_the_task_knows():
    for name in recipes.names():
        recipe = recipes.load(name)
        known = {
            "cxr-lungs": {"lungs", "fields", "kind"},
            "cxr-lesions": {"lesions", "disease", "brixia", "affected", "six-zone", "extent"},
            "ct-lungs": {"lungs"},
            "ct-lesions": {"lesions"},
        }[recipe.task]
        assert set(recipe.losses) <= known

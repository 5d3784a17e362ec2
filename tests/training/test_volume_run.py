"""A few steps of each recipe for volumes: weights, going on, export, and what an exported network makes of a CT."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch.callbacks import Callback

from hilum.cli import export as export_command
from hilum.cli import train as train_command
from hilum.errors import ModelError, SettingsError
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.models.card import CARD, read_card
from hilum.models.network import open_networks
from hilum.provenance import Source
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.settings import RuntimeSettings
from hilum.training import export as export_module
from hilum.training import volume_recipe
from hilum.training.any_run import train
from hilum.training.fit import LAST, Where
from hilum.training.parts import Length, Optimiser, Schedule
from hilum.training.phantom_volumes import SPACING_MM
from hilum.training.volume_export import export
from hilum.training.volume_recipe import VolumeAugment
from hilum.training.volume_task import VolumeTask

from .volumes import SHAPE, chest, small, write_folder

pytestmark = pytest.mark.filterwarnings("default")  # lightning and the exporter of torch deprecate their own parts

NAMES = ("ggo-cons-2d", "ggo-cons-3d", "miscnn-3d", "miscnn-3d-no-preprocessing")
HERE = Where(kind="cpu", threads=1, save_every=1)
MADE = Source("made", "0" * 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "phantoms")


@pytest.fixture(scope="module")
def learned(folder, tmp_path_factory):
    """Enough steps of the pictures' recipe, without changes, for it to find what is plain to see; and where."""
    recipe = small(
        "ggo-cons-2d", steps=60, batch=8, augment=VolumeAugment(), optimiser=Optimiser(rate=0.01), with_lesions=0.7
    )
    output = tmp_path_factory.mktemp("learned")
    train(recipe, [folder], output, where=HERE)
    return recipe, output


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_trains_exports_and_runs(name, folder, tmp_path, monkeypatch):
    recipe = small(name)
    weights = train(recipe, [folder], tmp_path / "run", where=HERE)
    state = torch.load(weights, weights_only=True)
    assert set(state) == set(VolumeTask(recipe).network.state_dict())
    assert all(bool(torch.isfinite(value.float()).all()) for value in state.values())
    card = export(recipe, weights, tmp_path / "networks" / name)
    assert read_card(tmp_path / "networks" / name / CARD) == card
    assert (card.recipe, card.steps, card.input) == (name, 2, recipe.input)
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path / "networks"))
    (network,) = open_networks([("ct-lesions", name)], RuntimeSettings(), many=True)
    lesions = found_by(network)
    assert lesions.origin.model.name == name
    assert not lesions.array[chest(9)[1] == 0].any()


def found_by(network):
    """Lesions of a chest that no training saw."""
    array, lungs, _ = chest(9)
    grid = VolumeGrid.of_spacing(SHAPE, SPACING_MM)
    image = Image(array, grid, Quantity.HOUNSFIELD, MADE)
    return segment_ct_lesions(image, LabelMap(lungs, grid, LUNGS, MADE), network).lesions


def test_what_was_learned_is_found_in_a_volume(learned, tmp_path, monkeypatch):
    recipe, run = learned
    export(recipe, run / "weights.pt", tmp_path / "own")
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path))
    (network,) = open_networks([("ct-lesions", "own")], RuntimeSettings(), many=True)
    lesions, truth = found_by(network), chest(9)[2]
    found, there = lesions.mask("ground-glass", "consolidation"), (truth == 1) | (truth == 2)
    assert 2 * np.count_nonzero(found & there) / (found.sum() + there.sum()) > 0.7
    both = found & there
    assert np.mean(lesions.array[both] == truth[both]) > 0.9


def test_the_best_weights_are_kept_and_not_the_last(folder, tmp_path, monkeypatch):
    figures = iter([0.2, 0.6, 0.4])
    plain = VolumeTask.figures
    monkeypatch.setattr(
        VolumeTask,
        "figures",
        lambda self, table: plain(self, table | {"val/dice-lesions": torch.tensor(next(figures))}),
    )
    seen = []

    class Seen(Callback):
        def on_validation_end(self, trainer, task):
            seen.append({name: value.clone() for name, value in task.network.state_dict().items()})

    length = Length(steps=6, batch=2, validate_every=2, watch="val/dice-lesions")
    weights = train(small("ggo-cons-2d", length=length), [folder], tmp_path, where=HERE, callbacks=[Seen()])
    kept = torch.load(weights, weights_only=True)
    assert len(seen) == 3
    assert all(torch.equal(value, seen[1][name]) for name, value in kept.items())
    assert any(not torch.equal(value, seen[2][name]) for name, value in kept.items())


def test_a_training_stops_when_it_gets_no_better(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "hilum.training.volume_task.configured", lambda name, settings: lambda raw, truth, **_: raw.sum() * 0
    )
    length = Length(steps=20, batch=2, validate_every=1, patience=2, watch="val/total")
    train(small("ggo-cons-2d", length=length), [folder], tmp_path, where=HERE)
    assert torch.load(tmp_path / LAST, weights_only=False)["global_step"] == 3


def test_a_training_goes_on_from_its_checkpoint(folder, tmp_path, monkeypatch):
    recipe, plain, taken = small("ggo-cons-3d", steps=5), VolumeTask.training_step, []

    def step(self, batch, number):
        taken.append(self.global_step)
        if len(taken) == 4:
            raise RuntimeError("the power fails")
        return plain(self, batch, number)

    monkeypatch.setattr(VolumeTask, "training_step", step)
    with pytest.raises(RuntimeError, match="power"):
        train(recipe, [folder], tmp_path, where=HERE)
    train(recipe, [folder], tmp_path, where=HERE)
    assert taken == [0, 1, 2, 3, 3, 4]
    assert (tmp_path / "weights.pt").exists()
    train(recipe, [folder], tmp_path, where=HERE)
    assert len(taken) == 6


def test_the_rate_falls_when_the_loss_no_longer_does(folder, tmp_path, monkeypatch):
    schedule = Schedule("plateau", patience=1, round_steps=1)
    recipe = small("miscnn-3d", steps=5, batch=1, schedule=schedule)
    monkeypatch.setattr(
        "hilum.training.volume_task.configured", lambda name, settings: lambda raw, truth, **_: raw.sum() * 0 + 1
    )
    train(recipe, [folder], tmp_path, where=HERE)
    last = torch.load(tmp_path / LAST, weights_only=False)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-5)


def test_one_volume_is_too_few(tmp_path):
    with pytest.raises(SettingsError, match="two patients at least"):
        train(small("ggo-cons-2d"), [write_folder(tmp_path / "one", 1)], tmp_path / "run", where=HERE)


def test_an_export_that_differs_from_torch_is_refused(learned, tmp_path, monkeypatch):
    recipe, run = learned
    monkeypatch.setattr(export_module, "TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="differs"):
        export(recipe, run / "weights.pt", tmp_path / "own")
    assert not list(tmp_path.iterdir())


def as_toml(table, place=""):
    """A dataclass of settings as TOML."""
    plain, tables = [], []
    for item in fields(table):
        value = getattr(table, item.name)
        name = f"{place}{item.name}"
        if is_dataclass(value):
            tables += [f"\n[{name}]", *as_toml(value, f"{name}.")]
        elif isinstance(value, dict):
            tables += [f"\n[{name}]", *(f"{key} = {number}" for key, number in value.items())]
        elif value is not None:
            plain.append(f"{item.name} = {json.dumps(value)}")
    return [*plain, *tables]


def test_commands_train_and_export(folder, tmp_path):
    recipe = replace(small("ggo-cons-2d"), name="own-recipe")
    file = tmp_path / "own.toml"
    file.write_text("\n".join(as_toml(recipe)), encoding="utf-8")
    assert volume_recipe.load(file) == recipe
    words = [str(file), "--data", str(folder), "-o", str(tmp_path / "run"), "--threads", "1"]
    trained = CliRunner().invoke(train_command.command, words, catch_exceptions=False)
    assert trained.exit_code == 0
    weights = trained.stdout.splitlines()[-1]
    assert weights == str(tmp_path / "run" / "weights.pt")
    words = [str(file), weights, "-o", str(tmp_path / "own"), "--steps", "7"]
    exported = CliRunner().invoke(export_command.command, words, catch_exceptions=False)
    assert exported.exit_code == 0
    card = read_card(tmp_path / "own" / CARD)
    assert (card.name, card.recipe, card.steps) == ("own", "own-recipe", 7)


def test_what_belongs_to_films_is_refused(folder, tmp_path):
    words = ["miscnn-3d", "--data", str(folder), "--others", str(folder), "-o", str(tmp_path / "run")]
    refused = CliRunner().invoke(train_command.command, words)
    assert refused.exit_code == 2
    assert "recipes for films" in refused.output
    file = tmp_path / "weights.pt"
    file.touch()
    refused = CliRunner().invoke(export_command.command, ["cxr-lungs", str(file), "-o", str(tmp_path / "o")])
    assert refused.exit_code == 2
    assert "--data" in refused.output

"""A training that was killed at random moments comes to the same weights as one that was not."""

from __future__ import annotations

import csv
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from hilum.models.card_writer import write_table
from hilum.training.any_run import train
from hilum.training.fit import LAST, Where
from hilum.training.parts import Length, Schedule

from ..volumes import small, write_folder  # noqa: TID252 - the tests are no package with a name

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks the training"),
]

TOLERANCE = 1e-6
"""Largest difference of a weight; on one thread of a processor there is none."""

WHERE = Where(kind="cpu", threads=1, save_every=1, pictures=0)


class Told(Callback):
    """Tells each step through a pipe."""

    def __init__(self, pipe):
        self._pipe = pipe

    def on_train_batch_end(self, trainer, *_):
        self._pipe.send(trainer.global_step)


def killed(recipe, table, output, step, delay):
    """Run the training in a process of its own, and kill it a little after a step; False if it was done by then."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_train, args=(recipe, table, output, theirs))
    child.start()
    theirs.close()
    try:
        while ours.recv() < step:
            pass
    except EOFError:
        child.join()
        return False
    time.sleep(delay)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    return child.exitcode == -signal.SIGKILL


def _train(recipe, table, output, pipe):
    train(recipe, [table], output, where=WHERE, callbacks=[Told(pipe)])


def weights(folder):
    return torch.load(folder / "weights.pt", weights_only=True)


def assert_same(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        torch.testing.assert_close(value.float(), other[name].float(), rtol=0, atol=TOLERANCE, equal_nan=True)


def schedules():
    """What a checkpoint has to hold: momentum and rate, a fall of the rate, a first loss, a patience."""
    yield "one-cycle", Schedule("one-cycle"), "static"
    yield "plateau", Schedule("plateau", patience=0, factor=0.5, watch="val/dice", threshold=0.5), "dynamic"


@pytest.mark.parametrize(("schedule", "weighting"), [each[1:] for each in schedules()], ids=["one-cycle", "plateau"])
def test_a_training_that_was_killed_comes_to_the_same_weights(lungs_recipe, table, tmp_path, schedule, weighting):
    recipe = replace(
        lungs_recipe,
        length=Length(steps=14, batch=2, validate_every=4, patience=9),
        schedule=schedule,
        presence=replace(lungs_recipe.presence, weighting=weighting),
        network=replace(lungs_recipe.network, architecture="unet-plain"),
    )
    train(recipe, [table], tmp_path / "whole", where=WHERE)
    chance, kills = random.Random(), 0
    for step in (2, chance.randint(3, 7), chance.randint(8, 13)):
        kills += killed(recipe, table, tmp_path / "killed", step, chance.uniform(0, 0.05))
    assert kills
    train(recipe, [table], tmp_path / "killed", where=WHERE)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    ends = [torch.load(tmp_path / name / LAST, weights_only=False) for name in ("whole", "killed")]
    assert ends[0]["global_step"] == ends[1]["global_step"] == 14
    assert_same(ends[0]["state_dict"], ends[1]["state_dict"])
    for name in ("optimizer_states", "lr_schedulers"):
        first, second = (end[name][0] for end in ends)
        assert str(first.get("param_groups", first.get("_last_lr"))) == str(
            second.get("param_groups", second.get("_last_lr"))
        )


def test_a_training_on_volumes_that_was_killed_comes_to_the_same_weights(tmp_path):
    recipe, folder = small("miscnn-3d", steps=8, batch=1), write_folder(tmp_path / "volumes")
    train(recipe, [folder], tmp_path / "whole", where=WHERE)
    chance = random.Random()
    assert killed(recipe, folder, tmp_path / "killed", chance.randint(2, 6), chance.uniform(0, 0.05))
    train(recipe, [folder], tmp_path / "killed", where=WHERE)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    ends = [torch.load(tmp_path / name / LAST, weights_only=False) for name in ("whole", "killed")]
    assert [end["global_step"] for end in ends] == [8, 8]
    assert_same(ends[0]["state_dict"], ends[1]["state_dict"])


def test_another_seed_comes_to_other_weights(lungs_recipe, table, tmp_path):
    for seed in (0, 1):
        train(replace(lungs_recipe, seed=seed), [table], tmp_path / str(seed), where=WHERE)
    one, other = weights(tmp_path / "0"), weights(tmp_path / "1")
    assert any(float((value.float() - other[name].float()).abs().max()) > 1e-3 for name, value in one.items())


def test_it_goes_on_where_every_step_is_validated(lungs_recipe, table, tmp_path):
    recipe = replace(lungs_recipe, length=Length(steps=4, batch=2, validate_every=1))
    train(recipe, [table], tmp_path / "whole", where=WHERE)
    with pytest.raises(RuntimeError, match="power"):
        train(recipe, [table], tmp_path / "killed", where=WHERE, callbacks=[Stop(3)])
    assert torch.load(tmp_path / "killed" / LAST, weights_only=False)["global_step"] == 2
    train(recipe, [table], tmp_path / "killed", where=WHERE)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


class Stop(Callback):
    """The power fails after a step."""

    def __init__(self, step):
        self._step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self._step:
            raise RuntimeError("the power fails")


@pytest.mark.parametrize("stop", range(1, 7))
def test_it_goes_on_from_every_step(lungs_recipe, table, tmp_path, stop, whole):
    with pytest.raises(RuntimeError, match="power"):
        train(lungs_recipe, [table], tmp_path, where=WHERE, callbacks=[Stop(stop)])
    train(lungs_recipe, [table], tmp_path, where=WHERE)
    assert_same(whole, weights(tmp_path))


@pytest.fixture(scope="module")
def whole(lungs_recipe, table, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole")
    train(lungs_recipe, [table], output, where=WHERE)
    return weights(output)


@pytest.mark.slow
def test_two_devices_share_the_batches_of_one(lungs_recipe, table, tmp_path):
    """Each of two processes takes half of every batch; their losses are those of one but for batch normalisation."""
    recipe = replace(lungs_recipe, network=replace(lungs_recipe.network, architecture="unet-plain"))
    write_table(recipe, tmp_path / "own.toml")
    totals = []
    for devices in (1, 2):
        output = tmp_path / str(devices)
        words = ["train", tmp_path / "own.toml", "--data", table, "-o", output, "--device", "cpu", "--threads", "1"]
        command = [sys.executable, "-m", "hilum", *map(str, words), "--devices", str(devices), "--quiet"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.splitlines() == [str(output / "weights.pt")]
        with next(output.glob("log-*/metrics.csv")).open() as file:
            totals.append([float(row["val/total"]) for row in csv.DictReader(file) if row["val/total"]])
    assert totals[0] == pytest.approx(totals[1], rel=0.02)

"""From films to figures by commands alone: folds, trainings, networks, their mean, an analysis, an evaluation."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.models.card_writer import write_table
from hilum.training.lab.recipe import FilmAugment
from hilum.training.parts import Length

pytestmark = pytest.mark.filterwarnings("default")  # lightning and the exporter of torch deprecate their own parts


def hilum(*words):
    """What a command prints; it has to succeed."""
    told = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    return told.stdout


def test_folds_are_trained_joined_used_and_judged(lungs_recipe, table, tmp_path, monkeypatch):
    recipe, models = tmp_path / "own.toml", tmp_path / "models"
    length = Length(steps=40, batch=4, validate_every=20)
    write_table(replace(lungs_recipe, length=length, augment=FilmAugment(flip=0.5)), recipe)
    device = ("--device", "cpu", "--threads", "1")
    hilum("datasets", "split", table, "-o", tmp_path / "folds.json", "--folds", "2")
    trained = ("train", recipe, "--data", table, "--fold-file", tmp_path / "folds.json", "--fold", "0", *device)
    weights = hilum(*trained, "-o", tmp_path / "run").splitlines()[-1]
    hilum("export", tmp_path / "run" / "recipe.toml", weights, "-o", models / "fold-0")
    told = hilum("crossval", recipe, "--data", table, "--folds", "2", "--only", "1", "-o", tmp_path / "cv", *device)
    assert "1 of 2 folds are finished" in told
    hilum("export", recipe, tmp_path / "cv" / "fold-1" / "weights.pt", "-o", models / "fold-1")
    hilum("models", "ensemble", models / "fold-0", models / "fold-1", "-o", models / "mean")
    monkeypatch.setenv("HILUM_MODELS", str(models))
    assert "mean ensemble-" in hilum("models", "list")
    films = sorted(table.glob("film-*-image.png"))
    for name in ("fold-0", "mean"):
        chosen = ("--model", name) if name == "mean" else ("--set", f"models.cxr_lungs={name}")
        options = (*chosen, "--set", "gate.enabled=false", "--no-report", "--no-overlay")
        hilum("analyse", *films, "-o", tmp_path / name, *options)
        for case in (tmp_path / name).glob("film-*-image"):
            case.rename(case.with_name(case.name.removesuffix("-image")))
    predictions = [word for name in ("fold-0", "mean") for word in ("--predictions", f"{name}={tmp_path / name}")]
    told = hilum("evaluate", "masks", "--truth", table, *predictions, "--kind", "lungs", "--no-distances", "-o",
                 tmp_path / "figures")  # fmt: skip
    assert "| mean | both-lungs | all | 8 | 0 |" in told
    with (tmp_path / "figures" / "summary.csv").open() as file:
        found = {
            row["prediction"]: float(row["mean"])
            for row in csv.DictReader(file)
            if (row["structure"], row["group"], row["measure"]) == ("both-lungs", "all", "dice")
        }
    assert set(found) == {"fold-0", "mean"}
    assert min(found.values()) > 0.7

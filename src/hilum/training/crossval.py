"""Cross-validation: one training a fold, each in a folder of its own, finished or gone on with where it stood.

The folds are dealt once, by patient, and written beside the folders; cases that the tables state to be for a test take
no part. A fold is finished when its ``result.json`` is there. Folds may run one by one, on several machines that share
the folder, or on a Ray cluster, with equal results.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import DataLoader

from hilum.datasets.schema import CaseTable
from hilum.datasets.split import DEFAULT_STRATA, Split, read_split, split_folds, write_split
from hilum.datasets.tables import open_tables
from hilum.errors import SettingsError

from .any_run import Begun, begin
from .crossval_cases import judged
from .crossval_tables import FoldResult, read_result, write_result
from .fit import Where
from .instances.recipe import InstanceRecipe
from .lab.cases import parts_of
from .lab.recipe import FilmRecipe
from .library import AnyRecipe, as_table
from .on_ray import each_on_ray
from .recipe import Recipe
from .state_dict import load_weights
from .volume_recipe import VolumeRecipe

log = logging.getLogger(__name__)

SPLIT = "folds.json"
"""The split, in the folder of the cross-validation."""


@dataclass(frozen=True, slots=True)
class FoldJob:
    """Everything that one fold needs; it can be sent to another machine.

    Attributes
    ----------
    recipe : all settings
    data : tables of cases
    output : folder of the cross-validation
    fold : number
    where : devices
    """

    recipe: AnyRecipe
    data: tuple[Path, ...]
    output: Path
    fold: int
    where: Where

    @property
    def folder(self) -> Path:
        """Of this fold."""
        return self.output / f"fold-{self.fold}"

    @property
    def split(self) -> Path:
        """The split into folds."""
        return self.output / SPLIT

    @property
    def made_of(self) -> dict[str, str]:
        """Digests of the recipe and of the split, by which a finished fold is known as one of this run."""
        recipe = json.dumps(as_table(self.recipe), sort_keys=True, default=str).encode()
        return {
            "recipe": hashlib.sha256(recipe).hexdigest(),
            "split": hashlib.sha256(self.split.read_bytes()).hexdigest(),
        }


def plan_folds(
    recipe: AnyRecipe,
    data: Sequence[Path],
    output: Path,
    *,
    folds: int | None,
    seed: int = 0,
    strata: Sequence[str] = DEFAULT_STRATA,
    where: Where | None = None,
) -> list[FoldJob]:
    """One job a fold; the split is written to ``output``, or has to be the one that is there.

    Parameters
    ----------
    recipe : of the laboratory
    data : tables of cases, databases that Hilum made, or downloaded folders that it reads
    output : folder of the cross-validation
    folds : how many; None leaves one patient out at a time
    seed, strata : of the split, see :func:`hilum.datasets.split.split_folds`
    where : devices of each fold

    Raises
    ------
    SettingsError
        The recipe is not one of the laboratory, there are too few patients, or ``output`` holds another split.
    """
    if isinstance(recipe, Recipe):
        raise SettingsError(f"The recipe {recipe.name} is not one of the laboratory; 'hilum train' trains it.")
    _require_masks(recipe)
    table = open_tables(data)
    split = folds_of(table, folds, seed=seed, strata=strata)
    path = output / SPLIT
    if path.exists() and read_split(path) != split:
        raise SettingsError(
            f"{path} holds another split than the one asked for: the data, the number of folds, the seed or the strata "
            "have changed. Give another output folder."
        )
    if not path.exists():
        write_split(split, path)
    places = tuple(each.absolute() for each in data)
    return [FoldJob(recipe, places, output.absolute(), number, where or Where()) for number in range(len(split.parts))]


def folds_of(table: CaseTable, folds: int | None, *, seed: int = 0, strata: Sequence[str] = DEFAULT_STRATA) -> Split:
    """The split of all cases that are not stated to be for a test."""
    cases = CaseTable(tuple(case for case in table if case.split != "test"))
    return split_folds(cases, folds or len({case.person for case in cases}), seed=seed, strata=strata)


def run_fold(job: FoldJob) -> FoldResult:
    """Train a fold, or go on with it, and judge its held-out cases; a finished one is taken as it is.

    Raises
    ------
    SettingsError
        The folder of the fold is that of another recipe or split; or as of :func:`hilum.training.any_run.begin`.
    ReadError
        A table, an image or the result of a finished fold cannot be read.
    """
    found = read_result(job.folder)
    _require_same(job, found)
    if found is not None:
        log.info("fold %d is finished already", job.fold)
        return found
    begun = begin(job.recipe, job.data, fold=job.fold, fold_file=job.split, where=job.where)
    weights = begun.train(job.folder)
    load_weights(begun.task.network, weights)
    pooled = _pooled(begun)
    held_out = parts_of(job.data, fold=job.fold, fold_file=job.split).val
    result = FoldResult(
        job.fold, job.made_of, pooled, tuple(judged(begun.task, held_out, _require_masks(begun.recipe)))
    )
    write_result(result, job.folder)
    return result


def _require_masks(recipe: FilmRecipe | VolumeRecipe | InstanceRecipe) -> FilmRecipe | VolumeRecipe:
    if isinstance(recipe, InstanceRecipe):
        raise SettingsError(
            f"The recipe {recipe.name} finds instances, and folds are judged by their masks: train each fold with "
            "'hilum train --fold-file FILE --fold N'."
        )
    return recipe


def run_folds(
    jobs: Sequence[FoldJob], *, ray: str = "", gpus: float = 0.0
) -> Iterator[tuple[FoldJob, FoldResult | Exception]]:
    """Every job with its result, or with what kept it from being finished; the others go on.

    Parameters
    ----------
    jobs : from :func:`plan_folds`
    ray : address of a Ray cluster, see :func:`hilum.training.on_ray.each_on_ray`; empty runs them here, one by one
    gpus : that a fold takes on the cluster
    """
    if ray:
        cpus = max((max(1, job.where.threads) for job in jobs), default=1)
        for number, outcome in each_on_ray(run_fold, jobs, address=ray, cpus=cpus, gpus=gpus):
            yield jobs[number], outcome
        return
    for job in jobs:
        try:
            yield job, run_fold(job)
        except Exception as error:
            log.debug("fold %d failed", job.fold, exc_info=True)
            yield job, error


def _require_same(job: FoldJob, found: FoldResult | None) -> None:
    """SettingsError if the folder was begun with something else; what it is begun with is noted in it."""
    note = job.folder / "made_of.json"
    before: Any = None
    if found is not None:
        before = dict(found.made_of)
    elif note.exists():
        before = json.loads(note.read_text(encoding="utf-8"))
    if before is not None and before != job.made_of:
        what = " and ".join(name for name, digest in job.made_of.items() if before.get(name) != digest)
        raise SettingsError(f"{job.folder} was made with another {what}. Give another output folder.")
    job.folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(job.made_of), encoding="utf-8")


def _pooled(begun: Begun) -> dict[str, float]:
    """The figures that training watches, with the best weights, of all held-out cases together."""
    trainer = lightning.Trainer(
        accelerator=begun.where.kind,
        devices=1,
        precision=begun.recipe.precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader: Any = DataLoader(begun.watched, batch_size=begun.recipe.length.batch)
    (figures,) = trainer.validate(begun.task, loader, verbose=False)
    return {name: float(value) for name, value in sorted(figures.items())}

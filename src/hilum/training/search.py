"""A search for the best settings of a recipe: trials drawn by Optuna, given up early, resumable, here or on Ray.

All that is known of a search lies in ``study.log`` in its folder, which any number of processes may write to; each
trial has a folder of its own. What kept a trial from being finished, want of memory for example, is noted with it.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import optuna
import torch
from lightning.pytorch.callbacks import Callback
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from hilum.datasets.split import Split, write_split
from hilum.errors import SettingsError
from hilum.models.card_writer import as_toml
from hilum.writers.csv_file import write_csv
from hilum.writers.whole import whole_file

from .any_run import begin
from .fit import Where
from .lab.cases import Parts, parts_of
from .library import AnyRecipe, as_table, changed, load
from .on_ray import each_on_ray
from .recipe import Recipe
from .search_space import Pruner, SearchSpace, Setting, require_key

log = logging.getLogger(__name__)

STUDY, SPLIT, TRIALS, BEST = "study.log", "split.json", "trials.csv", "best.toml"
"""In the folder of a search: all that is known of it; who is trained on; a table of the trials; the best recipe."""

REASON, VALUES = "reason", "values"
"""Attributes of a trial: why it was not finished; the settings in it, as JSON."""

INTERRUPTED = "interrupted"
"""Attribute of the study: numbers of the trials that a kill ended; they are tried again and do not count."""


@dataclass(frozen=True, slots=True)
class TrialJob:
    """Everything that one trial needs; it can be sent to another machine.

    Attributes
    ----------
    space : of the search
    data : tables of cases
    output : folder of the search
    draw : number of the draw, which seeds it
    where : devices
    """

    space: SearchSpace
    data: tuple[Path, ...]
    output: Path
    draw: int
    where: Where


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What came of a trial.

    Attributes
    ----------
    number : of the trial
    state : ``complete``, ``pruned`` or ``fail``
    value : the watched figure at its best; None if there is none
    values : settings by dotted key
    reason : why it failed
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Any]
    reason: str = ""


class Reporter(Callback):
    """Tells a trial the watched figure of each validation, and gives the trial up if it is told to."""

    def __init__(self, trial: Trial, watch: str, *, rises: bool) -> None:
        self._trial, self._watch, self._sign = trial, watch, 1.0 if rises else -1.0
        self._validations = 0
        self.best: float | None = None

    def figure(self) -> float:
        """The best figure of the trial; SettingsError if the training was never validated."""
        if self.best is None:
            raise SettingsError("The training ended before its first validation; see length.")
        return self.best

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Reports; optuna.TrialPruned ends the training."""
        if trainer.sanity_checking:
            return
        figure = trainer.callback_metrics.get(self._watch)
        if figure is None:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/")))
            raise SettingsError(
                f"The search watches {self._watch!r}, which the recipe does not tell; it tells {known}."
            )
        value = float(figure)
        if math.isnan(value):
            return
        self._validations += 1
        if self.best is None or self._sign * value > self._sign * self.best:
            self.best = value
        self._trial.report(value, self._validations)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def plan_trials(
    space: SearchSpace,
    data: Sequence[Path],
    output: Path,
    *,
    fold: int | None = None,
    fold_file: Path | None = None,
    where: Where | None = None,
    total: int | None = None,
) -> list[TrialJob]:
    """The trials that are left of a search; trials that a kill ended are queued again.

    Parameters
    ----------
    space : of the search
    data : tables of cases, databases that Hilum made, or downloaded folders that it reads
    output : folder of the search; nobody else may be searching in it
    fold, fold_file : a split into folds and the one that is watched, or a split; None takes what the tables state
    where : devices of each trial
    total : trials in all; None takes those of the space

    Raises
    ------
    SettingsError
        The recipe is not one of the laboratory, or has no such setting; ``output`` holds another search; or the split
        cannot be used.
    """
    recipe = load(space.recipe)
    if isinstance(recipe, Recipe):
        raise SettingsError(f"The recipe {space.recipe} is not one of the laboratory, and has no settings to search.")
    for key in (*space.fixed, *(setting.key for setting in space.settings)):
        require_key(type(recipe), key)
    output.mkdir(parents=True, exist_ok=True)
    split = _split(space, parts_of(data, fold=fold, fold_file=fold_file))
    study = _study(space, output, 0)
    made_of = _hash(f"{space!r}\n{split!r}")
    if study.user_attrs.get("made_of", made_of) != made_of:
        raise SettingsError(f"{output} holds another search: its space or its data differ. Give another output folder.")
    study.set_user_attr("made_of", made_of)
    write_split(split, output / SPLIT)
    _requeue(study)
    total = total or space.trials
    if space.sampler == "grid":
        combinations = list(itertools.product(*(labels_of(setting) for setting in space.settings)))
        total = min(total, len(combinations))
        if not study.trials:
            for labels in combinations[:total]:
                study.enqueue_trial(dict(zip((each.key for each in space.settings), labels, strict=True)))
    first = sum(1 for trial in study.trials if trial.state.is_finished())
    done = first - len(study.user_attrs.get(INTERRUPTED, []))
    places = tuple(each.absolute() for each in data)
    return [
        TrialJob(space, places, output.absolute(), first + number, where or Where())
        for number in range(max(0, total - done))
    ]


def _split(space: SearchSpace, parts: Parts) -> Split:
    """The validation cases, and the share of the training patients that the space wants, the same ones each time."""
    people = sorted({case.person for case in parts.train}, key=lambda person: _hash(f"{space.seed} {person}"))
    used = set(people[: math.ceil(space.share * len(people))])
    train = tuple(case.key for case in parts.train if case.person in used)
    made = {"share": space.share, "seed": space.seed}
    return Split({"train": train, "val": tuple(case.key for case in parts.val)}, made)


def run_trial(job: TrialJob) -> TrialOutcome:
    """Draw settings, train, and note what came of it; what kept it from being finished is noted, too."""
    study = _study(job.space, job.output, job.draw)
    trial = study.ask()
    reporter = Reporter(trial, job.space.watch, rises=job.space.rises)
    try:
        values = {**job.space.fixed, **drawn(trial, job.space.settings)}
        trial.set_user_attr(VALUES, json.dumps(values))
        recipe = _recipe(job.space, values)
        folder = job.output / f"trial-{trial.number:04d}"
        begun = begin(recipe, job.data, fold_file=job.output / SPLIT, where=job.where)
        begun.train(folder, callbacks=[reporter])
        study.tell(trial, reporter.figure())
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except Exception as error:
        log.debug("trial %d failed", trial.number, exc_info=True)
        trial.set_user_attr(REASON, f"{type(error).__name__}: {error}")
        study.tell(trial, state=TrialState.FAIL)
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return outcome_of(study.trials[trial.number])


def run_trials(jobs: Sequence[TrialJob], *, ray: str = "", gpus: float = 0.0) -> Iterator[TrialOutcome | Exception]:
    """What came of every job.

    Parameters
    ----------
    jobs : from :func:`plan_trials`
    ray : address of a Ray cluster, see :func:`hilum.training.on_ray.each_on_ray`; empty runs them here, one by one
    gpus : that a trial takes on the cluster

    Yields
    ------
    The outcome, or the error of a worker that was lost with its trial, which the next run tries again
    """
    if not ray:
        yield from map(run_trial, jobs)
        return
    cpus = max((max(1, job.where.threads) for job in jobs), default=1)
    for _, outcome in each_on_ray(run_trial, jobs, address=ray, cpus=cpus, gpus=gpus):
        yield outcome


def outcomes(space: SearchSpace, output: Path) -> list[TrialOutcome]:
    """All trials that have ended, by number."""
    study = _study(space, output, 0)
    broken = study.user_attrs.get(INTERRUPTED, [])
    found = (outcome_of(trial) for trial in study.trials if trial.state.is_finished())
    return [replace(each, reason=INTERRUPTED) if each.number in broken else each for each in found]


def outcome_of(trial: FrozenTrial) -> TrialOutcome:
    """A trial of the study in our own terms."""
    values: dict[str, Any] = json.loads(trial.user_attrs.get(VALUES, "{}"))
    value = trial.value if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    reason = str(trial.user_attrs.get(REASON, ""))
    return TrialOutcome(trial.number, trial.state.name.lower(), value, values, reason)


def best_of(space: SearchSpace, found: Sequence[TrialOutcome]) -> TrialOutcome | None:
    """The complete trial with the best figure; None if none is complete."""
    complete = [each for each in found if each.state == "complete" and each.value is not None]
    sign = 1.0 if space.rises else -1.0
    return max(complete, key=lambda each: sign * (each.value or 0.0), default=None)


def write_outcomes(space: SearchSpace, found: Sequence[TrialOutcome], output: Path) -> None:
    """Write the table of the trials, and the recipe of the best one."""
    keys = [setting.key for setting in space.settings]

    def row(each: TrialOutcome) -> tuple[object, ...]:
        value = "" if each.value is None else f"{each.value:.6f}"
        settings = (_text(each.values[key]) if key in each.values else "" for key in keys)
        return each.number, each.state, value, *settings, each.reason

    write_csv(output / TRIALS, ("trial", "state", space.watch, *keys, "reason"), map(row, found))
    best = best_of(space, found)
    if best is not None:
        table = _with_tuples(as_table(_recipe(space, best.values)))
        with whole_file(output / BEST) as unfinished:
            unfinished.write_text(as_toml({**table, "name": f"{space.name}-best"}), encoding="utf-8")


def drawn(trial: Trial, settings: Sequence[Setting]) -> dict[str, Any]:
    """A value for every setting, by dotted key."""
    made: dict[str, Any] = {}
    for each in settings:
        if each.choices:
            labels = labels_of(each)
            made[each.key] = each.choices[labels.index(trial.suggest_categorical(each.key, labels))]
        elif each.is_whole:
            step = int(each.step) or 1
            made[each.key] = trial.suggest_int(each.key, int(each.low), int(each.high), step=step, log=each.is_log)
        else:
            made[each.key] = trial.suggest_float(each.key, each.low, each.high, step=each.step or None, log=each.is_log)
    return made


def labels_of(setting: Setting) -> list[Any]:
    """What a setting's values are called in the study: themselves, or JSON for tables and lists.

    Of a range with steps, all its values.
    """
    if setting.choices:
        return [each if isinstance(each, str | int | float | bool) else json.dumps(each) for each in setting.choices]
    step = setting.step or 1.0
    count = math.floor((setting.high - setting.low) / step + 1e-9) + 1
    values = [setting.low + step * number for number in range(count)]
    return [int(value) for value in values] if setting.is_whole else values


def _recipe(space: SearchSpace, values: Mapping[str, Any]) -> AnyRecipe:
    return changed(load(space.recipe), values)


def _study(space: SearchSpace, output: Path, draw: int) -> optuna.Study:
    """The search's study; each draw has a sampler of its own, so that it does not matter which process draws."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = space.seed * 1_000_003 + draw
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(output / STUDY))),
        study_name=space.name,
        direction="maximize" if space.rises else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed)
        if space.sampler == "tpe"
        else optuna.samplers.RandomSampler(seed),
        pruner=_pruner(space.pruner),
        load_if_exists=True,
    )


def _pruner(how: Pruner) -> optuna.pruners.BasePruner:
    if how.name == "hyperband":
        most: Any = how.most or "auto"
        return optuna.pruners.HyperbandPruner(how.least, most, how.eta)
    if how.name == "median":
        return optuna.pruners.MedianPruner(how.warm_up, how.least)
    return optuna.pruners.NopPruner()


def _requeue(study: optuna.Study) -> None:
    """End the trials that a kill left running, and queue their settings again."""
    for trial in study.trials:
        if trial.state is TrialState.RUNNING:
            log.warning("trial %d was interrupted; it is tried again", trial.number)
            study.set_user_attr(INTERRUPTED, [*study.user_attrs.get(INTERRUPTED, []), trial.number])
            study.tell(trial.number, state=TrialState.FAIL)
            if trial.params:
                study.enqueue_trial(trial.params)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _with_tuples(value: Any) -> Any:
    """A table without empty tables and with tuples for lists, as the writer of TOML wants it."""
    if isinstance(value, Mapping):
        made = {key: _with_tuples(each) for key, each in value.items()}
        return {key: each for key, each in made.items() if each != {}}
    return tuple(_with_tuples(each) for each in value) if isinstance(value, list | tuple) else value

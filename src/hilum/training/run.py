"""One training: a recipe and folders of films in, a folder with the averaged weights out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from hilum.datasets.films import FilmCase, in_split, read_cases
from hilum.errors import SettingsError

from .films import Films, Lungs, Sample, kind_for_lesions, kind_for_lungs, stored
from .fit import Loader, Order
from .negatives import negatives
from .recipe import Recipe
from .slices import Slices, samples_for
from .state_dict import load_weights, read_checkpoint
from .task import SLICE_TASKS, FilmTask

WEIGHTS = "weights.pt"
"""File of the averaged weights in a training's folder."""


WATCHED_EVERY = 3
"""Of the slices for validation every so-manieth is watched during training: neighbours are much alike."""


def train(
    recipe: Recipe,
    data: Sequence[Path],
    output: Path,
    *,
    others: Sequence[Path] = (),
    start: Path | None = None,
    threads: int = 0,
) -> Path:
    """Train a network; the averaged weights are written to ``output / "weights.pt"``.

    What was begun in ``output`` is gone on with from its last checkpoint, one of which is written each quarter of the
    way: samples, their changes and all chance follow from the step's number, so that it comes to the same weights.

    Parameters
    ----------
    recipe : all settings
    data : folders of films with ``cases.csv``
    output : folder for logs, checkpoints and weights
    others : folders whose ``images`` are pictures that are not films, such as CT slices
    start : weights to begin from, where the recipe refines another
    threads : of torch; 0 leaves torch's own choice

    Raises
    ------
    SettingsError
        The recipe refines another and ``start`` is missing, or a kind of its mix has no films.
    """
    if bool(recipe.start_from) != (start is not None):
        wanted = f"weights of {recipe.start_from!r} to start from" if recipe.start_from else "no weights to start from"
        raise SettingsError(f"The recipe {recipe.name} needs {wanted}; give --start accordingly.")
    if threads:
        torch.set_num_threads(threads)
    lightning.seed_everything(recipe.seed, verbose=False)
    task = FilmTask(recipe, pretrained=start is None)
    if start is not None:
        load_weights(task.network, start)
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training, watched = _sets(recipe, data, others)
    average = EMAWeightAveraging(decay=recipe.average)
    keep = ModelCheckpoint(output / "checkpoints", monitor="val/score", mode="max", save_top_k=-1, save_last=True)
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision=recipe.precision,
        max_steps=recipe.steps,
        gradient_clip_val=1.0,
        logger=CSVLogger(output, name="", version="log"),
        callbacks=[average, keep],
        log_every_n_steps=10,
        val_check_interval=max(1, recipe.steps // 4),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    _require_steps_left(recipe, output)
    trainer.fit(
        task,
        _drawn(training, recipe, task),
        DataLoader(watched, batch_size=recipe.batch),
        ckpt_path=_last(output),
    )
    state = {k: v.contiguous() for k, v in averaged(output / "checkpoints" / "last.ckpt", task).items()}
    torch.save(state, output / WEIGHTS)
    return output / WEIGHTS


def _require_steps_left(recipe: Recipe, output: Path) -> None:
    """SettingsError if a checkpoint's learning rate was planned for fewer steps than the recipe has."""
    last = _last(output)
    if last is None:
        return
    held = read_checkpoint(last)
    planned = held["lr_schedulers"][0]["total_steps"]
    if recipe.steps > planned:
        raise SettingsError(
            f"The training in {output} was planned for {planned} steps, and the recipe {recipe.name} asks for "
            f"{recipe.steps}: its learning rate has run out. Give another output folder, and refine its weights with "
            "a recipe that starts from them."
        )


def averaged(checkpoint: Path, task: FilmTask) -> dict[str, torch.Tensor]:
    """The averaged weights in a checkpoint; the callback stores them in place of the raw ones."""
    state = read_checkpoint(checkpoint)["state_dict"]
    own = task.network.state_dict()
    return {name: state[f"network.{name}"] for name in own}


def lungs_of(recipe: Recipe) -> Lungs | None:
    """Where stage II takes its lungs from; None for stage I."""
    if recipe.task == "cxr-lungs":
        return None
    if recipe.lungs == "reference":
        return reference_lungs
    from .shipped_lungs import network_lungs

    return network_lungs()


def reference_lungs(case: FilmCase) -> NDArray[np.uint8] | None:
    """The lungs of a film as annotated, whole lungs before lung fields; None where nobody drew them."""
    path = case.lungs or case.lung_fields
    return None if path is None else stored(str(path), True, case.aspect)


def _sets(recipe: Recipe, data: Sequence[Path], others: Sequence[Path]) -> tuple[Films | Slices, Films | Slices]:
    """What is trained on, and what is watched."""
    if recipe.task in SLICE_TASKS:
        samples = samples_for(recipe, data, "train")
        _require_kinds(recipe, {sample.kind for sample in samples})
        few = samples_for(recipe, data, "val")[::WATCHED_EVERY]
        return Slices(samples, recipe, augment=True), Slices(few, recipe, augment=False)
    cases = [case for folder in data for case in read_cases(folder)]
    lungs = lungs_of(recipe)
    training = Films(_samples(recipe, in_split(cases, "train"), others), recipe, lungs=lungs, augment=True)
    return training, Films(_watched(recipe, in_split(cases, "val")), recipe, lungs=lungs, augment=False)


def _require_kinds(recipe: Recipe, present: set[str]) -> None:
    missing = sorted(set(recipe.mix) - present)
    if missing:
        raise SettingsError(f"The recipe {recipe.name} draws samples of the kinds {missing}, and the data hold none.")


def _samples(recipe: Recipe, cases: Sequence[FilmCase], others: Sequence[Path]) -> list[Sample]:
    kind_of = kind_for_lungs if recipe.task == "cxr-lungs" else kind_for_lesions
    samples = [Sample(kind, case) for case in cases if (kind := kind_of(case)) is not None]
    if "not-a-film" in recipe.mix:
        slices = [path for folder in others for path in _slices(folder)]
        samples += negatives([case.image for case in cases if case.layout == "scored"], slices)
    _require_kinds(recipe, {sample.kind for sample in samples})
    return [sample for sample in samples if sample.kind in recipe.mix]


def _slices(folder: Path) -> list[Path]:
    """Pictures of CT slices, whatever the folder is called; masks have other parents."""
    return sorted(p for ext in ("*.jpg", "*.png") for p in folder.rglob(ext) if p.parent.name == "images")


def _watched(recipe: Recipe, cases: Sequence[FilmCase]) -> list[Sample]:
    """Validation films: all of the scored folder, and a fixed share of the others."""
    kind_of = kind_for_lungs if recipe.task == "cxr-lungs" else kind_for_lesions
    few = [case for n, case in enumerate(cases) if case.layout == "scored" or n % 6 == 0]
    return [Sample(kind, case) for case in few if (kind := kind_of(case)) is not None]


class _Draws(Dataset[dict[str, torch.Tensor]]):
    """The samples of a training by the number of their draw: kinds follow the recipe's mix."""

    def __init__(self, films: Films | Slices, recipe: Recipe) -> None:
        count = {kind: sum(s.kind == kind for s in films.samples) for kind in recipe.mix}
        weights = [recipe.mix[s.kind] / count[s.kind] for s in films.samples]
        chooser = torch.Generator().manual_seed(recipe.seed)
        self._films = films
        self._order = list(WeightedRandomSampler(weights, recipe.steps * recipe.batch, generator=chooser))

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return self._films.drawn(number + 1, self._order[number])


def _drawn(films: Films | Slices, recipe: Recipe, task: FilmTask) -> Loader:
    """Batches from the step at which the training stands."""
    return Loader(_Draws(films, recipe), batch_size=recipe.batch, sampler=Order(task, recipe.batch, 1))


def _last(output: Path) -> Path | None:
    last = output / "checkpoints" / "last.ckpt"
    return last if last.exists() else None

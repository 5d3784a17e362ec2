"""Whether films projected from CT can stand in for real ones when lesions of films are learned.

    python benchmarks/projected_films.py FOLDER --films FILMS --ct CT... [--minutes 20] [--size 192] [--only WORD ...]

The films of FILMS with outlined lesions are split by patient, 60/40 and 80/20, into those that are learned from and
those that are tested on, which are always real. Of each split there are eight runs: real films only, or most of them
(--share) replaced by films projected from CT; with changed films or without; Mask R-CNN, or the semantic network, a
feature pyramid on the same backbone. Both begin at random, for torchvision's weights would have to be
downloaded. Lesions of the CTs are what Hilum's own network finds in them (pseudo labels); a CT with less than a
hundredth of its lungs affected is left out. Computed thoraxes (--phantoms) with drawn lesions are sources too.

Every run has the same processor time of one thread, so that whatever else the machine does takes nothing from any of
them; no run looks at the films of the test, and nothing is chosen: the last weights count, masks are cut at one half.
The figures are of the films at the size of the network's view. Dice and IoU are of the lesions' pixels, film by film (0
where nothing was found); AP and AP50 of single lesions: of the semantic network, its connected parts, whose certainty
is their mean probability. Beside them stands what CT2Xray reported as Dice, equal pixels of the whole image, which an
empty mask gets for nothing. Intervals are drawn by patient.

Each run is a file in FOLDER; one that is there is not run again, and one that was killed goes on. The tables are
printed and written to FOLDER/projected_films.md. Needs the extra "train".
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, table
from numpy.typing import NDArray

import hilum
from hilum.datasets.mix import MixSettings, mix
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.datasets.split.assign import split_fractions
from hilum.datasets.tables import open_tables
from hilum.evaluation.average_precision import (
    Overlaps,
    average_precision,
    mean_average_precision,
    overlaps,
    whole_image_agreement,
)
from hilum.evaluation.bootstrap import Interval, bootstrap, bootstrap_mean
from hilum.evaluation.overlap import overlap
from hilum.image import LESIONS, LUNGS
from hilum.measurement import NotMeasured
from hilum.phantom import random_lesions, thorax
from hilum.scoring.film_instances import connected_instances, parts_of

SPLITS = {"60/40": Fraction(6, 10), "80/20": Fraction(8, 10)}
SETS = ("films", "mixed")
NETWORKS = ("mask-rcnn", "semantic")
AUGMENTED = {"crop": 0.3, "crop_from": [0.7, 0.95], "rotate": 0.5, "rotation_degrees": 10.0, "flip": 0.5, "grey": 0.3}
SEED = 0
LEAST_AFFECTED = 0.01
RESAMPLES = 300
HALF = 0.5
ENOUGH = 10**6


@dataclass(frozen=True, slots=True)
class Run:
    """One training: what is learned from, how, and by what."""

    split: str
    data: str
    augmented: bool
    network: str

    @property
    def key(self) -> str:
        """For names of files."""
        return "-".join(
            (self.network, self.data, "changed" if self.augmented else "plain", self.split.replace("/", "to"))
        )


RUNS = tuple(Run(*each) for each in itertools.product(SPLITS, SETS, (False, True), NETWORKS))


def main() -> None:
    """Make the data, train what is not there, and print the tables."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [run for run in RUNS if not options.only or all(word in run.key for word in options.only)]
    for number, run in enumerate(wanted, start=1):
        file = options.folder / f"{run.key}.json"
        if not file.exists():
            print(f"{number}/{len(wanted)} {run.key}", file=sys.stderr, flush=True)
            made = carried_out(run, options)
            part = file.with_suffix(".part")
            part.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
            part.replace(file)
    text = tables(options.folder)
    (options.folder / "projected_films.md").write_text(text, encoding="utf-8")
    print(text)


def _options() -> Any:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder", type=Path, metavar="FOLDER", help="for runs and tables")
    made.add_argument("--films", type=Path, required=True, help="table or folder of films with outlined lesions")
    made.add_argument("--ct", type=Path, nargs="*", default=[], help="files of CT")
    made.add_argument("--phantoms", type=int, default=4, help="computed thoraxes beside them (4)")
    made.add_argument("--minutes", type=float, default=20.0, help="processor time of each run (20)")
    made.add_argument("--size", type=int, default=192, help="side of the view, a multiple of 32 (192)")
    made.add_argument("--share", type=float, default=0.75, help="of projected films in the mixed set (0.75)")
    made.add_argument("--backbone", default="resnet18", help="of both networks: resnet18, 34, 50 or 101 (resnet18)")
    made.add_argument("--rate", type=float, default=3e-4, help="learning rate of both, with Adam (3e-4)")
    made.add_argument("--batch", type=int, default=2, help="films in a step (2)")
    made.add_argument("--only", nargs="*", default=[], help="words of the runs that are carried out")
    return made.parse_args()


# --- data -------------------------------------------------------------------------------------------------------------


def films_of(options: Any, split: str, name: str) -> Path:
    """The folder of a set of films: ``films`` and ``mixed`` to learn from, ``test`` to be tested on; made once."""
    folder = options.folder / "data" / f"{name}-{split.replace('/', 'to')}"
    if (folder / "cases.csv").exists():
        return folder
    cases = [each for each in open_tables([options.films]) if each.modality == "CXR" and "lesions" in each.masks]
    only = CaseTable.of(replace(each, masks={"lesions": each.masks["lesions"]}) for each in cases)
    shares = {"train": SPLITS[split], "test": 1 - SPLITS[split]}
    parts = split_fractions(only, shares, seed=SEED).parts
    chosen = CaseTable.of(
        replace(each, split="test" if name == "test" else "train")
        for each in only
        if each.key in set(parts["test" if name == "test" else "train"])
    )
    share = options.share if name == "mixed" else 0.0
    scans = CaseTable.of(sources(options)) if share else CaseTable(())
    how = MixSettings(share=share, count=len(chosen), size_px=2 * options.size, seed=SEED)
    made = mix(chosen + scans, folder, how)
    if share:
        print(f"{split}: told apart by their manner {made.told_apart}, before {made.told_apart_unmatched}")
    return folder


def sources(options: Any) -> Iterator[DatasetCase]:
    """CTs with masks of lungs and lesions, which are written once."""
    folder = options.folder / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    for path in options.ct:
        name = path.name.partition(".")[0]
        if not (folder / f"{name}-lesions.nii.gz").exists():
            image = hilum.read(path)
            lungs = hilum.segment_lungs(image).lungs
            hilum.write(lungs, folder / f"{name}-lungs.nii.gz")
            hilum.write(hilum.segment_lesions(image, lungs).lesions, folder / f"{name}-lesions.nii.gz")
        yield from _source(folder, name, path)
    for seed in range(options.phantoms):
        name = f"phantom-{seed}"
        image = folder / f"{name}.nii.gz"
        if not image.exists():
            made = thorax(seed, lesions=random_lesions(seed, 0.5))
            hilum.write(made.lungs, folder / f"{name}-lungs.nii.gz")
            hilum.write(made.lesions, folder / f"{name}-lesions.nii.gz")
            hilum.write(made.ct, image)
        yield from _source(folder, name, image)


def _source(folder: Path, name: str, image: Path) -> Iterator[DatasetCase]:
    """The case, if enough of its lungs is affected."""
    numbers = {"lungs": LUNGS, "lesions": LESIONS}
    files = {kind: folder / f"{name}-{kind}.nii.gz" for kind in numbers}
    affected, lungs = (np.count_nonzero(hilum.read(files[kind]).array) for kind in ("lesions", "lungs"))
    if affected < LEAST_AFFECTED * lungs:
        return
    masks: dict[Any, Mask] = {
        kind: Mask(files[kind], {number: label.name for number, label in labels.items()})
        for kind, labels in numbers.items()
    }
    yield DatasetCase("ct", name, name, "CT", image, masks, split="train")


def table_for(options: Any, run: Run) -> Path:
    """The training films as a table of its own, in which one patient is set aside.

    A training wants to be watched on somebody; here that is when it has ended, and nothing is chosen by it.
    """
    cases = list(CaseTable.read_csv(films_of(options, run.split, run.data) / "cases.csv"))
    aside = next(each.person for each in cases if each.facts["origin"] == "real")
    folder = options.folder / run.key
    folder.mkdir(parents=True, exist_ok=True)
    CaseTable.of(replace(each, split="val" if each.person == aside else "train") for each in cases).write_csv(
        folder / "cases.csv"
    )
    return folder / "cases.csv"


# --- a run ------------------------------------------------------------------------------------------------------------


def carried_out(run: Run, options: Any) -> dict[str, Any]:
    """Train, test, and tell."""
    import torch

    from hilum.training.any_run import begin
    from hilum.training.fit import Where

    torch.set_num_threads(1)
    recipe = recipe_of(run, options)
    where = Where(kind="cpu", threads=1, save_every=25, pictures=0)
    begun = begin(recipe, [table_for(options, run)], where=where)
    stop = stop_after(60 * options.minutes)
    begun.train(options.folder / run.key, callbacks=[stop])
    begun.task.network.eval()
    test = list(CaseTable.read_csv(films_of(options, run.split, "test") / "cases.csv"))
    made = {
        **asdict(run),
        "minutes": options.minutes,
        "steps": stop.steps,
        "size_px": options.size,
        "backbone": options.backbone,
        "films_learned_from": begun.training.round_length,
        **tested(begun.task.network, recipe, test),
    }
    return {**made, "machine": machine()}


def recipe_of(run: Run, options: Any) -> Any:
    """Both networks with the same view, backbone, optimiser, batch and changes."""
    from hilum.training.lab.recipe import FilmAugment, FilmRecipe, View
    from hilum.training.library import load
    from hilum.training.parts import Length, NetworkSettings, Optimiser

    if run.network == "semantic":
        changes = {**AUGMENTED, "crop_from": tuple(AUGMENTED["crop_from"])} if run.augmented else {}  # type: ignore[arg-type]
        return FilmRecipe(
            name=run.key,
            task="cxr-lesions",
            view=View(options.size),
            network=NetworkSettings("fpn", options.backbone),
            losses={"dice": 1.0, "bce": 1.0},
            length=Length(steps=ENOUGH, batch=options.batch, validate_every=ENOUGH),
            optimiser=Optimiser("adam", options.rate, clip=5.0),
            augment=FilmAugment(**changes),  # type: ignore[arg-type]
            seed=SEED,
        )
    settings = {
        "name": run.key,
        "view.size_px": options.size,
        "detector.backbone": options.backbone,
        "detector.anchors_px": [options.size // part for part in (24, 12, 6, 3, 2)],
        "detector.proposals": [500, 200],
        "detector.rois": 64,
        "length": {"steps": ENOUGH, "batch": options.batch, "validate_every": ENOUGH, "watch": "val/soft-dice"},
        "optimiser": {"name": "adam", "rate": options.rate, "clip": 5.0},
        "schedule": {"name": "constant"},
        "augment": AUGMENTED if run.augmented else {},
        "seed": SEED,
    }
    return load("mask-rcnn-lesions", settings)


def stop_after(seconds: float) -> Any:
    """A callback that ends a training after so much processor time, however often it was gone on with."""
    from lightning.pytorch.callbacks import Callback

    class Stop(Callback):
        spent, steps, last = 0.0, 0, 0.0

        def state_dict(self) -> dict[str, Any]:
            return {"spent": self.spent, "steps": self.steps}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.spent, self.steps = state_dict["spent"], state_dict["steps"]

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's signature
            self.last = time.process_time()

        def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
            now = time.process_time()
            self.spent, self.last, self.steps = self.spent + now - self.last, now, self.steps + 1
            trainer.should_stop = trainer.should_stop or self.spent >= seconds

    return Stop()


# --- the test ---------------------------------------------------------------------------------------------------------


def tested(network: Any, recipe: Any, cases: Sequence[DatasetCase]) -> dict[str, Any]:
    """The figures of the test's films with intervals by patient, and the Dice of each film for paired differences."""
    import torch

    from hilum.training.lab.films import Viewer

    is_semantic = not hasattr(recipe, "detector")
    viewer = Viewer(recipe if is_semantic else recipe.films)
    look = _semantic if is_semantic else _instances
    singles: list[Overlaps] = []
    rows: list[tuple[float, float, float, float]] = []
    persons: list[str] = []
    names: list[str] = []
    for case in cases:
        (view,) = viewer(case)
        truth = view.truth == 1
        if not truth.any():  # effusion alone is no opacity
            continue
        with torch.inference_mode():
            whole, masks, scores = look(network, recipe, view.grey)
        counted, whole_image = overlap(truth, whole), whole_image_agreement(truth, whole)
        rows.append((_number(counted.dice), _number(counted.iou), whole_image.inflated_dice, float(truth.mean())))
        singles.append(overlaps(masks, scores, list(parts_of(truth, 5e-4 * truth.size))))
        persons.append(case.person)
        names.append(case.key)
    columns = np.array(rows).T
    rng = np.random.default_rng(SEED)
    made: dict[str, Any] = {
        name: _told(bootstrap_mean(values, persons, generator=rng))
        for name, values in zip(("dice", "iou", "agreement"), columns, strict=False)
    }
    empty = bootstrap_mean(1 - columns[3], persons, generator=rng)
    order = np.arange(len(singles))
    for name, figure in (("ap50", average_precision), ("ap", mean_average_precision)):

        def of_drawn(at: NDArray[Any], figure: Callable[[Any], Any] = figure) -> Any:
            return figure([singles[each] for each in at])

        value = bootstrap(of_drawn, [order], persons, generator=rng, resamples=RESAMPLES)
        made[name] = None if isinstance(value, NotMeasured) else _told(value)
    made |= {"agreement_of_an_empty_mask": _told(empty), "test_films": len(rows), "test_patients": len(set(persons))}
    return {**made, "film_names": names, "film_patients": persons, "film_dice": columns[0].tolist()}


def _number(value: float | NotMeasured) -> float:
    return 0.0 if isinstance(value, NotMeasured) else value


def _told(value: Interval) -> list[float]:
    return [value.estimate, value.low, value.high]


def _semantic(network: Any, recipe: Any, grey: Any) -> tuple[Any, list[Any], list[float]]:
    """The mask, and its connected parts with their certainties."""
    import torch

    from hilum.training.lab.films import sample

    made = sample(grey.astype(np.float32) / 255.0, np.zeros_like(grey), recipe)
    chance = torch.sigmoid(network(made["film"][None])[0])[0, 0].numpy()
    parts = connected_instances(chance >= HALF, chance=chance)
    return chance >= HALF, [each.mask for each in parts], [each.score for each in parts]


def _instances(network: Any, _: Any, grey: Any) -> tuple[Any, list[Any], list[float]]:
    """The mask of all that is certain to one half, and every instance with its certainty."""
    import torch

    (found,) = network(torch.from_numpy(grey.astype(np.float32)[None, None] / 255.0))
    masks, scores = found["masks"][:, 0].numpy() >= HALF, found["scores"].numpy()
    return masks[scores >= HALF].any(axis=0), list(masks), scores.tolist()


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(folder: Path) -> str:
    """All runs that are there, and what replacing films makes of each pair."""
    made = {run: json.loads(file.read_text()) for run in RUNS if (file := folder / f"{run.key}.json").exists()}
    rows = [
        {
            "split": run.split,
            "network": run.network,
            "learned from": run.data,
            "changed": "yes" if run.augmented else "no",
            "steps": each["steps"],
            "Dice": _cell(each["dice"]),
            "IoU": _cell(each["iou"]),
            "AP50": _cell(each["ap50"]),
            "AP": _cell(each["ap"]),
            "agreement (inflated)": _cell(each["agreement"]),
        }
        for run, each in made.items()
    ]
    pairs = [
        {"split": run.split, "network": run.network, "changed": "yes" if run.augmented else "no",
         "Dice, mixed less films": _cell(_difference(made[replace(run, data="mixed")], each))}
        for run, each in made.items() if run.data == "films" and replace(run, data="mixed") in made
    ]  # fmt: skip
    tests = {
        run.split: f"{run.split}: {each['test_films']} films of {each['test_patients']} patients, of an empty mask the "
        f"agreement is {_cell(each['agreement_of_an_empty_mask'])}"
        for run, each in made.items()
    }
    told = {f"{each['minutes']:g} minutes at {each['size_px']} px on {each['backbone']}" for each in made.values()}
    head = f"{'; '.join(sorted(told))}, 95 % intervals by patient. Tested on: {'; '.join(tests.values())}."
    return f"{head}\n\n{table(rows)}\n\n{table(pairs)}\n"


def _difference(first: Any, second: Any) -> list[float]:
    """Of the Dice of the same films, with its interval."""
    if first["film_names"] != second["film_names"]:
        sys.exit("two runs of one split were tested on different films: give another FOLDER")
    apart = np.array(first["film_dice"]) - np.array(second["film_dice"])
    return _told(bootstrap_mean(apart, first["film_patients"], generator=np.random.default_rng(SEED)))


def _cell(values: list[float] | None) -> str:
    return "not measured" if values is None else f"{values[0]:.3f} ({values[1]:.3f} to {values[2]:.3f})"


if __name__ == "__main__":
    main()

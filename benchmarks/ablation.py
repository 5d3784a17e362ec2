"""The ablation of covid19.MIScnn on phantoms: its recipe without augmentation, without preprocessing, with neither.

    python benchmarks/ablation.py FOLDER [--minutes 4] [--volumes 15] [--tests 12]

Phantoms of the thorax stand for scans of different scanners: each has its own spacing, and densities that are off by a
gain, an offset and noise of its own. Every fifth of those to learn from is for validation; those of the test are apart.
The four recipes miscnn-3d* are trained by the package's own training for the same processor time of one thread each,
which making and changing the blocks and looking at the validation count in, so that whatever else the machine does
takes nothing from any of them. All four are made smaller by the same changes, which stand in FOLDER/ablation.json:
fewer filters and levels, a higher rate, a batch normalisation that forgets sooner, smaller blocks; and the two recipes
that resample do so to a lattice so much coarser that a block holds as much of a chest as published. Of each, the
weights with the least loss in validation are exported, and the exported network goes over the test volumes block by
block, as all networks of blocks do. Each voxel of the scan is what is likeliest there.

Every recipe has a folder in FOLDER, and its ``cases.csv`` there ends it: what is there is not trained again, and a
training that was killed goes on from its last checkpoint with the time that it had left. FOLDER then holds
``cases.csv`` (Dice of each structure of each volume), ``ablation.md`` (means with 95 % intervals, medians),
``ablation.json`` and ``ablation.svg``. Needs the extras "train" and "lab".
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, table
from numpy.typing import NDArray

from hilum.evaluation.bootstrap import bootstrap_mean
from hilum.evaluation.overlap import overlap
from hilum.evaluation.plots.canvas import save
from hilum.evaluation.plots.spread import box_plot
from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import Patches
from hilum.models.network import Network
from hilum.models.runtime import open_runtime
from hilum.phantom import default_grid, random_lesions, thorax
from hilum.preprocessing.ct import put_back_slice
from hilum.provenance import Step
from hilum.segmentation.lattice import lattice_of, scale_of, shares, window_hu_of
from hilum.segmentation.patches import blended
from hilum.settings import RuntimeSettings
from hilum.writers.nifti import write_nifti

RECIPES = {
    "miscnn-3d": "whole\nrecipe",
    "miscnn-3d-no-augmentation": "no augmen-\ntation",
    "miscnn-3d-no-preprocessing": "no prepro-\ncessing",
    "miscnn-3d-neither": "neither",
}
"""The recipes, and how the plot names them."""

CHANGES: dict[str, Any] = {
    "network.filters": 8,
    "network.halvings": 3,
    "network.momentum": 0.1,
    "patches.size": [24, 40, 40],
    "patches.overlap": [8, 20, 20],
    "length.validate_every": 50,
    "length.patience": 0,
    "length.watch": "val/total",
    "optimiser.rate": 4e-3,
    "schedule.round_steps": 50,
}
"""Of all four recipes."""

COARSE_MM = [8.1, 6.32, 6.32]
"""Lattice of the recipes that resample: three and four times as coarse as published."""

PUBLISHED = {"lungs": 0.956, "infection": 0.761}
"""Medians of covid19.MIScnn's full recipe on 20 real CT scans, five folds (its README); of the lungs, side by side."""

STRUCTURES = {"right lung": (2,), "left lung": (1,), "lungs": (1, 2, 3), "infection": (3,)}
"""Classes of a voxel that make up a structure; infection is of no side, and part of the lungs."""

SPLITS = {"learn": 0, "test": 10_000}
"""Folder of the phantoms, and the first of their seeds."""

SEED = 0


def phantom(seed: int, coarser: float = 1.0) -> tuple[NDArray[np.int16], NDArray[np.uint8], VolumeGrid]:
    """A scan as some scanner makes it, and what each voxel is: 1 left lung, 2 right lung, 3 infection.

    Parameters
    ----------
    seed : of body, lesions and scanner
    coarser : factor of the spacing
    """
    rng = np.random.default_rng([SEED, seed])
    slices, pixel = coarser * rng.uniform(6.0, 12.0), coarser * rng.uniform(4.5, 8.0)
    severity, gain, offset, noise = (rng.uniform(*ends) for ends in ((0.3, 0.9), (0.85, 1.15), (-80, 80), (10, 60)))
    grid = default_grid(seed, spacing_mm=(slices, pixel, pixel))
    made = thorax(seed, grid=grid, lesions=random_lesions(seed, severity))
    density = (made.ct.array + 1000.0) * gain - 1000.0 + offset + rng.normal(0, noise, grid.shape)
    classes = np.array([0, 2, 1], dtype=np.uint8)[made.lungs.array]
    classes[(made.lesions.array == 1) | (made.lesions.array == 2)] = 3
    return np.rint(np.clip(density, -1024, 3071)).astype(np.int16), classes, grid


def write_phantoms(folder: Path, first: int, count: int, coarser: float = 1.0) -> Path:
    """Phantoms in the layout of covid19.MIScnn's data; those that are there are kept. Gives the folder back."""
    for seed in range(first, first + count):
        case = folder / f"phantom-{seed:05d}"
        if (case / "segmentation.nii.gz").exists():
            continue
        case.mkdir(parents=True, exist_ok=True)
        density, classes, grid = phantom(seed, coarser)
        origin = Step("phantom-thorax", {"seed": seed})
        write_nifti(Image(density, grid, Quantity.HOUNSFIELD, origin), case / "imaging.nii.gz")
        labels = {1: LUNGS[2], 2: LUNGS[1], 3: LESIONS[1]}
        write_nifti(LabelMap(classes, grid, labels, origin), case / "segmentation.nii.gz")
    return folder


def recipe_of(name: str, changes: dict[str, Any] | None = None) -> Any:
    """A recipe of the package, made small."""
    from hilum.training import library

    made = dict(CHANGES | (changes or {}))
    if library.as_table(library.load(name))["patches"]["spacing_mm"][0]:
        made.setdefault("patches.spacing_mm", COARSE_MM)
    else:
        made.pop("patches.spacing_mm", None)
    return library.load(name, made)


def clock(seconds: float) -> Any:
    """A callback that ends a training when so much processor time is spent; checkpoints know how much it was."""
    from lightning.pytorch.callbacks import Callback

    class Clock(Callback):
        def __init__(self) -> None:
            self.before, self.started, self.steps = 0.0, 0.0, 0

        @property
        def spent(self) -> float:
            return self.before + time.process_time() - self.started

        def state_dict(self) -> dict[str, Any]:
            return {"spent": self.spent}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.before, self.started = state_dict["spent"], time.process_time()

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's signature
            self.started, self.steps = time.process_time(), trainer.global_step
            trainer.should_stop = self.spent >= seconds

        def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
            self.steps = trainer.global_step
            if self.spent >= seconds:
                trainer.should_stop = True

    return Clock()


def trained(recipe: Any, data: Path, output: Path, minutes: float) -> tuple[Network, int]:
    """A recipe's network after its training and export, and how many steps it took."""
    from hilum.training.any_run import train
    from hilum.training.fit import Where
    from hilum.training.volume_export import export

    watch = clock(60 * minutes)
    where = Where(kind="cpu", threads=1, save_every=20, pictures=0)
    weights = train(recipe, [data], output, where=where, callbacks=[watch])
    card = export(recipe, weights, output / recipe.name, steps=watch.steps)
    return Network(card, open_runtime(card, RuntimeSettings(precision="float32", threads=1), many=False)), watch.steps


def found_in(image: Image, network: Network) -> NDArray[np.uint8]:
    """What each voxel of an axial scan is, by the exported network: blocks blended, put back, the likeliest class."""
    entry, output = network.card.input, network.card.outputs["lesions"]
    patches = _patches(network)
    lattice = lattice_of(image.volume, patches)
    scale = scale_of(image.array, image.volume, entry, is_hounsfield=True)
    window = window_hu_of(entry, is_hounsfield=True)
    density = scale(np.stack([lattice.density(image.array, place, window) for place in range(lattice.shape[0])]))
    everywhere = np.ones(density.shape, dtype=bool)

    def run(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        return network.runtime.run({entry.name: blocks[:, None]})["lesions"]

    channels = len(output.channels)
    made = np.concatenate([c for _, c in blended(density, everywhere, patches, run, channels)], axis=1)
    maps = np.rint(np.clip(made, 0, 1) * np.float32(255)).astype(np.uint8)
    shape, spacing = image.volume.shape, image.volume.spacing_mm[1:]
    classes = np.zeros(shape, dtype=np.uint8)
    for place in range(shape[0]):
        first, weights = shares(lattice.shape[0], shape[0], place)
        planes = np.tensordot(weights, maps[:, first : first + len(weights)], axes=(0, 1))
        planes = np.rint(planes).astype(np.uint8)
        classes[place] = np.stack([put_back_slice(each, lattice.window, shape[1:], spacing) for each in planes]).argmax(
            0
        )
    return classes


def _patches(network: Network) -> Patches:
    if network.card.input.patches is None:
        raise TypeError("a network of blocks has patches on its card")
    return network.card.input.patches


def judged(network: Network, folder: Path) -> list[dict[str, Any]]:
    """Dice of each structure of each volume; what was not found at all has 0."""
    from hilum.readers import read
    from hilum.training.volume_data import read_labelled

    rows: list[dict[str, Any]] = []
    cases = sorted(path for path in folder.iterdir() if path.is_dir())
    for case, truth in zip(cases, read_labelled(folder), strict=True):
        found = found_in(read(case / "imaging.nii.gz").axial(), network)
        for structure, numbers in STRUCTURES.items():
            dice = overlap(np.isin(truth.classes, numbers), np.isin(found, numbers)).dice
            if not isinstance(dice, NotMeasured):
                rows.append({"case": case.name, "structure": structure, "dice": round(dice, 4)})
    return rows


def summary(rows: Sequence[dict[str, Any]], steps: dict[str, int]) -> list[dict[str, Any]]:
    """A line for each recipe and structure: mean with its interval by phantom, and median."""
    lines: list[dict[str, Any]] = []
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        line: dict[str, Any] = {"recipe": recipe, "steps": steps[recipe]}
        for structure in STRUCTURES:
            mine = [row for row in rows if (row["recipe"], row["structure"]) == (recipe, structure)]
            if not mine:
                continue
            values = np.array([float(row["dice"]) for row in mine])
            made = bootstrap_mean(values, [row["case"] for row in mine], generator=np.random.default_rng(SEED))
            ends = f"{made.estimate:.3f} ({made.low:.3f} to {made.high:.3f}; {made.n_cases})"
            line[structure] = f"{ends}, median {np.median(values):.3f}"
        lines.append(line)
    return lines


def drawn(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The box plot."""
    groups: dict[str, dict[str, list[float]]] = {structure: {} for structure in STRUCTURES}
    for row in rows:
        groups[row["structure"]].setdefault(RECIPES[row["recipe"]], []).append(float(row["dice"]))
    save(box_plot(groups, "Dice"), path)


def one_recipe(name: str, given: argparse.Namespace, changes: dict[str, Any] | None) -> None:
    """Train and judge one recipe, if that is still to be done; SystemExit if it was done in another way."""
    output = given.folder / name
    ended, how = output / "cases.csv", conditions(given, changes)
    noted = output / "conditions.json"
    if noted.exists() and json.loads(noted.read_text(encoding="utf-8"))["conditions"] != how:
        sys.exit(f"{output} was begun under other conditions, see {noted}: give another folder.")
    if ended.exists():
        return
    print(f"{name} ...", file=sys.stderr, flush=True)
    output.mkdir(parents=True, exist_ok=True)
    _note(noted, {"conditions": how})
    network, steps = trained(recipe_of(name, changes), given.folder / "learn", output, given.minutes)
    rows = judged(network, given.folder / "test")
    _note(noted, {"conditions": how, "steps": steps, "machine": machine()})
    _write(ended, [{"recipe": name, **row} for row in rows])


def conditions(given: argparse.Namespace, changes: dict[str, Any] | None) -> dict[str, Any]:
    """What has to be the same for all recipes of a table."""
    made = {"minutes": given.minutes, "volumes": given.volumes, "tests": given.tests, "coarser": given.coarser}
    return {**made, "spacing_mm": COARSE_MM, "changes": CHANGES | (changes or {})}


def _note(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    part.rename(path)


def gathered(given: argparse.Namespace) -> str:
    """Everything that is done, in one table of cases, one of means, one plot; the table of means."""
    rows: list[dict[str, Any]] = []
    told: dict[str, dict[str, Any]] = {}
    for name in RECIPES:
        folder = given.folder / name
        if (folder / "cases.csv").exists():
            with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
                rows += list(csv.DictReader(file))
            told[name] = json.loads((folder / "conditions.json").read_text(encoding="utf-8"))
    lines = summary(rows, {name: each["steps"] for name, each in told.items()})
    text = table(lines) + "\n"
    _write(given.folder / "cases.csv", rows)
    _note(given.folder / "ablation.json", {"recipes": told, "rows": lines, "published medians": PUBLISHED})
    (given.folder / "ablation.md").write_text(text, encoding="utf-8")
    drawn(rows, given.folder / "ablation.svg")
    return text


def main(arguments: Sequence[str] | None = None, changes: dict[str, Any] | None = None) -> int:
    """Train what has not been trained yet, and write the table and the plot."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--minutes", type=float, default=4.0, help="of processor time for each recipe")
    options.add_argument("--volumes", type=int, default=15, help="phantoms to learn from and to validate on")
    options.add_argument("--tests", type=int, default=12, help="phantoms of the test")
    options.add_argument("--coarser", type=float, default=1.0, help="factor of the phantoms' spacing")
    options.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    given = options.parse_args(arguments)
    for split, count in (("learn", given.volumes), ("test", given.tests)):
        write_phantoms(given.folder / split, SPLITS[split], count, given.coarser)
    for name in given.only:
        one_recipe(name, given, changes)
    print(gathered(given))
    return 0


if __name__ == "__main__":
    sys.exit(main())

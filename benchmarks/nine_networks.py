"""The nine published architectures, trained for the same time each on the same films, and what they reach.

    python benchmarks/nine_networks.py FOLDER --data FILMS [--minutes 20] [--stage lungs lesions] [--only U-net ...]

Every network has the same encoder with the ImageNet weights that a package carries, the same input, films, changes to
films, loss and optimiser; what differs is the architecture. The time is processor time of one thread, so that whatever
else the machine does takes nothing from any of them. The learning rate follows the share of the time that is spent,
the last weights are the ones that count, and masks are cut at one half: nothing is chosen, on whatever split.

Stage I outlines both lungs on the whole film. Stage II outlines opacity (ground-glass and consolidation) in the window
round the lungs that the shipped network finds, and tells in a second output whether there is any; it learns from
outlined and from healthy films. Dice is taken on the film at no more than 420 pixels, film by film; a film on which
nothing was found has 0. Intervals are drawn by patient.

The figures of each network go to a file of their own in FOLDER, with its weights and its fitting curve; what is there
is not trained again, so that a run that was killed goes on. The whole table is FOLDER/nine_networks.md; FOLDER is a
run for `hilum evaluate compare`. films/s are of single films, in torch and in ONNX Runtime, for a second of one core;
MACs are those of a film, "training GB" what a step on the benchmark's batch keeps. They are measured after the training
and added to what is there without any training. architectures.py tells all of them at the published encoders and sizes.
FILMS is a folder with a cases.csv as `hilum evaluate films` takes it. Needs the extra "train".
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, table
from nine import NETWORKS, Network, Stage, build, put
from numpy.typing import NDArray
from speed import export, films_a_second, kept_bytes, looker, macs

from hilum.datasets.films import FilmCase, read_cases
from hilum.evaluation.agreement import area_under_curve
from hilum.evaluation.bootstrap import Interval, bootstrap
from hilum.evaluation.overlap import overlap
from hilum.measurement import NotMeasured
from hilum.preprocessing.radiograph import Window, film_window, lung_window, stretch_grey

ENCODER = "timm-tf_efficientnet_lite0"
BATCH = 8
LEARNING_RATE = 1e-3
WARM_UP = 0.05
SEED = 0
SPLITS = ("train", "val", "test")
OPACITY = (1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film with its truth, at no more than 420 pixels.

    Attributes
    ----------
    grey, truth : (rows, columns) of uint8; the truth is 1 in the structure
    window : where the network looks
    has_mask : the truth was drawn, and there is something to find
    """

    case: FilmCase
    grey: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    window: Window
    has_mask: bool


def films_of(stage: Stage, cases: Sequence[FilmCase]) -> list[Film]:
    """Those that a stage can learn from, or be judged on."""
    from hilum.training.films import stored

    if stage == "lungs":
        found: list[Film] = []
        for case in cases:
            path = case.lungs or case.lungs_union
            if path is not None:
                grey = stored(str(case.image), False, case.aspect)
                truth = (stored(str(path), True, case.aspect) > 0).astype(np.uint8)
                found.append(Film(case, grey, truth, film_window(grey.shape[:2]), has_mask=True))
        return found
    return list(_lesion_films(cases))


def _lesion_films(cases: Sequence[FilmCase]) -> Iterator[Film]:
    from hilum.training.films import stored
    from hilum.training.shipped_lungs import network_lungs

    lungs_of = network_lungs()
    for case in cases:
        if case.lesions is None and not case.is_healthy:
            continue
        grey, lungs = stored(str(case.image), False, case.aspect), lungs_of(case)
        window = None if lungs is None else lung_window(lungs)
        window = film_window(grey.shape[:2]) if window is None else window
        truth = np.zeros_like(grey)
        if case.lesions is not None:
            truth = np.isin(stored(str(case.lesions), True, case.aspect), OPACITY).astype(np.uint8)
        yield Film(case, grey, truth, window, has_mask=bool(truth.any()))


def batches(films: Sequence[Film], size: int) -> Iterator[tuple[Any, Any]]:
    """Films and truths (BATCH, 1, size, size) without end, each changed anew; diseased films as often as healthy."""
    import torch

    from hilum.training.augment import expose_anyhow, place_anyhow, seen, seen_labels
    from hilum.training.recipe import Augment

    rng, how = np.random.default_rng(SEED), Augment()
    share = np.array([film.has_mask for film in films], dtype=np.float64)
    chance = np.ones(len(films)) if share.all() else np.where(share, 1 / share.sum(), 1 / (1 - share).sum())
    chance /= chance.sum()
    while True:
        pictures, truths = [], []
        for at in rng.choice(len(films), BATCH, p=chance):
            placement = place_anyhow(films[at].window, size, how, rng)
            pictures.append(stretch_grey(expose_anyhow(seen(films[at].grey, placement), how.intensity, rng)))
            truths.append(seen_labels(films[at].truth, placement, 0).astype(np.float32))
        yield torch.from_numpy(np.stack(pictures)[:, None]), torch.from_numpy(np.stack(truths)[:, None])


def looked(model: Any, film: Any) -> tuple[Any, Any]:
    """Raw numbers of the mask, and of the verdict or None; the film is (N, 1, S, S) in [0, 1]."""
    found = model((film * 2.0 - 1.0).expand(-1, 3, -1, -1))
    return found if isinstance(found, tuple) else (found, None)


def loss_of(raw: Any, verdict: Any, truth: Any) -> Any:
    """Cross-entropy and soft Dice of the mask, and cross-entropy of the verdict where there is one."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    chance = torch.sigmoid(raw)
    dice = (2 * (chance * truth).sum((1, 2, 3)) + 1) / (chance.sum((1, 2, 3)) + truth.sum((1, 2, 3)) + 1)
    total = cross_entropy(raw, truth) + 1 - dice.mean()
    return total if verdict is None else total + 0.5 * cross_entropy(verdict, truth.amax((1, 2, 3))[:, None])


def rate(share: float) -> float:
    """The learning rate when so much of the time is spent, 0 to 1: a short rise and a cosine to nothing."""
    return LEARNING_RATE * min(1.0, share / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def fit(model: Any, films: Sequence[Film], size: int, seconds: float) -> list[tuple[float, float]]:
    """Train for so many seconds of processor time; the curve holds a share of the time and the loss of each step."""
    import torch

    optimiser = torch.optim.AdamW(model.parameters(), lr=rate(0.0), weight_decay=0.01)
    model.train()
    curve: list[tuple[float, float]] = []
    source, started, share = batches(films, size), time.process_time(), 0.0
    while share < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = rate(share)
        film, truth = next(source)
        loss = loss_of(*looked(model, film), truth)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        share = (time.process_time() - started) / seconds
        curve.append((round(share, 4), round(float(loss.detach()), 4)))
    return curve


def found_on(model: Any, film: Film, size: int) -> tuple[NDArray[np.bool_], float]:
    """The mask on the film's own pixels, and the evidence that there is disease (0 where none is given)."""
    import cv2
    import torch

    from hilum.training.augment import place, seen

    placement = place(film.window, size)
    grey = stretch_grey(seen(film.grey, placement).astype(np.float32))
    with torch.inference_mode():
        raw, verdict = looked(model, torch.from_numpy(np.ascontiguousarray(grey))[None, None])
    shape = (film.grey.shape[1], film.grey.shape[0])
    far = -30.0  # beyond the window there is nothing
    there = cv2.warpAffine(raw[0, 0].numpy(), placement.matrix, shape, flags=cv2.INTER_LINEAR, borderValue=far)
    return np.asarray(there) > 0, 0.0 if verdict is None else float(verdict)


def judge(model: Any, films: Sequence[Film], size: int) -> dict[str, Any]:
    """Dice on the films with something to find, and how well the verdict tells them from healthy ones."""
    model.eval()
    seen = [(film, *found_on(model, film, size)) for film in films]
    drawn = [(film, mask) for film, mask, _ in seen if film.has_mask]
    dices = [overlap(film.truth > 0, mask).dice for film, mask in drawn]
    told: dict[str, Any] = {}
    if dices:
        values = np.array([0.0 if isinstance(dice, NotMeasured) else dice for dice in dices])
        told["dice"] = _interval(values, [film.case.patient for film, _ in drawn])
    if len(drawn) < len(seen):
        evidence = np.array([each for _, _, each in seen])
        area = area_under_curve(np.array([film.has_mask for film in films]), evidence)
        told["verdict_auc"] = None if isinstance(area, NotMeasured) else area
        told["healthy"] = len(seen) - len(drawn)
    return told


def _interval(values: NDArray[np.float64], patients: Sequence[str]) -> dict[str, float]:
    made = bootstrap(_mean, [values], patients, generator=np.random.default_rng(SEED))
    if not isinstance(made, Interval):
        raise TypeError(made.reason)
    ends = {"mean": made.estimate, "low": made.low, "high": made.high}
    return {**ends, "films": made.n_cases, "patients": made.n_patients}


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def figures(network: Network, films: Sequence[Film], given: argparse.Namespace) -> dict[str, Any]:
    """Train one network, judge it on every split and time it."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = build(network, encoder=ENCODER, encoder_weights="imagenet")
    curve = fit(model, [film for film in films if film.case.split == "train"], given.size, 60 * given.minutes)
    _write_curve(given.folder / f"{network.key}.csv", curve)
    torch.save(model.state_dict(), given.folder / f"{network.key}.pt")
    told: dict[str, Any] = {
        "stage": network.stage,
        "network": network.name,
        **conditions(given),
        "steps": len(curve),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "machine": machine(),
    }
    for split in SPLITS:
        told[split] = judge(model, [film for film in films if film.case.split == split], given.size)
    look = looker("torch", given.size, model=lambda: model)
    return {**told, "torch films/s": films_a_second(look, 1.0)}


def costs(network: Network, told: dict[str, Any], weights: Path) -> dict[str, Any]:
    """What a trained network costs: operations, memory of a training step, and films a second in ONNX Runtime."""
    import torch

    def fresh() -> Any:
        return build(network, encoder=told["encoder"])

    model, size = fresh(), told["size_px"]
    model.load_state_dict(torch.load(weights, weights_only=True))
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "network.onnx"
        export(model, size, onnx)
        speed = films_a_second(looker("onnxruntime", size, model=fresh, onnx=onnx), 1.0)
    return {
        "macs": macs(fresh(), size),
        "training_bytes": kept_bytes(fresh(), size, told["batch"]),
        "onnxruntime films/s": speed,
    }


def add_costs(folder: Path) -> None:
    """Measure the costs of every trained network in the folder whose file lacks them."""
    for network in NETWORKS:
        path, weights = folder / f"{network.key}.json", folder / f"{network.key}.pt"
        if not (path.is_file() and weights.is_file()):
            continue
        told = json.loads(path.read_text(encoding="utf-8"))
        if "macs" not in told:
            print(f"{network.key}: costs ...", file=sys.stderr, flush=True)
            _write(path, told | costs(network, told, weights))


def _write(path: Path, told: dict[str, Any]) -> None:
    path.with_suffix(".part").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".part").rename(path)


def conditions(given: argparse.Namespace) -> dict[str, Any]:
    """What has to be the same for all networks of a table."""
    return {"encoder": ENCODER, "size_px": given.size, "minutes": given.minutes, "batch": BATCH, "seed": SEED}


def _write_curve(path: Path, curve: Sequence[tuple[float, float]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("step", "share", "train/total"))
        writer.writerows((step, *point) for step, point in enumerate(curve))


def row(told: dict[str, Any], network: Network) -> dict[str, Any]:
    """A line of the table."""
    line: dict[str, Any] = {
        "network": network.name,
        "steps": told["steps"],
        "parameters M": f"{told['parameters'] / 1e6:.1f}",
        "MACs G": f"{told['macs'] / 1e9:.2f}" if "macs" in told else "-",
        "training GB": f"{told['training_bytes'] / 1e9:.2f}" if "macs" in told else "-",
    }
    for split in SPLITS:
        dice = told[split].get("dice")
        text = "-" if dice is None else f"{dice['mean']:.3f} ({dice['low']:.3f} to {dice['high']:.3f}; {dice['films']})"
        line[f"Dice {split}"] = text
    if network.stage == "lesions":
        for split in SPLITS:
            area = told[split].get("verdict_auc")
            line[f"AUC {split}"] = "-" if area is None else f"{area:.2f}"
    line["torch films/s"] = f"{told['torch films/s']:.1f}"
    line["onnxruntime films/s"] = f"{told['onnxruntime films/s']:.1f}" if "macs" in told else "-"
    if network.published.dice is not None:
        line["published: Dice train, val, test"] = ", ".join(f"{dice:.3f}" for dice in network.published.dice)
    return line


def tables(folder: Path) -> str:
    """All that has been trained, stage by stage, in Markdown."""
    parts: list[str] = []
    for stage, title in (("lungs", "Stage I, lungs"), ("lesions", "Stage II, lesions")):
        paths = {network: folder / f"{network.key}.json" for network in NETWORKS if network.stage == stage}
        told = {n: json.loads(path.read_text(encoding="utf-8")) for n, path in paths.items() if path.is_file()}
        if told:
            rows = [row(each, network) for network, each in told.items()]
            one = next(iter(told.values()))
            how = f"{one['minutes']:g} minutes of one core each, {one['size_px']} pixels, encoder {one['encoder']}"
            parts.append(f"### {title}\n\n{how}.\n\n{table(rows)}\n")
    return "\n".join(parts)


def write_networks(folder: Path) -> None:
    """FOLDER/networks.csv, from which `hilum evaluate compare` draws what networks cost and what they reach."""
    rows: list[dict[str, Any]] = []
    for network in NETWORKS:
        path = folder / f"{network.key}.json"
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if "dice" not in told.get("test", {}) or "macs" not in told:
            continue
        rows.append(
            {
                "stage": network.stage,
                "network": network.name,
                "parameters_m": told["parameters"] / 1e6,
                "macs_g": told["macs"] / 1e9,
                "films_per_s": told["torch films/s"],
                "accuracy": told["test"]["dice"]["mean"],
            }
        )
    if rows:
        with (folder / "networks.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def is_done(path: Path, given: argparse.Namespace) -> bool:
    """Whether a network is there already; SystemExit if it was trained in another way."""
    if not path.is_file():
        return False
    told = json.loads(path.read_text(encoding="utf-8"))
    others = {name: told[name] for name, value in conditions(given).items() if told[name] != value}
    if others:
        sys.exit(f"{path} was made with {others}; one table holds networks of equal conditions: give another folder.")
    return True


def main() -> int:
    """Train what has not been trained yet, and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--data", type=Path, action="append", required=True, metavar="FILMS")
    options.add_argument("--minutes", type=float, default=20.0, help="of processor time for each network")
    options.add_argument("--size", type=int, default=192, help="side of the input, a multiple of 32")
    stages: list[Stage] = ["lungs", "lesions"]
    options.add_argument("--stage", nargs="+", choices=stages, default=stages)
    options.add_argument("--only", nargs="+", metavar="NAME", default=[network.name for network in NETWORKS])
    options.add_argument("--page", type=Path, metavar="FILE", help="put the tables into this page, too")
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    cases = [case for folder in given.data for case in read_cases(folder)]
    films: dict[Stage, list[Film]] = {}
    for network in NETWORKS:
        path = given.folder / f"{network.key}.json"
        if network.stage not in given.stage or network.name not in given.only or is_done(path, given):
            continue
        print(f"{network.key} ...", file=sys.stderr, flush=True)
        if network.stage not in films:
            films[network.stage] = films_of(network.stage, cases)
        _write(path, figures(network, films[network.stage], given))
        (given.folder / "nine_networks.md").write_text(tables(given.folder), encoding="utf-8")
    add_costs(given.folder)
    (given.folder / "nine_networks.md").write_text(tables(given.folder), encoding="utf-8")
    write_networks(given.folder)
    if given.page:
        put(given.page, "nine networks", tables(given.folder))
    print(tables(given.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

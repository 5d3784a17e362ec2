"""Published state dicts against the library that wrote them: the same outputs on random weights.

    OLD/bin/python benchmarks/check_published_layouts.py make FOLDER [--library smp-0.2.0 timm-0.4.12]
    OLD/bin/python benchmarks/check_published_layouts.py facts FILE [--library smp-0.2.0 timm-0.4.12]
    python benchmarks/check_published_layouts.py compare FOLDER [--json FILE] [--check]

All compute in double precision, and find Hilum; where it is not installed, PYTHONPATH=src is enough. ``make`` runs in
an environment with segmentation-models-pytorch 0.1.3, timm 0.3.2, pretrainedmodels 0.7.4 and efficientnet-pytorch
0.6.3. It builds the published networks, stage I and stage II, with random weights and random statistics of their
normalisations, and writes the state dict, an input and the outputs of each that the library has. 0.1.3 on PyPI has no
MA-Net: make those in a second run with ``--library``, folders into which segmentation-models-pytorch 0.2.0 and timm
0.4.12 were installed (``pip install --no-deps --target``).

``facts`` runs in the same environments, and writes what the tests need of the old library: of each network the number
of tensors, a digest of their names and shapes, and some of its outputs with weights that a rule makes of the names.

``compare`` runs where Hilum and its extra "train" are, imports each state dict and prints the largest difference of the
outputs before their sigmoid, beside the spread of these outputs. --check fails from LIMIT times the spread on, or if
one of the eighteen networks is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import types
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hilum.training.published_networks import CLASSES

LIMIT = 1e-9
"""Largest difference of an output, as a share of its spread: sums in another order, in double precision. In single
precision networks with random weights make up to a twentieth of such sums, which would hide a wrong layer."""

FACTS_PX = 128
"""Side of the picture of the stored facts; the least that PAN takes."""

NETWORKS: dict[str, tuple[int, str]] = {
    "lungs/U-net": (384, "se_resnext101_32x4d"),
    "lungs/U-net++": (384, "efficientnet-b1"),
    "lungs/DeepLabV3": (512, "efficientnet-b0"),
    "lungs/DeepLabV3+": (512, "efficientnet-b1"),
    "lungs/FPN": (544, "efficientnet-b0"),
    "lungs/Linknet": (480, "timm-regnetx_064"),
    "lungs/PSPNet": (480, "timm-regnety_064"),
    "lungs/PAN": (512, "efficientnet-b0"),
    "lungs/MA-Net": (512, "efficientnet-b2"),
    "lesions/U-net": (544, "dpn98"),
    "lesions/U-net++": (480, "timm-regnety_032"),
    "lesions/DeepLabV3": (480, "efficientnet-b2"),
    "lesions/DeepLabV3+": (480, "timm-regnetx_032"),
    "lesions/FPN": (384, "efficientnet-b0"),
    "lesions/Linknet": (416, "efficientnet-b0"),
    "lesions/PSPNet": (384, "efficientnet-b0"),
    "lesions/PAN": (416, "se_resnet50"),
    "lesions/MA-Net": (544, "timm-regnetx_064"),
}
"""Stage and architecture to size and encoder, as published; written a second time here, so that a slip shows."""


def old_network(library: Any, name: str) -> Any:
    """A published network as the old library builds it, without its sigmoids, with random weights."""
    import torch

    stage, architecture = name.split("/")
    head = {"pooling": "avg", "dropout": 0.2, "classes": 1} if stage == "lesions" else None
    torch.manual_seed(sum(map(ord, name)))
    network = getattr(library, CLASSES[architecture])(NETWORKS[name][1], encoder_weights=None, aux_params=head).eval()
    for module in network.modules():
        if (
            isinstance(module, torch.nn.BatchNorm2d)
            and module.running_mean is not None
            and module.running_var is not None
        ):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0.0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0.0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def old_library(folders: list[str]) -> Any:
    """segmentation-models-pytorch of these folders, or else the installed one, made to run with today's torch."""
    import collections.abc

    sys.path[:0] = folders
    sys.modules["torch._six"] = six = types.ModuleType("torch._six")  # where timm 0.3.2 looks for these two
    six.container_abcs = collections.abc  # type: ignore[attr-defined]
    six.int_classes = int  # type: ignore[attr-defined]
    import segmentation_models_pytorch as library

    return library


def weights_by_rule(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Weights that depend on the names and shapes of a state dict alone."""
    import torch

    made: dict[str, Any] = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            made[name] = torch.zeros(shape, dtype=torch.int64)
            continue
        if len(shape) > 1:
            values = rng.normal(0.0, math.sqrt(2.0 / math.prod(shape[1:])), shape)
        elif name.endswith(("running_var", "weight")):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0.0, 0.1, shape)
        made[name] = torch.from_numpy(values.astype(np.float32))
    return made


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Of names and shapes, in any order; counters of batches left out."""
    lines = (f"{name} {tuple(shape)}" for name, shape in shapes.items() if not name.endswith("num_batches_tracked"))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def some_outputs(network: Any) -> list[list[float]]:
    """A few numbers of every output of a network in double precision, for a fixed picture of FACTS_PX."""
    import torch

    seen = torch.from_numpy(np.random.default_rng(5).normal(0.0, 1.0, (1, 3, FACTS_PX, FACTS_PX)))
    with torch.no_grad():
        given = network.double().eval()(seen)
    return [
        each.flatten()[:: max(1, each.numel() // 7)].tolist()
        for each in (given if isinstance(given, tuple) else (given,))
    ]


def facts(path: Path, library_folders: list[str]) -> None:
    """Add what the library tells of its networks to a file."""
    library = old_library(library_folders)
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in NETWORKS:
        if name in known or not hasattr(library, CLASSES[name.split("/")[1]]):
            continue
        network = old_network(library, name)
        shapes = {key: tuple(each.shape) for key, each in network.state_dict().items()}
        network.load_state_dict(weights_by_rule(shapes))
        known[name] = {"tensors": len(shapes), "digest": digest(shapes), "outputs": some_outputs(network)}
        print(name, known[name]["digest"])
    ordered = {name: known[name] for name in NETWORKS if name in known}
    path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def make(folder: Path, library_folders: list[str]) -> None:
    """Write ``<stage>-<architecture>.pth`` and ``.example.pth`` of every network that the library has."""
    library = old_library(library_folders)
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    for name, (size, _) in NETWORKS.items():
        path = folder / f"{name.replace('/', '-')}.pth"
        if _example(path).exists() or not hasattr(library, CLASSES[name.split("/")[1]]):
            continue
        network = old_network(library, name)
        torch.save(network.state_dict(), path)
        seen = torch.randn(1, 3, size, size, dtype=torch.float64)
        with torch.no_grad():
            given = network.double()(seen)
        torch.save({"input": seen, "outputs": given if isinstance(given, tuple) else (given,)}, _example(path))
        print(f"{name}: {len(network.state_dict())} tensors, by segmentation-models-pytorch {library.__version__}")


def compare(folder: Path) -> Iterator[dict[str, Any]]:
    """A row for every network in the folder."""
    import torch

    from hilum.training.published import load_published

    for name, (size, encoder) in NETWORKS.items():
        path = folder / f"{name.replace('/', '-')}.pth"
        if not path.exists():
            continue
        network = load_published(path, f"two-stage/{name}").eval().double()
        example = torch.load(_example(path), weights_only=True)
        with torch.inference_mode():
            found = network(example["input"])
        pairs = list(zip(example["outputs"], found if isinstance(found, tuple) else (found,), strict=True))
        yield {
            "network": name,
            "encoder": encoder,
            "size": size,
            "parameters": sum(p.numel() for p in network.parameters()),
            "difference": [float((old - new).abs().max()) for old, new in pairs],
            # one number of a head has no spread
            "spread": [float(old.std() if old.numel() > 1 else old.abs().mean()) for old, _ in pairs],
        }


def _example(path: Path) -> Path:
    return path.with_suffix(".example.pth")


def main() -> int:
    """0 if all is well, 1 if ``--check`` finds a difference or a network is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("make", "facts", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", nargs="*", default=[], help="folders that come before the installed packages")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    if chosen.step != "compare":
        (make if chosen.step == "make" else facts)(chosen.folder, chosen.library)
        return 0
    rows = []
    print("| network | encoder | size | parameters, M | largest difference | spread |\n|---|---|---|---|---|---|")
    for row in compare(chosen.folder):
        rows.append(row)
        difference, spread = (" / ".join(f"{value:.2g}" for value in row[key]) for key in ("difference", "spread"))
        print(
            f"| {row['network']} | {row['encoder']} | {row['size']} | {row['parameters'] / 1e6:.1f} "
            f"| {difference} | {spread} |",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    is_right = len(rows) == len(NETWORKS) and all(
        difference <= LIMIT * spread
        for row in rows
        for difference, spread in zip(row["difference"], row["spread"], strict=True)
    )
    return int(chosen.check and not is_right)


if __name__ == "__main__":
    sys.exit(main())

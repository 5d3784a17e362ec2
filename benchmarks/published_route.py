"""The route of a published network from its file to a film's result, for all eighteen: import, registration, analysis.

    python benchmarks/published_route.py STATES -o FOLDER [--only lungs/U-net ...] [--check] [--page docs/...]

STATES holds state dicts as `check_published_layouts.py make` writes them: of the old library, with random weights. Each
becomes a network of FOLDER/models by `hilum models import`, which compares it with torch in both engines, and a
computed film is analysed with it by `hilum analyse --model`, beside the network in the package for the other stage.
Random weights find nothing in particular: the last bias is raised so that stage I marks lung and stage II tells
disease, and the gate is off. What is told is what each step takes (processor seconds, the whole process) and whether
the result names the network, marks lungs and has a six-zone score.

The figures of each network go to a file of their own in FOLDER: what is there is not done again, and a run that was
killed goes on. Needs the extra "train".
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from check_published_layouts import NETWORKS
from measure import machine, spend, table
from nine import put
from PIL import Image

CERTAIN = 5.0
"""Added to the last bias: a probability of 0.99, so that every network has something to mark."""


def certain(state: Path, target: Path) -> Path:
    """A copy of a state dict whose network is sure of lung, or of disease."""
    import torch

    held: dict[str, Any] = torch.load(state, weights_only=True)
    key = "classification_head.3.bias" if "classification_head.3.bias" in held else "segmentation_head.0.bias"
    held[key] = held[key] + CERTAIN
    torch.save(held, target)
    return target


def film(path: Path) -> Path:
    """A computed film, written once."""
    from hilum.phantom import demo_film

    if not path.exists():
        Image.fromarray(demo_film(0).image.array).save(path)
    return path


def routed(name: str, states: Path, folder: Path) -> dict[str, Any]:
    """One network from its file to a film's result; SystemExit where a step fails."""
    from hilum.training.published_networks import PUBLISHED

    which = PUBLISHED[f"two-stage/{name}"]
    weights = certain(states / f"{name.replace('/', '-')}.pth", folder / "state.pth")
    models, output = folder / "models", folder / "results" / which.folder
    hilum = [sys.executable, "-m", "hilum"]
    imported = spend([*hilum, "models", "import", weights, "--as", which.name, "-o", models / which.folder])
    chosen = ["--model", which.folder, "--set", "gate.enabled=false", "-o", output]
    analysed = spend([*hilum, "analyse", film(folder / "film.png"), *chosen], environment={"HILUM_MODELS": str(models)})
    (result,) = output.glob("*/result.json")
    told = json.loads(result.read_text(encoding="utf-8"))
    return {
        "size_px": which.size_px,
        "mb": sum(file.stat().st_size for file in (models / which.folder).iterdir()) / 1e6,
        "import": {"cpu_s": imported.cpu_s, "peak_mb": imported.peak_mb},
        "analyse": {"cpu_s": analysed.cpu_s, "peak_mb": analysed.peak_mb},
        "is_named": which.folder in json.dumps(told),
        "lung_px": int(np.count_nonzero(np.asarray(Image.open(result.with_name("lungs.png"))))),
        "has_score": isinstance(told["scores"]["six-zone"].get("value"), int | float),
        "machine": machine(),
    }


def is_right(told: dict[str, Any]) -> bool:
    """Whether the result is of the network, with lungs and a score."""
    return bool("failed" not in told and told["is_named"] and told["lung_px"] and told["has_score"])


def row(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """A line of the table."""
    if "failed" in told:
        return {"network": name, "px": "", "MB": "", "import s": "", "import MB": "", "analysis s": "", "result": "no"}
    return {
        "network": name,
        "px": told["size_px"],
        "MB": f"{told['mb']:.1f}",
        "import s": f"{told['import']['cpu_s']:.0f}",
        "import MB": f"{told['import']['peak_mb']:.0f}",
        "analysis s": f"{told['analyse']['cpu_s']:.1f}",
        "result": "yes" if is_right(told) else "no",
    }


def found_in(folder: Path) -> dict[str, dict[str, Any]]:
    """What has been done, by network, in the order of the published table."""
    files = {name: folder / f"{name.replace('/', '-')}.json" for name in NETWORKS}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}


def main() -> int:
    """0 if all is well, 1 if ``--check`` finds a network that did not come through or is missing."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("states", type=Path)
    made.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    made.add_argument("--only", nargs="+", metavar="NAME", default=list(NETWORKS))
    made.add_argument("--page", type=Path, metavar="FILE", help="put the table into this page, too")
    made.add_argument("--check", action="store_true")
    given = made.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for name in given.only:
        file = given.output / f"{name.replace('/', '-')}.json"
        if file.is_file():
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            told = routed(name, given.states, given.output)
        except SystemExit as error:
            print(error, file=sys.stderr, flush=True)
            told = {"failed": str(error)}
        if "failed" not in told:
            file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    found = found_in(given.output)
    made_table = table([row(name, told) for name, told in found.items()])
    if given.page:
        put(given.page, "published route", made_table)
    print(made_table)
    return int(given.check and not (len(found) == len(NETWORKS) and all(map(is_right, found.values()))))


if __name__ == "__main__":
    sys.exit(main())

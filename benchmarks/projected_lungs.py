"""Whether Hilum's network of films finds the lungs on films projected from CT.

    python benchmarks/projected_lungs.py CT... [--view PA] [--json FILE] [--check]

The lungs of each CT are found by the network of CT (or read from --lungs, in the order of the volumes), projected, and
outlined by the convention of Hilum's masks of films: whole lungs, behind the heart too, down to the dome of the
diaphragm and inwards to the edge of the spine. The film is analysed as any other is. Printed are the mean Dice of the
right lung, the left and both, each with a 95 % bootstrap interval over the patients; and for comparison that against
the whole shadow of the lungs, which reaches below the dome. Nothing is chosen on these films.

--check fails if the mean Dice of both lungs is below 0.90.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import measure
import numpy as np
from numpy.typing import NDArray

import hilum
from hilum.image import LUNGS, LabelMap
from hilum.readers import read_labels
from hilum.settings import ProjectSettings

GOAL = 0.90
DRAWS = 2000


def main() -> None:
    """Measure, print and check."""
    options = _options()
    settings = replace(ProjectSettings(), view=options.view)
    found = [
        _dice(path, options.lungs[number] if options.lungs else None, settings)
        for number, path in enumerate(options.scans)
    ]
    rows: list[measure.Row] = [
        {"what": name, "patients": len(found), **_interval([each[name] for each in found])} for name in found[0]
    ]
    measure.report("Dice of the lungs that are found on projected films", rows, options.json)
    if options.check and rows[0]["mean"] < GOAL:
        sys.exit(f"the mean Dice is {rows[0]['mean']:.3f}, and {GOAL} was wanted")


def _options() -> Any:
    parser = measure.parser(__doc__)
    parser.add_argument("scans", nargs="+", type=Path, metavar="CT", help="a CT")
    parser.add_argument("--lungs", nargs="*", type=Path, default=[], help="masks of the lungs, one for each CT")
    parser.add_argument("--view", choices=("PA", "AP"), default="PA", help="of the films")
    parser.add_argument("--check", action="store_true", help="fail if the goal is missed")
    options = parser.parse_args()
    if options.lungs and len(options.lungs) != len(options.scans):
        parser.error(f"there are {len(options.scans)} volumes and {len(options.lungs)} masks")
    return options


def _dice(path: Path, lungs: Path | None, settings: ProjectSettings) -> dict[str, float]:
    image = hilum.read(path)
    mask = hilum.segment_lungs(image).lungs if lungs is None else read_labels(lungs, LUNGS)
    made = hilum.project(image, {"lungs": LabelMap(mask.array, image.grid, LUNGS, mask.origin)}, settings)
    found = hilum.segment_lungs(made.film).lungs
    outline, shadow = made.masks["lungs"], made.shadows["lungs"]
    return {
        "both lungs, outlines": dice(found.mask(), outline.mask()),
        "right lung, outlines": dice(found.mask("right-lung"), outline.mask("right-lung")),
        "left lung, outlines": dice(found.mask("left-lung"), outline.mask("left-lung")),
        "both lungs, whole shadow": dice(found.mask(), shadow.mask()),
    }


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Share of overlap; 0 if both are empty, for then nothing was found."""
    return float(2 * np.count_nonzero(first & second) / max(1, np.count_nonzero(first) + np.count_nonzero(second)))


def _interval(values: list[float]) -> dict[str, float]:
    drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"mean": float(np.mean(values)), "from": float(low), "to": float(high)}


if __name__ == "__main__":
    main()

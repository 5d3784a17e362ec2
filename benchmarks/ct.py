"""What a CT costs, from files to files: seconds and most memory, at both presets, and against the published network.

    python benchmarks/ct.py [--times 1] [--long] [--published] [--json FILE] [--check]

Each figure is of ``hilum analyse`` on one NIfTI file in a process of its own, start and end included; masks, overlay,
report, JSON and CSV are written. The volumes are computed: 512 x 512 x 300, and with --long 512 x 512 x 1000.

--published runs the 3D U-Net of covid19.MIScnn on the first volume with MONAI's sliding windows in eager PyTorch,
as ``ct_published.py`` describes; only its inference is counted. It needs the extra "train". --check fails if a budget
or the ratio is missed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from computed_volumes import write_volume
from measure import Row, Spent, best, parser, report, spend

HILUM = [sys.executable, "-m", "hilum"]
PUBLISHED = Path(__file__).with_name("ct_published.py")

RATIO = 3.0
"""How many times as fast as the published network ``standard`` has to be, all of it against its inference alone."""

RESULTS = ("result.json", "overlay.png", "report.html", "lungs.nii.gz", "lesions.nii.gz")
"""Files that every run has to leave."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may take; None where nothing was set."""

    wall_s: float | None
    peak_gb: float | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One volume at one preset."""

    shape: tuple[int, int, int]
    preset: str
    budget: Budget

    @property
    def name(self) -> str:
        """As it is usually written: columns, rows, slices."""
        return f"{'x'.join(map(str, self.shape[::-1]))} {self.preset}"


USUAL, LONG = (300, 512, 512), (1000, 512, 512)
"""Volumes: (slices, rows, columns)."""

TRIALS = (
    Trial(USUAL, "standard", Budget(30.0, 3.0)),
    Trial(USUAL, "fast", Budget(15.0, None)),
    Trial(LONG, "fast", Budget(None, 5.0)),
)
"""What Hilum holds itself to, on two cores."""


def trials(*, is_long: bool) -> list[Trial]:
    """The trials of the usual volume, and of the long one if asked for."""
    return [trial for trial in TRIALS if is_long or trial.shape != LONG]


def analyse(volume: Path, output: Path, preset: str) -> list[str | Path]:
    """The command for one volume."""
    options = ["--overlay", "--report", "--quiet", "--set", f"ct.preset={preset}"]
    return [*HILUM, "analyse", volume, "-o", output, *options]


def run(trial: Trial, volume: Path, folder: Path, times: int) -> Spent:
    """The quickest of several runs; SystemExit if a file is missing."""
    output = folder / trial.name.replace(" ", "-")
    spent = best(analyse(volume, output, trial.preset), times=times)
    missing = [name for name in RESULTS if not list(output.glob(f"*/{name}"))]
    if missing:
        sys.exit(f"{trial.name} left no {', '.join(missing)}:\n{spent.output}")
    return spent


def row(trial: Trial, spent: Spent) -> Row:
    """A line of the table."""
    budget, peak_gb = trial.budget, spent.peak_mb / 1000
    pairs = [(spent.wall_s, budget.wall_s, "s"), (peak_gb, budget.peak_gb, "GB")]
    return {
        "volume": trial.name,
        "wall s": spent.wall_s,
        "CPU s": spent.cpu_s,
        "peak GB": peak_gb,
        "budget": ", ".join(f"at most {limit:g} {unit}" for _, limit, unit in pairs if limit is not None),
        "met": all(value <= limit for value, limit, _ in pairs if limit is not None),
    }


def published(volume: Path, threads: int) -> Row:
    """What the published network takes on a volume."""
    spent = spend([sys.executable, PUBLISHED, volume, "--threads", str(threads)])
    told = json.loads(spent.output.splitlines()[-1])
    return {
        "network": f"3D U-Net, {told['windows']} windows",
        "inference s": told["inference_s"],
        "whole s": spent.wall_s,
        "peak GB": spent.peak_mb / 1000,
    }


def main() -> int:
    """Exit status 1 if --check finds a budget or the ratio missed."""
    from hilum.models.plan import cores

    options = parser(__doc__)
    options.add_argument("--times", type=int, default=1, help="runs of each; the quickest counts")
    options.add_argument("--long", action="store_true", help="also a volume of 1000 slices")
    options.add_argument("--published", action="store_true", help="also the published network, in PyTorch")
    options.add_argument("--check", action="store_true", help="fail if a budget or the ratio is missed")
    given = options.parse_args()
    rows: list[Row] = []
    more: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder, volumes = Path(temporary), dict[tuple[int, int, int], Path]()
        for trial in trials(is_long=given.long):
            if trial.shape not in volumes:
                volumes[trial.shape] = write_volume(folder / f"{trial.shape[0]}.nii.gz", trial.shape)
            rows.append(row(trial, run(trial, volumes[trial.shape], folder, given.times)))
        if given.published:
            more = {"published": published(volumes[USUAL], cores())}
    is_met = all(each["met"] for each in rows)
    if given.published:
        ratio = more["published"]["inference s"] / rows[0]["wall s"]
        more |= {"times as fast": ratio}
        is_met &= ratio >= RATIO
        report("The published network on the same volume", [more["published"] | {"times": ratio}], None)
    report(f"One CT, from files to files, {cores()} cores", rows, given.json, **more)
    return 1 if given.check and not is_met else 0


if __name__ == "__main__":
    sys.exit(main())

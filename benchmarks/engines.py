"""Which engine is the quickest: to the first result of a cold process, and for many films.

    python benchmarks/engines.py [--models cxr-lungs cxr-lesions] [--seconds 5] [--json FILE] [--check]

Each line is a process of its own that opens the networks by their cards and runs them one after the other on random
inputs, as one film does. "start" is the time from the start of the process to the first result of all networks;
"films/s" and "CPU s/film" hold from then on. The table `FASTEST` in `hilum.models.plan` is filled from this one;
--check fails if another engine is more than a tenth better than the one it names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from measure import parser, report, spend

from hilum.errors import SettingsError
from hilum.models.catalogue import DEFAULTS, card
from hilum.models.plan import FASTEST, EngineName, Precision, cores, resolve
from hilum.models.runtime import open_runtime
from hilum.settings import RuntimeSettings

TOLERANCE = 0.1
"""How much better, as a share, another engine has to be for --check to fail: less than that is the machine's noise."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One line of the table; threads and workers as in the runtime settings."""

    purpose: Literal["one", "many"]
    engine: EngineName
    precision: Precision
    threads: int
    workers: int


def trials() -> Iterator[Trial]:
    """Every combination worth a look on this machine."""
    here = cores()
    kinds: list[tuple[EngineName, Precision]] = [("onnxruntime", "float32"), ("openvino", "float32")]
    with contextlib.suppress(SettingsError):  # this processor may have no bfloat16
        resolve(RuntimeSettings(precision="bfloat16"), many=True)
        kinds.append(("openvino", "bfloat16"))
    for engine, precision in kinds:
        for threads in sorted({1, here}):
            yield Trial("one", engine, precision, threads, 1)
    for engine, precision in kinds:
        for workers in sorted({1, here, 2 * here}):
            yield Trial("many", engine, precision, max(1, here // workers), workers)


def run(trial: Trial, models: list[str], seconds: float) -> None:
    """The child's part: print the time of the first result, and what followed."""
    settings = RuntimeSettings(trial.engine, trial.precision, trial.threads, trial.workers)
    cards = [card(name) for name in models]
    opened = [(each, open_runtime(each, settings, many=trial.purpose == "many")) for each in cards]
    random = np.random.default_rng(0)

    def film(_: object) -> None:
        for each, runtime in opened:
            shapes = {name: [1 if isinstance(n, str) else n for n in shape] for name, shape in each.inputs.items()}
            runtime.run({name: random.random(shape, np.float32) for name, shape in shapes.items()})

    film(None)
    first = time.time()
    with ThreadPoolExecutor(trial.workers) as pool:
        wall, cpu, films = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < seconds:
            films += len(list(pool.map(film, range(4 * trial.workers))))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"first": first, "films/s": films / wall, "CPU s/film": cpu / films}))


def measure(trial: Trial, models: list[str], seconds: float, times: int) -> dict[str, Any]:
    """One line of the table."""
    rows = [_once(trial, models, seconds) for _ in range(times)]
    return {
        **asdict(trial),
        "start s": min(row["start s"] for row in rows),
        "films/s": max(row["films/s"] for row in rows),
        "CPU s/film": min(row["CPU s/film"] for row in rows),
        "peak MB": max(row["peak MB"] for row in rows),
    }


def _once(trial: Trial, models: list[str], seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--models", *models, "--seconds", str(seconds)]
    spent = spend([*command, "--child", json.dumps(asdict(trial))])
    told = json.loads(spent.output.splitlines()[-1])
    first = told.pop("first")
    return {"start s": first - spent.started, **told, "peak MB": spent.peak_mb}


def verdict(rows: list[dict[str, Any]]) -> list[str]:
    """What speaks against the table of the package; empty if nothing does."""
    found: list[str] = []
    for purpose, chosen in FASTEST.items():
        cost = {row["engine"]: float("inf") for row in rows}
        for row in rows:
            if row["purpose"] == purpose:  # for one film the start counts, for many the time of each
                seconds = row["start s"] if purpose == "one" else 1 / row["films/s"]
                cost[row["engine"]] = min(cost[row["engine"]], seconds)
        quickest = min(cost, key=lambda engine: cost[engine])
        print(f"\nFor {purpose}, {quickest} is the quickest here, and {chosen} is the default.")
        if cost[chosen] > cost[quickest] * (1 + TOLERANCE):
            found.append(f"for {purpose}, {quickest} takes {cost[quickest]:.3g} s, and {chosen} {cost[chosen]:.3g} s")
    return found


def main() -> int:
    """Exit status 1 if --check finds the package's choice wrong."""
    options = parser(__doc__)
    options.add_argument(
        "--models", nargs="+", default=list(DEFAULTS.values()), metavar="NAME", help="of the catalogue"
    )
    options.add_argument("--seconds", type=float, default=5.0, help="of steady work for each line")
    options.add_argument("--times", type=int, default=3, help="runs of each line; the best counts")
    options.add_argument("--check", action="store_true", help="fail if the package's choice is not the quickest")
    options.add_argument("--child", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        run(Trial(**json.loads(given.child)), given.models, given.seconds)
        return 0
    rows = [measure(trial, given.models, given.seconds, given.times) for trial in trials()]
    report(f"Engines, {' + '.join(given.models)}", rows, given.json)
    wrong = verdict(rows)
    if wrong:
        print("The choice in hilum.models.plan is not the quickest here:", *wrong, sep="\n  ")
    return 1 if wrong and given.check else 0


if __name__ == "__main__":
    sys.exit(main())

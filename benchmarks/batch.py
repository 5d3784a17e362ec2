"""Cohorts: rate against workers, what grows with the number of cases and what does not, cost of a million films.

    python benchmarks/batch.py rate [--films 140] [--workers 1 2] [--ray] [--times 3] [--check]
    python benchmarks/batch.py scale [--cases 10 100 1000 10000] [--side 128] [--kills 5] [--ray]
    python benchmarks/batch.py overhead [--cases 10 100 1000 10000] [--check]
    python benchmarks/batch.py journal [--cases 10000 100000 1000000] [--check]
    python benchmarks/batch.py cost [--rate 9] [--million 1] [--price 0.04]

Films are computed. `rate` takes films of 1024 x 1024 pixels, overlay and masks written: `hilum batch`, by processes;
threads of one process, as `hilum analyse` runs them; and with --ray workers of Ray on this machine. The networks of
each worker compute on one core (left to itself, one worker alone gives them all). The start of a run does not count:
the rate is that of further films. --check fails if two workers do not reach 1.8 times the rate of one, or a figure by
case grows with their number. `cost` prints hours and price, from the rate of one core (--rate, or measured), at a
price for a core and hour of your own. --plot FILE draws an SVG.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from batch_scale import Sample, is_linear, journal, overhead, scale, thinned
from computed_films import write_films
from measure import Row, parser, report

from hilum.batch.processes import FEW
from hilum.datasets.explore.plots import Plot, scatter
from hilum.models.plan import cores

HILUM = [sys.executable, "-m", "hilum"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""So that numpy's own threads do not count as workers."""

RAY = ("--ray", "local")
"""Options that have workers of Ray do it."""

WANTED = 1.8
"""Least gain of two workers over one."""

SIZES = {
    "scale": (10, 100, 1000, 10_000),
    "overhead": (10, 100, 1000, 10_000),
    "journal": (10_000, 100_000, 1_000_000),
}
"""Numbers of cases, by what is measured."""

MEMORY = "Resident memory of a run"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run a cohort: processes, threads of one process, or workers of Ray."""

    name: str
    workers: int = 1
    command: str = "batch"
    options: tuple[str, ...] = ()


def ways(workers: Sequence[int], *, with_ray: bool) -> Iterator[Way]:
    """What is compared."""
    for count in workers:
        yield Way("processes", count)
        yield Way("threads", count, "analyse")
        if with_ray:
            yield Way("Ray", count, options=RAY)


def seconds(way: Way, films: Sequence[Path], output: Path) -> float:
    """From the start of a run to its end; SystemExit if it fails."""
    options = ["--no-report", "--overlay", "--quiet", "--workers", str(way.workers), "--threads", "1", *way.options]
    started = time.perf_counter()
    status = subprocess.run(
        [*HILUM, way.command, *map(str, films), "-o", str(output), *options],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode
    if status:
        sys.exit(f"hilum {way.command} ended with {status}")
    return time.perf_counter() - started


def rate(way: Way, films: Sequence[Path], times: int) -> float:
    """Films a second once the run has started: of all films against a few, both the quickest of several runs."""
    few = films[:FEW]
    best = [min(_run(way, some) for _ in range(times)) for some in (few, films)]
    return (len(films) - len(few)) / max(best[1] - best[0], 1e-9)


def _run(way: Way, films: Sequence[Path]) -> float:
    with tempfile.TemporaryDirectory() as temporary:
        return seconds(way, films, Path(temporary) / "out")


def rates(workers: Sequence[int], *, films: int, times: int, with_ray: bool) -> list[Row]:
    """A row for each way: films a second, and how many times that of one thread."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = write_films(Path(temporary), films)
        found = [(way, rate(way, paths, times)) for way in ways(workers, with_ray=with_ray)]
    first = found[0][1]
    return [
        {
            "way": way.name,
            "workers": way.workers,
            "films/s": value,
            "times": value / first,
        }
        for way, value in found
    ]


def reaches(rows: Sequence[Row]) -> bool:
    """Whether the best way with two workers gains what is wanted; True if none was measured."""
    gains = [row["times"] for row in rows if row["workers"] == 2 and row["way"] == "processes"]
    return not gains or max(gains) >= WANTED


def cost(films_a_second: float, million: float, price: float) -> list[Row]:
    """Hours and price of some million films, by the number of cores, each at the rate of one."""
    hours = million * 1e6 / films_a_second / 3600
    return [
        {"cores": count, "films/s": count * films_a_second, "hours": hours / count, "price": hours * price}
        for count in (1, 8, 64, 512)
    ]


def svg(plots: Sequence[Plot]) -> str:
    """Plots in one drawing, one below the other."""
    drawn = "".join(
        f'<g transform="translate(30 {40 + 280 * number})">{_one(plot)}</g>' for number, plot in enumerate(plots)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {280 * len(plots) + 20}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="#fff"/>{drawn}</svg>\n'
    )


def _one(plot: Plot) -> str:
    parts = [f'<text y="-20" font-weight="bold">{escape(plot.title)}</text>']
    for text, y in plot.levels:
        parts.append(f'<line x2="520" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>')
        parts.append(f'<text x="526" y="{y + 4:.1f}">{escape(text)}</text>')
    parts += [f'<circle cx="{x}" cy="{y}" r="{min(radius, 3)}" fill="#1f6f8b"/>' for x, y, radius in plot.points]
    parts.append('<line x2="520" y1="190" y2="190" stroke="#333"/>')
    parts += [f'<text x="{x}" y="207" text-anchor="middle">{escape(text)}</text>' for text, x in plot.ticks]
    return "".join(parts) + f'<text x="260" y="226" text-anchor="middle">{escape(plot.across)}</text>'


def memory_plot(samples: Sequence[Sample]) -> Plot | None:
    """How memory went on with the cases done; kills are where it falls."""
    return scatter(MEMORY, "cases done", "MB", [(float(done), memory) for done, memory in thinned(samples)])


def options() -> argparse.Namespace:
    """What was asked for."""
    made = parser(__doc__)
    made.add_argument("what", choices=("rate", "scale", "overhead", "journal", "cost"))
    made.add_argument("--films", type=int, default=140, help="films of a run, for rate and cost")
    made.add_argument("--workers", type=int, nargs="+", default=sorted({1, 2, cores()}), help="for rate")
    made.add_argument("--times", type=int, default=3, help="runs of each; the quickest counts")
    made.add_argument("--ray", action="store_true", help="with Ray on this machine, too")
    made.add_argument("--cases", type=int, nargs="+", help="numbers of cases")
    made.add_argument("--side", type=int, default=128, metavar="PIXELS", help="of a film, for scale")
    made.add_argument("--kills", type=int, default=5, help="of the largest cohort, for scale")
    made.add_argument("--folder", type=Path, help="keep films and cohorts there, for scale")
    made.add_argument("--rate", type=float, help="films a second of one core, for cost; else it is measured")
    made.add_argument("--million", type=float, default=1.0, help="millions of films, for cost")
    made.add_argument("--price", type=float, default=0.04, help="of a core and hour, for cost")
    made.add_argument("--plot", type=Path, metavar="FILE", help="draw an SVG, for rate and scale")
    made.add_argument("--check", action="store_true", help="fail if what is wanted is missed")
    return made.parse_args()


def main() -> int:
    """Exit status 1 if --check finds what is wanted missed."""
    given = options()
    cases = given.cases or SIZES.get(given.what, ())
    plot: Plot | None = None
    is_met = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if given.what == "rate":
            rows = rates(given.workers, films=given.films, times=given.times, with_ray=given.ray)
            pairs = [(float(row["workers"]), row["films/s"]) for row in rows]
            plot, is_met = scatter("Films a second", "workers", "films/s", pairs), reaches(rows)
        elif given.what == "scale":
            more = RAY if given.ray else ()
            rows, samples = scale(folder, cases, side_px=given.side, kills=given.kills, options=more)
            plot = memory_plot(samples)
        elif given.what == "cost":
            one = given.rate or rates([1], films=given.films, times=given.times, with_ray=False)[0]["films/s"]
            rows = cost(one, given.million, given.price)
        else:
            rows = overhead(folder, cases) if given.what == "overhead" else journal(cases)
            is_met = is_linear(rows)
    report(f"Cohorts: {given.what}", rows, given.json)
    if given.plot and plot is not None:
        given.plot.write_text(svg([plot]), encoding="utf-8")
    return 1 if given.check and not is_met else 0


if __name__ == "__main__":
    sys.exit(main())

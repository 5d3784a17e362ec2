"""What users feel: films a second from files to files, and how long everything takes from a cold start.

    python benchmarks/films.py [--films 100] [--times 5] [--install] [--json FILE] [--check]

Every figure is of the command itself, in a process of its own, start and end included. The films are computed, of
1024 x 1024 pixels; masks, overlay, JSON and CSV are written. --check fails if a budget is missed; a budget can be
changed with --budget NAME=NUMBER.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from computed_films import write_films
from measure import Row, Spent, best, parser, report, spend

from hilum.registry import unknown

HILUM = [sys.executable, "-m", "hilum"]
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure must be: at least or at most ``limit``."""

    limit: float
    unit: str
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure is within the budget."""
        return value >= self.limit if self.at_least else value <= self.limit


BUDGETS = {
    "batch": Budget(10.0, "films/s", at_least=True),
    "one-film": Budget(1.5, "s"),
    "one-film-with-report": Budget(1.5, "s"),
    "peak-memory": Budget(700.0, "MB"),
    "help": Budget(0.3, "s"),
    "import": Budget(0.15, "s"),
    "install": Budget(650.0, "MB"),
}
"""What Hilum holds itself to, on two cores."""


def analyse(films: list[Path] | Path, output: Path, *options: str) -> list[str | Path]:
    """The command for some films."""
    given = films if isinstance(films, list) else [films]
    return [*HILUM, "analyse", *given, "-o", output, "--overlay", *options]


def batch(folder: Path, count: int, times: int) -> Spent:
    """The quickest of several runs over ``count`` films; SystemExit if one of them is lost."""
    write_films(folder / "films", count)
    runs: list[Spent] = []
    for number in range(times):
        output = folder / f"batch-{number}"
        runs.append(spend(analyse(folder / "films", output, "--no-report", "--quiet")))
        made = len(list(output.glob("*/overlay.png")))
        if made != count:
            sys.exit(f"{count} films went in, and {made} came out:\n{runs[-1].output}")
    return min(runs, key=lambda run: run.wall_s)


def single(folder: Path, times: int) -> Iterator[tuple[str, float]]:
    """Figures of one film in a cold process."""
    (film,) = write_films(folder / "film", 1)
    without = best(analyse(film, folder / "one", "--no-report"), times=times)
    with_report = best(analyse(film, folder / "reported", "--report"), times=times)
    yield "one-film", without.wall_s
    yield "one-film-with-report", with_report.wall_s
    yield "peak-memory", max(without.peak_mb, with_report.peak_mb)


def commands(times: int) -> Iterator[tuple[str, float]]:
    """Figures of commands that only start and end."""
    yield "help", best([*HILUM, "--help"], times=times).wall_s
    yield "import", best([sys.executable, "-c", "import hilum"], times=times).wall_s


def install(folder: Path) -> float:
    """Megabytes that a base install adds to a new environment; SystemExit if torch is among them."""
    environment = folder / "environment"
    spend([sys.executable, "-m", "venv", environment])
    before = _size_mb(environment)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    spend([python, "-m", "pip", "install", "--quiet", ROOT])
    if spend([python, "-c", "import importlib.util as u; print(u.find_spec('torch'))"]).output.strip() != "None":
        sys.exit("the base install brings torch")
    return _size_mb(environment) - before


def _size_mb(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def changed(text: str) -> tuple[str, Budget]:
    """A budget as ``NAME=NUMBER`` changes it; SystemExit if there is none of that name."""
    name, _, number = text.partition("=")
    if name not in BUDGETS:
        sys.exit(unknown("budget", name, BUDGETS))
    return name, replace(BUDGETS[name], limit=float(number))


def row(name: str, value: float, budget: Budget) -> Row:
    """A line of the table."""
    bound = f"{'at least' if budget.at_least else 'at most'} {budget.limit:g}"
    return {"figure": name, "value": value, "unit": budget.unit, "budget": bound, "met": budget.is_met(value)}


def main() -> int:
    """Exit status 1 if --check finds a budget missed."""
    options = parser(__doc__)
    options.add_argument("--films", type=int, default=100, help="films in the batch")
    options.add_argument("--times", type=int, default=5, help="runs of each; the quickest counts")
    options.add_argument("--install", action="store_true", help="also install the package into a new environment")
    options.add_argument("--budget", action="append", default=[], metavar="NAME=NUMBER", help=", ".join(BUDGETS))
    options.add_argument("--check", action="store_true", help="fail if a budget is missed")
    given = options.parse_args()
    budgets = BUDGETS | dict(changed(text) for text in given.budget)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = [*commands(given.times), *single(folder, given.times)]
        run = batch(folder, given.films, min(given.times, 3))
        figures.append(("batch", given.films / run.wall_s))
        if given.install:
            figures.append(("install", install(folder)))
    rows = [row(name, value, budgets[name]) for name, value in figures]
    report(f"From files to files, {given.films} films", rows, given.json, cpu_s_per_film=run.cpu_s / given.films)
    return 1 if given.check and not all(each["met"] for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

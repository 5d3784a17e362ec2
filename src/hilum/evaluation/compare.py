"""One page about any number of runs: their tables, plots and pictures, inside one file that fetches nothing."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.errors import ReadError
from hilum.writers.templates import template_environment
from hilum.writers.whole import whole_file

from .gallery import FOLDER as PICTURES
from .predictions import read_rows
from .results import CASES
from .score_results import SCORES

if TYPE_CHECKING:
    from .plots.canvas import Figure

LOGS = ("metrics.csv", "log/metrics.csv", "*/log/metrics.csv", "*/metrics.csv")
"""Where a run keeps the curves of its trainings."""

NETWORKS, THRESHOLDS = "networks.csv", "thresholds.csv"
CURVES = ("train/total", "train/loss", "val/score", "val/dice")
"""Curves that are shown where a log has them; otherwise its first two."""

BOXED = "dice"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page; ``heads`` are empty for plain lines, each a row of one cell."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A folder that a command left.

    Attributes
    ----------
    name : for the page
    folder : what :mod:`hilum.evaluation.results` and its like wrote, or a training did
    """

    name: str
    folder: Path

    @property
    def logs(self) -> list[Path]:
        """Curves of trainings."""
        found = [path for pattern in LOGS for path in sorted(self.folder.glob(pattern))]
        lone = [path for path in sorted(self.folder.glob("*.csv")) if _is_log(path)]
        return list(dict.fromkeys((*found, *lone)))

    @property
    def texts(self) -> list[Path]:
        """Tables in Markdown."""
        return sorted(self.folder.glob("*.md"))

    @property
    def pictures(self) -> list[Path]:
        """What ``--pictures`` wrote."""
        return [path for path in sorted((self.folder / PICTURES).glob("*")) if path.suffix in (".png", ".gif")]


def runs_of(folders: Sequence[Path]) -> list[Run]:
    """The runs of folders, each with a name of its own.

    Raises
    ------
    ReadError
        A folder holds nothing that a page could show.
    """
    found = [Run(folder.resolve().name, folder) for folder in folders]
    names = [run.name for run in found]
    found = [
        Run(f"{run.folder.resolve().parent.name}/{run.name}", run.folder) if names.count(run.name) > 1 else run
        for run in found
    ]
    for run in found:
        known = (CASES, SCORES, NETWORKS, THRESHOLDS)
        if not (run.texts or run.logs or run.pictures or any((run.folder / name).is_file() for name in known)):
            raise ReadError(
                f"{str(run.folder)!r} holds no results: no table of 'hilum evaluate' and no log of a training.",
                path=run.folder,
            )
    return found


def write_comparison(
    runs: Sequence[Run], page: Path, *, figures: Path | None = None, formats: Sequence[str] = (".png",)
) -> None:
    """Write the page, and its plots as files for papers if a folder is given.

    Raises
    ------
    MissingExtra
        There is something to plot, and matplotlib is not installed.
    ReadError
        A table or log cannot be understood.
    WriteError
        A file could not be written.
    """
    from .plots.canvas import save, svg

    plots = dict(_plots(runs))
    sections = [
        {
            "name": run.name,
            "tables": [table for path in run.texts for table in tables_of(path.read_text(encoding="utf-8"))],
            "pictures": [(path.stem, _embedded(path)) for path in run.pictures],
        }
        for run in runs
    ]
    text = _render(plots={name: svg(plot) for name, plot in plots.items()}, sections=sections)
    with whole_file(page) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    for name, plot in plots.items() if figures is not None else ():
        for ending in formats:
            save(plot, (figures or page.parent) / f"{name}{ending}")


def tables_of(text: str) -> list[Table]:
    """The tables of a text in Markdown, and its other lines, under their headings."""
    made: list[Table] = []
    title, lines = "", list[str]()
    for line in (*text.splitlines(), "#"):
        if not line.startswith("#"):
            lines.append(line)
            continue
        made += _blocks(title, lines)
        title, lines = line.lstrip("# "), []
    return made


def _blocks(title: str, lines: Iterable[str]) -> Iterator[Table]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        is_row = line.startswith("|")
        if blocks[-1] and is_row != blocks[-1][-1].startswith("|"):
            blocks.append([])
        if line.strip():
            blocks[-1].append(line)
    for block in filter(None, blocks):
        if not block[0].startswith("|"):
            yield Table(title, (), tuple((line.removeprefix("- "),) for line in block))
        else:
            rows = [tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in block]
            yield Table(title, rows[0], tuple(row for row in rows[1:] if not set("".join(row)) <= set("-: ")))
        title = ""


def _plots(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    """Every plot there is something for, by the name of its file."""
    from .plots import bubbles, curves, spread

    boxes = _boxes(runs)
    if any(values for series in boxes.values() for values in series.values()):
        yield "boxes", spread.box_plot(boxes, "Dice")
    logs = {name: curves.read_curves(path) for run in runs for name, path in _named_logs(run)}
    names = _curve_names(logs.values())
    if names:
        yield "fitting-curves", curves.fitting_curves(logs, names)
    for run in runs:
        stem = re.sub(r"[^\w.+-]+", "-", run.name)
        if (run.folder / THRESHOLDS).is_file():
            yield f"thresholds-{stem}", curves.threshold_curves(run.folder / THRESHOLDS)
        if (run.folder / NETWORKS).is_file():
            yield f"networks-{stem}", bubbles.bubble_chart(bubbles.read_bubbles(run.folder / NETWORKS))
        if (run.folder / SCORES).is_file():
            yield f"bland-altman-{stem}", spread.bland_altman(_scores(run.folder / SCORES), "points")


def _boxes(runs: Sequence[Run]) -> dict[str, dict[str, list[float]]]:
    """Dice of every case by structure and system; systems of one name in several runs bear the run's name, too."""
    tables = {
        run.name: read_rows(run.folder / CASES, ("prediction", "structure", BOXED))
        for run in runs
        if (run.folder / CASES).is_file()
    }
    owners: dict[str, set[str]] = {}
    for run, rows in tables.items():
        for row in rows:
            owners.setdefault(row["prediction"], set()).add(run)
    made: dict[str, dict[str, list[float]]] = {}
    for run, rows in tables.items():
        for row in rows:
            who = row["prediction"] if len(owners[row["prediction"]]) == 1 else f"{row['prediction']}, {run}"
            series = made.setdefault(row["structure"], {}).setdefault(who, [])
            if row[BOXED]:
                series.append(float(row[BOXED]))
    return made


def _named_logs(run: Run) -> Iterator[tuple[str, Path]]:
    for path in run.logs:
        inner = [part for part in path.relative_to(run.folder).parts[:-1] if part != "log"]
        own = [] if path.name == "metrics.csv" else [path.stem]
        yield "/".join((run.name, *inner, *own)), path


def _curve_names(logs: Iterable[Mapping[str, Any]]) -> list[str]:
    known = list(dict.fromkeys(name for log in logs for name in log))
    return [name for name in CURVES if name in known] or known[:2]


def _is_log(path: Path) -> bool:
    """A table of a training: steps, and nothing that tells cases or networks apart."""
    with path.open(encoding="utf-8-sig") as file:
        heads = file.readline().strip().split(",")
    return "step" in heads and path.name not in (CASES, SCORES, NETWORKS, THRESHOLDS, "metrics.csv")


def _scores(path: Path) -> dict[str, tuple[Any, Any]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in read_rows(path, ("system", "truth", "estimate")):
        found.setdefault(row["system"], []).append((float(row["truth"]), float(row["estimate"])))
    return {name: (np.array([t for t, _ in pairs]), np.array([e for _, e in pairs])) for name, pairs in found.items()}


def _embedded(path: Path) -> str:
    """A picture inside the page: flights as they are, others as JPEG."""
    if path.suffix == ".gif":
        return f"data:image/gif;base64,{base64.b64encode(path.read_bytes()).decode()}"
    from PIL import Image as Picture

    target = io.BytesIO()
    with Picture.open(path) as picture:
        picture.convert("RGB").save(target, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"


def _render(**values: Any) -> str:
    import hilum

    text = (files("hilum.evaluation") / "compare.html.j2").read_text(encoding="utf-8")
    return template_environment().from_string(text).render(version=hilum.__version__, **values)

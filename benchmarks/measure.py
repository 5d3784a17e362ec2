"""What every benchmark shares: timing of processes, the machine, tables and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

LAUNCHER = Path(__file__).with_name("launch.py")

Row = Mapping[str, Any]
"""One line of a table; every row of a table has the same keys."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took, from its start to its end.

    Attributes
    ----------
    started : when, as ``time.time`` tells it
    wall_s : seconds by the clock
    cpu_s : seconds of processor time, all threads and children
    peak_mb : most memory that was resident at once, in megabytes of 10**6 bytes
    output : what it printed
    """

    started: float
    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def spend(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end and tell what it took; SystemExit with its last words if it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "spent.json"
        done = subprocess.run(
            [sys.executable, LAUNCHER, told, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        if done.returncode:
            sys.exit(f"{' '.join(words)}\nended with {done.returncode}:\n{done.stdout[-3000:]}")
        return Spent(**json.loads(told.read_text(encoding="utf-8")), output=done.stdout)


def best(command: Sequence[str | Path], *, times: int) -> Spent:
    """The quickest of several runs: what the command takes when nothing else disturbs it."""
    return min((spend(command) for _ in range(times)), key=lambda spent: spent.wall_s)


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    return made


def report(title: str, rows: Sequence[Row], file: Path | None, **more: Any) -> None:
    """Print a table, and write it with the machine's description as JSON if a file is given."""
    print(f"\n{title}\n")
    print(table(rows))
    if file is not None:
        content = {"title": title, "machine": machine(), "rows": list(rows), **more}
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Rows in Markdown, numbers to three digits that count."""
    if not rows:
        return "(nothing)"
    cells = [list(rows[0]), *([_cell(row[key]) for key in rows[0]] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What the figures were measured on: processor, cores, versions."""
    packages = ("hilum", "numpy", "onnxruntime", "openvino", "torch", "segmentation-models-pytorch", "timm")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version for name in packages if (version := _version(name))},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""

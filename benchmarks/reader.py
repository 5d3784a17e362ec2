"""What a reader of images waits for: from the upload of a film or CT to its image and layers at the browser.

    python benchmarks/reader.py [--times 5] [--folder FOLDER] [--json FILE] [--check]

The service is ``hilum serve`` in a process of its own; the film has 1024 x 1024 pixels, the CT 256 x 256 x 150 voxels,
both computed. "shown" is when the image could be drawn, "done" when lungs, lesions and zones were fetched, too. --check
fails if a budget is missed. "cpu_s" is processor time of the service, which other work on the machine does not change.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from computed_films import write_films
from computed_volumes import write_volume
from measure import Row, parser, report

from hilum.errors import ServiceError
from hilum.web.client import Reader

BUDGETS = {"film": 2.0, "ct": 25.0}
"""Seconds until all is fetched, on two cores."""

CT_SHAPE = (150, 256, 256)
"""Slices, rows and columns."""

START_SECONDS = 120.0


@contextmanager
def served(folder: Path) -> Generator[tuple[Reader, subprocess.Popen[bytes]]]:
    """A running service and its process; SystemExit if it does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hilum", "serve", "--folder", str(folder), "--port", str(port), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield _answering(f"http://127.0.0.1:{port}", process), process
    finally:
        process.terminate()
        process.wait(60)


def _answering(url: str, process: subprocess.Popen[bytes]) -> Reader:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            return Reader(url)
        except ServiceError:
            time.sleep(0.1)
    sys.exit("the service does not answer")


def cpu_seconds(process: int) -> float:
    """Processor time of a process and its threads so far; 0 where the system does not tell."""
    path = Path(f"/proc/{process}/stat")
    if not path.exists():
        return 0.0
    user, system = path.read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def once(reader: Reader, process: int, path: Path) -> dict[str, float]:
    """Seconds from the first byte of the upload until the image, and until all layers, were fetched."""
    began, used = time.monotonic(), cpu_seconds(process)
    (study,) = reader.upload(path)
    shown, image = 0.0, None
    while True:
        state = reader.study(study).state
        if not shown and (image := _image(reader, study.id)):
            shown = time.monotonic() - began
        if state not in {"queued", "running"}:
            break
        time.sleep(0.02)
    if state != "done":
        sys.exit(f"{path.name} is {state}: {reader.study(study).message}")
    size = len(image or b"") + sum(len(layer) for layer in reader.layers(study).values())
    spent = {"shown_s": shown, "done_s": time.monotonic() - began, "cpu_s": cpu_seconds(process) - used}
    return spent | {"fetched_mb": size / 1e6}


def _image(reader: Reader, study: str) -> bytes:
    try:
        return reader.image(study)
    except ServiceError:
        return b""


def rows(reader: Reader, process: int, folder: Path, times: int) -> Iterator[Row]:
    """A row a kind of image: the first one after the start, and the quickest of those after it."""
    film = write_films(folder / "films", 1)[0]
    ct = write_volume(folder / "ct.nii.gz", CT_SHAPE)
    for name, path in (("film", film), ("ct", ct)):
        runs = [once(reader, process, path) for _ in range(times if name == "film" else 2)]
        best: dict[str, Any] = min(runs[1:], key=lambda run: run["done_s"])
        figures = {key: round(value, 3) for key, value in best.items()}
        yield {"image": name, "first_done_s": round(runs[0]["done_s"], 3), **figures, "budget_s": BUDGETS[name]}


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=5, help="uploads of the film, two at least")
    options.add_argument("--folder", type=Path, help="keep everything there")
    options.add_argument("--check", action="store_true", help="fail if a budget is missed")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        with served(folder / "reader") as (reader, process):
            made = list(rows(reader, process.pid, folder, max(2, asked.times)))
            status = Path(f"/proc/{process.pid}/status")
            peak = status.read_text(encoding="ascii") if status.exists() else ""
        memory = next((int(line.split()[1]) / 1e3 for line in peak.splitlines() if line.startswith("VmHWM")), None)
        report("From upload to layers at the browser", made, asked.json, peak_memory_mb=memory)
        print(f"\nMost memory of the service: {memory:.0f} MB" if memory else "")
    missed = [row["image"] for row in made if row["done_s"] > row["budget_s"]]
    if asked.check and missed:
        sys.exit(f"over budget: {', '.join(missed)}")


if __name__ == "__main__":
    main()

"""What a person waits for at the page of the reader: from the drop of a film or CT to the picture with its layers.

    python benchmarks/reader_page.py [--times 5] [--only film] [--picture FILE] [--json FILE] [--check]

The service is ``hilum serve`` in a process of its own, the browser is Chromium without a graphics card. "drawn" is when
the picture is on the screen with lungs and lesions on it; "requests" is what scrolling through twenty slices, or
turning a layer off and on, asks of the service; "cpu_s" is processor time of service and browser until it was drawn,
which other work on the machine does not change. --check fails if a budget is missed. --picture keeps what is seen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from computed_films import write_films
from computed_volumes import write_volume
from measure import Row, parser, report
from reader import BUDGETS, CT_SHAPE, cpu_seconds, served

READY = ".viewer[data-state=ready]"
PATIENCE_MS = 600_000


@contextmanager
def chromium() -> Generator[Any]:
    """A browser; SystemExit where there is none."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("there is no Chromium on this machine")
    software = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=software)
        yield browser
        browser.close()


def cpu_of_children() -> float:
    """Processor time of this process's children and theirs so far; 0 where the system does not tell."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text(encoding="ascii").rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError):
            continue  # it has ended meanwhile
    ours, found = {os.getpid()}, {os.getpid()}
    while found:
        found = {process for process, parent in parents.items() if parent in found}
        ours |= found
    return sum(cpu_seconds(process) for process in ours - {os.getpid()})


def once(page: Any, path: Path) -> dict[str, float]:
    """Seconds from the drop until the picture is drawn, and requests afterwards."""
    page.goto("/", wait_until="networkidle")
    began, used = time.monotonic(), cpu_of_children()
    page.get_by_label("Choose files").set_input_files(path)
    page.locator(READY).wait_for(timeout=PATIENCE_MS)
    drawn, spent = time.monotonic() - began, cpu_of_children() - used
    asked: list[str] = []

    def heard(request: Any) -> None:
        asked.append(request.url)

    page.wait_for_load_state("networkidle")
    page.on("request", heard)
    picture = page.locator(".stage")
    picture.focus()
    for key in ["PageDown"] * 20 + ["l", "l"]:
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    page.remove_listener("request", heard)
    return {"drawn_s": drawn, "cpu_s": spent, "requests": len(asked)}


def rows(page: Any, folder: Path, kinds: Sequence[str], times: int) -> Iterator[Row]:
    """A row a kind of image: the first one after the start, and the quickest of those after it."""
    for name in kinds:
        path = write_volume(folder / "ct.nii.gz", CT_SHAPE) if name == "ct" else write_films(folder / "films", 3)[2]
        runs = [once(page, path) for _ in range(2 if name == "ct" else times)]
        best = min(runs[1:], key=lambda run: run["drawn_s"])
        yield {
            "image": name,
            "first_drawn_s": round(runs[0]["drawn_s"], 2),
            "drawn_s": round(best["drawn_s"], 2),
            "cpu_s": round(best["cpu_s"], 2),
            "budget_s": BUDGETS[name],
            "requests": max(run["requests"] for run in runs),
        }


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=5, help="drops of the film, two at least")
    options.add_argument("--only", choices=["film", "ct"], help="one of the two")
    options.add_argument("--picture", type=Path, help="keep the page with the film as a PNG")
    options.add_argument("--check", action="store_true", help="fail if a budget is missed")
    asked: argparse.Namespace = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with served(folder / "reader") as (reader, _), chromium() as browser:
            page = browser.new_page(base_url=reader.url, viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE_MS)
            made = list(rows(page, folder, [asked.only] if asked.only else ["ct", "film"], max(2, asked.times)))
            if asked.picture:
                page.screenshot(path=asked.picture)
    report("From the drop to the picture with its layers", made, asked.json)
    missed = [row["image"] for row in made if row["drawn_s"] > row["budget_s"] or row["requests"]]
    if asked.check and missed:
        sys.exit(f"over budget: {', '.join(missed)}")


if __name__ == "__main__":
    main()

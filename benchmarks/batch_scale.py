"""Cohorts of growing size: memory, rate, kills in between, what Hilum adds to a case, and the journal alone."""

from __future__ import annotations

import csv
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from computed_films import write_films
from measure import Row

from hilum.batch.cohort import run_cohort
from hilum.batch.inputs import cohort_of
from hilum.batch.journal import JOURNAL, Record, open_journal
from hilum.batch.local import Outcome
from hilum.batch.remote import AnyEntry, RemoteEntry
from hilum.settings import Settings
from hilum.writers.tables import TABLE
from hilum.writers.whole import MARKER

SAMPLE_SECONDS = 0.5
"""Time between two looks at a run."""

Sample = tuple[int, float]
"""Cases done, and resident memory in megabytes of 10**6 bytes."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run of ``hilum batch``, in as many processes as kills made of it.

    Attributes
    ----------
    wall_s : of all processes together
    samples : how its memory went on
    kills : how many processes were killed
    """

    wall_s: float
    samples: tuple[Sample, ...]
    kills: int

    @property
    def peak_mb(self) -> float:
        """Most memory that was resident."""
        return max(memory for _, memory in self.samples)


def scale(
    folder: Path, sizes: Sequence[int], *, side_px: int, kills: int, options: Sequence[str] = ()
) -> tuple[list[Row], tuple[Sample, ...]]:
    """A row for each size, and how memory went on in the largest cohort, which is killed that often and resumed.

    Memory is that of the process that was started, without workers of Ray. SystemExit if a case is missing, there
    twice, or has other results in a larger cohort.
    """
    rows: list[Row] = []
    samples: tuple[Sample, ...] = ()
    before: dict[str, list[str]] = {}
    for size in sorted(sizes):
        films, output = folder / f"films-{size}", folder / f"cohort-{size}"
        write_films(films, size, side_px=side_px)
        seen = watch(films, output, size, kills=kills if size == max(sizes) else 0, options=options)
        now = check(output, size)
        if different := [name for name in before if before[name] != now[name]]:
            sys.exit(f"{len(different)} cases have other results in a cohort of {size}, such as {different[0]}")
        before, samples = now, seen.samples
        rows.append(
            {
                "cases": size,
                "kills": seen.kills,
                "films/s": size / seen.wall_s,
                "peak MB": seen.peak_mb,
                "MB at the middle": _memory_at(seen.samples, size // 2),
                "journal KB": (output / JOURNAL).stat().st_size / 1e3,
                "table KB": (output / TABLE).stat().st_size / 1e3,
            }
        )
    return rows, samples


def watch(films: Path, output: Path, size: int, *, kills: int, options: Sequence[str] = ()) -> Watched:
    """Run a cohort to its end; between, SIGKILL it at as many random places, and run the same command again."""
    command = [sys.executable, "-m", "hilum", "batch", films, "-o", output, "--no-overlay", "--no-report", "--quiet"]
    command += options
    places = sorted(random.Random(size).sample(range(1, size), kills))
    samples: list[Sample] = []
    started, killed = time.perf_counter(), 0
    for until in (*places, size + 1):
        process = subprocess.Popen([str(word) for word in command])
        while process.poll() is None:
            samples.append((_lines(output / JOURNAL), _resident_mb(process.pid)))
            if samples[-1][0] >= until:
                process.kill()
                break
            time.sleep(SAMPLE_SECONDS if until - samples[-1][0] > 20 else 0.01)
        status = process.wait()
        killed += status == -signal.SIGKILL
        if status not in (0, -signal.SIGKILL):
            sys.exit(f"hilum batch ended with {status}")
    if killed != kills:
        sys.exit(f"{killed} of {kills} kills came before the end")
    return Watched(time.perf_counter() - started, tuple(samples), killed)


def check(output: Path, size: int) -> dict[str, list[str]]:
    """Rows of the table by case; SystemExit unless journal, table and folders hold every case exactly once."""
    with (output / JOURNAL).open(encoding="utf-8") as file:
        journal = Counter(json.loads(line)["case"] for line in file)
    with (output / TABLE).open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(file)
    table = Counter(line[0] for line in lines)
    folders = Counter(path.parent.name for path in output.glob(f"*/{MARKER}"))
    for name, found in (("journal", journal), ("table", table), ("folders", folders)):
        if len(found) != size or set(found.values()) != {1}:
            sys.exit(f"The {name} of {output} holds {found.total()} of {len(found)} cases, and {size} went in")
    if failed := [line[0] for line in lines if line[1] != "done"]:
        sys.exit(f"{len(failed)} cases failed, such as {failed[0]}")
    return {line[0]: line for line in lines}


def overhead(folder: Path, sizes: Sequence[int]) -> list[Row]:
    """What a case costs besides its analysis: finding, stamping, journal and tables, now and when run again."""
    rows: list[Row] = []
    for size in sizes:
        films, output = folder / f"empty-{size}", folder / f"none-{size}"
        films.mkdir()
        for number in range(size):
            (films / f"film-{number:07}.png").write_bytes(b"")
        row: dict[str, float] = {"cases": size}
        for name in ("first run", "run again"):
            started = time.process_time()
            settings = Settings()
            summary = run_cohort(cohort_of([films], settings), output, settings, mapper=no_analysis)
            row[f"{name}, ms a case"] = 1e3 * (time.process_time() - started) / size
            if summary.done != size:
                sys.exit(f"{summary.done} of {size} cases are done")
        rows.append(row)
    return rows


def no_analysis(
    entries: Sequence[AnyEntry],
    output: Path,
    settings: Settings,  # noqa: ARG001 - a mapper is given them
    *,
    record: Callable[[int, Outcome], None],
) -> Generator[Outcome]:
    """Writes a result of nothing for every entry."""
    nothing = {
        "modality": "cxr",
        "scores": {},
        "disease": {"not_measured": "not looked at"},
        "findings": [],
        "provenance": {"nodes": []},
    }
    for place, entry in enumerate(entries):
        made = output / entry.name
        made.mkdir(exist_ok=True)
        (made / MARKER).write_text(json.dumps(nothing), encoding="utf-8")
        source = entry.url if isinstance(entry, RemoteEntry) else str(entry.path)
        outcome = Outcome(entry.name, source, "done", folder=made, modality="cxr")
        record(place, outcome)
        yield outcome


def journal(sizes: Sequence[int]) -> list[Row]:
    """Time and memory of the journal alone: written in one run, read and looked up by the next."""
    return [_journal(size) for size in sizes]


def _journal(size: int) -> Row:
    known = Record("", "", "1:48213:0123456789abcdef", "0123456789abcdef", "done", modality="cxr")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        started = time.process_time()
        with open_journal(folder) as written:
            for number in range(size):
                written.add(replace(known, case=f"film-{number:07}", place=f"/films/film-{number:07}.png"))
        added = time.process_time()
        del written
        with open_journal(folder) as again:
            opened = time.process_time()
            if any(again.owner(record.case) != place for place, record in again.records.items()):
                sys.exit("the journal does not know its cases")
            if len(again.records) != size:
                sys.exit(f"{size} records were written and {len(again.records)} read")
            looked = time.process_time()
        del again
        size_mb = (folder / JOURNAL).stat().st_size / 1e6
        tracemalloc.start()
        with open_journal(folder):
            held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return {
        "records": size,
        "write µs each": 1e6 * (added - started) / size,
        "open µs each": 1e6 * (opened - added) / size,
        "look up µs each": 1e6 * (looked - opened) / size,
        "memory bytes each": held / size,
        "file MB": size_mb,
    }


def is_linear(rows: Sequence[Row], times: float = 2.0) -> bool:
    """Whether no figure that is by case grows to more than ``times`` itself from one size to the next."""
    names = [name for name in rows[0] if name.endswith(("each", "a case"))]
    return all(after[name] <= times * before[name] for before, after in pairwise(rows) for name in names)


def thinned(samples: Sequence[Sample], most: int = 400) -> Iterator[Sample]:
    """No more than that many of the samples, evenly."""
    return (samples[number * len(samples) // most] for number in range(most)) if len(samples) > most else iter(samples)


def _memory_at(samples: Sequence[Sample], done: int) -> float:
    """The memory when that many cases were done, or as near as was looked."""
    return min(samples, key=lambda sample: abs(sample[0] - done))[1]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _resident_mb(process: int) -> float:
    """Megabytes of 10**6 bytes; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0

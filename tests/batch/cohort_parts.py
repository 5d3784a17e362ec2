"""A cohort whose analysis does nothing but write a result; run as a program, it can be killed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hilum.batch import local
from hilum.batch.cohort import CohortSummary, run_cohort
from hilum.batch.inputs import cohort_of
from hilum.errors import NotAnImage
from hilum.geometry import PlaneGrid
from hilum.readers import Entry
from hilum.settings import FilmSettings, Mirrored, RuntimeSettings, Settings
from hilum.writers.whole import MARKER, whole_folder

WORKED_ON = "worked-on.txt"
"""Beside the cohort: a line for each case whose analysis began."""


def result_of(value: float, *, findings: tuple[str, ...] = (), provenance: str = "a") -> dict[str, Any]:
    """As much of a ``result.json`` as tables and pages need."""
    part = {"right": value, "left": value}
    score = {"value": value, "range": [0, 100], "unit": "%", "title": "Lung with opacity", "parts": part}
    return {
        "modality": "cxr",
        "scores": {"opacity-percent": {**score, "is_estimate": False}},
        "disease": {"probability": 0.5, "threshold": 0.3},
        "findings": [{"code": code, "gravity": "warning", "message": code} for code in findings],
        "provenance": {
            "digest": provenance,
            "nodes": [{"model": {"name": "blind", "version": "1.0.0", "sha256": provenance}}],
        },
    }


def fake(patch: Any, log: Path, seconds: float = 0.0) -> None:
    """Put this analysis in place of the true one, by ``patch(object, name, value)``."""

    def opened(entry: Entry) -> Any:
        if "bad" in entry.name:
            raise NotAnImage("It is bad.", path=entry.path)
        entry.path.stat()
        return SimpleNamespace(grid=PlaneGrid((7, 11)))

    def analyse(image: Any, *, name: str, **_: Any) -> Any:
        with log.open("a") as file:
            file.write(f"{name}\n")
        time.sleep(seconds)
        return SimpleNamespace(name=name, scores={}, findings=())

    def write_case(case: Any, output: Path, settings: Any, source: Any) -> Path:
        with whole_folder(output / case.name) as unfinished:
            (unfinished / MARKER).write_text(json.dumps(result_of(float(len(case.name)))))
        return output / case.name

    patch(Entry, "open", opened)
    patch(local, "open_networks", lambda settings, many: None)
    patch(local, "analyse", analyse)
    patch(local, "write_case", write_case)


def settings_of(*, mirrored: Mirrored = "auto") -> Settings:
    return Settings(runtime=RuntimeSettings(workers=2), film=FilmSettings(mirrored=mirrored))


def run(inputs: Path, output: Path, *, settings: Settings | None = None, **options: Any) -> CohortSummary:
    settings = settings or settings_of()
    return run_cohort(cohort_of([inputs], settings), output, settings, **options)


if __name__ == "__main__":
    films, out = map(Path, sys.argv[1:3])
    fake(setattr, out.parent / WORKED_ON, float(sys.argv[3]))
    run(films, out)

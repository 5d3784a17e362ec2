"""What is written down of each case, and by which an earlier run's result is known to be still right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from hilum.datasets.schema import DatasetCase, Mask
from hilum.geometry import Grid, VolumeGrid
from hilum.provenance import Json, hash_file

from .files import Stored
from .volume import Harmonised

RECORD = "case.json"
"""The file of a case's folder that tells how the others were made."""

FORMAT = 2
"""Raised whenever the same case and settings give other files than before."""


def key_of(case: DatasetCase, inputs: list[Json], settings: Mapping[str, Json], lungs: str) -> str:
    """SHA-256 of everything that a case's files depend on.

    Parameters
    ----------
    case : what is known of it
    inputs : names and hashes of its files
    settings : of the data base
    lungs : how they will be found, empty if the source has them
    """
    known = {item.name: _plain(getattr(case, item.name)) for item in fields(case)}
    told = {"format": FORMAT, "case": known, "inputs": inputs, "settings": dict(settings), "lungs": lungs}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def inputs_of(case: DatasetCase) -> list[Json]:
    """Names and hashes of a case's input files.

    Raises
    ------
    OSError
        One cannot be read.
    """
    return [{"name": path.name, "sha256": hash_file(path)} for path in dict.fromkeys(case.files)]


def record_of(case: DatasetCase, made: Harmonised, stored: tuple[Stored, ...], folder: Path) -> dict[str, Json]:
    """How a case was harmonised, and the files of it that ``folder`` holds."""
    files: dict[str, Json] = {
        path.name: {"sha256": hash_file(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }
    return {
        "source": case.source,
        "case": case.case,
        "patient": case.patient,
        "modality": case.modality,
        "licence": case.licence,
        "lungs": made.lungs,
        "is_cut": made.is_cut,
        "is_to_scale": made.is_to_scale,
        "intensity": made.scale.as_json(),
        "source_grid": _grid(made.source),
        "grid": _grid(made.grid),
        "first_voxel": list[Json](axis.start for axis in made.lattice.axes),
        "voxel_step": list[Json](axis.step for axis in made.lattice.axes),
        "stored": _stored(stored),
        "files": files,
    }


def earlier(folder: Path, key: str) -> dict[str, Any] | None:
    """The record in a case's folder, if it is of the same key and its files are there; None otherwise."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if found["key"] != key:
            return None
        sizes = {name: (folder / name).stat().st_size for name in found["files"]}
        return found if sizes == {name: each["bytes"] for name, each in found["files"].items()} else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stored_of(record: Mapping[str, Any]) -> tuple[Stored, ...]:
    """What a record points to."""
    return tuple(Stored(each["image"], each["masks"], each["slice"]) for each in record["stored"])


def _stored(stored: tuple[Stored, ...]) -> list[Json]:
    made: list[Json] = []
    for each in stored:
        masks: dict[str, Json] = {**each.masks}
        made.append({"image": each.image, "masks": masks, "slice": each.index})
    return made


def _grid(grid: Grid) -> dict[str, Json]:
    made: dict[str, Json] = {"shape": list(grid.shape)}
    made["spacing_mm"] = None if grid.spacing_mm is None else [round(size, 6) for size in grid.spacing_mm]
    if isinstance(grid, VolumeGrid):
        made["affine_lps"] = [list[Json](row) for row in grid.affine.tolist()]
    return made


def _plain(value: Any) -> Any:
    """A part of a case without the folders that its files happen to lie in."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mask):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in cast("list[Any]", value)]
    return value

"""Files that are there whole or not at all, also after the power failed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_synced(path: Path, content: bytes) -> None:
    """Replace a file at once: a temporary name, synced, renamed, the folder synced."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file at once."""
    write_synced(path, json.dumps(content, indent=1, sort_keys=True).encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none, or no JSON in it."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk before this returns."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have all files below a folder on the disk before this returns."""
    for place, _, files in os.walk(folder):
        for name in files:
            with Path(place, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(place))


def tree_bytes(folder: Path) -> int:
    """Size of all files below a folder, 0 if there is none."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(place, name).stat().st_size
            except FileNotFoundError:
                continue
    return total

"""How many cases this machine can have in work at once: by its cores, and by the memory that is free."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hilum.models.plan import CONTROL_GROUPS, cores
from hilum.settings import RuntimeSettings, Settings

from .remote import AnyEntry, RemoteEntry

NETWORKS_MB = 220
"""Resident memory of a process with both networks of films open, before the first film."""

FILM_MB = 250
"""What a film of nine megapixels in work adds to it, until its results are written."""

VOLUME_MB = 2000
"""What a CT of 1000 slices adds to it."""

SHARE = 0.8
"""Of the free memory that is taken: the rest is for the system's cache of files."""

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
"""Endings of files that are most often volumes: those wait for their turn before they are read."""

_MEMORY_INFO = Path("/proc/meminfo")


def is_likely_volume(entry: AnyEntry) -> bool:
    """A study, a folder of slices, or a file that is called like a volume."""
    if isinstance(entry, RemoteEntry):
        return entry.url.lower().endswith((*VOLUME_SUFFIXES, "/"))
    if entry.study is not None or (entry.member is None and entry.path.is_dir()):
        return True
    return (entry.member or entry.path.name).lower().endswith(VOLUME_SUFFIXES)


def cases_at_once(entries: Iterable[AnyEntry], settings: RuntimeSettings) -> int:
    """What ``runtime.workers`` says; or a case a core, but no more films than fit into the free memory beside a CT.

    Parameters
    ----------
    entries : what is to be worked on; volumes take turns, so that room for one is enough
    settings : ``workers`` is the number, 0 for what this machine can have
    """
    if settings.workers:
        return settings.workers
    free = free_mb()
    if free is None:
        return cores()
    volume = VOLUME_MB if any(is_likely_volume(entry) for entry in entries) else 0
    return min(cores(), max(1, int((SHARE * free - NETWORKS_MB - volume) // FILM_MB)))


def processes_at_once(settings: RuntimeSettings) -> int:
    """What ``runtime.workers`` says; or a process a core, but no more than fit into the free memory."""
    if settings.workers:
        return settings.workers
    free = free_mb()
    return cores() if free is None else min(cores(), max(1, int(SHARE * free // (NETWORKS_MB + FILM_MB))))


def for_one_worker(settings: Settings) -> Settings:
    """Settings of one of several workers: a case at a time, on one core unless ``runtime.threads`` says more."""
    runtime = replace(settings.runtime, workers=1, threads=settings.runtime.threads or 1)
    return replace(settings, runtime=runtime)


def free_mb() -> int | None:
    """Megabytes that new processes can have without swapping, by the system and by the limit of a container.

    None where neither is told.
    """
    known = [free for free in (_available_mb(_MEMORY_INFO), _container_mb(CONTROL_GROUPS)) if free is not None]
    return min(known) if known else None


def _available_mb(path: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", path.read_text(encoding="ascii"), flags=re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(found[1]) // 1024 if found else None


def _container_mb(folder: Path) -> int | None:
    """What a container's limit leaves free; None without a limit. Files of control groups of version 2, or 1.

    Files that the system keeps in memory count as used there, and are given up when memory is wanted.
    """
    for limit, used, kept in (
        (folder / "memory.max", folder / "memory.current", folder / "memory.stat"),
        (
            folder / "memory" / "memory.limit_in_bytes",
            folder / "memory" / "memory.usage_in_bytes",
            folder / "memory" / "memory.stat",
        ),
    ):
        try:
            taken = int(used.read_text(encoding="ascii")) - _inactive(kept)
            return max(0, int(limit.read_text(encoding="ascii")) - max(0, taken)) >> 20
        except (OSError, ValueError):  # "max" is no number: there is no limit
            continue
    return None


def _inactive(path: Path) -> int:
    """Bytes of files that are kept in memory and were not used lately."""
    try:
        found = re.search(r"^(?:total_)?inactive_file (\d+)", path.read_text(encoding="ascii"), flags=re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0

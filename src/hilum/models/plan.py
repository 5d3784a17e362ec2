"""What runs a network, and with how much of the machine: settings resolved to facts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from hilum.errors import SettingsError
from hilum.settings import RuntimeSettings

EngineName = Literal["openvino", "onnxruntime"]
Precision = Literal["float32", "bfloat16"]

FASTEST: Mapping[Literal["one", "many"], EngineName] = MappingProxyType({"one": "onnxruntime", "many": "openvino"})
"""What ``engine = "auto"`` means, from ``benchmarks/engines.py``.

For one film the time from a cold start to the first result counts, and ONNX Runtime starts in half the time of
OpenVINO. For many films the throughput counts: in float32 the two are equal within a tenth, and OpenVINO more than
doubles it on processors that compute in bfloat16, which ONNX Runtime does not use.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How networks are to be run.

    Attributes
    ----------
    engine : the library
    precision : of its arithmetic
    threads : of each inference
    workers : inferences at once that the engine makes room for; more callers wait for each other
    """

    engine: EngineName
    precision: Precision
    threads: int
    workers: int


_QUOTA = ("quota", "period")

CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""Where Linux tells what a container may use."""


def cores() -> int:
    """Processors that this process may use: those it may run on, and no more than its container's share of time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _container_share(CONTROL_GROUPS)
    return allowed if share is None else max(1, min(allowed, math.ceil(share)))


def _container_share(folder: Path) -> float | None:
    """Processors' worth of time that a container is held to; None if it is not, or there is none.

    Version 2 of control groups has a file ``cpu.max`` with quota and period, version 1 a file for each.
    """
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = ((folder / "cpu" / f"cpu.cfs_{it}_us").read_text(encoding="ascii") for it in _QUOTA)
        microseconds = float(quota) if quota != "max" else -1.0
        return microseconds / float(period) if microseconds > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def workers(settings: RuntimeSettings) -> int:
    """Films in flight at once when there are many."""
    return settings.workers or cores()


def resolve(settings: RuntimeSettings, *, many: bool) -> Plan:
    """The plan for one film, or for many.

    For one film all cores work on each inference; for many, ``workers`` inferences share them.

    Raises
    ------
    SettingsError
        The engine or the processor cannot compute in the precision asked for.
    """
    at_once = workers(settings) if many else 1
    threads = settings.threads or max(1, cores() // at_once)
    if settings.precision == "bfloat16":
        _require_bfloat16(settings)
        return Plan("openvino", "bfloat16", threads, at_once)
    engine = FASTEST["many" if many else "one"] if settings.engine == "auto" else settings.engine
    reduced = settings.precision == "auto" and engine == "openvino" and _has_bfloat16()
    return Plan(engine, "bfloat16" if reduced else "float32", threads, at_once)


def _require_bfloat16(settings: RuntimeSettings) -> None:
    if settings.engine == "onnxruntime":
        raise SettingsError(
            "ONNX Runtime does not compute in bfloat16 on a processor. "
            "Set runtime.engine to 'openvino', or runtime.precision to 'float32'."
        )
    if not _has_bfloat16():
        raise SettingsError("This processor does not compute in bfloat16. Set runtime.precision to 'float32'.")


def _has_bfloat16() -> bool:
    from .openvino import has_bfloat16

    return has_bfloat16()

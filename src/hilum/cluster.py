"""A Ray cluster to work on: somebody's, or one on this machine for the time of a run.

Every machine of a cluster has to have Hilum installed, the same version, and to see inputs and outputs under the same
paths.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from hilum.errors import Error, MissingExtra

LOCAL = "local"
"""Address that starts a cluster on this machine."""


@contextmanager
def on_cluster(address: str, *, cpus: int | None = None) -> Generator[Any]:
    """The library, connected to a cluster; one that this process is connected to already is taken, and left.

    Parameters
    ----------
    address : of the cluster, as Ray takes it, such as ``auto``; ``local`` starts one on this machine
    cpus : processors of the cluster on this machine; None for all

    Raises
    ------
    MissingExtra
        Ray is not installed.
    Error
        The cluster cannot be reached or started.
    """
    try:
        ray: Any = import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingExtra("Running on a Ray cluster", "cluster") from error
    if ray.is_initialized():
        yield ray
        return
    own: dict[str, Any] = {"num_cpus": cpus} if address == LOCAL else {}
    try:
        ray.init(address, **own, include_dashboard=False, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises bare ones, too, when a cluster does not start in time
        verb = "start" if address == LOCAL else "reach"
        raise Error(f"Cannot {verb} the Ray cluster {address!r}: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()

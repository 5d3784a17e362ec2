"""Jobs of the laboratory on a Ray cluster: the same function on the same jobs, wherever they run.

All machines of the cluster have to see the data and the output folder under the same paths, and have Hilum installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hilum.cluster import on_cluster

Job = TypeVar("Job")
Result = TypeVar("Result")


def each_on_ray(
    function: Callable[[Job], Result], jobs: Sequence[Job], *, address: str, cpus: int = 1, gpus: float = 0.0
) -> Iterator[tuple[int, Result | Exception]]:
    """The results of a function in the order in which jobs end; what a job raised takes the place of its result.

    Parameters
    ----------
    function : importable by name, as are the types of the jobs
    jobs : one a task
    address : of the cluster, as Ray takes it, such as ``auto``; ``local`` starts one on this machine
    cpus, gpus : that a job takes

    Yields
    ------
    The number of a job in the sequence, and its result

    Raises
    ------
    MissingExtra
        Ray is not installed.
    Error
        The cluster cannot be reached.
    """
    with on_cluster(address) as ray:
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(function)
        waiting = {remote.remote(job): number for number, job in enumerate(jobs)}
        while waiting:
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            number = waiting.pop(done)
            try:
                yield number, ray.get(done)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                yield number, cause if isinstance(cause, Exception) else error
            except ray.exceptions.RayError as error:  # a worker that died, for want of memory for example
                yield number, error

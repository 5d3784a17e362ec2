"""OpenVINO on the processor: the highest throughput, and bfloat16 where the processor has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ModelError

from .engines import load_openvino
from .plan import Plan
from .runtime import Arrays, Sizes

openvino: Any = load_openvino()

core: Any = openvino.Core()
"""OpenVINO's plugins; one for the process, as making it takes a while."""


def _fill_type_tables() -> None:
    """Make OpenVINO's tables of array types now, in one thread.

    They are made at their first use, by code that may let go of Python's lock within C++'s guard of the table: two
    threads at their first inference would wait for each other for ever.
    """
    tensor = openvino.Tensor(np.zeros(1, dtype=np.float32), shared_memory=True)
    tensor.get_element_type().to_dtype()
    np.array(tensor.data)


_fill_type_tables()


class OpenVino:
    """A network in OpenVINO, compiled in memory; nothing is cached on disk.

    Parameters
    ----------
    weights : an ONNX file
    plan : ``workers`` streams of ``threads`` threads each, and the precision

    Raises
    ------
    ModelError
        The file cannot be loaded.
    """

    def __init__(self, weights: Path, plan: Plan) -> None:
        self._properties = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[plan.precision],
            "NUM_STREAMS": plan.workers,
            "INFERENCE_NUM_THREADS": plan.workers * plan.threads,
            "ENABLE_CPU_PINNING": False,  # pinned, two processes would share one core and leave the next idle
        }
        self._weights = weights
        self._requests: dict[bool, _Requests] = {}
        self._compiling = Lock()
        try:
            network = core.read_model(weights)
            self.inputs: Mapping[str, Sizes] = {each.get_any_name(): _sizes(each) for each in network.inputs}
            self.outputs: Mapping[str, Sizes] = {each.get_any_name(): _sizes(each) for each in network.outputs}
            self._requests[True] = self._compiled(network, is_single=True)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load {weights}: {error}") from error

    def _compiled(self, network: Any, *, is_single: bool) -> _Requests:
        """The network for one image, or for any number: with fixed sizes it takes a tenth less time."""
        if is_single:
            network.reshape({name: [1 if size is None else size for size in s] for name, s in self.inputs.items()})
        return _Requests(core.compile_model(network, "CPU", self._properties))

    def _requests_for(self, batch: int) -> _Requests:
        """Prepared at once for one image, which is what stages give; for more, when the first such batch comes."""
        is_single = batch == 1
        with self._compiling:
            if is_single not in self._requests:
                self._requests[is_single] = self._compiled(core.read_model(self._weights), is_single=is_single)
            return self._requests[is_single]

    def compute(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Every output; each call has a request of its own, kept for a later one. ModelError if the engine fails."""
        try:
            results = self._requests_for(len(next(iter(inputs.values())))).infer(inputs)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO failed: {error}") from error
        return {name: results[index] for index, name in enumerate(self.outputs)}


class _Requests:
    """A compiled network with its requests, each kept for a later call."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._idle: deque[Any] = deque()

    def infer(self, inputs: Arrays) -> Any:
        """Results by the number of the output, in arrays that nothing else writes to."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._network.create_infer_request()
        results = request.infer(dict(inputs), share_inputs=True)
        self._idle.append(request)
        return results


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 (AMX or AVX-512) that OpenVINO uses."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _sizes(port: Any) -> Sizes:
    return tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())

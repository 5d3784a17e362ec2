"""ONNX Runtime on the processor: the shortest start."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ModelError

from .engines import load_onnxruntime
from .plan import Plan
from .runtime import Arrays, Sizes

onnxruntime: Any = load_onnxruntime()
_NATIVE: Any = import_module("onnxruntime.capi.onnxruntime_pybind11_state")

FAILURES: tuple[type[Exception], ...] = (
    _NATIVE.EPFail,
    _NATIVE.Fail,
    _NATIVE.InvalidArgument,
    _NATIVE.InvalidGraph,
    _NATIVE.InvalidProtobuf,
    _NATIVE.NoModel,
    _NATIVE.NoSuchFile,
    _NATIVE.NotImplemented,
    _NATIVE.RuntimeException,
)
"""What ONNX Runtime raises; the classes have no common base but ``Exception``."""


class OnnxRuntime:
    """A network in ONNX Runtime, in float32.

    Parameters
    ----------
    weights : an ONNX file
    plan : ``threads`` work on each inference; callers at once each bring their own thread

    Raises
    ------
    ModelError
        The file cannot be loaded.
    """

    def __init__(self, weights: Path, plan: Plan) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = plan.threads
        options.inter_op_num_threads = 1
        # A network's threads that spin while they wait take the cores from the network that is running.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except FAILURES as error:
            raise ModelError(f"ONNX Runtime cannot load {weights}: {error}") from error
        self.inputs: Mapping[str, Sizes] = {each.name: _sizes(each.shape) for each in self._session.get_inputs()}
        self.outputs: Mapping[str, Sizes] = {each.name: _sizes(each.shape) for each in self._session.get_outputs()}

    def compute(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Every output; ModelError if the engine fails."""
        try:
            results: Any = self._session.run(None, dict(inputs))
        except FAILURES as error:
            raise ModelError(f"ONNX Runtime failed: {error}") from error
        return dict(zip(self.outputs, results, strict=True))


def _sizes(shape: list[int | str | None]) -> Sizes:
    return tuple(size if isinstance(size, int) else None for size in shape)

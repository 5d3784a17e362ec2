"""What a film costs a network: operations, memory, and one core's time in torch and in both engines."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ENGINES = ("torch", "onnxruntime", "openvino")

Look = Callable[[], object]
"""Looks at one film."""

BYTES_A_WEIGHT = 16
"""In training: the weight, its gradient and two moments, four bytes each."""


def macs(model: Any, size: int) -> float:
    """Multiplications with an addition of every convolution and product of matrices, counted without computing any.

    Parameters
    ----------
    model : takes three channels; it loses its weights
    size : side of the input, in pixels
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.eval().to("meta")(torch.zeros(1, 3, size, size, device="meta"))
    return counter.get_total_flops() / 2


def kept_bytes(model: Any, size: int, batch: int) -> float:
    """What a step of training on a batch keeps, by two films that are not computed: in 32 bits, with two moments.

    Parameters
    ----------
    model : takes three channels; it loses its weights
    size : side of the input, in pixels
    batch : films of a step
    """
    import torch

    model.train().to("meta")
    own = {_place(parameter.untyped_storage()) for parameter in model.parameters()}
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if _place(storage) not in own:
            kept[_place(storage)] = storage  # holding it keeps its place from being given away
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        made = model(torch.zeros(2, 3, size, size, device="meta"))
    del made
    films = sum(storage.nbytes() for storage in kept.values()) / 2
    return films * batch + BYTES_A_WEIGHT * sum(parameter.numel() for parameter in model.parameters())


def _place(storage: Any) -> int:
    """Tells storages apart where no memory is behind them."""
    return storage._cdata  # noqa: SLF001 - the address, which is public, is 0 for all of these


def export(model: Any, size: int, path: Path) -> None:
    """Write a network of one input in three channels as ONNX, for one film."""
    import torch

    film = torch.zeros(1, 3, size, size)
    try:
        torch.onnx.export(model.eval(), (film,), str(path), opset_version=17, dynamo=False)
    except torch.onnx.errors.SymbolicValueError:  # pools to a fixed size what tracing cannot tell the size of
        torch.onnx.export(model.eval(), (film,), str(path), opset_version=18, dynamo=True, external_data=False)


def looker(engine: str, size: int, *, model: Callable[[], Any], onnx: Path | None = None) -> Look:
    """What looks at one film with one thread.

    Parameters
    ----------
    engine : one of :data:`ENGINES`
    size : side of the network's input, in pixels
    model : makes the network, for torch
    onnx : the network's file, for the others
    """
    film = np.random.default_rng(0).random((1, 3, size, size), dtype=np.float32)
    if engine == "torch":
        import torch

        torch.set_num_threads(1)
        network, tensor = model().eval(), torch.from_numpy(film)

        def look() -> object:
            with torch.inference_mode():
                return network(tensor)

        return look
    if onnx is None:
        raise ValueError(f"{engine} takes a network from a file")
    if engine == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name

        def run() -> object:
            return session.run(None, {name: film})

        return run
    import openvino

    hints = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(onnx, "CPU", hints)
    return lambda: compiled([film])


def films_a_second(look: Look, seconds: float) -> float:
    """Of processor time, after a first look: the best of four looks or more, so that other load takes nothing."""
    look()
    ends = [time.process_time()]
    while len(ends) < 5 or ends[-1] - ends[0] < seconds:
        look()
        ends.append(time.process_time())
    return 1 / float(np.diff(ends).min())

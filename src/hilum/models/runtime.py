"""Networks that run: arrays in, arrays out, both held to the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ModelError, ModelMismatch
from hilum.settings import RuntimeSettings

from .card import Card, Dim
from .catalogue import verified_weights
from .plan import Plan, resolve

Arrays = Mapping[str, NDArray[np.float32]]
"""Arrays by the network's names."""

Sizes = tuple[int | None, ...]
"""A shape as a network declares it; None where any size will do."""


class Runtime(Protocol):
    """A network that runs. Any number of threads may call :meth:`run` at once."""

    @property
    def name(self) -> str:
        """The engine: ``openvino`` or ``onnxruntime``."""
        ...

    @property
    def precision(self) -> str:
        """The engine's arithmetic: ``float32`` or ``bfloat16``."""
        ...

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """The network's outputs, all that its card declares.

        Raises
        ------
        ValueError
            An input is missing, or not of the shape on the card, or not float32.
        ModelError
            The engine failed, or a result is not finite.
        ModelMismatch
            A result has not the shape on the card.
        """
        ...


class Session(Protocol):
    """What an engine has to give: the network as the file declares it, and its computation, unchecked."""

    @property
    def inputs(self) -> Mapping[str, Sizes]:
        """Name to shape."""
        ...

    @property
    def outputs(self) -> Mapping[str, Sizes]:
        """Name to shape."""
        ...

    def compute(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Every output, in arrays that nothing else writes to; ModelError if the engine fails."""
        ...


def open_runtime(card: Card, settings: RuntimeSettings, *, many: bool) -> Runtime:
    """A network, ready to run.

    Parameters
    ----------
    card : which network
    settings : engine, precision, threads and workers; what is ``auto`` or 0 is chosen here
    many : whether throughput over many films counts, or the time to the first result

    Raises
    ------
    CorruptModel
        The weights are not the ones on the card.
    ModelMismatch
        The network's inputs or outputs are not those of the card.
    ModelError
        The engine cannot load the network.
    SettingsError
        The engine or the processor cannot compute in the precision asked for.
    """
    weights = verified_weights(card)
    plan = resolve(settings, many=many)
    if plan.engine == "openvino":
        from .openvino import OpenVino as Engine
    else:
        from .onnx import OnnxRuntime as Engine
    return _Checked(card, plan, Engine(weights, plan))


def open_runtimes(cards: Sequence[Card], settings: RuntimeSettings, *, many: bool) -> list[Runtime]:
    """Several networks, opened at the same time: with two cores in two thirds of the time of one after the other.

    Parameters and errors are those of :func:`open_runtime`. A network of blocks, which are run one by one, has all
    cores for each.
    """

    def open_one(card: Card) -> Runtime:
        return open_runtime(card, settings, many=many and card.input.patches is None)

    with ThreadPoolExecutor(max(1, len(cards))) as pool:
        return list(pool.map(open_one, cards))


class _Checked:
    """A session whose arrays are compared with the card on the way in and on the way out."""

    def __init__(self, card: Card, plan: Plan, session: Session) -> None:
        self._outputs = {name: output.shape for name, output in card.outputs.items()}
        self._card, self._plan, self._session = card, plan, session
        _require_declared(card.name, "input", card.inputs, session.inputs)
        _require_declared(card.name, "output", self._outputs, session.outputs)

    @property
    def name(self) -> str:
        return self._plan.engine

    @property
    def precision(self) -> str:
        return self._plan.precision

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        sizes = _sizes_given(self._card.name, self._card.inputs, inputs)
        results = self._session.compute({name: np.ascontiguousarray(array) for name, array in inputs.items()})
        for name, shape in self._outputs.items():
            expected = tuple(sizes.get(dim, -1) if isinstance(dim, str) else dim for dim in shape)
            _require_result(f"output {name!r} of {self._card.name}", results[name], expected)
        return results


def _require_declared(model: str, kind: str, card: Mapping[str, tuple[Dim, ...]], network: Mapping[str, Sizes]) -> None:
    """ModelMismatch unless the network declares the names and shapes of the card, or freer shapes."""
    if set(card) != set(network):
        raise ModelMismatch(
            f"The weights of {model} have the {kind}s {', '.join(sorted(network))}; "
            f"its card declares {', '.join(sorted(card))}."
        )
    for name, shape in card.items():
        found = network[name]
        if len(found) != len(shape) or any(size not in (None, dim) for size, dim in zip(found, shape, strict=True)):
            raise ModelMismatch(
                f"The {kind} {name!r} of the weights of {model} has the shape {_text(found)}; "
                f"its card declares {_text(shape)}."
            )


def _sizes_given(model: str, shapes: Mapping[str, tuple[Dim, ...]], inputs: Arrays) -> dict[str, int]:
    """The size of every named dimension; ValueError if an array does not fit."""
    if set(inputs) != set(shapes):
        raise ValueError(f"{model} takes the inputs {', '.join(shapes)}, and was given {', '.join(inputs) or 'none'}")
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        array = inputs[name]
        if array.dtype != np.float32:
            raise ValueError(f"the input {name!r} of {model} is float32, and was given {array.dtype}")
        if len(shape) == array.ndim:
            sizes = {dim: size for dim, size in zip(shape, array.shape, strict=True) if isinstance(dim, str)} | sizes
        if tuple(sizes.get(dim, 0) if isinstance(dim, str) else dim for dim in shape) != array.shape or not array.size:
            raise ValueError(f"the input {name!r} of {model} has the shape {_text(shape)}, and was given {array.shape}")
    return sizes


def _require_result(what: str, array: NDArray[np.float32], expected: tuple[int, ...]) -> None:
    if len(array.shape) != len(expected) or any(e not in (-1, n) for e, n in zip(expected, array.shape, strict=True)):
        raise ModelMismatch(f"The {what} came back with the shape {array.shape}; its card declares {expected}.")
    if not np.isfinite(array).all():
        raise ModelError(f"The {what} holds values that are not finite numbers. Try runtime.precision 'float32'.")


def _text(shape: tuple[Dim | None, ...]) -> str:
    return f"({', '.join('any' if dim is None else str(dim) for dim in shape)})"

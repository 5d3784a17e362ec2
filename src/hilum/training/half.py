"""Weights at half their size: stored as float16, computed in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hilum.errors import MissingExtra, ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

SMALLEST = 256
"""Tensors with fewer numbers stay float32: biases and normalisations weigh little and cost accuracy."""


def to_half_storage(source: Path, target: Path, *, smallest: int = SMALLEST) -> None:
    """Write a network again with its large float32 weights stored as float16.

    Each such tensor is followed by a ``Cast`` to float32, which engines fold away when they load the file: they
    compute in float32 with rounded weights. Names of files and of Python modules that an exporter left behind are
    taken out, external weights are taken in, and the same network gives the same bytes.

    Parameters
    ----------
    source : an ONNX file
    target : the ONNX file to write
    smallest : tensors with fewer numbers than this are left alone

    Raises
    ------
    ModelError
        A weight is beyond the range of float16 (65504).
    MissingExtra
        The ``onnx`` package is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("Writing networks", "train") from error
    model = onnx.load(source)
    _halve(model.graph, smallest)
    _strip(model.graph)
    model.doc_string = ""
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def _halve(graph: GraphProto, smallest: int) -> None:
    """Replace large float32 initializers by float16 ones, each with its Cast, in the order of the file."""
    from onnx import TensorProto, helper, numpy_helper

    casts: list[NodeProto] = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        largest = np.abs(values).max()
        if not largest <= np.finfo(np.float16).max:  # so that NaN is refused, too
            raise ModelError(
                f"Cannot store the weights {name!r} as float16: they reach {largest:.3g}, and float16 ends at 65504."
            )
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _strip(graph: GraphProto) -> None:
    """Take out what an exporter wrote for people: documentation, traces of source files, inner shapes."""
    graph.doc_string = ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        tensor.ClearField("data_location")
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]

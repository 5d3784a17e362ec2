from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.errors import ModelError
from hilum.models.engines import load_onnxruntime, load_openvino
from hilum.training.half import to_half_storage

onnx = pytest.importorskip("onnx")


def network(path: Path, kernel: np.ndarray, *, external: bool = False) -> Path:
    """One convolution with a bias, with the traces that exporters leave."""
    helper, held = onnx.helper, onnx.numpy_helper.from_array
    node = helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], name="conv", doc_string="/home/someone/train.py:7")
    sizes = ["n", kernel.shape[1], 11, 13]
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", kernel.shape[0], None, None])],
        [held(kernel, "kernel"), held(np.full(kernel.shape[0], 0.1, np.float32), "bias")],
        doc_string="made in /home/someone",
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, doc_string="/home/x")
    helper.set_model_props(model, {"path": "/home/someone"})
    onnx.save(model, path, save_as_external_data=external, location="outside.bin", size_threshold=0)
    return path


def kernel() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.1, (16, 7, 3, 3)).astype(np.float32)


def run(path: Path, x: np.ndarray) -> np.ndarray:
    return load_onnxruntime().InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def test_large_weights_are_stored_at_half_their_size_and_small_ones_as_they_were(tmp_path: Path) -> None:
    source = network(tmp_path / "a.onnx", kernel())
    to_half_storage(source, tmp_path / "b.onnx")
    held = {t.name: t.data_type for t in onnx.load(tmp_path / "b.onnx").graph.initializer}
    assert held == {"kernel/half": onnx.TensorProto.FLOAT16, "bias": onnx.TensorProto.FLOAT}
    assert (tmp_path / "b.onnx").stat().st_size < 0.6 * source.stat().st_size


def test_it_computes_in_float32_with_rounded_weights(tmp_path: Path) -> None:
    to_half_storage(network(tmp_path / "a.onnx", kernel()), tmp_path / "b.onnx")
    rounded = network(tmp_path / "rounded.onnx", kernel().astype(np.float16).astype(np.float32))
    x = np.random.default_rng(4).normal(0, 1, (2, 7, 11, 13)).astype(np.float32)
    found = run(tmp_path / "b.onnx", x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run(rounded, x), atol=1e-6, rtol=0)
    difference = np.abs(found - run(tmp_path / "a.onnx", x)).max()
    assert 0 < difference < 2e-3


def test_both_engines_fold_the_casts_when_they_load(tmp_path: Path) -> None:
    onnxruntime, openvino = load_onnxruntime(), load_openvino()
    to_half_storage(network(tmp_path / "a.onnx", kernel()), tmp_path / "b.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(tmp_path / "b.onnx", options, providers=["CPUExecutionProvider"])
    assert "Cast" not in {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    compiled = openvino.Core().compile_model(tmp_path / "b.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    kinds = {node.get_rt_info()["layerType"].astype(str) for node in compiled.get_runtime_model().get_ops()}
    assert "Convolution" in kinds
    assert "Convert" not in kinds


def test_the_same_network_gives_the_same_bytes_wherever_it_was(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = network(tmp_path / "a.onnx", kernel())
    second = network(tmp_path / "elsewhere" / "c.onnx", kernel(), external=True)
    to_half_storage(first, tmp_path / "b.onnx")
    to_half_storage(second, tmp_path / "d.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "d.onnx").read_bytes()


def test_traces_of_the_exporter_are_gone(tmp_path: Path) -> None:
    source = network(tmp_path / "a.onnx", kernel())
    assert b"/home" in source.read_bytes()
    to_half_storage(source, tmp_path / "b.onnx")
    assert b"/home" not in (tmp_path / "b.onnx").read_bytes()
    assert b"someone" not in (tmp_path / "b.onnx").read_bytes()


def test_twice_is_once(tmp_path: Path) -> None:
    to_half_storage(network(tmp_path / "a.onnx", kernel()), tmp_path / "b.onnx")
    to_half_storage(tmp_path / "b.onnx", tmp_path / "c.onnx")
    assert (tmp_path / "c.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_nothing_is_halved_below_the_smallest_size(tmp_path: Path) -> None:
    to_half_storage(network(tmp_path / "a.onnx", kernel()), tmp_path / "b.onnx", smallest=10**6)
    kinds = {t.data_type for t in onnx.load(tmp_path / "b.onnx").graph.initializer}
    assert kinds == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("value", [7e4, -7e4, np.inf, np.nan])
def test_a_weight_beyond_float16_is_refused(tmp_path: Path, value: float) -> None:
    large = kernel()
    large[1, 2, 0, 1] = value
    with pytest.raises(ModelError, match="Cannot store the weights 'kernel' as float16"):
        to_half_storage(network(tmp_path / "a.onnx", large), tmp_path / "b.onnx")
    assert not (tmp_path / "b.onnx").exists()

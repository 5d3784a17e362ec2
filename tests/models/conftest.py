"""A tiny network with two inputs and two outputs, and its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.image import Quantity
from hilum.models.card import Card, FurtherInput, ImageInput, Metric, Output, TrainingData
from hilum.models.card_writer import write_card

ROWS, COLUMNS = 11, 13


def tiny_network(path: Path, *, scale: float = 0.1) -> Path:
    """Write an ONNX file: film and lungs, joined, through a convolution; a mask and one number a film come out."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper, floating = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    random = np.random.default_rng(5)
    weights = {
        "kernel": random.normal(0, scale, (2, 4, 3, 3)).astype(np.float32),
        "bias": random.normal(0, scale, 2).astype(np.float32),
        "head": random.normal(0, scale, (2, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Concat", ["film", "lungs"], ["both"], axis=1),
        helper.make_node("Conv", ["both", "kernel", "bias"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["logits"], ["lesions"]),
        helper.make_node("ReduceMean", ["logits"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "head"], ["disease"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("film", floating, ["n", 3, ROWS, COLUMNS]),
            helper.make_tensor_value_info("lungs", floating, ["n", 1, ROWS, COLUMNS]),
        ],
        [
            helper.make_tensor_value_info("lesions", floating, ["n", 2, ROWS, COLUMNS]),
            helper.make_tensor_value_info("disease", floating, ["n", 1]),
        ],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def tiny_card(**changes: object) -> Card:
    """The card of the tiny network."""
    card = Card(
        name="tiny-1.0",
        version="1.0.0",
        task="cxr-lesions",
        title="A network for tests",
        sha256="0" * 64,
        licence="Apache-2.0",
        recipe="tiny",
        intended_use='To be tested; not "used".\nNever.',
        limits=("Knows nothing about patients.", "Sees 11 × 13 pixels."),
        input=ImageInput(
            name="film",
            shape=("batch", 3, ROWS, COLUMNS),
            quantity=Quantity.RADIOGRAPH,
            size_px=(ROWS, COLUMNS),
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 1e-05),
            window_percentiles=(0.5, 99.5),
            region="lungs",
            margin=0.05,
        ),
        further_inputs=(FurtherInput("lungs", ("batch", 1, ROWS, COLUMNS), "1 within the lungs, 0 elsewhere."),),
        outputs={
            "lesions": Output(
                ("batch", 2, ROWS, COLUMNS), "sigmoid", ("ground-glass", "consolidation"), {"consolidation": 0.25}
            ),
            "disease": Output(("batch", 1), "none", ("disease",), meaning="Above 0: diseased."),
        },
        thresholds={"disease": 0.5, "six_zone": 0.07},
        training_data=(TrainingData("Noise", "CC0-1.0", "doi:10.0000/none", "outlines", 7),),
        metrics=(
            Metric("dice-lesions", "test", 0.5, 0.25, 0.75, 7),
            Metric("mae-six-zone", "test", 0.5, 0.25, 0.75, 7, n_patients=5),
        ),
        steps=825,
    )
    return replace(card, **changes)


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Card]:
    """Put a network and its card into a folder; the card that is given back knows the folder and the hash."""

    def make(scale: float = 0.1, **changes: object) -> Card:
        card = tiny_card(**changes)
        folder = tmp_path / "models" / card.name
        folder.mkdir(parents=True, exist_ok=True)
        weights = tiny_network(folder / "weights.onnx", scale=scale)
        card = replace(card, sha256=hashlib.sha256(weights.read_bytes()).hexdigest(), folder=folder)
        write_card(card, folder / "card.toml")
        return card

    return make


@pytest.fixture
def inputs() -> dict[str, np.ndarray]:
    """Two films and their lungs."""
    random = np.random.default_rng(7)
    return {
        "film": random.normal(0, 1, (2, 3, ROWS, COLUMNS)).astype(np.float32),
        "lungs": (random.random((2, 1, ROWS, COLUMNS)) > 0.5).astype(np.float32),
    }

"""Networks that see nothing: they draw the same two lungs on every film, with ground-glass in the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hilum.image import Quantity
from hilum.models.card import WEIGHTS, Card, FurtherInput, ImageInput, Output
from hilum.models.card_writer import write_card
from hilum.provenance import hash_file
from hilum.segmentation.zones import ZONES

SIDE = 64
SQUARE = (SIDE, SIDE)
SIDES = ("none", "right", "left")


def drawn(*boxes: tuple[slice, slice]) -> NDArray[np.float32]:
    """Probabilities (1, 1 + boxes, side, side): nearly certain of each box, and of nothing elsewhere."""
    made = np.full((1, 1 + len(boxes), *SQUARE), 0.01, np.float32)
    made[:, 0] = 0.98
    for number, box in enumerate(boxes, start=1):
        made[0, 0][box], made[0, number][box] = 0.01, 0.98
    return made


RIGHT, LEFT = (slice(12, 52), slice(8, 28)), (slice(12, 52), slice(36, 56))
LUNGS = {"lungs": drawn(RIGHT, LEFT), "fields": drawn(RIGHT, LEFT), "kind": np.float32([[0.99, 0.01, 0.01]])}
LESIONS = {
    "lesions": drawn((slice(40, 60), slice(4, 24)), (slice(0, 0), slice(0, 0))),
    "disease": np.float32([[0.9]]),
    "brixia": np.full((1, 6, 3), 0.5, np.float32),
    "affected": np.full((1, 6), 0.5, np.float32),
}


def write_network(card: Card, constants: dict[str, NDArray[np.float32]], folder: Path) -> None:
    """A network whose outputs are constants, of whatever batch it is given."""
    folder.mkdir()
    nodes = [
        helper.make_node("ReduceMean", ["film"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "nought"], ["noughts"]),
    ]
    values = {"nought": np.float32(0)}
    for name, constant in constants.items():
        shape = np.array([-1, *[1] * (constant.ndim - 1)])
        values |= {f"{name}-constant": constant, f"{name}-shape": shape}
        nodes += [
            helper.make_node("Reshape", ["noughts", f"{name}-shape"], [f"{name}-noughts"]),
            helper.make_node("Add", [f"{name}-noughts", f"{name}-constant"], [name]),
        ]

    def described(shapes: dict[str, Any]) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    outputs = {name: ("batch", *constant.shape[1:]) for name, constant in constants.items()}
    inside = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(nodes, card.name, described(card.inputs), described(outputs), inside)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / WEIGHTS)
    facts = {**{key: getattr(card, key) for key in card.__dataclass_fields__}, "sha256": hash_file(folder / WEIGHTS)}
    write_card(Card(**facts), folder / "card.toml")


def card(task: Any, outputs: dict[str, Output], thresholds: dict[str, float], **further: Any) -> Card:
    film = ImageInput("film", ("batch", 1, *SQUARE), Quantity.RADIOGRAPH, SQUARE, (0.0,), (1.0,), margin=0.05)
    return Card(
        name=f"blind-{task}",
        version="1.0.0",
        task=task,
        title="Sees nothing",
        sha256="0" * 64,
        licence="Apache-2.0",
        recipe="none",
        intended_use="Tests.",
        limits=("It sees nothing.",),
        input=film,
        outputs=outputs,
        thresholds=thresholds,
        **further,
    )


@pytest.fixture
def blind_networks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands take these networks, in a fresh folder, in place of the package's."""
    folder = tmp_path_factory.mktemp("networks")
    masks = {name: Output(("batch", 3, *SQUARE), "softmax", SIDES) for name in ("lungs", "fields")}
    kind = Output(("batch", 3), "sigmoid", ("film", "inverted", "turned"))
    lungs = card("cxr-lungs", {**masks, "kind": kind}, {"film": 0.5, "inverted": 0.5, "turned": 0.5})
    write_network(lungs, LUNGS, folder / lungs.name)
    outputs = {
        "lesions": Output(("batch", 3, *SQUARE), "softmax", ("none", "ground-glass", "consolidation")),
        "disease": Output(("batch", 1), "sigmoid", ("disease",)),
        "brixia": Output(("batch", 6, 3), "sigmoid", ZONES),
        "affected": Output(("batch", 6), "sigmoid", ZONES),
    }
    chosen = {"disease": 0.5, "opacity": 0.5, "consolidation": 0.5, "six-zone": 0.5, "opacity-weight": 0.5}
    zones = FurtherInput("zones", ("batch", 6, *SQUARE), "Where the zones are.")
    lesions = card("cxr-lesions", outputs, chosen, further_inputs=(zones,))
    write_network(lesions, LESIONS, folder / lesions.name)
    monkeypatch.setenv("HILUM_MODELS", str(folder))
    monkeypatch.setenv("HILUM_MODELS_CXR_LUNGS", lungs.name)
    monkeypatch.setenv("HILUM_MODELS_CXR_LESIONS", lesions.name)

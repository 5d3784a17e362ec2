from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import engines
import pytest

from hilum.image import Quantity
from hilum.models.card import Card, ImageInput, Output
from hilum.models.card_writer import write_card
from hilum.models.plan import FASTEST


def row(purpose: str, engine: str, start: float, rate: float) -> dict[str, Any]:
    return {"purpose": purpose, "engine": engine, "start s": start, "films/s": rate}


def rows(one: dict[str, float], many: dict[str, float]) -> list[dict[str, Any]]:
    """A start for each engine, and a rate; each with a worse line besides."""
    made = [row("one", engine, start, 1) for engine, start in one.items()]
    made += [row("one", engine, 9 * start, 99) for engine, start in one.items()]
    made += [row("many", engine, 1, rate) for engine, rate in many.items()]
    return made + [row("many", engine, 0.001, rate / 9) for engine, rate in many.items()]


def test_the_packages_choice_is_held_against_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "FASTEST", {"one": "onnxruntime", "many": "openvino"})
    starts, rates = {"onnxruntime": 0.3, "openvino": 0.6}, {"onnxruntime": 20.0, "openvino": 55.0}
    assert engines.verdict(rows(starts, rates)) == []
    slow = engines.verdict(rows({"onnxruntime": 0.3, "openvino": 0.2}, rates))
    assert slow == ["for one, openvino takes 0.2 s, and onnxruntime 0.3 s"]
    slow = engines.verdict(rows(starts, {"onnxruntime": 50.0, "openvino": 40.0}))
    assert slow == ["for many, onnxruntime takes 0.02 s, and openvino 0.025 s"]


def test_noise_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "FASTEST", {"one": "onnxruntime", "many": "openvino"})
    starts, rates = {"onnxruntime": 0.31, "openvino": 0.30}, {"onnxruntime": 21.0, "openvino": 20.0}
    assert engines.verdict(rows(starts, rates)) == []


def test_every_engine_is_tried_for_one_and_for_many() -> None:
    tried = {(trial.purpose, trial.engine) for trial in engines.trials()}
    assert tried == {(purpose, engine) for purpose in FASTEST for engine in ("onnxruntime", "openvino")}


def test_a_line_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path / "tiny")
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path))
    trial = engines.Trial("many", "onnxruntime", "float32", threads=1, workers=2)
    made = engines.measure(trial, ["tiny"], seconds=0.05, times=1)
    assert (made["engine"], made["workers"]) == ("onnxruntime", 2)
    assert 0 < made["start s"] < 20
    assert made["films/s"] > 1
    assert made["peak MB"] > 10
    json.dumps(made)


def _install(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, floating = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, floating, ["n", 1, 7, 9]) for name in ("film", "mask")]
    graph = helper.make_graph([helper.make_node("Sigmoid", ["film"], ["mask"])], "tiny", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir()
    (folder / "weights.onnx").write_bytes(model.SerializeToString())
    card = Card(
        name=folder.name,
        version="1",
        task="cxr-lungs",
        title="A network for tests",
        sha256=hashlib.sha256(model.SerializeToString()).hexdigest(),
        licence="CC0-1.0",
        recipe="none",
        intended_use="To be tested.",
        limits=(),
        input=ImageInput("film", ("n", 1, 7, 9), Quantity.RADIOGRAPH, (7, 9), (0.0,), (1.0,)),
        outputs={"mask": Output(("n", 1, 7, 9), "sigmoid", ("lungs",))},
    )
    write_card(card, folder / "card.toml")

"""What every engine promises, one class of tests for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.errors import CorruptModel, ModelError, ModelMismatch
from hilum.models.card import Card
from hilum.models.onnx import OnnxRuntime
from hilum.models.openvino import OpenVino, has_bfloat16
from hilum.models.plan import EngineName, Plan
from hilum.models.runtime import Runtime, open_runtime, open_runtimes
from hilum.settings import RuntimeSettings

from .conftest import COLUMNS, ROWS

Install = Callable[..., Card]
Arrays = dict[str, np.ndarray]

ENGINES = [
    pytest.param(RuntimeSettings(engine="onnxruntime", precision="float32"), id="onnxruntime"),
    pytest.param(RuntimeSettings(engine="openvino", precision="float32"), id="openvino"),
    pytest.param(
        RuntimeSettings(engine="openvino", precision="bfloat16"),
        id="openvino-bfloat16",
        marks=pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16"),
    ),
]

TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}
"""Largest difference of any output from float64 arithmetic, for outputs around 1."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(card: Card, inputs: Arrays) -> Arrays:
    """The tiny network in float64, written out."""
    import onnx

    held = {t.name: onnx.numpy_helper.to_array(t).astype(float) for t in onnx.load(card.weights).graph.initializer}
    both = np.concatenate([inputs["film"], inputs["lungs"]], axis=1).astype(float)
    padded = np.pad(both, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    logits = np.einsum("ncijkl,ockl->noij", windows, held["kernel"]) + held["bias"][:, None, None]
    return {"lesions": sigmoid(logits), "disease": logits.mean((2, 3)) @ held["head"]}


@pytest.mark.parametrize("settings", ENGINES)
class TestEveryEngine:
    def test_it_says_what_it_is(self, install: Install, settings: RuntimeSettings) -> None:
        runtime = open_runtime(install(), settings, many=False)
        assert (runtime.name, runtime.precision) == (settings.engine, settings.precision)

    @pytest.mark.parametrize("many", [False, True])
    def test_it_computes_the_network(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings, many: bool
    ) -> None:
        card = install()
        results = open_runtime(card, settings, many=many).run(inputs)
        expected = by_hand(card, inputs)
        assert list(results) == ["lesions", "disease"]
        for name, values in expected.items():
            assert results[name].dtype == np.float32
            np.testing.assert_allclose(results[name], values, atol=TOLERANCE[settings.precision], rtol=0)

    def test_the_same_input_gives_the_same_bits(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings
    ) -> None:
        card = install()
        first, second = (open_runtime(card, settings, many=False).run(inputs) for _ in range(2))
        assert all((first[name] == second[name]).all() for name in first)

    def test_results_stay_when_it_runs_again(self, install: Install, inputs: Arrays, settings: RuntimeSettings) -> None:
        runtime = open_runtime(install(), settings, many=False)
        first = runtime.run(inputs)
        kept = {name: array.copy() for name, array in first.items()}
        second = runtime.run({name: array * 0 for name, array in inputs.items()})
        assert all((first[name] == kept[name]).all() for name in first)
        assert not (second["lesions"] == first["lesions"]).all()

    @pytest.mark.parametrize("batch", [1, 3, 2])
    def test_it_takes_any_batch(self, install: Install, inputs: Arrays, settings: RuntimeSettings, batch: int) -> None:
        taken = {name: np.repeat(array[:1], batch, axis=0) for name, array in inputs.items()}
        results = open_runtime(install(), settings, many=True).run(taken)
        assert results["lesions"].shape == (batch, 2, ROWS, COLUMNS)
        assert results["disease"].shape == (batch, 1)

    def test_inputs_may_be_read_only_and_strided_and_are_left_alone(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings
    ) -> None:
        runtime = open_runtime(install(), settings, many=False)
        expected = runtime.run(inputs)
        strided = {name: np.asfortranarray(array) for name, array in inputs.items()}
        for array in strided.values():
            array.setflags(write=False)
        results = runtime.run(strided)
        assert all((results[name] == expected[name]).all() for name in expected)
        assert all((strided[name] == inputs[name]).all() for name in inputs)

    def test_eight_threads_get_their_own_results(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings
    ) -> None:
        runtime = open_runtime(install(), replace(settings, workers=2), many=True)
        factors = np.linspace(-2, 2, 64, dtype=np.float32)
        films = [{"film": inputs["film"] * factor, "lungs": inputs["lungs"]} for factor in factors]
        alone = [runtime.run(film) for film in films]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(runtime.run, films))
        for one, other in zip(alone, together, strict=True):
            assert all((one[name] == other[name]).all() for name in one)
        assert not (alone[0]["lesions"] == alone[1]["lesions"]).all()

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"lungs": None}, "tiny-1.0 takes the inputs film, lungs, and was given film"),
            ({"more": np.zeros(3, np.float32)}, "takes the inputs film, lungs, and was given film, lungs, more"),
            ({"film": np.zeros((2, 3, ROWS, COLUMNS))}, "'film' of tiny-1.0 is float32, and was given float64"),
            (
                {"film": np.zeros((2, 3, COLUMNS, ROWS), np.float32)},
                r"has the shape \(batch, 3, 11, 13\), and was given \(2, 3, 13, 11\)",
            ),
            ({"film": np.zeros((3, ROWS, COLUMNS), np.float32)}, r"was given \(3, 11, 13\)"),
            ({"lungs": np.zeros((1, 1, ROWS, COLUMNS), np.float32)}, r"'lungs' .* was given \(1, 1, 11, 13\)"),
            ({"film": np.zeros((0, 3, ROWS, COLUMNS), np.float32)}, r"was given \(0, 3, 11, 13\)"),
        ],
    )
    def test_inputs_that_do_not_fit_are_a_slip(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings, change: dict[str, Any], sentence: str
    ) -> None:
        runtime = open_runtime(install(), settings, many=False)
        given = {name: array for name, array in {**inputs, **change}.items() if array is not None}
        with pytest.raises(ValueError, match=sentence):
            runtime.run(given)

    def test_weights_with_another_hash_are_not_opened(self, install: Install, settings: RuntimeSettings) -> None:
        card = install()
        damaged = bytearray(card.weights.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        card.weights.write_bytes(damaged)
        with pytest.raises(CorruptModel):
            open_runtime(card, settings, many=False)

    def test_a_file_that_is_no_network_is_said(self, install: Install, settings: RuntimeSettings) -> None:
        card = install()
        content = card.weights.read_bytes()[:400]
        card.weights.write_bytes(content)
        with pytest.raises(ModelError, match=r"cannot load .*weights.onnx"):
            open_runtime(replace(card, sha256=hashlib.sha256(content).hexdigest()), settings, many=False)

    def test_another_name_of_an_input_is_a_mismatch(self, install: Install, settings: RuntimeSettings) -> None:
        card = install()
        card = replace(card, input=replace(card.input, name="image"))
        with pytest.raises(ModelMismatch, match="have the inputs film, lungs; its card declares image, lungs"):
            open_runtime(card, settings, many=False)

    def test_an_output_that_the_card_leaves_out_is_a_mismatch(
        self, install: Install, settings: RuntimeSettings
    ) -> None:
        card = install()
        card = replace(card, outputs={"lesions": card.outputs["lesions"]})
        with pytest.raises(ModelMismatch, match="have the outputs disease, lesions; its card declares lesions"):
            open_runtime(card, settings, many=False)

    def test_another_size_is_a_mismatch(self, install: Install, settings: RuntimeSettings) -> None:
        card = install()
        card = replace(card, input=replace(card.input, shape=("batch", 3, 11, 15), size_px=(11, 15)))
        with pytest.raises(ModelMismatch, match=r"'film' .* the shape \(any, 3, 11, 13\); .* \(batch, 3, 11, 15\)"):
            open_runtime(card, settings, many=False)

    def test_a_result_that_is_not_finite_is_an_error(
        self, install: Install, inputs: Arrays, settings: RuntimeSettings
    ) -> None:
        runtime = open_runtime(install(), settings, many=False)
        with pytest.raises(ModelError, match="holds values that are not finite"):
            runtime.run(inputs | {"film": np.full_like(inputs["film"], np.nan)})


def test_the_engines_agree(install: Install, inputs: Arrays) -> None:
    card = install(scale=0.5)
    results = [
        open_runtime(card, RuntimeSettings(engine=engine, precision="float32"), many=False).run(inputs)
        for engine in ("onnxruntime", "openvino")
    ]
    for name in card.outputs:
        np.testing.assert_allclose(results[0][name], results[1][name], atol=TOLERANCE["float32"], rtol=0)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_several_are_opened_at_once_in_the_order_of_their_cards(
    install: Install, inputs: Arrays, engine: EngineName
) -> None:
    cards = [install(scale=scale, name=name) for scale, name in ((0.1, "weak"), (0.9, "strong"))]
    opened = open_runtimes(cards, RuntimeSettings(engine=engine, precision="float32"), many=True)
    for card, runtime in zip(cards, opened, strict=True):
        np.testing.assert_allclose(runtime.run(inputs)["lesions"], by_hand(card, inputs)["lesions"], atol=1e-5, rtol=0)
    assert open_runtimes([], RuntimeSettings(engine=engine), many=True) == []


def test_what_one_of_several_lacks_is_said(install: Install) -> None:
    good, bad = install(name="good"), install(name="bad")
    bad.weights.unlink()
    with pytest.raises(CorruptModel, match="the weights of bad"):
        open_runtimes([good, bad], RuntimeSettings(engine="onnxruntime"), many=False)


class _Wrong:
    """A session that does not keep what it declares."""

    def __init__(self, weights: Path, plan: object) -> None:
        self.inputs = {"film": (None, 3, ROWS, COLUMNS), "lungs": (None, 1, ROWS, COLUMNS)}
        self.outputs = {"lesions": (None, 2, ROWS, COLUMNS), "disease": (None, None)}

    def compute(self, inputs: Arrays) -> Arrays:
        return {"lesions": np.zeros((2, 2, ROWS, COLUMNS), np.float32), "disease": np.zeros((2, 5), np.float32)}


def test_a_result_of_another_shape_is_a_mismatch(
    install: Install, inputs: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.models.onnx.OnnxRuntime", _Wrong)
    runtime: Runtime = open_runtime(install(), RuntimeSettings(engine="onnxruntime"), many=False)
    with pytest.raises(ModelMismatch, match=r"output 'disease' of tiny-1.0 came back with the shape \(2, 5\)"):
        runtime.run(inputs)


@pytest.mark.parametrize(("session", "engine"), [(OnnxRuntime, "onnxruntime"), (OpenVino, "openvino")])
def test_an_engine_that_fails_says_so_and_goes_on(
    install: Install, inputs: Arrays, session: type[OnnxRuntime | OpenVino], engine: EngineName
) -> None:
    opened = session(install().weights, Plan(engine, "float32", threads=1, workers=1))
    with pytest.raises(ModelError, match=r"(ONNX Runtime|OpenVINO) failed: "):
        opened.compute(inputs | {"film": inputs["film"][..., :5]})
    assert opened.compute(inputs)["disease"].shape == (2, 1)

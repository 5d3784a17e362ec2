"""Several networks as one: the mean, and what cannot be one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.errors import CorruptModel, ModelMismatch, UnknownModel
from hilum.image import Quantity
from hilum.models.card import Card, ImageInput, Output, TrainingData, read_card
from hilum.models.card_writer import write_card
from hilum.models.runtime import open_runtime
from hilum.provenance import hash_file
from hilum.settings import RuntimeSettings
from hilum.training.ensemble import ensemble, find

onnx = pytest.importorskip("onnx", reason="needs the extra 'train'")
SIDE = 11
CPU = RuntimeSettings(engine="onnxruntime", precision="float32")


def member(root, name, seed, **changes):
    """A network of one convolution with a map and a number, and its card."""
    helper, numpy_helper, floating = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Conv", ["film", "kernel"], ["raw"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["raw"], ["lesions"]),
        helper.make_node("ReduceMean", ["raw"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["disease"]),
    ]
    graph = helper.make_graph(
        nodes,
        "member",
        [helper.make_tensor_value_info("film", floating, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("lesions", floating, ["n", 1, SIDE, SIDE]),
            helper.make_tensor_value_info("disease", floating, ["n", 1]),
        ],
        [numpy_helper.from_array(rng.normal(0, 1, (1, 3, 3, 3)).astype(np.float32), "kernel")],
    )
    folder = root / name
    folder.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "weights.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / "LICENSE").write_text("As you like.\n")
    spec = ImageInput("film", ("batch", 3, SIDE, SIDE), Quantity.RADIOGRAPH, (SIDE, SIDE), (0.5,) * 3, (0.2,) * 3)
    card = Card(
        name=name,
        version=f"1.{seed}",
        task="cxr-lesions",
        title="Opacities",
        sha256=hash_file(folder / "weights.onnx"),
        licence="Apache-2.0",
        recipe="fpn",
        intended_use="Tests.",
        limits=("Tests only.",),
        input=spec,
        outputs={
            "lesions": Output(("batch", 1, SIDE, SIDE), "sigmoid", ("opacity",)),
            "disease": Output(("batch", 1), "sigmoid", ("disease",)),
        },
        thresholds={"disease": 0.1 * (seed + 1), "six-zone": 0.5},
        training_data=(TrainingData("Noise", "CC0-1.0", "none", "outlines", 7 + seed),),
        steps=10,
    )
    card = replace(card, **changes)
    write_card(card, folder / "card.toml")
    return read_card(folder / "card.toml")


def test_the_outputs_are_the_means_of_the_members(tmp_path) -> None:
    cards = [member(tmp_path, f"fold-{n}", n) for n in range(3)]
    made = ensemble(cards, tmp_path / "mean")
    film = np.random.default_rng(4).random((2, 3, SIDE, SIDE), dtype=np.float32)
    given = [open_runtime(card, CPU, many=False).run({"film": film}) for card in cards]
    for engine in ("onnxruntime", "openvino"):
        found = open_runtime(made, replace(CPU, engine=engine), many=False).run({"film": film})
        for name in ("lesions", "disease"):
            assert np.allclose(found[name], np.mean([each[name] for each in given], axis=0), atol=1e-5), (engine, name)


def test_the_card_lists_the_members_and_claims_no_figures(tmp_path) -> None:
    cards = [member(tmp_path, f"fold-{n}", n) for n in range(3)]
    made = read_card(ensemble(cards, tmp_path / "mean").folder / "card.toml")
    assert [(each.name, each.version, each.sha256) for each in made.members] == [
        (card.name, card.version, card.sha256) for card in cards
    ]
    assert made.name == "mean"
    assert made.title == "Opacities (mean of 3 networks)"
    assert dict(made.thresholds) == {"disease": 0.2, "six-zone": 0.5}
    assert (made.metrics, made.steps) == ((), None)
    assert len(made.training_data) == 3
    assert (made.folder / "LICENSE").read_text() == "As you like.\n"


def test_the_same_members_make_the_same_bytes(tmp_path) -> None:
    cards = [member(tmp_path, f"fold-{n}", n) for n in range(2)]
    first, second = (ensemble(cards, tmp_path / name / "mean") for name in ("one", "two"))
    assert first.sha256 == second.sha256


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"task": "cxr-lungs"}, "differ in task"),
        ({"thresholds": {"disease": 0.5}}, "names of thresholds"),
        ({"outputs": {"disease": Output(("batch", 1), "sigmoid", ("disease",))}}, "differ in outputs"),
    ],
)
def test_networks_that_differ_cannot_be_one(tmp_path, changes, told) -> None:
    cards = [member(tmp_path, "fold-0", 0), member(tmp_path, "fold-1", 1, **changes)]
    with pytest.raises(ModelMismatch, match=told):
        ensemble(cards, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_an_ensemble_is_no_member(tmp_path) -> None:
    cards = [member(tmp_path, f"fold-{n}", n) for n in range(3)]
    made = ensemble(cards[:2], tmp_path / "mean")
    with pytest.raises(ModelMismatch, match="mean is an ensemble itself"):
        ensemble([made, cards[2]], tmp_path / "more")


def test_weights_that_are_not_the_cards_are_refused(tmp_path) -> None:
    cards = [member(tmp_path, "fold-0", 0), member(tmp_path, "fold-1", 1, sha256="0" * 64)]
    with pytest.raises(CorruptModel, match="fold-1"):
        ensemble(cards, tmp_path / "mean")


def test_one_network_is_no_ensemble(tmp_path) -> None:
    card = member(tmp_path, "fold-0", 0)
    for cards in ([card], [card, card]):
        with pytest.raises(ValueError, match="two members at least"):
            ensemble(cards, tmp_path / "mean")


def test_a_folder_of_a_training_is_no_network_yet(tmp_path) -> None:
    with pytest.raises(UnknownModel, match=r"holds no network: it has no card\.toml.*hilum export"):
        find(str(tmp_path))
    with pytest.raises(UnknownModel, match="No model named"):
        find(str(tmp_path / "nothing"))


def test_the_command_takes_folders_and_names(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine").mkdir()
    cards = [member(tmp_path / "mine", f"fold-{n}", n) for n in range(2)]
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path / "mine"))
    assert find("fold-0") == find(str(tmp_path / "mine" / "fold-0")) == cards[0]
    chosen = ["models", "ensemble", "fold-0", str(tmp_path / "mine" / "fold-1"), "-o", str(tmp_path / "mine" / "mean")]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 0, told.output
    shown = CliRunner().invoke(app, ["models", "show", "mean"]).stdout
    assert "Mean of\n  - fold-0 1.0, SHA-256" in shown
    assert CliRunner().invoke(app, ["models", "ensemble", "fold-0", "-o", str(tmp_path / "x")]).exit_code == 2

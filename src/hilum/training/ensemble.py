"""Several networks of one stage as one: the mean of their outputs, in one ONNX file with one card that names them all.

The members have to look at the same input and give the same outputs, as the folds of one recipe do. The ensemble is a
network like any other for all that use it; its card and the provenance of its results list the members.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import MissingExtra, ModelError, ModelMismatch, UnknownModel
from hilum.models.card import CARD, WEIGHTS, Card, Member, Output, read_card
from hilum.models.card_writer import write_card
from hilum.models.catalogue import card as card_of
from hilum.models.catalogue import verified_weights
from hilum.models.runtime import open_runtime
from hilum.provenance import hash_file
from hilum.settings import RuntimeSettings

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

LICENSE = "LICENSE"

TOLERANCE = 1e-4
"""Largest difference of an output between the ensemble and the mean of its members: sums in another order."""


def find(name_or_folder: str) -> Card:
    """The card of a network in a folder, or of one of the catalogue; errors as of either."""
    folder = Path(name_or_folder)
    if (folder / CARD).is_file():
        return read_card(folder / CARD)
    try:
        return card_of(name_or_folder)
    except UnknownModel as error:
        if not folder.is_dir():
            raise
        raise UnknownModel(
            f"The folder {name_or_folder!r} holds no network: it has no {CARD}. Make one of a training by "
            "'hilum export RECIPE WEIGHTS -o FOLDER', and give that folder."
        ) from error


def ensemble(cards: Sequence[Card], output: Path) -> Card:
    """A network's folder whose outputs are the means of those of several networks.

    Thresholds that differ between the members become their medians: choose them anew on the validation split.

    Parameters
    ----------
    cards : of the members, two at least; read from their folders
    output : the folder, named like the model; replaced as a whole when the ensemble is right

    Raises
    ------
    ModelMismatch
        The members do not look at the same input, or do not give the same outputs; says which and how.
    CorruptModel
        The weights of a member are not those of its card.
    ModelError
        The ensemble does not give the mean of its members.
    MissingExtra
        The package ``onnx`` is not installed.
    ValueError
        There are fewer than two members, or one is there twice.
    """
    _require_alike(cards)
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum models ensemble", "train") from error
    models = [onnx.load(str(verified_weights(card))) for card in cards]
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        made = Path(scratch) / output.name
        made.mkdir()
        joined = _joined(cards, models)
        onnx.checker.check_model(joined)
        (made / WEIGHTS).write_bytes(joined.SerializeToString(deterministic=True))
        texts = dict.fromkeys((card.folder / LICENSE).read_text(encoding="utf-8") for card in cards)
        (made / LICENSE).write_text("\n".join(texts), encoding="utf-8")
        card = replace(_card(cards, output.name, hash_file(made / WEIGHTS)), folder=made)
        write_card(card, made / CARD)
        _compare(card, cards)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)
    return replace(card, folder=output)


def _require_alike(cards: Sequence[Card]) -> None:
    if len(cards) < 2 or len({card.sha256 for card in cards}) < len(cards):
        raise ValueError(f"an ensemble has two members at least, all different; found {[card.name for card in cards]}")
    first = cards[0]
    for other in cards[1:]:
        different = [what for what, value in _contract(first).items() if value != _contract(other)[what]]
        if different:
            raise ModelMismatch(
                f"{first.name} and {other.name} cannot be members of one ensemble: they differ in "
                f"{', '.join(different)}. Members look at the same input and give the same outputs."
            )
    nested = [card.name for card in cards if card.members]
    if nested:
        raise ModelMismatch(f"{nested[0]} is an ensemble itself. Give its members instead, so that all count alike.")


def _contract(card: Card) -> dict[str, Any]:
    """What members share, by the words for it."""
    outputs = {name: (each.shape, each.activation, each.channels) for name, each in card.outputs.items()}
    return {
        "task": card.task,
        "input": card.input,
        "further inputs": card.further_inputs,
        "outputs": outputs,
        "names of thresholds": sorted(card.thresholds),
    }


def _joined(cards: Sequence[Card], models: Sequence[ModelProto]) -> ModelProto:
    """One model: the inputs handed to every member, and the mean of each output."""
    from onnx import helper
    from onnx.compose import add_prefix
    from onnx.inliner import inline_local_functions

    opsets = {tuple(sorted((each.domain, each.version) for each in model.opset_import)) for model in models}
    if len(opsets) > 1:
        raise ModelMismatch("The members were exported with different versions of ONNX. Export them again.")
    nodes: list[NodeProto] = []
    weights: list[Any] = []
    for number, model in enumerate(models):
        graph = add_prefix(inline_local_functions(model), _prefix(number)).graph
        nodes += [
            helper.make_node("Identity", [name], [f"{_prefix(number)}{name}"], name=f"{_prefix(number)}{name}/given")
            for name in cards[0].inputs
        ]
        nodes += list(graph.node)
        weights += list(graph.initializer)
    for name in cards[0].outputs:
        members = [f"{_prefix(number)}{name}" for number in range(len(models))]
        nodes.append(helper.make_node("Mean", members, [name], name=f"{name}/mean"))
    first: GraphProto = models[0].graph
    graph = helper.make_graph(nodes, "ensemble", list(first.input), list(first.output), weights)
    return helper.make_model(
        graph, opset_imports=list(models[0].opset_import), ir_version=max(model.ir_version for model in models)
    )


def _prefix(number: int) -> str:
    return f"member-{number}/"


def _card(cards: Sequence[Card], name: str, sha256: str) -> Card:
    first = cards[0]
    recipes = list(dict.fromkeys(card.recipe for card in cards))
    data = list(dict.fromkeys(each for card in cards for each in card.training_data))
    outputs: dict[str, Output] = {
        name: replace(each, thresholds=_medians([card.outputs[name].thresholds for card in cards]))
        for name, each in first.outputs.items()
    }
    return replace(
        first,
        name=name,
        version=f"ensemble-{sha256[:12]}",
        title=f"{first.title} (mean of {len(cards)} networks)",
        sha256=sha256,
        licence=" AND ".join(dict.fromkeys(card.licence for card in cards)),
        recipe=", ".join(recipes),
        limits=tuple(dict.fromkeys(limit for card in cards for limit in card.limits)),
        outputs=outputs,
        thresholds=_medians([card.thresholds for card in cards]),
        training_data=tuple(data),
        metrics=(),
        steps=None,
        members=tuple(Member(card.name, card.version, card.sha256) for card in cards),
    )


def _medians(thresholds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By name; of an even number the mean of both in the middle."""
    return {
        name: round(median(each.get(name, value) for each in thresholds), 4) for name, value in thresholds[0].items()
    }


def _compare(card: Card, members: Sequence[Card]) -> None:
    """ModelError unless the ensemble gives the mean of its members on a fixed input."""
    settings = RuntimeSettings(engine="onnxruntime", precision="float32")
    rng = np.random.default_rng(7)
    inputs: dict[str, NDArray[np.float32]] = {
        name: rng.random([1 if isinstance(size, str) else size for size in shape], dtype=np.float32)
        for name, shape in card.inputs.items()
    }
    found = open_runtime(card, settings, many=False).run(inputs)
    given = [open_runtime(member, settings, many=False).run(inputs) for member in members]
    for name, value in found.items():
        difference = float(np.abs(value - np.mean([each[name] for each in given], axis=0)).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(value).max())):
            raise ModelError(f"The output {name!r} of the ensemble differs by {difference:.2g} from its members' mean.")

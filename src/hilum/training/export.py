"""The last step of a training: the averaged weights as ONNX with 16-bit storage, checked against torch, with a card."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.datasets.films import read_cases
from hilum.errors import ModelError, SettingsError
from hilum.image import LESIONS, Quantity
from hilum.models.card import CARD, WEIGHTS, Card, FurtherInput, ImageInput, Metric, Output
from hilum.models.card_writer import write_card
from hilum.models.runtime import open_runtime
from hilum.models.structure import build
from hilum.preprocessing.ct import LUNG_MARGIN as SLICE_MARGIN
from hilum.preprocessing.radiograph import HIGH_PERCENTILE, LOW_PERCENTILE, LUNG_MARGIN
from hilum.provenance import hash_file
from hilum.segmentation.zones import ZONES
from hilum.settings import RuntimeSettings

from .half import to_half_storage
from .material import Material, counted
from .networks import NETWORKS
from .recipe import Recipe
from .slices import WINDOW_HU
from .state_dict import load_weights
from .task import SLICE_TASKS

TOLERANCE = 0.025
"""Largest difference of a probability between torch in 32 bits and the exported network: what 16-bit weights cost."""

LICENSE = "LICENSE"

UNKNOWN_HASH = "0" * 64
"""On a card whose weights are not written yet."""


@dataclass(frozen=True, slots=True)
class About:
    """What a card says that no computation gives; a TOML file beside the recipes."""

    version: str
    title: str
    licence: str
    licence_text: str
    intended_use: str
    limits: tuple[str, ...]
    training_data: tuple[Material, ...] = ()


class Probabilities(nn.Module):
    """A network with the activations of its outputs, as it is exported."""

    def __init__(self, network: nn.Module, outputs: Mapping[str, Output]) -> None:
        super().__init__()
        self.network = network
        self._activations = [output.activation for output in outputs.values()]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Probabilities of every output, in the card's order."""
        raw = self.network(*inputs)
        return tuple(
            torch.softmax(value, dim=1) if activation == "softmax" else torch.sigmoid(value)
            for value, activation in zip(raw, self._activations, strict=True)
        )


def export(
    recipe: Recipe,
    weights: Path,
    output: Path,
    *,
    thresholds: Mapping[str, float],
    metrics: tuple[Metric, ...] = (),
    data: Sequence[Path] = (),
    steps: int | None = None,
) -> Card:
    """A network's folder for the catalogue: ``card.toml``, ``weights.onnx``, ``LICENSE``.

    Parameters
    ----------
    recipe : that made the weights
    weights : written by :func:`hilum.training.run.train`
    output : the folder, named like the model; replaced as a whole when the export is right
    thresholds : chosen on the validation split
    metrics : for the card
    data : folders of films with ``cases.csv`` that it was trained on, to be counted for the card
    steps : of training that the weights have seen; None for those of the recipe

    Raises
    ------
    ModelError
        The exported network does not give what torch gives.
    """
    about = about_of(recipe.task)
    network = NETWORKS[recipe.task](recipe.architecture, recipe.encoder, pretrained=False).eval()
    load_weights(network, weights)
    outputs = outputs_of(recipe)
    card = _card(recipe, about, outputs, output.name, thresholds=thresholds, metrics=metrics)
    cases = (case for folder in data for case in read_cases(folder))
    card = replace(card, training_data=counted(about.training_data, recipe, cases), steps=steps or recipe.steps)
    whole = Probabilities(network, outputs).eval()
    return assemble(card, whole, example_inputs(recipe, 2), output, licence_text=about.licence_text)


def assemble(card: Card, whole: nn.Module, inputs: tuple[Tensor, ...], output: Path, *, licence_text: str) -> Card:
    """The folder of a network, made as a whole or not at all.

    Parameters
    ----------
    card : all of it but the hash of the weights
    whole : gives the card's outputs in their order
    inputs : examples in the card's order, on which engines are compared with torch; the network takes any number of
        them if the card calls that size by a name, and then there are two at least
    output : the folder, named like the model; replaced as a whole when the export is right
    licence_text : of the weights

    Raises
    ------
    ModelError
        The exported network does not give what torch gives.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        made = Path(scratch) / output.name
        made.mkdir()
        _write_onnx(whole, card, inputs, Path(scratch) / "float32.onnx")
        to_half_storage(Path(scratch) / "float32.onnx", made / WEIGHTS)
        (made / LICENSE).write_text(licence_text, encoding="utf-8")
        card = replace(card, sha256=hash_file(made / WEIGHTS))
        write_card(card, made / CARD)
        _compare(replace(card, folder=made), whole, inputs)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)
    return replace(card, folder=output)


def about_of(task: str) -> About:
    """The texts of a task's card.

    Raises
    ------
    SettingsError
        The file of the texts is no TOML, or states what a card has not.
    """
    source = files("hilum.training") / "cards" / f"{task}.toml"
    try:
        return build(About, tomllib.loads(source.read_text(encoding="utf-8")))
    except ValueError as error:
        raise SettingsError(f"The texts of the card for {task} cannot be used: {error}") from error


def outputs_of(recipe: Recipe) -> dict[str, Output]:
    """What the network of a recipe gives, in its order, as probabilities."""
    square = (recipe.size_px, recipe.size_px)
    sides = ("none", "right", "left")
    if recipe.task == "ct-lungs":
        return {"lungs": Output(("batch", 3, *square), "softmax", sides)}
    if recipe.task == "ct-lesions":
        classes = ("none", *(label.name for label in LESIONS.values()))
        return {"lesions": Output(("batch", 4, *square), "softmax", classes)}
    if recipe.task == "cxr-lungs":
        return {
            "lungs": Output(("batch", 3, *square), "softmax", sides),
            "fields": Output(("batch", 3, *square), "softmax", sides),
            "kind": Output(
                ("batch", 3),
                "sigmoid",
                ("film", "inverted", "turned"),
                meaning="What kind of picture it is: a frontal chest film, a negative, on its side or upside down.",
            ),
        }
    return {
        "lesions": Output(("batch", 3, *square), "softmax", ("none", "ground-glass", "consolidation")),
        "disease": Output(("batch", 1), "sigmoid", ("disease",), meaning="Whether there is any disease of the lungs."),
        "brixia": Output(
            ("batch", 6, 3), "sigmoid", ZONES, meaning="For each zone, that its Brixia grade is at least 1, 2 and 3."
        ),
        "affected": Output(("batch", 6), "sigmoid", ZONES, meaning="Whether readers would count the zone as affected."),
    }


def example_inputs(recipe: Recipe, batch: int) -> tuple[Tensor, ...]:
    """Inputs of the right shapes: a smooth pattern, and zones in the places of a frontal film's."""
    side = recipe.size_px
    rng = np.random.default_rng(7)
    coarse = torch.from_numpy(rng.random((batch, 1, 12, 12), dtype=np.float32))
    film = nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)
    if recipe.task != "cxr-lesions":
        return (film,)
    zones = torch.zeros(batch, 6, side, side)
    for number in range(6):
        top, left = side * (number % 3) // 3, side * (number // 3) // 2
        zones[:, number, top + 8 : top + side // 3 - 4, left + 16 : left + side // 2 - 16] = 1.0
    return film, zones


def _write_onnx(whole: nn.Module, card: Card, inputs: tuple[Tensor, ...], path: Path) -> None:
    is_free = isinstance(card.input.shape[0], str)
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.onnx.export(
        whole,
        inputs,
        input_names=list(card.inputs),
        output_names=list(card.outputs),
        opset_version=18,
        dynamo=True,
        verbose=False,
        dynamic_shapes=(tuple({0: batch} for _ in inputs),) if is_free else None,
        external_data=False,
    )
    if program is None:
        raise ModelError(f"torch could not export the network of {card.recipe}.")
    program.save(str(path))


def _compare(card: Card, whole: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    with torch.inference_mode():
        expected = dict(zip(card.outputs, whole(*inputs), strict=True))
    arrays: dict[str, NDArray[np.float32]] = {n: v.numpy() for n, v in zip(card.inputs, inputs, strict=True)}
    for engine in ("onnxruntime", "openvino"):
        runtime = open_runtime(card, RuntimeSettings(engine=engine, precision="float32"), many=False)
        found = runtime.run(arrays)
        for name, value in expected.items():
            difference = float(np.abs(found[name] - value.numpy()).max())
            if difference > TOLERANCE:
                raise ModelError(
                    f"The output {name!r} of {card.name} in {engine} differs by {difference:.3f} from torch's; "
                    f"expected at most {TOLERANCE}. The export cannot be used."
                )


def _card(
    recipe: Recipe,
    about: About,
    outputs: Mapping[str, Output],
    name: str,
    *,
    thresholds: Mapping[str, float],
    metrics: tuple[Metric, ...],
) -> Card:
    further: dict[str, Any] = {}
    if recipe.task == "cxr-lesions":
        shape = ("batch", 6, recipe.size_px, recipe.size_px)
        meaning = f"1 in the zone and 0 elsewhere; thirds of equal area of each lung: {', '.join(ZONES)}."
        further["further_inputs"] = (FurtherInput("zones", shape, meaning),)
    return Card(
        name=name,
        version=about.version,
        task=recipe.task,
        title=about.title,
        sha256=UNKNOWN_HASH,
        licence=about.licence,
        recipe=recipe.name,
        intended_use=about.intended_use,
        limits=about.limits,
        input=_image_input(recipe),
        outputs=dict(outputs),
        thresholds=dict(thresholds),
        metrics=metrics,
        **further,
    )


def _image_input(recipe: Recipe) -> ImageInput:
    """What the network looks at: the whole image or the box about the lungs, in grey or in Hounsfield units."""
    about_lungs, on_ct = recipe.task.endswith("lesions"), recipe.task in SLICE_TASKS
    margin = SLICE_MARGIN if on_ct else LUNG_MARGIN
    return ImageInput(
        NETWORKS[recipe.task].inputs[0],
        ("batch", 1, recipe.size_px, recipe.size_px),
        Quantity.HOUNSFIELD if on_ct else Quantity.RADIOGRAPH,
        (recipe.size_px, recipe.size_px),
        mean=(0.0,),
        std=(1.0,),
        window_percentiles=(0.0, 100.0) if on_ct else (LOW_PERCENTILE, HIGH_PERCENTILE),
        window_hu=WINDOW_HU if on_ct else None,
        region="lungs" if about_lungs else "image",
        margin=margin if about_lungs else 0.0,
        fit="pad",
    )

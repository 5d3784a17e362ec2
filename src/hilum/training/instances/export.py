"""The weights of a detector as ONNX, for films of its one size.

The number of instances is not known beforehand, which the cards of the catalogue cannot say: the file is for any ONNX
Runtime, and ``hilum analyse`` does not take it.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hilum.errors import ModelError
from hilum.models.card_writer import write_table
from hilum.models.engines import load_onnxruntime

from .network import InstanceNetwork
from .predict import open_detector
from .recipe import InstanceRecipe

ONNX, RECIPE = "weights.onnx", "recipe.toml"
"""Files of an exported detector: the network, and what it sees."""

OPSET = 17

TOLERANCE = 1e-3
"""By which ONNX Runtime may differ from torch: of boxes as a share of the view, of scores and masks as they are."""


class _Flat(nn.Module):
    """One film (1, S, S) to tensors instead of a table."""

    def __init__(self, network: InstanceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (found,) = self.network(film[None])
        return found["boxes"], found["scores"], found["masks"]


def export(recipe: InstanceRecipe, weights: Path, output: Path) -> Path:
    """Write ``weights.onnx`` and ``recipe.toml`` to a folder, and give back the former.

    Input ``film`` (1, S, S), 0 to 1; outputs ``boxes`` (n, 4) as x, y, x, y in pixels of it, ``scores`` (n,) and
    ``masks`` (n, 1, S, S), 0 to 1.

    Raises
    ------
    ModelError
        ONNX Runtime does not give what torch gives.
    SettingsError
        The weights are not those of the recipe.
    """
    whole = _Flat(open_detector(recipe, weights)).eval()
    film = example(recipe.view.size_px)
    output.mkdir(parents=True, exist_ok=True)
    file, part = output / ONNX, output / f"{ONNX}.part"
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of tracing: sizes are fixed on purpose
        torch.onnx.export(
            whole,
            (film,),
            str(part),
            input_names=["film"],
            output_names=["boxes", "scores", "masks"],
            dynamic_axes={name: {0: "instances"} for name in ("boxes", "scores", "masks")},
            opset_version=OPSET,
            dynamo=False,
        )
    try:
        _compare(whole, part, film)
    except ModelError:
        part.unlink()
        raise
    part.replace(file)
    write_table(recipe, output / RECIPE)
    return file


def example(size: int) -> Tensor:
    """A smooth pattern, (1, size, size), 0 to 1."""
    coarse = torch.from_numpy(np.random.default_rng(7).random((1, 1, 12, 12), dtype=np.float32))
    return nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)[0]


def _compare(whole: nn.Module, file: Path, film: Tensor) -> None:
    """ModelError if the file gives other instances than torch, on the film or its mirror image."""
    onnxruntime = load_onnxruntime()
    how: Any = onnxruntime.SessionOptions()
    how.log_severity_level = 3  # it warns of each mask that is pasted into the view, one after the other
    session: Any = onnxruntime.InferenceSession(str(file), how, providers=["CPUExecutionProvider"])
    for each in (film, film.flip(-1)):
        with torch.inference_mode():
            wanted = [value.numpy() for value in whole(each)]
        found = session.run(None, {"film": each.numpy()})
        if [value.shape for value in found] != [value.shape for value in wanted]:
            raise ModelError(f"The exported detector finds {len(found[1])} instances, and torch {len(wanted[1])}.")
        for name, first, second, scale in zip(
            ("boxes", "scores", "masks"), found, wanted, (film.shape[-1], 1, 1), strict=True
        ):
            off = float(np.abs(first - second).max(initial=0.0)) / scale
            if off > TOLERANCE:
                raise ModelError(f"The exported detector's {name} are off by {off:.2g}; {TOLERANCE:g} is allowed.")

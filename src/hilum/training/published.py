"""The published two-stage networks of films, from the state dicts that they were published as.

These were written by segmentation-models-pytorch 0.1.3 with timm 0.3.2. Today's libraries name some layers otherwise
and pad and dilate some encoders otherwise; all that is undone here, so that the outputs are those of the old libraries,
which ``benchmarks/check_published_layouts.py`` shows.

References
----------
.. [1] Danilov et al., Scientific Reports 2022;12:12791, doi:10.1038/s41598-022-15013-z
.. [2] Weights: doi:10.5281/zenodo.8393556
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hilum.errors import ModelMismatch

from .published_networks import CLASSES, PublishedNetwork, published
from .state_dict import differences, read_state_dict

HEAD_DROPOUT = 0.2
"""Of the classification head of stage II; without effect but in training."""

_DILATED: Mapping[str, Mapping[str, int]] = {
    "DeepLabV3": {"s3": 2, "s4": 4},
    "DeepLabV3Plus": {"s4": 2},
    "PAN": {"s4": 2},
}
"""Stages of a RegNet that an architecture dilates, and how far."""

_RENAMED: Mapping[str, str] = {
    r"^decoder\.0\.": "decoder.aspp.",
    r"^decoder\.1\.": "decoder.conv.",
    r"^decoder\.2\.": "decoder.bn.",
}
"""Layers of the decoder of DeepLabV3, which was a plain sequence."""


def load_published(file: Path, name: str) -> nn.Module:
    """A published network with the weights of a file.

    It takes (N, 3, S, S) and gives raw numbers: (N, 1, S, S) of stage I; of stage II these and (N, 1) of the head.

    Parameters
    ----------
    file : a state dict as ``torch.save`` writes it
    name : such as ``two-stage/lungs/DeepLabV3+``

    Raises
    ------
    UnknownModel
        There is no published network of that name.
    ModelMismatch
        The file is no state dict, or not one of that network: says which keys and shapes.
    """
    which = published(name)
    network = empty(which)
    wanted = network.state_dict()
    found = without_unused(renamed(read_state_dict(file), which), wanted, which)
    _require_fit(file, which, found, wanted)
    network.load_state_dict(found)
    return network


def empty(which: PublishedNetwork) -> nn.Module:
    """The network with random weights, its layers those of today's libraries, its arithmetic that of the old ones."""
    import segmentation_models_pytorch as smp

    head = {"pooling": "avg", "dropout": HEAD_DROPOUT, "classes": 1} if which.stage == "lesions" else None
    of_timm = which.encoder.startswith("timm-")
    make = getattr(smp, CLASSES[which.architecture])
    encoder = which.encoder.replace("timm-", "tu-")
    network: Any = make(encoder, encoder_weights=None, in_channels=3, classes=1, aux_params=head)
    if which.encoder.startswith("efficientnet"):
        _pad_by_even_sizes(network.encoder)
    if of_timm:
        for stage, rate in _DILATED.get(CLASSES[which.architecture], {}).items():
            _dilate(getattr(network.encoder.model, stage), rate)
    return network


def _pad_by_even_sizes(encoder: nn.Module) -> None:
    """Convolutions with a stride padded for pictures of even sides, wherever they stand in the encoder.

    The old library took the size of ImageNet's pictures for that of all features; today's follows it down, and comes
    to odd sizes in efficientnet-b1 and b2.
    """
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d) and layer.stride[0] > 1 and hasattr(layer, "static_padding"):
            total = layer.kernel_size[0] - layer.stride[0]
            before, after = total // 2, total - total // 2
            layer.static_padding = nn.ZeroPad2d((before, after, before, after))


def _dilate(stage: nn.Module, rate: int) -> None:
    """All convolutions of a stage dilated alike, as in the old library; timm spares the first block's."""
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            rows, columns = layer.kernel_size
            layer.stride, layer.dilation = (1, 1), (rate, rate)
            layer.padding = (rows // 2 * rate, columns // 2 * rate)


def renamed(state: Mapping[str, Tensor], which: PublishedNetwork) -> dict[str, Tensor]:
    """An old state dict under today's names of its layers."""
    of_timm = which.encoder.startswith("timm-")
    made: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = re.sub(r"^encoder\.(?!model\.)", "encoder.model.", key) if of_timm else key
        if which.architecture == "DeepLabV3":
            for old, new in _RENAMED.items():
                name = re.sub(old, new, name)
        made[name] = tensor
    return made


def without_unused(state: Mapping[str, Tensor], wanted: Iterable[str], which: PublishedNetwork) -> dict[str, Tensor]:
    """A state dict without the last stages of a RegNet under a PSPNet, which were kept and never run."""
    is_short = which.architecture == "PSPNet" and which.encoder.startswith("timm-regnet")
    known = set(wanted)
    unused = re.compile(r"encoder\.model\.s[34]\.")
    return {key: each for key, each in state.items() if key in known or not (is_short and unused.match(key))}


def _require_fit(
    file: Path, which: PublishedNetwork, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    """ModelMismatch that names keys and shapes, unless both have the same ones."""
    if told := differences(found, wanted):
        raise ModelMismatch(
            f"{file} does not hold {which.name} ({which.encoder.removeprefix('timm-')}, {which.size_px} pixels). "
            f"{told}. Names are those of today's library. Check --as; 'hilum models import --list' names "
            "the published networks and their encoders."
        )

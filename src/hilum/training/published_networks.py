"""The published two-stage networks of films, by name: what each is and what it looks at. Imports nothing heavy.

References
----------
.. [1] Danilov et al., Scientific Reports 2022;12:12791, doi:10.1038/s41598-022-15013-z
.. [2] Weights: doi:10.5281/zenodo.8393556
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hilum.errors import UnknownModel
from hilum.registry import unknown

Stage = Literal["lungs", "lesions"]

Colour = tuple[float, float, float]
"""One number each of red, green and blue."""


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """One network of the published two-stage table.

    Attributes
    ----------
    stage : ``lungs`` on whole films, or ``lesions`` on the box about the lungs, with a head that tells disease
    architecture : as published, such as ``DeepLabV3+``
    encoder : as segmentation-models-pytorch 0.1.3 names it
    size_px : side of the square input
    six_zone : share of a zone above which it counts in the published scores; stage II only
    """

    stage: Stage
    architecture: str
    encoder: str
    size_px: int
    six_zone: float = 0.5

    @property
    def name(self) -> str:
        """As it is asked for: ``two-stage/lungs/DeepLabV3+``."""
        return f"two-stage/{self.stage}/{self.architecture}"

    @property
    def folder(self) -> str:
        """A name for the model's folder: ``two-stage-lungs-deeplabv3plus``."""
        return f"two-stage-{self.stage}-{self.architecture.lower().replace('+', 'plus').replace('-', '')}"

    @property
    def colours(self) -> tuple[Colour, Colour]:
        """Mean and deviation of red, green and blue, 0 to 1, that its encoder was trained with."""
        if self.encoder.startswith("dpn"):
            deviation = 1 / (0.0167 * 255)
            return (124 / 255, 117 / 255, 104 / 255), (deviation, deviation, deviation)
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "U-net": "Unet",
        "U-net++": "UnetPlusPlus",
        "DeepLabV3": "DeepLabV3",
        "DeepLabV3+": "DeepLabV3Plus",
        "FPN": "FPN",
        "Linknet": "Linknet",
        "PSPNet": "PSPNet",
        "PAN": "PAN",
        "MA-Net": "MAnet",
    }
)
"""Published architectures to their classes in segmentation-models-pytorch."""

PUBLISHED: Mapping[str, PublishedNetwork] = MappingProxyType(
    {
        each.name: each
        for each in (
            PublishedNetwork("lungs", "U-net", "se_resnext101_32x4d", 384),
            PublishedNetwork("lungs", "U-net++", "efficientnet-b1", 384),
            PublishedNetwork("lungs", "DeepLabV3", "efficientnet-b0", 512),
            PublishedNetwork("lungs", "DeepLabV3+", "efficientnet-b1", 512),
            PublishedNetwork("lungs", "FPN", "efficientnet-b0", 544),
            PublishedNetwork("lungs", "Linknet", "timm-regnetx_064", 480),
            PublishedNetwork("lungs", "PSPNet", "timm-regnety_064", 480),
            PublishedNetwork("lungs", "PAN", "efficientnet-b0", 512),
            PublishedNetwork("lungs", "MA-Net", "efficientnet-b2", 512),
            PublishedNetwork("lesions", "U-net", "dpn98", 544, 0.30),
            PublishedNetwork("lesions", "U-net++", "timm-regnety_032", 480),
            PublishedNetwork("lesions", "DeepLabV3", "efficientnet-b2", 480),
            PublishedNetwork("lesions", "DeepLabV3+", "timm-regnetx_032", 480),
            PublishedNetwork("lesions", "FPN", "efficientnet-b0", 384),
            PublishedNetwork("lesions", "Linknet", "efficientnet-b0", 416),
            PublishedNetwork("lesions", "PSPNet", "efficientnet-b0", 384, 0.38),
            PublishedNetwork("lesions", "PAN", "se_resnet50", 416),
            PublishedNetwork("lesions", "MA-Net", "timm-regnetx_064", 544, 0.31),
        )
    }
)
"""Both stages of the published table, by :attr:`PublishedNetwork.name`. The shares of zones of U-net, PSPNet and MA-Net
are those that reproduce the published scores; the others have the published program's default."""


def published(name: str) -> PublishedNetwork:
    """The network of a name, whatever the case; UnknownModel if there is none."""
    known = {each.casefold(): network for each, network in PUBLISHED.items()}
    if name.casefold() not in known:
        raise UnknownModel(unknown("published network", name, PUBLISHED))
    return known[name.casefold()]

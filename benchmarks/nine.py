"""The nine networks of the published two-stage system: their recipes and figures, and how to build one.

What the table holds is from the article and its record (doi:10.5281/zenodo.8393556). The encoders bear their names of
segmentation-models-pytorch 0.1.3; :func:`build` knows what they are called today.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Stage = Literal["lungs", "lesions"]
"""Stage I outlines the lungs of a whole film, stage II the lesions in the lungs' box and whether there are any."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is published of a network.

    Attributes
    ----------
    batch : films of a step of its training
    memory_gb : of the graphics card in training
    parameters_m : millions of parameters
    macs_g : milliards of multiplications with an addition, for one film
    dice : on the training, validation and test films
    """

    batch: int
    memory_gb: float | None = None
    parameters_m: float | None = None
    macs_g: float | None = None
    dice: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """One network of one stage, as published.

    Attributes
    ----------
    name : as in the article
    architecture : in :data:`hilum.training.architectures.ARCHITECTURES`
    encoder : in that library's names of the time
    size_px : side of the square input
    published : figures to compare with
    """

    stage: Stage
    name: str
    architecture: str
    encoder: str
    size_px: int
    published: Published

    @property
    def key(self) -> str:
        """For names of files."""
        return f"{self.stage}-{self.architecture.replace('+', 'plus').replace('-', '')}"


def _lungs(name: str, architecture: str, encoder: str, size: int, published: Published) -> Network:
    return Network("lungs", name, architecture, encoder, size, published)


def _lesions(name: str, architecture: str, encoder: str, size: int, batch: int) -> Network:
    return Network("lesions", name, architecture, encoder, size, Published(batch))


NETWORKS = (
    _lungs("U-net", "unet", "se_resnext101_32x4d", 384, Published(24, 21, 55.9, 35.6, (0.960, 0.960, 0.962))),
    _lungs("U-net++", "unet++", "efficientnet-b1", 384, Published(32, 24, 9.1, 11.5, (0.956, 0.959, 0.960))),
    _lungs("DeepLabV3", "deeplabv3", "efficientnet-b0", 512, Published(16, 24, 7.3, 13.4, (0.960, 0.960, 0.961))),
    _lungs("DeepLabV3+", "deeplabv3+", "efficientnet-b1", 512, Published(20, 22, 7.4, 2.2, (0.962, 0.960, 0.963))),
    _lungs("FPN", "fpn", "efficientnet-b0", 544, Published(32, 23, 5.8, 9.1, (0.962, 0.960, 0.962))),
    _lungs("Linknet", "linknet", "timm-regnetx_064", 480, Published(24, 24, 29.3, 39.9, (0.965, 0.959, 0.961))),
    _lungs("PSPNet", "pspnet", "timm-regnety_064", 480, Published(40, 23, 29.7, 14.4, (0.959, 0.959, 0.960))),
    _lungs("PAN", "pan", "efficientnet-b0", 512, Published(32, 24, 4.1, 0.3, (0.961, 0.960, 0.962))),
    _lungs("MA-Net", "ma-net", "efficientnet-b2", 512, Published(24, 24, 13.4, 9.9, (0.956, 0.959, 0.961))),
    _lesions("U-net", "unet", "dpn98", 544, 12),
    _lesions("U-net++", "unet++", "timm-regnety_032", 480, 20),
    _lesions("DeepLabV3", "deeplabv3", "efficientnet-b2", 480, 10),
    _lesions("DeepLabV3+", "deeplabv3+", "timm-regnetx_032", 480, 36),
    _lesions("FPN", "fpn", "efficientnet-b0", 384, 64),
    _lesions("Linknet", "linknet", "efficientnet-b0", 416, 48),
    _lesions("PSPNet", "pspnet", "efficientnet-b0", 384, 96),
    _lesions("PAN", "pan", "se_resnet50", 416, 48),
    _lesions("MA-Net", "ma-net", "timm-regnetx_064", 544, 18),
)
"""Nine of each stage."""


def build(network: Network, *, encoder: str = "", encoder_weights: str = "none") -> Any:
    """The network: one channel of raw numbers, and in stage II the verdict on the film as well.

    Parameters
    ----------
    network : which
    encoder : another one in place of the published, in today's names
    encoder_weights : ``none`` for random ones, ``imagenet`` for those that a package carries
    """
    from hilum.training.architectures import build

    name = encoder or network.encoder.replace("timm-regnet", "tu-regnet")
    has_verdict = network.stage == "lesions"
    return build(network.architecture, encoder=name, encoder_weights=encoder_weights, classification=has_verdict)


def put(page: Path, name: str, text: str) -> None:
    """Put tables into a page, between the comments ``<!-- name -->`` and ``<!-- end of name -->``."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = page.read_text(encoding="utf-8")
    if first not in whole or last not in whole:
        sys.exit(f"{page} has no place for the tables: the comments {first} and {last}")
    before, after = whole[: whole.index(first) + len(first)], whole[whole.index(last) :]
    page.write_text(f"{before}\n\n{text.strip()}\n\n{after}", encoding="utf-8")

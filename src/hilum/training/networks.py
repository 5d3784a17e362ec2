"""The two networks of films: lungs on the whole film, lesions and severity on the lungs' window."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoders import load_carried

ZONE_STRIDE = 16
"""Zone features are taken where the encoder's pitch is this many pixels."""


def body(architecture: str, encoder: str, classes: int, *, pretrained: bool, **options: object) -> Any:
    """A 2D network of segmentation-models-pytorch with ImageNet weights from an installed package.

    Parameters
    ----------
    architecture : such as ``DeepLabV3Plus``, ``FPN``, ``MAnet``
    encoder : name as in segmentation-models-pytorch
    classes : channels of raw output
    pretrained : load ImageNet weights into the encoder
    options : passed on to the architecture
    """
    network = getattr(smp, architecture)(encoder, encoder_weights=None, in_channels=3, classes=classes, **options)
    if pretrained:
        load_carried(network.encoder, encoder)
    return network


def _as_colour(film: Tensor) -> Tensor:
    """Grey (N, 1, S, S) in [0, 1] to the three channels in [-1, 1] that the encoders were trained on."""
    return (film * 2.0 - 1.0).expand(-1, 3, -1, -1)


class LungNetwork(nn.Module):
    """Lungs and lung fields of a whole film, and what kind of picture it is.

    Input ``film`` (N, 1, S, S) in [0, 1]. Outputs of raw numbers: ``lungs`` and ``fields`` (N, 3, S, S), softmax
    over none, the patient's right and left; ``kind`` (N, 3), sigmoid: a frontal film, inverted, turned.
    """

    inputs = ("film",)
    outputs = ("lungs", "fields", "kind")

    def __init__(self, architecture: str, encoder: str, *, pretrained: bool = True) -> None:
        super().__init__()
        self.net: Any = body(architecture, encoder, 6, pretrained=pretrained)
        self.kind = nn.Linear(2 * self.net.encoder.out_channels[-1], 3)

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw numbers of the three outputs."""
        features = self.net.encoder(_as_colour(film))
        maps = self.net.segmentation_head(self.net.decoder(features))
        deep = features[-1]
        kind = self.kind(torch.cat([deep.mean((2, 3)), deep.amax((2, 3))], dim=1))
        return maps[:, :3], maps[:, 3:], kind


class LesionNetwork(nn.Module):
    """Lesions in the lungs' window, whether there is disease at all, and the severity of each zone.

    Inputs ``film`` (N, 1, S, S) in [0, 1] and ``zones`` (N, 6, S, S), 1 in the zone and 0 elsewhere. Outputs of raw
    numbers: ``lesions`` (N, 3, S, S), softmax over none, ground-glass, consolidation; ``disease`` (N, 1), sigmoid;
    ``brixia`` (N, 6, 3), sigmoid: grade at least 1, 2, 3; ``affected`` (N, 6), sigmoid.
    """

    inputs = ("film", "zones")
    outputs = ("lesions", "disease", "brixia", "affected")

    def __init__(self, architecture: str, encoder: str, *, pretrained: bool = True) -> None:
        super().__init__()
        self.net: Any = body(architecture, encoder, 3, pretrained=pretrained)
        fine, deep = self.net.encoder.out_channels[-2:]
        self.reduce = nn.Sequential(nn.Conv2d(fine + deep, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        self.zone = nn.Sequential(nn.Linear(2 * 128 + 2 + 6, 96), nn.ReLU(), nn.Dropout(0.3), nn.Linear(96, 4))
        self.disease = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 128, 1))
        self.place: Tensor
        self.register_buffer("place", torch.eye(6), persistent=False)

    def forward(self, film: Tensor, zones: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Raw numbers of the four outputs."""
        features = self.net.encoder(_as_colour(film))
        lesions = self.net.segmentation_head(self.net.decoder(features))
        fine, deep = features[-2], features[-1]
        deep = functional.interpolate(deep, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        pooled = self.reduce(torch.cat([fine, deep], dim=1))
        chances = functional.avg_pool2d(torch.softmax(lesions, dim=1)[:, 1:], ZONE_STRIDE)
        masks = functional.avg_pool2d(zones, ZONE_STRIDE)
        maps = torch.cat([pooled, chances], dim=1).flatten(2).transpose(1, 2)
        masks = masks.flatten(2)
        in_zones = masks @ maps / (masks.sum(2, keepdim=True) + 1e-3)
        lungs = masks.sum(1, keepdim=True).clamp(max=1.0)
        in_lungs = (lungs @ maps / (lungs.sum(2, keepdim=True) + 1e-3))[..., :128]
        place = self.place.expand(film.shape[0], -1, -1)
        severity = self.zone(torch.cat([in_zones, in_lungs.expand(-1, 6, -1), place], dim=2))
        disease = self.disease(torch.cat([in_lungs[:, 0], pooled.amax((2, 3))], dim=1))
        return lesions, disease, severity[..., :3], severity[..., 3]


class SliceLungNetwork(nn.Module):
    """The lungs on an axial slice of a CT.

    Input ``slice`` (N, 1, S, S) in [0, 1]. Output of raw numbers: ``lungs`` (N, 3, S, S), softmax over none, the
    patient's right and left.
    """

    inputs = ("slice",)
    outputs = ("lungs",)
    classes = 3

    def __init__(self, architecture: str, encoder: str, *, pretrained: bool = True) -> None:
        super().__init__()
        self.net: Any = body(architecture, encoder, self.classes, pretrained=pretrained)

    def forward(self, slices: Tensor) -> tuple[Tensor]:
        """Raw numbers of the output."""
        return (self.net.segmentation_head(self.net.decoder(self.net.encoder(_as_colour(slices)))),)


class SliceLesionNetwork(SliceLungNetwork):
    """Lesions on an axial slice of a CT, in the window about the lungs.

    Input ``slice`` (N, 1, S, S) in [0, 1]. Output of raw numbers: ``lesions`` (N, 4, S, S), softmax over none,
    ground-glass, consolidation, effusion.
    """

    outputs = ("lesions",)
    classes = 4


NETWORKS: dict[str, type[LungNetwork | LesionNetwork | SliceLungNetwork]] = {
    "cxr-lungs": LungNetwork,
    "cxr-lesions": LesionNetwork,
    "ct-lungs": SliceLungNetwork,
    "ct-lesions": SliceLesionNetwork,
}
"""The network of each task of a model card."""

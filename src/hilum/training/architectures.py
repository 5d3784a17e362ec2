"""Every network architecture by its name, two- or three-dimensional, with or without an encoder.

Listing them imports nothing heavy; :func:`build` imports torch and the library that has the architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hilum.errors import MissingExtra
from hilum.registry import Registry

if TYPE_CHECKING:
    from torch import nn

CLASSIFIER_DROPOUT = 0.2
"""Of the classification head, which pools averages, as published with covid_scoring."""

PLAIN_WIDTHS = (30, 60, 120, 240, 320)
"""Filters of the plain U-Net of MIScnn."""

MOST_FILTERS = 320
"""Of the network in the manner of nnU-Net."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a network without an encoder.

    Attributes
    ----------
    filters : of the first level; each level below has twice as many, or what the architecture says
    halvings : how often the resolution is halved: one level more
    momentum : share of a new batch in the running mean and variance, where the architecture has them
    """

    filters: int = 32
    halvings: int = 4
    momentum: float = 0.01

    @property
    def widths(self) -> list[int]:
        """Filters of each level, doubling."""
        return [self.filters * 2**level for level in range(self.halvings + 1)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What :func:`build` was asked for.

    Attributes
    ----------
    in_channels, classes, dimensions : channels of the input, of the output; 2 or 3
    shape : of a network without an encoder
    encoder : of one that has it, as its library knows it
    has_classifier : a second output (N, 1): raw number of whether there is anything
    """

    in_channels: int
    classes: int
    dimensions: int
    shape: Shape
    encoder: str = ""
    has_classifier: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture of the registry.

    Attributes
    ----------
    title : for people
    library : that has it, ``segmentation-models-pytorch``, ``MONAI`` or ``Hilum``
    make : the network with random weights
    dimensions : that it comes in
    has_encoder : it takes any encoder, and a classification head
    least_halvings : sides of its input must be multiples of two to this power; 0 where the shape's number counts
    least_px : least side of its input
    """

    title: str
    library: str
    make: Callable[[Wanted], Any]
    dimensions: tuple[int, ...] = (2, 3)
    has_encoder: bool = False
    least_halvings: int = 0
    least_px: int = 16

    def multiple_of(self, shape: Shape | None = None) -> int:
        """What the sides of an input must be multiples of."""
        return 2 ** (self.least_halvings or (shape or Shape()).halvings)


def _smp(wanted: Wanted, *, name: str) -> Any:
    import segmentation_models_pytorch as smp

    head = {"pooling": "avg", "dropout": CLASSIFIER_DROPOUT, "activation": None, "classes": 1}
    return getattr(smp, name)(
        wanted.encoder,
        encoder_weights=None,
        in_channels=wanted.in_channels,
        classes=wanted.classes,
        aux_params=head if wanted.has_classifier else None,
    )


def _standard(wanted: Wanted) -> Any:
    from .unets import StandardUNet

    return StandardUNet(
        wanted.dimensions,
        wanted.in_channels,
        wanted.classes,
        wanted.shape.widths,
        act=("relu", {"inplace": True}),
        norm=("batch", {"momentum": wanted.shape.momentum, "eps": 1e-3}),
    )


def _plain(wanted: Wanted) -> Any:
    from .unets import StandardUNet

    shape = wanted.shape
    widths = [max(1, width * shape.filters // PLAIN_WIDTHS[0]) for width in PLAIN_WIDTHS[: shape.halvings + 1]]
    widths += [widths[-1]] * (shape.halvings + 1 - len(widths))
    return StandardUNet(
        wanted.dimensions,
        wanted.in_channels,
        wanted.classes,
        widths,
        act=("leakyrelu", {"negative_slope": 0.1, "inplace": True}),
        norm=("instance", {"affine": True}),
    )


def _residual(wanted: Wanted) -> Any:
    from monai.networks.nets.unet import UNet

    widths = wanted.shape.widths
    strides = [2] * wanted.shape.halvings
    return UNet(wanted.dimensions, wanted.in_channels, wanted.classes, widths, strides, num_res_units=2, norm="batch")


def _attention(wanted: Wanted) -> Any:
    from monai.networks.nets.attentionunet import AttentionUnet

    strides = [2] * wanted.shape.halvings
    return AttentionUnet(wanted.dimensions, wanted.in_channels, wanted.classes, wanted.shape.widths, strides)


def _of_blocks(wanted: Wanted, *, block: str, paths: str = "", is_attentive: bool = False) -> Any:
    from . import unets

    return unets.BlockUNet(
        wanted.dimensions,
        wanted.in_channels,
        wanted.classes,
        wanted.shape.widths,
        block=getattr(unets, block),
        paths=getattr(unets, paths) if paths else None,
        is_attentive=is_attentive,
    )


def _dynunet(wanted: Wanted) -> Any:
    from monai.networks.nets.dynunet import DynUNet

    levels = wanted.shape.halvings + 1
    return DynUNet(
        wanted.dimensions,
        wanted.in_channels,
        wanted.classes,
        kernel_size=[3] * levels,
        strides=[1, *[2] * (levels - 1)],
        upsample_kernel_size=[2] * (levels - 1),
        filters=[min(width, MOST_FILTERS) for width in wanted.shape.widths],
    )


def _swin(wanted: Wanted) -> Any:
    from monai.networks.nets.swin_unetr import SwinUNETR

    filters = max(12, wanted.shape.filters // 12 * 12)  # heads of 3, 6, 12 and 24 have to divide it
    return SwinUNETR(wanted.in_channels, wanted.classes, feature_size=filters, spatial_dims=wanted.dimensions)


def _segresnet(wanted: Wanted) -> Any:
    from monai.networks.nets.segresnet import SegResNet

    shape = wanted.shape
    return SegResNet(
        wanted.dimensions,
        init_filters=max(8, shape.filters // 8 * 8),  # normalised in groups of 8
        in_channels=wanted.in_channels,
        out_channels=wanted.classes,
        blocks_down=(1, *[2] * (shape.halvings - 1), 4),
        blocks_up=(1,) * shape.halvings,
    )


ARCHITECTURES: Registry[Architecture] = Registry("architecture")
"""All of them, by the names that recipes use."""

_SMP = {
    "unet": ("U-Net", "Unet"),
    "unet++": ("U-Net++", "UnetPlusPlus"),
    "deeplabv3": ("DeepLabV3", "DeepLabV3"),
    "deeplabv3+": ("DeepLabV3+", "DeepLabV3Plus"),
    "fpn": ("FPN", "FPN"),
    "linknet": ("Linknet", "Linknet"),
    "pspnet": ("PSPNet", "PSPNet"),
    "pan": ("PAN", "PAN"),
    "ma-net": ("MA-Net", "MAnet"),
}
for _name, (_title, _class) in _SMP.items():
    ARCHITECTURES.add(_name)(
        Architecture(
            _title,
            "segmentation-models-pytorch",
            partial(_smp, name=_class),
            (2,),
            has_encoder=True,
            least_halvings=3 if _name in ("deeplabv3", "pspnet") else 5,
            least_px=128 if _name == "pan" else 64,
        )
    )
_DENSE = partial(_of_blocks, block="DenseBlock")
_MULTIRES = partial(_of_blocks, block="MultiResBlock", paths="ResPath")
_ATTENTIVE = partial(_of_blocks, block="ResidualBlock", is_attentive=True)
_COMPACT = partial(_of_blocks, block="CompactBlock")
for _name, _entry in {
    "unet-standard": Architecture("U-Net, standard", "MONAI", _standard),
    "unet-plain": Architecture("U-Net, plain", "MONAI", _plain),
    "unet-residual": Architecture("U-Net, residual", "MONAI", _residual),
    "unet-dense": Architecture("U-Net, dense", "Hilum", _DENSE),
    "unet-multires": Architecture("U-Net, multi-resolution", "Hilum", _MULTIRES),
    "unet-attention": Architecture("U-Net, attention", "MONAI", _attention),
    "unet-attention-residual": Architecture("U-Net, attention and residual", "Hilum", _ATTENTIVE),
    "unet-compact": Architecture("U-Net, compact", "Hilum", _COMPACT),
    "dynunet": Architecture("in the manner of nnU-Net", "MONAI", _dynunet),
    "swin-unetr": Architecture("SwinUNETR", "MONAI", _swin, least_halvings=5, least_px=64),
    "segresnet": Architecture("SegResNet", "MONAI", _segresnet),
}.items():
    ARCHITECTURES.add(_name)(_entry)


def build(
    name: str,
    *,
    encoder: str = "",
    encoder_weights: str = "none",
    in_channels: int = 3,
    classes: int = 1,
    dimensions: int = 2,
    classification: bool = False,
    shape: Shape | None = None,
) -> nn.Module:
    """A network of the registry: takes (N, in_channels, ...), gives raw numbers (N, classes, ...) of the same size.

    Parameters
    ----------
    name : in :data:`ARCHITECTURES`, such as ``deeplabv3+``
    encoder : of architectures that take one: a name of segmentation-models-pytorch or of timm
    encoder_weights : ``none`` begins at random, ``imagenet`` with what an installed package carries; or a file
    in_channels : 3 for encoders of ImageNet
    classes : channels of the output
    dimensions : 2 or 3
    classification : give two values: the map, and the raw number (N, 1) of whether there is anything on it
    shape : filters and depth of architectures without an encoder

    Raises
    ------
    UnknownName
        There is no such architecture.
    SettingsError
        There is no such encoder, or its weights would have to be downloaded.
    MissingExtra
        A library that it needs is not installed.
    ValueError
        The architecture does not come in so many dimensions, or takes no encoder, or needs one.

    Examples
    --------
    >>> network = build("fpn", encoder="resnet18", in_channels=1)
    >>> sum(value.numel() for value in network.parameters()) > 10**6
    True
    """
    entry = ARCHITECTURES[name]
    if dimensions not in entry.dimensions:
        raise ValueError(f"{name} comes in {' or '.join(map(str, entry.dimensions))} dimensions, not in {dimensions}")
    if bool(encoder) != entry.has_encoder:
        raise ValueError(f"{name} needs an encoder" if entry.has_encoder else f"{name} takes no encoder")
    if classification and not entry.has_encoder:
        raise ValueError(f"{name} has no place for a classification head: only architectures with an encoder do")
    wanted = Wanted(in_channels, classes, dimensions, shape or Shape())
    if not entry.has_encoder:
        try:
            return entry.make(wanted)
        except ImportError as error:
            raise MissingExtra(f"The architecture {name}", "train") from error
    from .encoders import begin, encoder_named

    known = encoder_named(encoder)
    network = entry.make(replace(wanted, encoder=known, has_classifier=classification))
    begin(network.encoder, known, encoder_weights)
    return network

"""The U-Nets of the published CT systems, of any depth, in two or three dimensions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from monai.networks.nets.basic_unet import Down, TwoConv, UpCat
from torch import Tensor, nn

from .volume_recipe import UNet, VolumeRecipe


class VolumeNetwork(nn.Module):
    """A standard U-Net on blocks of a CT.

    Input ``volume`` (N, 1, slices, rows, columns), or (N, 1, rows, columns) where a block is one slice, scaled as
    its card says. Output of raw numbers: ``lesions`` (N, classes, ...), of the same size.

    Parameters
    ----------
    shape : filters and depth
    dimensions : 2 or 3
    classes : channels of the output
    """

    inputs = ("volume",)
    outputs = ("lesions",)

    def __init__(self, shape: UNet, dimensions: int, classes: int) -> None:
        super().__init__()
        widths = [shape.filters * 2**level for level in range(shape.halvings + 1)]
        style: dict[str, Any] = {
            "act": ("relu", {"inplace": True}),
            "norm": ("batch", {"momentum": shape.momentum, "eps": 1e-3}),
            "bias": True,
        }
        self.top = TwoConv(dimensions, 1, widths[0], **style)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(Down(dimensions, fine, coarse, **style) for fine, coarse in steps)
        self.up = nn.ModuleList(UpCat(dimensions, coarse, fine, fine, **style) for fine, coarse in reversed(steps))
        convolution = nn.Conv3d if dimensions == 3 else nn.Conv2d
        self.head = convolution(widths[0], classes, 1)

    def forward(self, volume: Tensor) -> tuple[Tensor]:
        """Raw numbers of the output."""
        kept = [self.top(volume)]
        for down in self.down:
            kept.append(down(kept[-1]))
        made = kept.pop()
        for up in self.up:
            made = up(made, kept.pop())
        return (self.head(made),)


def network_of(recipe: VolumeRecipe) -> VolumeNetwork:
    """The network of a recipe, with random weights."""
    return VolumeNetwork(recipe.network, len(recipe.block_shape), len(recipe.channels))

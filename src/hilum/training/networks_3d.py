"""The network of a recipe for volumes, in two or three dimensions."""

from __future__ import annotations

from torch import Tensor, nn

from .architectures import build
from .parts import NetworkSettings
from .volume_recipe import VolumeRecipe


class VolumeNetwork(nn.Module):
    """Any architecture on blocks of a CT.

    Input ``volume`` (N, 1, slices, rows, columns), or (N, 1, rows, columns) where a block is one slice, scaled as
    its card says. Output of raw numbers: ``lesions`` (N, classes, ...), of the same size.

    Parameters
    ----------
    how : the architecture
    dimensions : 2 or 3
    classes : channels of the output
    begin : give an encoder the weights that the recipe asks for
    """

    inputs = ("volume",)
    outputs = ("lesions",)

    def __init__(self, how: NetworkSettings, dimensions: int, classes: int, *, begin: bool = True) -> None:
        super().__init__()
        self._channels = 3 if how.encoder else 1
        self.net = build(
            how.architecture,
            encoder=how.encoder,
            encoder_weights=how.encoder_weights if begin else "none",
            in_channels=self._channels,
            classes=classes,
            dimensions=dimensions,
            shape=how.shape,
        )

    def forward(self, volume: Tensor) -> tuple[Tensor]:
        """Raw numbers of the output."""
        return (self.net(volume if self._channels == 1 else volume.expand(-1, self._channels, -1, -1)),)


def network_of(recipe: VolumeRecipe, *, begin: bool = False) -> VolumeNetwork:
    """The network of a recipe, with random weights unless it is to begin as the recipe says."""
    return VolumeNetwork(recipe.network, len(recipe.block_shape), len(recipe.channels), begin=begin)

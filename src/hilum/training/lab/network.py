"""The network of a recipe of the laboratory, always with a tuple of outputs."""

from __future__ import annotations

from torch import Tensor, nn

from hilum.training.architectures import build

from .recipe import FilmRecipe


class MaskNetwork(nn.Module):
    """Any architecture: (N, channels, S, S) in the encoder's colours to a tuple of raw numbers.

    The map is (N, 1, S, S); the second output, if there is one, (N, 1).

    Parameters
    ----------
    recipe : all settings
    begin : give the encoder the weights that the recipe asks for
    """

    def __init__(self, recipe: FilmRecipe, *, begin: bool = True) -> None:
        super().__init__()
        how = recipe.network
        self.net = build(
            how.architecture,
            encoder=how.encoder,
            encoder_weights=how.encoder_weights if begin else "none",
            in_channels=recipe.in_channels,
            classification=how.classification,
            shape=how.shape,
        )

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """Raw numbers of every output."""
        made = self.net(film)
        return tuple(made) if isinstance(made, (tuple, list)) else (made,)

"""U-Nets in two and three dimensions: those of MONAI's parts, and those that MONAI does not have.

All take (N, channels, ...) and give raw numbers (N, classes, ...) of the same size, whose sides must be multiples of
two to the power of the number of halvings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from monai.networks.blocks.convolutions import Convolution
from monai.networks.nets.attentionunet import AttentionBlock
from monai.networks.nets.basic_unet import Down, TwoConv, UpCat
from torch import Tensor, nn

Block = Callable[[int, int, int], nn.Module]
"""Makes the block of a level from dimensions, channels in and wished-for channels out; has ``out_channels``."""


class StandardUNet(nn.Module):
    """Two convolutions a level, maxima pooled, transposed convolutions.

    Parameters
    ----------
    dimensions, in_channels, classes : 2 or 3; of the input; of the output
    widths : filters of each level, from the finest
    act, norm : as in MONAI

    References
    ----------
    .. [1] Ronneberger et al., MICCAI 2015, doi:10.1007/978-3-319-24574-4_28; in 3D Cicek et al., MICCAI 2016,
       doi:10.1007/978-3-319-46723-8_49
    """

    def __init__(
        self,
        dimensions: int,
        in_channels: int,
        classes: int,
        widths: Sequence[int],
        *,
        act: tuple[str, dict[str, Any]],
        norm: tuple[str, dict[str, Any]],
    ) -> None:
        super().__init__()
        style: dict[str, Any] = {"act": act, "norm": norm, "bias": True}
        self.top = TwoConv(dimensions, in_channels, widths[0], **style)
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(Down(dimensions, fine, coarse, **style) for fine, coarse in steps)
        self.up = nn.ModuleList(UpCat(dimensions, coarse, fine, fine, **style) for fine, coarse in reversed(steps))
        self.head = (nn.Conv3d if dimensions == 3 else nn.Conv2d)(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Raw numbers."""
        kept = [self.top(image)]
        for down in self.down:
            kept.append(down(kept[-1]))
        made = kept.pop()
        for up in self.up:
            made = up(made, kept.pop())
        return self.head(made)


class BlockUNet(nn.Module):
    """A U-Net of any kind of block, its skip connections plain, filtered by a path, or weighted by attention.

    Parameters
    ----------
    dimensions, in_channels, classes : 2 or 3; of the input; of the output
    widths : wished-for filters of each level, from the finest
    block : of every level, down and up
    paths : what a skip connection passes through, from (dimensions, channels, steps); ``steps`` counts from 1 at the
        coarsest; None for nothing
    is_attentive : skip connections are weighted by attention gates
    """

    def __init__(
        self,
        dimensions: int,
        in_channels: int,
        classes: int,
        widths: Sequence[int],
        *,
        block: Block,
        paths: Callable[[int, int, int], nn.Module] | None = None,
        is_attentive: bool = False,
    ) -> None:
        super().__init__()
        self.pool = (nn.MaxPool3d if dimensions == 3 else nn.MaxPool2d)(2)
        up = nn.ConvTranspose3d if dimensions == 3 else nn.ConvTranspose2d
        self.down, self.rise, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.paths, self.gates = nn.ModuleList(), nn.ModuleList()
        held: list[int] = []
        for width in widths:
            self.down.append(block(dimensions, held[-1] if held else in_channels, width))
            held.append(_out(self.down[-1]))
        below = held.pop()
        for steps, (width, skip) in enumerate(zip(reversed(widths[:-1]), reversed(held), strict=True), 1):
            self.rise.append(up(below, width, 2, 2))
            self.paths.append(nn.Identity() if paths is None else paths(dimensions, skip, steps))
            if is_attentive:
                self.gates.append(AttentionBlock(dimensions, f_int=max(1, width // 2), f_g=width, f_l=skip))
            self.up.append(block(dimensions, width + skip, width))
            below = _out(self.up[-1])
        self.head = (nn.Conv3d if dimensions == 3 else nn.Conv2d)(below, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Raw numbers."""
        kept: list[Tensor] = []
        for down in self.down:
            kept.append(down(self.pool(kept[-1]) if kept else image))
        made = kept.pop()
        for place, (rise, path, up) in enumerate(zip(self.rise, self.paths, self.up, strict=True)):
            risen, skip = rise(made), path(kept.pop())
            if self.gates:
                skip = self.gates[place](g=risen, x=skip)
            made = up(torch.cat([skip, risen], dim=1))
        return self.head(made)


def _out(block: nn.Module) -> int:
    return int(block.out_channels)  # type: ignore[arg-type]


def _convolution(dimensions: int, before: int, after: int, size: int = 3, *, act: str | None = "relu") -> nn.Module:
    """A convolution with batch normalisation, and an activation unless it is None."""
    return Convolution(dimensions, before, after, kernel_size=size, act=act, norm="batch", adn_ordering="NA")


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to the input, brought to its width by a 1x1 convolution.

    References
    ----------
    .. [1] Zhang et al., IEEE GRSL 2018, doi:10.1109/LGRS.2018.2802944
    """

    def __init__(self, dimensions: int, before: int, after: int) -> None:
        super().__init__()
        self.out_channels = after
        self.first = _convolution(dimensions, before, after)
        self.second = _convolution(dimensions, after, after, act=None)
        self.past = _convolution(dimensions, before, after, 1, act=None)
        self.act = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Features of ``after`` channels."""
        return self.act(self.second(self.first(features)) + self.past(features))


class DenseBlock(nn.Module):
    """Two convolutions, each joined to all that came before it in the level.

    References
    ----------
    .. [1] Huang et al., CVPR 2017, doi:10.1109/CVPR.2017.243
    """

    def __init__(self, dimensions: int, before: int, after: int) -> None:
        super().__init__()
        self.out_channels = before + 2 * after
        self.first = _convolution(dimensions, before, after)
        self.second = _convolution(dimensions, before + after, after)

    def forward(self, features: Tensor) -> Tensor:
        """The input's channels and twice ``after``."""
        once = torch.cat([features, self.first(features)], dim=1)
        return torch.cat([once, self.second(once)], dim=1)


class CompactBlock(nn.Module):
    """Two convolutions joined to the level's input, and brought back to the level's width by a 1x1 convolution.

    What a dense block gains without its growth: every level keeps its own number of filters.
    """

    def __init__(self, dimensions: int, before: int, after: int) -> None:
        super().__init__()
        self.out_channels = after
        self.dense = DenseBlock(dimensions, before, max(1, after // 2))
        self.narrow = _convolution(dimensions, self.dense.out_channels, after, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features of ``after`` channels."""
        return self.narrow(self.dense(features))


class MultiResBlock(nn.Module):
    """Three convolutions in a row, which see 3, 5 and 7 pixels, joined, and added to the input.

    Of a width W, taken 1.67 times, they have a sixth, a third and a half.

    References
    ----------
    .. [1] Ibtehaz and Rahman, Neural Networks 2020, doi:10.1016/j.neunet.2019.08.025
    """

    def __init__(self, dimensions: int, before: int, after: int) -> None:
        super().__init__()
        widths = [max(1, int(1.67 * after * share)) for share in (1 / 6, 1 / 3, 1 / 2)]
        self.out_channels = sum(widths)
        steps = pairwise([before, *widths])
        self.steps = nn.ModuleList(_convolution(dimensions, one, two) for one, two in steps)
        self.past = _convolution(dimensions, before, self.out_channels, 1, act=None)
        self.norm = (nn.BatchNorm3d if dimensions == 3 else nn.BatchNorm2d)(self.out_channels)
        self.act = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Features of ``out_channels`` channels."""
        made, seen = features, []
        for step in self.steps:
            made = step(made)
            seen.append(made)
        return self.act(self.norm(torch.cat(seen, dim=1)) + self.past(features))


class ResPath(nn.Module):
    """What a skip connection of a multi-resolution U-Net passes through: a chain of residual convolutions.

    References
    ----------
    .. [1] Ibtehaz and Rahman, Neural Networks 2020, doi:10.1016/j.neunet.2019.08.025
    """

    def __init__(self, dimensions: int, channels: int, steps: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_convolution(dimensions, channels, channels) for _ in range(steps))
        self.past = nn.ModuleList(_convolution(dimensions, channels, channels, 1, act=None) for _ in range(steps))
        self.act = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape."""
        for step, past in zip(self.steps, self.past, strict=True):
            features = self.act(step(features) + past(features))
        return features

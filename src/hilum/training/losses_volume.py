"""What a voxel of CT is, by number, and as the truth that losses take."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OF_VOXELS = ("none", "left-lung", "right-lung", "infection")
"""What a voxel is, by number; the order of the published masks. A lesion hides the side of its lung."""

INFECTION = OF_VOXELS.index("infection")


def truth_of(classes: Tensor, channels: int) -> Tensor:
    """Numbers (N, ...) as the truth of losses, (N, channels, ...): of one channel, the infection."""
    if channels == 1:
        return (classes == INFECTION)[:, None].float()
    return torch.movedim(functional.one_hot(classes.long(), channels), -1, 1).float()


def lungs_of(classes: Tensor) -> Tensor:
    """Where the lungs are, lesions and all, (N, 1, ...)."""
    return (classes > 0)[:, None].float()

"""Losses of the published CT systems.

``raw`` are a network's raw numbers (N, classes, ...), ``classes`` numbers of :data:`OF_VOXELS` (N, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.losses.dice import MaskedDiceLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor
from torch.nn import functional

OF_VOXELS = ("none", "left-lung", "right-lung", "infection")
"""What a voxel is, by number; the order of the published masks. A lesion hides the side of its lung."""

INFECTION = OF_VOXELS.index("infection")


def tversky(raw: Tensor, classes: Tensor) -> Tensor:
    """Sum over the classes of 1 less their soft Dice: the Tversky loss of covid19.MIScnn, whose weights are halves.

    References: Salehi et al., MLMI 2017, doi:10.1007/978-3-319-67389-9_44.
    """
    loss = TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.5, beta=0.5)
    return loss(raw.float(), classes[:, None].long()) * raw.shape[1]


def cross_entropy(raw: Tensor, classes: Tensor) -> Tensor:
    """Mean over the voxels."""
    return functional.cross_entropy(raw.float(), classes.long())


def dice_within_lungs(raw: Tensor, classes: Tensor) -> Tensor:
    """1 less the soft Dice of the lesions, what lies outside the lungs not counted, over the batch as a whole.

    The loss of covid_dl_ggo_cons: both sums are of one more than there is, so that no lesion and none found is 0.
    """
    chance = torch.sigmoid(raw.float())
    lesion, lungs = (classes == INFECTION)[:, None].float(), (classes > 0)[:, None].float()
    return MaskedDiceLoss(smooth_nr=1.0, smooth_dr=1.0, batch=True)(chance, lesion, lungs)


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "tversky": tversky,
    "cross-entropy": cross_entropy,
    "dice-within-lungs": dice_within_lungs,
}
"""By their names in recipes."""

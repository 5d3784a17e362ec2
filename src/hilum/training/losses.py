"""Losses that accept partial labels: a pixel's label is the set of classes that it may be.

A set is a number with one bit a class: 1 is "none", 2 the first structure, 4 the second, 6 "one of the two", 7
"not known". So masks that tell both lungs apart, masks that do not, and films without any train one network.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

UNKNOWN = 7
"""The set of all three classes of a film: says nothing."""

UNKNOWN_ON_CT = 15
"""The same for the four classes of lesions on CT."""


def says_nothing(classes: int) -> int:
    """The set of all of so many classes."""
    return (1 << classes) - 1


def allowed(bits: Tensor, classes: int = 3) -> Tensor:
    """Which classes each pixel may be: (N, H, W) uint8 to (N, classes, H, W) of 0 and 1."""
    return torch.stack([(bits >> c) & 1 for c in range(classes)], dim=1).float()


def partial_cross_entropy(raw: Tensor, bits: Tensor) -> Tensor:
    """Minus the log of the probability of the allowed set, mean over the pixels whose set says something.

    ``raw`` (N, C, H, W), ``bits`` (N, H, W).
    """
    may = allowed(bits, raw.shape[1])
    log_chance = functional.log_softmax(raw.float(), dim=1).masked_fill(may == 0, -1e4)
    known = (bits != says_nothing(raw.shape[1])).float()
    return -(torch.logsumexp(log_chance, dim=1) * known).sum() / known.sum().clamp(min=1.0)


def partial_dice(raw: Tensor, bits: Tensor) -> Tensor:
    """One minus the soft Dice over the batch: of any structure, and of each where it is told apart.

    ``raw`` (N, C, H, W), ``bits`` (N, H, W). Pixels that may be none or something are left out; for a single
    structure so are whole pictures in which any pixel is either that structure or another.
    """
    chance = torch.softmax(raw.float(), dim=1)
    may_be_none = (bits & 1) > 0
    terms = [_soft_dice(1.0 - chance[:, 0], ~may_be_none, ~may_be_none | (bits == 1))]
    is_known = bits != says_nothing(raw.shape[1])
    for c in range(1, raw.shape[1]):
        either = ((bits >> c) & 1 > 0) & (bits != (1 << c)) & is_known
        apart = is_known & ~either.flatten(1).any(1)[:, None, None]
        if bool(apart.any()):
            terms.append(_soft_dice(chance[:, c], bits == (1 << c), apart))
    return torch.stack(terms).mean()


def _soft_dice(chance: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    weight, target = known.float(), truth.float()
    both = (chance * target * weight).sum()
    total = ((chance + target) * weight).sum()
    return 1.0 - (2.0 * both + 1.0) / (total + 1.0)


def where_known(loss: Tensor, target: Tensor) -> Tensor:
    """Mean of a loss over the entries whose target is not NaN; 0 if none is."""
    known = ~torch.isnan(target)
    return (torch.nan_to_num(loss) * known).sum() / known.sum().clamp(min=1)


def binary(raw: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of raw numbers where the target is known; soft targets are welcome."""
    loss = functional.binary_cross_entropy_with_logits(raw.float(), torch.nan_to_num(target), reduction="none")
    return where_known(loss, target)


def close(value: Tensor, target: Tensor, scale: float) -> Tensor:
    """Smooth L1 of a score where it is known, in units of ``scale``."""
    loss = functional.smooth_l1_loss(value.float() / scale, torch.nan_to_num(target) / scale, reduction="none")
    return where_known(loss, target)


def soft_extent(raw: Tensor, zones: Tensor) -> Tensor:
    """Geographic extent, 0 to 8, that follows from lesion maps and can be trained: (N,).

    ``raw`` (N, 3, H, W), ``zones`` (N, 6, H, W). A lung's share of opacity becomes its grade along the line through
    the middles of the grades' intervals.
    """
    opacity = 1.0 - torch.softmax(raw.float(), dim=1)[:, 0]
    grades = torch.zeros(len(raw), device=raw.device)
    for side in (slice(0, 3), slice(3, 6)):
        lung = zones[:, side].sum(1)
        share = (opacity * lung).sum((1, 2)) / lung.sum((1, 2)).clamp(min=1.0)
        grades = grades + torch.minimum(share * 8.0, 0.5 + share * 4.0).clamp(max=4.0)
    return grades

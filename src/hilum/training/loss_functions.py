"""Every loss by its name: of maps, of whether there is anything on them, and of both together.

Losses of maps take a network's raw numbers and the truth, both (N, classes, ...). One class is a sigmoid's, with a
truth of 0 and 1; several are a softmax's, with a truth that is 1 in one of them and whose first is "none".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import torch
from monai.losses.dice import DiceCELoss, DiceLoss, GeneralizedDiceLoss, MaskedDiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from segmentation_models_pytorch.losses import LovaszLoss
from torch import Tensor, nn
from torch.nn import functional

from hilum.errors import SettingsError
from hilum.registry import Registry

from .parts import LossSettings

LEAST = 1e-7
"""A probability that a logarithm may be taken of."""


class Loss(Protocol):
    """A loss of maps."""

    def __call__(self, raw: Tensor, truth: Tensor) -> Tensor:
        """A number to make small, of ``raw`` and ``truth``, both (N, classes, ...)."""
        ...


LOSSES: Registry[Any] = Registry("loss")
"""Losses of maps; some have settings besides, which are the fields of :class:`~hilum.training.parts.LossSettings`."""

NEEDS_LUNGS = ("dice-within-lungs",)
"""Losses that are also told where the lungs are."""

CLASSIFIER_LOSSES: Registry[Any] = Registry("loss of classification")
"""Losses of raw numbers (N, 1) against a truth of 0 and 1."""


def chances(raw: Tensor) -> Tensor:
    """Probabilities: a sigmoid of one channel, a softmax of several."""
    return torch.sigmoid(raw.float()) if raw.shape[1] == 1 else torch.softmax(raw.float(), dim=1)


def _activation(raw: Tensor) -> dict[str, Any]:
    return {"sigmoid": raw.shape[1] == 1, "softmax": raw.shape[1] > 1}


@LOSSES.add("dice")
def dice(raw: Tensor, truth: Tensor) -> Tensor:
    """1 less the soft Dice of the batch as a whole, smoothed by 1; the mean over the classes.

    References
    ----------
    .. [1] Milletari et al., 3DV 2016, doi:10.1109/3DV.2016.79
    """
    return DiceLoss(**_activation(raw), batch=True, smooth_nr=1.0, smooth_dr=1.0)(raw.float(), truth)


@LOSSES.add("jaccard")
def jaccard(raw: Tensor, truth: Tensor) -> Tensor:
    """1 less the soft intersection over union of the batch as a whole, smoothed by 1; the mean over the classes."""
    return DiceLoss(**_activation(raw), jaccard=True, batch=True, smooth_nr=2.0, smooth_dr=2.0)(raw.float(), truth)


@LOSSES.add("bce")
def bce(raw: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over the pixels; ValueError if there are several classes."""
    if raw.shape[1] != 1:
        raise ValueError("bce is for one class; of several, cross-entropy is")
    return functional.binary_cross_entropy_with_logits(raw.float(), truth.float())


@LOSSES.add("cross-entropy")
def cross_entropy(raw: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy, the mean over the pixels; of one class, the binary one."""
    return bce(raw, truth) if raw.shape[1] == 1 else functional.cross_entropy(raw.float(), truth.argmax(1))


@LOSSES.add("lovasz")
def lovasz(raw: Tensor, truth: Tensor) -> Tensor:
    """The Lovasz hinge of one class, the Lovasz softmax of several, over the batch as a whole.

    References
    ----------
    .. [1] Berman et al., CVPR 2018, doi:10.1109/CVPR.2018.00464
    """
    if raw.shape[1] == 1:
        return LovaszLoss("binary")(raw.float()[:, 0], truth[:, 0])
    return LovaszLoss("multiclass")(raw.float(), truth.argmax(1))


@LOSSES.add("focal")
def focal(raw: Tensor, truth: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Cross-entropy weighted by (1 - p)^gamma; the mean over the pixels and the classes.

    References
    ----------
    .. [1] Lin et al., ICCV 2017, doi:10.1109/ICCV.2017.324
    """
    return FocalLoss(gamma=gamma, use_softmax=raw.shape[1] > 1)(raw.float(), truth.float())


@LOSSES.add("mse")
def mse(raw: Tensor, truth: Tensor) -> Tensor:
    """The squared difference of probability and truth; the mean over the pixels and the classes."""
    return functional.mse_loss(chances(raw), truth.float())


@LOSSES.add("weighted-dice")
def weighted_dice(raw: Tensor, truth: Tensor, *, class_weights: tuple[float, ...] = ()) -> Tensor:
    """1 less the soft Dice of the batch by class, smoothed by 1, averaged by ``class_weights``; none are alike.

    Raises
    ------
    ValueError
        There is another number of weights than of classes.
    """
    weights = torch.tensor(class_weights or (1.0,) * raw.shape[1], device=raw.device)
    if len(weights) != raw.shape[1]:
        raise ValueError(f"class_weights has {len(weights)} numbers, and there are {raw.shape[1]} classes")
    axes = (0, *range(2, raw.ndim))
    chance = chances(raw)
    by_class = 1 - (2 * (chance * truth).sum(axes) + 1) / ((chance + truth).sum(axes) + 1)
    return (by_class * weights).sum() / weights.sum()


@LOSSES.add("generalised-dice")
def generalised_dice(raw: Tensor, truth: Tensor) -> Tensor:
    """1 less a Dice whose classes weigh by the inverse square of their size.

    References
    ----------
    .. [1] Sudre et al., DLMIA 2017, doi:10.1007/978-3-319-67558-9_28
    """
    return GeneralizedDiceLoss(**_activation(raw), smooth_nr=1.0, smooth_dr=1.0)(raw.float(), truth)


@LOSSES.add("dice-ce")
def dice_ce(raw: Tensor, truth: Tensor) -> Tensor:
    """Dice, as ``dice``, and cross-entropy, added."""
    loss = DiceCELoss(**_activation(raw), batch=True, smooth_nr=1.0, smooth_dr=1.0)
    return loss(raw.float(), truth.float())


@LOSSES.add("tversky")
def tversky(raw: Tensor, truth: Tensor, *, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    """Sum over the classes of 1 less their Tversky index: false positives weigh ``alpha``, false negatives ``beta``.

    References
    ----------
    .. [1] Salehi et al., MLMI 2017, doi:10.1007/978-3-319-67389-9_44
    """
    return TverskyLoss(**_activation(raw), alpha=alpha, beta=beta)(raw.float(), truth) * raw.shape[1]


@LOSSES.add("tversky-ce")
def tversky_ce(raw: Tensor, truth: Tensor, *, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    """``tversky`` and ``cross-entropy``, added: the loss of covid19.MIScnn."""
    return tversky(raw, truth, alpha=alpha, beta=beta) + cross_entropy(raw, truth)


@LOSSES.add("combo")
def combo(raw: Tensor, truth: Tensor, *, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    """``alpha`` of a cross-entropy whose positives weigh ``beta``, and the rest of 1 less Dice.

    Of several classes, each is taken for itself: positive where it is, negative elsewhere.

    References
    ----------
    .. [1] Taghanaki et al., Comput Med Imaging Graph 2019, doi:10.1016/j.compmedimag.2019.04.005
    """
    chance = chances(raw).clamp(LEAST, 1 - LEAST)
    entropy = -(beta * truth * chance.log() + (1 - beta) * (1 - truth) * (1 - chance).log()).mean()
    return alpha * entropy + (1 - alpha) * dice(raw, truth)


def _two(raw: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Probability and truth with a channel of "none", which a single class has not."""
    chance, truth = chances(raw).clamp(LEAST, 1 - LEAST), truth.float()
    if raw.shape[1] > 1:
        return chance, truth
    return torch.cat([1 - chance, chance], dim=1), torch.cat([1 - truth, truth], dim=1)


def _tversky_index(chance: Tensor, truth: Tensor, delta: float) -> Tensor:
    """By sample and class, false negatives weighing ``delta`` and false positives the rest."""
    axes = tuple(range(2, chance.ndim))
    both = (chance * truth).sum(axes)
    missed, wrong = (truth * (1 - chance)).sum(axes), ((1 - truth) * chance).sum(axes)
    return (both + LEAST) / (both + delta * missed + (1 - delta) * wrong + LEAST)


def _yeung_focal(raw: Tensor, truth: Tensor, delta: float, gamma: float, *, is_symmetric: bool) -> Tensor:
    chance, truth = _two(raw, truth)
    entropy = -truth * chance.log()
    none = (1 - delta) * (1 - chance[:, :1]) ** gamma * entropy[:, :1]
    some = delta * entropy[:, 1:]
    if is_symmetric:
        some = some * (1 - chance[:, 1:]) ** gamma
    return torch.cat([none, some], dim=1).sum(1).mean()


def _yeung_tversky(raw: Tensor, truth: Tensor, delta: float, gamma: float, *, is_symmetric: bool) -> Tensor:
    chance, truth = _two(raw, truth)
    lack = (1 - _tversky_index(chance, truth, delta)).clamp(min=LEAST)
    none, some = lack[:, :1], lack[:, 1:] ** (1 - gamma)
    return torch.cat([none ** (1 - gamma) if is_symmetric else none, some], dim=1).mean()


@LOSSES.add("focal-tversky")
def focal_tversky(raw: Tensor, truth: Tensor, *, delta: float = 0.7, gamma: float = 0.75) -> Tensor:
    """(1 - Tversky index)^gamma, false negatives weighing ``delta``; the mean over samples and classes.

    References
    ----------
    .. [1] Abraham and Khan, ISBI 2019, doi:10.1109/ISBI.2019.8759329
    """
    chance, truth = _two(raw, truth)
    return ((1 - _tversky_index(chance, truth, delta)).clamp(min=LEAST) ** gamma).mean()


@LOSSES.add("symmetric-focal")
def symmetric_focal(raw: Tensor, truth: Tensor, *, delta: float = 0.7, gamma: float = 2.0) -> Tensor:
    """Focal cross-entropy, structures weighing ``delta`` and "none" the rest; reference as ``unified-focal``."""
    return _yeung_focal(raw, truth, delta, gamma, is_symmetric=True)


@LOSSES.add("asymmetric-focal")
def asymmetric_focal(raw: Tensor, truth: Tensor, *, delta: float = 0.7, gamma: float = 2.0) -> Tensor:
    """The same, with "none" alone made focal; reference as ``unified-focal``."""
    return _yeung_focal(raw, truth, delta, gamma, is_symmetric=False)


@LOSSES.add("symmetric-focal-tversky")
def symmetric_focal_tversky(raw: Tensor, truth: Tensor, *, delta: float = 0.7, gamma: float = 0.75) -> Tensor:
    """(1 - Tversky index)^(1 - gamma) of every class; reference as ``unified-focal``."""
    return _yeung_tversky(raw, truth, delta, gamma, is_symmetric=True)


@LOSSES.add("asymmetric-focal-tversky")
def asymmetric_focal_tversky(raw: Tensor, truth: Tensor, *, delta: float = 0.7, gamma: float = 0.75) -> Tensor:
    """The same, with the structures alone made focal; reference as ``unified-focal``."""
    return _yeung_tversky(raw, truth, delta, gamma, is_symmetric=False)


@LOSSES.add("symmetric-unified-focal")
def symmetric_unified_focal(
    raw: Tensor, truth: Tensor, *, weight: float = 0.5, delta: float = 0.6, gamma: float = 0.5
) -> Tensor:
    """``weight`` of the symmetric focal Tversky loss and the rest of the symmetric focal loss."""
    return weight * symmetric_focal_tversky(raw, truth, delta=delta, gamma=gamma) + (1 - weight) * symmetric_focal(
        raw, truth, delta=delta, gamma=gamma
    )


@LOSSES.add("unified-focal")
def unified_focal(raw: Tensor, truth: Tensor, *, weight: float = 0.5, delta: float = 0.6, gamma: float = 0.5) -> Tensor:
    """``weight`` of the asymmetric focal Tversky loss and the rest of the asymmetric focal loss.

    References
    ----------
    .. [1] Yeung et al., Comput Med Imaging Graph 2022, doi:10.1016/j.compmedimag.2021.102026
    """
    return weight * asymmetric_focal_tversky(raw, truth, delta=delta, gamma=gamma) + (1 - weight) * asymmetric_focal(
        raw, truth, delta=delta, gamma=gamma
    )


@LOSSES.add("dice-within-lungs")
def dice_within_lungs(raw: Tensor, truth: Tensor, *, lungs: Tensor) -> Tensor:
    """1 less the soft Dice of one class, what lies outside the lungs not counted, over the batch as a whole.

    The loss of covid_dl_ggo_cons: both sums are of one more than there is, so that no lesion and none found is 0.
    ``lungs`` is (N, 1, ...).
    """
    return MaskedDiceLoss(smooth_nr=1.0, smooth_dr=1.0, batch=True)(chances(raw), truth, lungs)


@CLASSIFIER_LOSSES.add("bce")
def presence_bce(raw: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy of raw numbers."""
    return functional.binary_cross_entropy_with_logits(raw.float(), truth.float())


@CLASSIFIER_LOSSES.add("smooth-l1")
def presence_smooth_l1(raw: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 of the probability."""
    return functional.smooth_l1_loss(torch.sigmoid(raw.float()), truth.float())


@CLASSIFIER_LOSSES.add("l1")
def presence_l1(raw: Tensor, truth: Tensor) -> Tensor:
    """How far the probability is from the truth."""
    return functional.l1_loss(torch.sigmoid(raw.float()), truth.float())


def configured(name: str, settings: LossSettings) -> Any:
    """A loss of the registry with those of the settings that it has."""
    loss = LOSSES[name]
    known = inspect.signature(loss).parameters
    return partial(loss, **{key: value for key, value in settings.given().items() if key in known})


def require_known(names: Mapping[str, float], settings: LossSettings) -> None:
    """SettingsError if a loss is unknown, or a setting is given that none of them has; UnknownName likewise."""
    known = {key for name in names for key in inspect.signature(LOSSES[name]).parameters}
    if strange := sorted(set(settings.given()) - known):
        raise SettingsError(
            f"loss_settings has {', '.join(strange)}, and none of the losses {', '.join(names)} has such a setting."
        )


@dataclass(frozen=True, slots=True)
class Masked:
    """Truth of maps with what nobody knows taken out.

    Attributes
    ----------
    raw, truth : both (N, classes, ...)
    """

    raw: Tensor
    truth: Tensor


def without_unknown(raw: Tensor, truth: Tensor, unknown: Tensor) -> Masked:
    """Raw numbers that are sure of "none", and a truth of "none", where ``unknown`` (N, 1, ...) is True.

    Such pixels add nothing to any loss, and nothing is learned from them.
    """
    sure = torch.full_like(raw, -30.0)
    nothing = torch.zeros_like(truth)
    if raw.shape[1] > 1:
        sure[:, 0], nothing[:, 0] = 30.0, 1.0
    return Masked(torch.where(unknown, sure, raw), torch.where(unknown, nothing, truth))


class JointLoss(nn.Module):
    """Several losses as one: weighted as a recipe says, or also by how far each has come.

    With ``dynamic``, a loss of which much is left of what it was in the first batch weighs more: its weight is
    multiplied by (loss / first loss)^alpha. The first losses are kept with the weights of a training.

    Parameters
    ----------
    weights : by name of the loss
    weighting : ``static`` or ``dynamic``
    alpha : exponent

    References
    ----------
    .. [1] Danilov et al., the two-stage scoring of COVID-19 on films (covid_scoring): alpha 0.05 in training
    """

    def __init__(
        self, weights: Mapping[str, float], weighting: Literal["static", "dynamic"] = "static", alpha: float = 0.05
    ) -> None:
        super().__init__()
        self._weights = dict(weights)
        self._is_dynamic, self._alpha = weighting == "dynamic", alpha
        self.first: Tensor
        self.register_buffer("first", torch.full((len(weights),), float("nan")))

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The total; ``losses`` has every name of the weights."""
        values = torch.stack([losses[name] for name in self._weights])
        weights = torch.tensor(list(self._weights.values()), device=values.device)
        if self._is_dynamic:
            held = values.detach().float()
            if self.training and bool(torch.isnan(self.first).any()):
                self.first.copy_(held)
            if not bool(torch.isnan(self.first).any()):
                weights = weights * (held / self.first.clamp(min=LEAST)).clamp(min=0) ** self._alpha
        return (values * weights).sum()

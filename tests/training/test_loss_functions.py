"""Every loss against a slow, plain reference in numpy, or by what it must do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.losses.unified_focal_loss import AsymmetricFocalLoss, AsymmetricFocalTverskyLoss

from hilum.errors import SettingsError, UnknownName
from hilum.training.loss_functions import (
    CLASSIFIER_LOSSES,
    LOSSES,
    NEEDS_LUNGS,
    JointLoss,
    configured,
    require_known,
    without_unknown,
)
from hilum.training.parts import LossSettings

pytestmark = pytest.mark.filterwarnings("default")
EPS = 1e-7
OF_ONE_CLASS = [name for name in LOSSES if name not in NEEDS_LUNGS]
OF_SEVERAL = [name for name in OF_ONE_CLASS if name != "bce"]


@st.composite
def maps(draw, classes=(1, 2, 3)):
    """Raw numbers and truth, (N, classes, 3, 4)."""
    count = draw(st.sampled_from(classes))
    shape = (draw(st.integers(1, 2)), count, 3, 4)
    raw = draw(arrays(np.float64, shape, elements=st.integers(-24, 24).map(lambda n: n / 8)))
    numbers = draw(arrays(np.int64, (shape[0], 3, 4), elements=st.integers(0, max(1, count - 1))))
    truth = numbers[:, None] if count == 1 else np.moveaxis(np.eye(count)[numbers], -1, 1)
    return raw, truth.astype(np.float64)


def probabilities(raw):
    if raw.shape[1] == 1:
        return 1 / (1 + np.exp(-raw))
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def with_none(raw, truth):
    p = np.clip(probabilities(raw), EPS, 1 - EPS)
    return (p, truth) if raw.shape[1] > 1 else (np.concatenate([1 - p, p], 1), np.concatenate([1 - truth, truth], 1))


def class_dice(raw, truth):
    p = probabilities(raw)
    made = []
    for c in range(raw.shape[1]):
        both = total = 0.0
        for one, other in zip(p[:, c].flat, truth[:, c].flat, strict=True):
            both, total = both + one * other, total + one + other
        made.append(1 - (2 * both + 1) / (total + 1))
    return made


def slow_dice(raw, truth):
    return np.mean(class_dice(raw, truth))


def slow_jaccard(raw, truth):
    p, made = probabilities(raw), []
    for c in range(raw.shape[1]):
        both = (p[:, c] * truth[:, c]).sum()
        made.append(1 - (both + 1) / (p[:, c].sum() + truth[:, c].sum() - both + 1))
    return np.mean(made)


def slow_entropy(raw, truth):
    p, t = with_none(raw, truth)
    total = 0.0
    for chance, fact in zip(p.flat, t.flat, strict=True):
        total -= fact * np.log(chance)
    return total / (p.size / p.shape[1])


def index(p, t, alpha, beta):
    both, wrong, missed = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
    return both, both + alpha * wrong + beta * missed


def slow_tversky(raw, truth, alpha=0.5, beta=0.5):
    p, total = probabilities(raw), 0.0
    for n in range(len(raw)):
        for c in range(raw.shape[1]):
            both, sum_ = index(p[n, c], truth[n, c], alpha, beta)
            total += 1 - (both + 1e-5) / (sum_ + 1e-5)
    return total / len(raw)


def slow_weighted_dice(raw, truth):
    by_class = class_dice(raw, truth)
    weights = [n + 1 for n in range(len(by_class))]
    return np.dot(by_class, weights) / sum(weights)


def slow_combo(raw, truth):
    p, total = np.clip(probabilities(raw), EPS, 1 - EPS), 0.0
    for chance, fact in zip(p.flat, truth.flat, strict=True):
        total -= 0.3 * fact * np.log(chance) + 0.7 * (1 - fact) * np.log(1 - chance)
    return 0.6 * total / p.size + 0.4 * slow_dice(raw, truth)


def lacks(raw, truth, delta):
    p, t = with_none(raw, truth)
    made = np.zeros(p.shape[:2])
    for n in range(len(p)):
        for c in range(p.shape[1]):
            both, sum_ = index(p[n, c], t[n, c], 1 - delta, delta)
            made[n, c] = max(1 - (both + EPS) / (sum_ + EPS), EPS)
    return made


def slow_focal_tversky(raw, truth, delta=0.7, gamma=0.75):
    return (lacks(raw, truth, delta) ** gamma).mean()


def slow_yeung_tversky(raw, truth, delta=0.7, gamma=0.75, symmetric=False):
    found = lacks(raw, truth, delta)
    found[:, 1:] **= 1 - gamma
    if symmetric:
        found[:, 0] **= 1 - gamma
    return found.mean()


def slow_yeung_focal(raw, truth, delta=0.7, gamma=2.0, symmetric=False):
    p, t = with_none(raw, truth)
    total = 0.0
    for n in range(len(p)):
        for c in range(p.shape[1]):
            for chance, fact in zip(p[n, c].flat, t[n, c].flat, strict=True):
                power = gamma if symmetric or c == 0 else 0
                total -= (1 - delta if c == 0 else delta) * (1 - chance) ** power * fact * np.log(chance)
    return total / (p.size / p.shape[1])


def slow_unified(raw, truth, symmetric=False):
    one = slow_yeung_tversky(raw, truth, 0.6, 0.5, symmetric)
    return 0.25 * one + 0.75 * slow_yeung_focal(raw, truth, 0.6, 0.5, symmetric)


def slow_focal(raw, truth):
    """Each channel's own binary one, or the softmax's; the mean over pixels and channels."""
    if raw.shape[1] == 1:
        p, t = with_none(raw, truth)
        return -(t * (1 - p) ** 2 * np.log(p)).sum() / raw.size
    p = probabilities(raw)
    return -(truth * (1 - p) ** 2 * np.log(p)).mean()


def slow_lovasz(raw, truth):
    """Through the sorted errors: the hinge's of one class, the mean over those present of several."""

    def sum_of(errors, facts):
        order = np.argsort(-errors, kind="stable")
        facts, errors = facts[order], errors[order]
        before, total = 0.0, 0.0
        for n in range(len(facts)):
            union = facts.sum() + (1 - facts[: n + 1]).sum()
            now = 1 - (facts.sum() - facts[: n + 1].sum()) / union
            total, before = total + errors[n] * (now - before), now
        return total

    if raw.shape[1] == 1:
        facts = truth.ravel()
        return sum_of(np.maximum(1 - raw.ravel() * (2 * facts - 1), 0), facts)
    p = probabilities(raw)
    present = [c for c in range(raw.shape[1]) if truth[:, c].any()]
    return np.mean([sum_of(np.abs(truth[:, c] - p[:, c]).ravel(), truth[:, c].ravel()) for c in present])


SLOW = {
    "dice": (slow_dice, {}),
    "jaccard": (slow_jaccard, {}),
    "cross-entropy": (slow_entropy, {}),
    "dice-ce": (lambda raw, truth: slow_dice(raw, truth) + slow_entropy(raw, truth), {}),
    "lovasz": (slow_lovasz, {}),
    "focal": (slow_focal, {}),
    "mse": (lambda raw, truth: ((probabilities(raw) - truth) ** 2).mean(), {}),
    "weighted-dice": (slow_weighted_dice, {}),
    "tversky": (lambda raw, truth: slow_tversky(raw, truth, 0.3, 0.7), {"alpha": 0.3, "beta": 0.7}),
    "tversky-ce": (lambda raw, truth: slow_tversky(raw, truth) + slow_entropy(raw, truth), {}),
    "combo": (slow_combo, {"alpha": 0.6, "beta": 0.3}),
    "focal-tversky": (slow_focal_tversky, {}),
    "symmetric-focal": (lambda raw, truth: slow_yeung_focal(raw, truth, symmetric=True), {}),
    "asymmetric-focal": (slow_yeung_focal, {}),
    "symmetric-focal-tversky": (lambda raw, truth: slow_yeung_tversky(raw, truth, symmetric=True), {}),
    "asymmetric-focal-tversky": (slow_yeung_tversky, {}),
    "symmetric-unified-focal": (lambda raw, truth: slow_unified(raw, truth, symmetric=True), {"weight": 0.25}),
    "unified-focal": (slow_unified, {"weight": 0.25}),
}


@pytest.mark.parametrize("name", SLOW)
@given(case=maps())
@settings(max_examples=15, deadline=None)
def test_a_loss_is_its_slow_reference(name, case):
    raw, truth = case
    slow, given_ = SLOW[name]
    if name == "weighted-dice":
        given_ = {"class_weights": tuple(float(n + 1) for n in range(raw.shape[1]))}
    found = configured(name, LossSettings(**given_))(torch.from_numpy(raw), torch.from_numpy(truth))
    assert float(found) == pytest.approx(slow(raw, truth), abs=2e-4, rel=2e-4)


def test_every_loss_has_a_reference_or_a_test_of_its_own():
    assert set(LOSSES) - set(SLOW) == {"bce", "generalised-dice", "dice-within-lungs"}


@given(case=maps(classes=(2,)))
@settings(max_examples=10, deadline=None)
def test_asymmetric_losses_of_two_classes_are_monais(case):
    raw, truth = (torch.from_numpy(each).float() for each in case)
    chance = torch.softmax(raw, 1)
    settings_ = LossSettings()
    focal = configured("asymmetric-focal", settings_)(raw, truth)
    assert float(focal) == pytest.approx(
        2 * float(AsymmetricFocalLoss()(chance, truth)), rel=1e-4
    )  # a mean, ours a sum
    tversky = configured("asymmetric-focal-tversky", settings_)(raw, truth)
    assert float(tversky) == pytest.approx(float(AsymmetricFocalTverskyLoss()(chance, truth)), abs=1e-3)


def sure(truth):
    return torch.where(truth > 0.5, 20.0, -20.0)


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_a_right_answer_costs_less_than_a_wrong_one_and_can_be_learned(name):
    numbers = torch.tensor([[[0, 1, 1], [2, 0, 1]]])
    truth = torch.nn.functional.one_hot(numbers, 3).movedim(-1, 1).float()
    loss = configured(name, LossSettings())
    wrong = torch.roll(truth, 1, dims=1)
    assert float(loss(sure(truth), truth)) < float(loss(sure(wrong), truth))
    raw = torch.zeros_like(truth, requires_grad=True)
    loss(raw, truth).backward()
    assert bool(torch.isfinite(raw.grad).all())
    down = raw.detach() - 0.1 * raw.grad
    assert float(loss(down, truth)) < float(loss(raw.detach(), truth))


@pytest.mark.parametrize("name", OF_ONE_CLASS)
def test_of_one_class_an_empty_truth_is_no_trouble(name):
    raw, truth = torch.randn(2, 1, 5, 7, requires_grad=True), torch.zeros(2, 1, 5, 7)
    value = configured(name, LossSettings())(raw, truth)
    value.backward()
    assert bool(torch.isfinite(value))
    assert bool(torch.isfinite(raw.grad).all())


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("name", [name for name in OF_SEVERAL if name != "lovasz"])
def test_what_nobody_knows_teaches_nothing(name, classes):
    torch.manual_seed(2)
    numbers = torch.randint(0, max(2, classes), (1, 4, 5))
    truth = numbers[:, None].float() if classes == 1 else torch.nn.functional.one_hot(numbers, 3).movedim(-1, 1).float()
    unknown = torch.zeros(1, 1, 4, 5, dtype=torch.bool)
    unknown[..., :2] = True
    raw = torch.randn(1, classes, 4, 5, requires_grad=True)
    masked = without_unknown(raw, truth, unknown)
    configured(name, LossSettings())(masked.raw, masked.truth).backward()
    assert float(raw.grad[..., :2].abs().max()) == 0
    assert float(raw.grad[..., 2:].abs().max()) > 0


def test_dice_within_lungs_does_not_count_what_lies_outside():
    torch.manual_seed(1)
    raw, truth, lungs = torch.randn(2, 1, 6, 7), torch.zeros(2, 1, 6, 7), torch.zeros(2, 1, 6, 7)
    lungs[..., :4] = 1
    truth[..., 2:4, 1:3] = 1
    found = LOSSES["dice-within-lungs"](raw, truth, lungs=lungs)
    chance = torch.sigmoid(raw) * lungs
    assert float(found) == pytest.approx(float(1 - (2 * (chance * truth).sum() + 1) / (chance + truth).sum().add(1)))
    changed = torch.where(lungs > 0, raw, 9.0)
    assert torch.allclose(LOSSES["dice-within-lungs"](changed, truth, lungs=lungs), found)


@pytest.mark.parametrize("name", CLASSIFIER_LOSSES)
def test_losses_of_classification(name):
    raw, truth = torch.tensor([[2.0], [-1.0]]), torch.tensor([[1.0], [1.0]])
    p = 1 / (1 + np.exp(-raw.numpy()))
    slow = {"bce": -np.log(p).mean(), "l1": (1 - p).mean(), "smooth-l1": (0.5 * (1 - p) ** 2).mean()}
    assert float(CLASSIFIER_LOSSES[name](raw, truth)) == pytest.approx(slow[name], rel=1e-5)


def test_static_weights_stay_and_dynamic_ones_follow_the_losses():
    losses = [{"a": torch.tensor(2.0), "b": torch.tensor(4.0)}, {"a": torch.tensor(1.0), "b": torch.tensor(4.0)}]
    static, dynamic = JointLoss({"a": 0.55, "b": 0.45}), JointLoss({"a": 1.0, "b": 1.0}, "dynamic", 0.5)
    assert float(static(losses[1])) == pytest.approx(0.55 * 1 + 0.45 * 4)
    assert float(dynamic(losses[0])) == pytest.approx(6.0)
    assert float(dynamic(losses[1])) == pytest.approx(1.0 * 0.5**0.5 + 4.0)
    again = JointLoss({"a": 1.0, "b": 1.0}, "dynamic", 0.5)
    again.load_state_dict(dynamic.state_dict())
    assert float(again(losses[1])) == pytest.approx(float(dynamic(losses[1])))


def test_unknown_losses_and_settings_are_told():
    with pytest.raises(UnknownName, match="Did you mean 'lovasz'"):
        require_known({"lovas": 1.0}, LossSettings())
    with pytest.raises(SettingsError, match="gamma"):
        require_known({"dice": 1.0}, LossSettings(gamma=2.0))
    require_known({"dice": 1.0, "focal": 1.0}, LossSettings(gamma=2.0))
    with pytest.raises(ValueError, match="one class"):
        LOSSES["bce"](torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3))
    with pytest.raises(ValueError, match="2 numbers"):
        LOSSES["weighted-dice"](torch.zeros(1, 3, 3, 3), torch.zeros(1, 3, 3, 3), class_weights=(1.0, 2.0))

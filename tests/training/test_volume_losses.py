"""Losses of the published CT systems, against what their descriptions say, voxel by voxel."""

from __future__ import annotations

import math

import pytest
import torch

from hilum.training.losses_volume import INFECTION, cross_entropy, dice_within_lungs, tversky

SHAPE = (2, 3, 5, 7)


@pytest.fixture
def classes():
    return torch.randint(0, 4, SHAPE, generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def raw(channels):
    return torch.randn(SHAPE[0], channels, *SHAPE[1:], generator=torch.Generator().manual_seed(4))


def voxels(one):
    return [tuple(place) for place in torch.ones(one.shape[-3:]).nonzero().tolist()]


def test_tversky_is_the_soft_dice_of_each_class(classes):
    given, expected = raw(4), 0.0
    for n in range(SHAPE[0]):
        chance = torch.softmax(given[n], dim=0)
        for c in range(4):
            both = found = there = 0.0
            for z, y, x in voxels(chance):
                p, t = float(chance[c, z, y, x]), float(classes[n, z, y, x] == c)
                both, found, there = both + p * t, found + p, there + t
            expected += 1 - both / (both + 0.5 * (found - both) + 0.5 * (there - both))
    assert float(tversky(given, classes)) == pytest.approx(expected / SHAPE[0], abs=1e-4)


def test_cross_entropy_is_the_mean_of_the_voxels(classes):
    given = raw(4)
    chance = torch.softmax(given, dim=1)
    logs = [
        -math.log(float(chance[n, int(classes[n, z, y, x]), z, y, x]))
        for n in range(SHAPE[0])
        for z, y, x in voxels(chance)
    ]
    assert float(cross_entropy(given, classes)) == pytest.approx(sum(logs) / len(logs), abs=1e-5)


def test_dice_within_lungs_counts_the_voxels_of_the_lungs(classes):
    given = raw(1)
    both = total = 0.0
    for n in range(SHAPE[0]):
        for z, y, x in voxels(given):
            p = 1 / (1 + math.exp(-float(given[n, 0, z, y, x]))) * float(classes[n, z, y, x] > 0)
            t = float(classes[n, z, y, x] == INFECTION)
            both, total = both + p * t, total + p + t
    assert float(dice_within_lungs(given, classes)) == pytest.approx(1 - (2 * both + 1) / (total + 1), abs=1e-5)


def test_what_is_found_outside_the_lungs_costs_nothing(classes):
    given = raw(1)
    loud = torch.where((classes == 0)[:, None], torch.tensor(50.0), given)
    assert float(dice_within_lungs(loud, classes)) == pytest.approx(float(dice_within_lungs(given, classes)), abs=1e-6)
    wrong = torch.where((classes == 1)[:, None], torch.tensor(50.0), given)
    assert float(dice_within_lungs(wrong, classes)) > float(dice_within_lungs(given, classes)) + 0.05


@pytest.mark.parametrize("there", [True, False], ids=["lesions", "none"])
def test_the_truth_costs_nothing(classes, there):
    truth = classes if there else classes.clamp(max=2)
    sure = torch.where((truth == INFECTION)[:, None], torch.tensor(40.0), torch.tensor(-40.0))
    assert float(dice_within_lungs(sure, truth)) == pytest.approx(0, abs=1e-5)
    four = torch.nn.functional.one_hot(truth.long(), 4).movedim(-1, 1).float() * 60
    if there:
        assert float(tversky(four, truth)) == pytest.approx(0, abs=1e-3)
    assert float(cross_entropy(four, truth)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("loss", "channels"), [(tversky, 4), (cross_entropy, 4), (dice_within_lungs, 1)])
def test_a_loss_can_be_followed(classes, loss, channels):
    given = raw(channels).requires_grad_()
    loss(given, classes).backward()
    assert given.grad is not None
    assert bool(torch.isfinite(given.grad).all())
    assert float(given.grad.abs().max()) > 0

"""What a voxel is, as the truth of losses; and that the losses of the published CT systems come out as described."""

from __future__ import annotations

import pytest
import torch

from hilum.training.loss_functions import LOSSES
from hilum.training.losses_volume import INFECTION, OF_VOXELS, lungs_of, truth_of
from hilum.training.parts import Length, NetworkSettings
from hilum.training.volume_task import VolumeTask

from .volumes import small

pytestmark = pytest.mark.filterwarnings("default")
SHAPE = (2, 3, 5, 7)


@pytest.fixture
def classes():
    return torch.randint(0, 4, SHAPE, generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def test_truth_of_several_channels_has_one_of_them(classes):
    truth = truth_of(classes, len(OF_VOXELS))
    assert truth.shape == (2, 4, 3, 5, 7)
    assert bool((truth.sum(1) == 1).all())
    assert torch.equal(truth.argmax(1), classes.long())


def test_truth_of_one_channel_is_the_infection(classes):
    truth = truth_of(classes, 1)
    assert truth.shape == (2, 1, 3, 5, 7)
    assert torch.equal(truth[:, 0] > 0, classes == INFECTION)


def test_infection_lies_in_the_lungs(classes):
    assert torch.equal(lungs_of(classes)[:, 0] > 0, classes > 0)
    assert bool((lungs_of(classes) >= truth_of(classes, 1)).all())


@pytest.mark.parametrize(("name", "channels"), [("miscnn-3d", 4), ("ggo-cons-3d", 1)])
def test_a_recipes_loss_is_the_sum_of_its_parts(name, channels, classes):
    recipe = small(name)
    task = VolumeTask(recipe)
    raw = torch.randn(2, channels, *SHAPE[1:], generator=torch.Generator().manual_seed(4))
    terms = task.terms(raw, classes)
    assert set(terms) == set(recipe.losses)
    truth = truth_of(classes, channels)
    if channels == 4:
        assert float(terms["tversky"]) == pytest.approx(float(LOSSES["tversky"](raw, truth)))
    else:
        outside = torch.where(lungs_of(classes) > 0, raw, 5.0)
        again = task.terms(outside, classes)
        assert float(again["dice-within-lungs"]) == pytest.approx(float(terms["dice-within-lungs"]), abs=1e-6)


def test_every_loss_trains_volumes(classes):
    recipe = small("miscnn-3d", network=NetworkSettings(filters=2, halvings=1), length=Length(steps=1))
    raw = torch.randn(2, 4, *SHAPE[1:], generator=torch.Generator().manual_seed(4)).requires_grad_()
    for name in LOSSES:
        if name in ("bce", "dice-within-lungs"):
            continue
        losses = {name: 1.0}
        made = VolumeTask(type(recipe)(**{f: getattr(recipe, f) for f in recipe.__slots__} | {"losses": losses}))
        (value,) = made.terms(raw, classes).values()
        (gradient,) = torch.autograd.grad(value, raw, retain_graph=True)
        assert bool(torch.isfinite(gradient).all()), name

"""Recipes for volumes: what is published, what is refused, and the networks that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hilum.errors import SettingsError
from hilum.training import recipe as recipes
from hilum.training import volume_recipe
from hilum.training.loss_functions import require_known
from hilum.training.losses_volume import OF_VOXELS
from hilum.training.networks_3d import VolumeNetwork, network_of
from hilum.training.parts import NetworkSettings
from hilum.training.volume_recipe import CHANNELS, VolumeAugment

NAMES = volume_recipe.names()


def test_the_published_networks_are_there():
    ablations = [f"miscnn-3d-{name}" for name in ("neither", "no-augmentation", "no-preprocessing")]
    assert list(NAMES) == ["ggo-cons-2d", "ggo-cons-3d", "miscnn-3d", *ablations]
    assert not set(NAMES) & set(recipes.names())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_is_whole(name):
    recipe = volume_recipe.load(name)
    assert recipe.name == name
    assert volume_recipe.is_one(name)
    require_known(recipe.losses, recipe.loss_settings)
    assert recipe.input.patches == recipe.patches
    assert CHANNELS["lungs-and-infection"] == OF_VOXELS


def test_numbers_as_published():
    recipe = volume_recipe.load("miscnn-3d")
    assert (recipe.patches.size, recipe.patches.overlap) == ((80, 160, 160), (30, 80, 80))
    assert recipe.patches.spacing_mm == (2.7, 1.58, 1.58)
    assert recipe.window_hu == (-1250.0, 250.0)
    assert recipe.input.shape == (1, 1, 80, 160, 160)
    for name, filters in (("ggo-cons-2d", 16), ("ggo-cons-3d", 8)):
        recipe = volume_recipe.load(name)
        assert recipe.patches.spacing_mm == (4.5, 0.9, 0.9)
        assert (recipe.window_percentiles, recipe.patches.within) == ((1.0, 99.0), "body")
        assert (recipe.network.filters, recipe.network.halvings) == (filters, 3)
    assert volume_recipe.load("ggo-cons-2d").input.shape == ("batch", 1, 320, 320)


def written(tmp_path, name="miscnn-3d", change=lambda text: text):
    source = volume_recipe.files("hilum.training") / "volume_recipes" / f"{name}.toml"
    file = tmp_path / "own.toml"
    file.write_text(change(source.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def test_a_recipe_from_a_file(tmp_path):
    file = written(tmp_path)
    assert volume_recipe.is_one(file)
    assert volume_recipe.load(file) == volume_recipe.load("miscnn-3d")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("filters = 32", "fitlers = 32", "filters"),
        ("size = [80, 160, 160]", "size = [80, 168, 168]", "multiples of 16"),
        ("tversky = 1", "dice-within-lungs = 1", "loss"),
        ('classes = "lungs-and-infection"', 'classes = "lung"', "classes"),
        ("steps = 150000\n", "", "epochs, steps or minutes"),
        ("batch = 2\n", "batch = 0\n", "batch"),
        ('architecture = "unet-standard"', 'architecture = "unet-standrad"', "unet-standard"),
        ('architecture = "unet-standard"', 'architecture = "fpn"', "dimensions"),
        ("window_hu = [-1250, 250]", "window_hu = [-1250]", "window_hu"),
        ("steps = 150000", "steps = ", "cannot be used"),
    ],
)
def test_what_a_recipe_cannot_say_is_an_error(tmp_path, old, new, said):
    with pytest.raises(SettingsError, match=said):
        volume_recipe.load(written(tmp_path, change=lambda text: text.replace(old, new)))


@pytest.mark.parametrize("name", ["no-augmentation", "no-preprocessing", "neither"])
def test_ablations_differ_in_what_they_are_named_for(name):
    whole, part = volume_recipe.load("miscnn-3d"), volume_recipe.load(f"miscnn-3d-{name}")
    if name != "no-augmentation":
        assert (part.patches.spacing_mm, part.patches.scale, part.window_hu) == ((0.0, 0.0, 0.0), "none", None)
        part = replace(part, patches=whole.patches, window_hu=whole.window_hu)
    if name != "no-preprocessing":
        assert part.augment == VolumeAugment()
        part = replace(part, augment=whole.augment)
    assert replace(part, name=whole.name) == whole


def test_other_recipes_are_not_for_volumes(tmp_path):
    assert not volume_recipe.is_one("ct-lesions")
    assert not volume_recipe.is_one(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[patches", encoding="utf-8")
    assert not volume_recipe.is_one(broken)
    with pytest.raises(SettingsError, match=r"none\.toml"):
        volume_recipe.load(tmp_path / "none.toml")


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(SettingsError, match="miscnn-3d"):
        volume_recipe.load("miscn-3d")
    with pytest.raises(SettingsError, match="miscnn-3d"):
        recipes.load("miscn-3d")


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Conv3d))]


def test_the_published_filters():
    network = network_of(volume_recipe.load("miscnn-3d"))
    pairs = [(m.in_channels, m.out_channels) for m in convolutions(network)]
    down = [
        (1, 32),
        (32, 32),
        (32, 64),
        (64, 64),
        (64, 128),
        (128, 128),
        (128, 256),
        (256, 256),
        (256, 512),
        (512, 512),
    ]
    up = [(512, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64, 64), (64, 32), (32, 32), (32, 4)]
    assert pairs == down + up
    assert {m.momentum for m in network.modules() if isinstance(m, torch.nn.BatchNorm3d)} == {0.01}


@pytest.mark.parametrize("name", ["ggo-cons-2d", "ggo-cons-3d"])
def test_a_network_gives_what_its_block_holds(name):
    recipe = volume_recipe.load(name)
    patches = replace(recipe.patches, size=(1 if name.endswith("2d") else 8, 16, 16), overlap=(0, 0, 0))
    small = replace(recipe, patches=patches)
    shape = (2, 1, *small.block_shape)
    (made,) = network_of(small)(torch.rand(shape))
    assert made.shape == shape


def test_every_voxel_is_seen_by_those_round_it_and_no_further():
    torch.manual_seed(0)
    network = VolumeNetwork(NetworkSettings(filters=4, halvings=2), 2, 1).eval()
    volume = torch.rand(1, 1, 64, 64, requires_grad=True)
    network(volume)[0][0, 0, 32, 32].backward()
    seen = (volume.grad[0, 0] != 0).nonzero()
    assert seen.min() > 8
    assert seen.max() < 56
    assert len(seen) > 100

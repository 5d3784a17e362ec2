"""The recipes of the two-stage table, number by number as published; what a recipe cannot say."""

from __future__ import annotations

import pytest

from hilum.errors import SettingsError
from hilum.training.architectures import ARCHITECTURES
from hilum.training.encoders import encoder_named
from hilum.training.lab.recipe import FOLDER, FilmAugment, FilmRecipe
from hilum.training.library import FOLDERS, listed, load, names
from hilum.training.loss_functions import CLASSIFIER_LOSSES, require_known
from hilum.training.recipe_files import names_in

pytestmark = pytest.mark.filterwarnings("default")

LUNGS = {
    "unet": (384, "se_resnext101_32x4d", "bce", "adam", 1e-4, 24),
    "unetplusplus": (384, "efficientnet-b1", "jaccard", "adam-amsgrad", 1e-3, 32),
    "deeplabv3": (512, "efficientnet-b0", "dice", "adamw-amsgrad", 5e-4, 16),
    "deeplabv3plus": (512, "efficientnet-b1", "bce", "adamw", 5e-4, 20),
    "fpn": (544, "efficientnet-b0", "bce", "adam-amsgrad", 1e-3, 32),
    "linknet": (480, "regnetx_064", "bce", "adamw", 1e-4, 24),
    "pspnet": (480, "regnety_064", "dice", "adam", 1e-4, 40),
    "pan": (512, "efficientnet-b0", "jaccard", "adam-amsgrad", 1e-3, 32),
    "manet": (512, "efficientnet-b2", "dice", "adam-amsgrad", 1e-3, 24),
}
LESIONS = {
    "unet": (544, "dpn98", "dice", "smooth-l1", "adam-amsgrad", 1e-4, 12),
    "unetplusplus": (480, "regnety_032", "jaccard", "smooth-l1", "adam-amsgrad", 1e-4, 20),
    "deeplabv3": (480, "efficientnet-b2", "lovasz", "smooth-l1", "adam", 1e-2, 10),
    "deeplabv3plus": (480, "regnetx_032", "jaccard", "l1", "adam", 1e-3, 36),
    "fpn": (384, "efficientnet-b0", "dice", "smooth-l1", "adamw-amsgrad", 5e-4, 64),
    "linknet": (416, "efficientnet-b0", "dice", "bce", "adamw", 1e-2, 48),
    "pspnet": (384, "efficientnet-b0", "dice", "bce", "adamw", 1e-3, 96),
    "pan": (416, "se_resnet50", "bce", "smooth-l1", "adamw-amsgrad", 5e-3, 48),
    "manet": (544, "regnetx_064", "dice", "l1", "rmsprop", 1e-4, 18),
}
PUBLISHED_CHANGES = FilmAugment(0.2, 0.2, (0.7, 0.9), 0.5, 15.0, 0.5, 0.2, 0.2, 0.2)


def plain(architecture):
    return architecture.replace("+", "plus").replace("-", "")


@pytest.mark.parametrize("name", LUNGS)
def test_stage_one_as_published(name):
    recipe = load(f"two-stage-lungs-{name}")
    size, encoder, loss, optimiser, rate, batch = LUNGS[name]
    assert (recipe.view.size_px, recipe.network.encoder, dict(recipe.losses)) == (size, encoder, {loss: 1.0})
    assert (recipe.optimiser.name, recipe.optimiser.rate, recipe.length.batch) == (optimiser, rate, batch)
    assert plain(recipe.network.architecture) == name
    assert (recipe.view.region, recipe.network.classification) == ("image", False)
    common(recipe)


@pytest.mark.parametrize("name", LESIONS)
def test_stage_two_as_published(name):
    recipe = load(f"two-stage-lesions-{name}")
    size, encoder, loss, presence, optimiser, rate, batch = LESIONS[name]
    assert (recipe.view.size_px, recipe.network.encoder, dict(recipe.losses)) == (size, encoder, {loss: 1.0})
    assert (recipe.optimiser.name, recipe.optimiser.rate, recipe.length.batch) == (optimiser, rate, batch)
    assert plain(recipe.network.architecture) == name
    assert (recipe.presence.loss, recipe.presence.weighting, recipe.presence.alpha) == (presence, "dynamic", 0.05)
    assert (recipe.view.region, recipe.network.classification) == ("lungs-only", True)
    assert presence in CLASSIFIER_LOSSES
    common(recipe)


def common(recipe):
    length = recipe.length
    assert (length.epochs, length.patience, length.least_gain) == (30, 10, 0.01)
    assert recipe.augment == PUBLISHED_CHANGES
    assert recipe.network.encoder_weights == "imagenet"
    assert encoder_named(recipe.network.encoder)
    assert recipe.schedule.name == "constant"
    require_known(recipe.losses, recipe.loss_settings)


def test_there_are_eighteen_and_no_two_of_one_name():
    assert {f"two-stage-lungs-{n}" for n in LUNGS} | {f"two-stage-lesions-{n}" for n in LESIONS} == set(
        names_in(FOLDER)
    )
    assert len(set(names())) == len(names()) == sum(len(names_in(folder)) for folder in FOLDERS)
    assert [name for name, _ in listed()] == list(names())


def test_a_recipe_is_named_like_its_file():
    assert all(load(name).name == name for name in names())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network.architecture": "fnp"}, "Did you mean 'fpn'"),
        ({"view.size_px": 500}, "multiples of 32"),
        ({"view.size_px": 32}, "less than the 64"),
        ({"network.classification": True}, "go together"),
        ({"view.region": "lungs"}, "has to be 'image'"),
        ({"losses": {}}, "losses is empty"),
        ({"length.batch": 0}, "batch"),
        ({"sampling.mode": "patch-crop"}, "patch_px"),
        ({"sampling.mode": "patch-grid", "sampling.patch_px": 64, "sampling.overlap_px": 64}, "overlap_px"),
        ({"optimiser.name": "adamax"}, "optimiser.name"),
        ({"seed": "one"}, "seed"),
        ({"seed.one": 1}, "no key"),
    ],
)
def test_what_a_recipe_cannot_say(changes, said):
    with pytest.raises(SettingsError, match=said):
        load("two-stage-lungs-fpn", changes)


def test_pan_needs_a_larger_view():
    with pytest.raises(SettingsError, match="less than the 128"):
        load("two-stage-lungs-pan", {"view.size_px": 96})
    assert ARCHITECTURES["pan"].least_px == 128


def test_the_card_of_a_recipe_is_that_of_the_published_networks():
    recipe = load("two-stage-lesions-unet")
    assert isinstance(recipe, FilmRecipe)
    entry = recipe.input
    assert (entry.shape, entry.region, entry.fit) == (("batch", 3, 544, 544), "lungs-only", "stretch")
    assert entry.window_grey == (0.0, 255.0)
    assert entry.mean[0] == pytest.approx(124 / 255)  # of dual path networks
    assert load("two-stage-lungs-unet").input.mean == (0.485, 0.456, 0.406)

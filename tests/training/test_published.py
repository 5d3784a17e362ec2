"""Published state dicts: today's networks give what the old library gave, and files that do not fit say why.

``published_layouts.json`` holds what the old library told: ``benchmarks/check_published_layouts.py`` writes it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.errors import ModelMismatch, UnknownModel
from hilum.models.card import read_card
from hilum.phantom import demo_film
from hilum.pipeline import analyse
from hilum.settings import resolve
from hilum.training import published as module
from hilum.training.library import load
from hilum.training.published import empty, load_published
from hilum.training.published_import import import_published
from hilum.training.published_networks import PUBLISHED, published

pytestmark = pytest.mark.filterwarnings("default")  # torch's exporter deprecates its own parts

FACTS = json.loads((Path(__file__).parent / "published_layouts.json").read_text(encoding="utf-8"))
LARGE = {"lungs/U-net", "lungs/Linknet", "lesions/U-net", "lesions/U-net++", "lesions/PAN", "lesions/MA-Net"}
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in FACTS]
UNUSED = "lungs/PSPNet"
"""Its old state dict holds two more stages of the encoder, which are never run."""

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "check_published_layouts.py"
_SPEC = importlib.util.spec_from_file_location("check_published_layouts", _SCRIPT)
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


def old_shapes(name):
    """Names and shapes as the old library has them, from today's network and the layers that were renamed."""
    made = {}
    for key, each in empty(PUBLISHED[f"two-stage/{name}"]).state_dict().items():
        old = re.sub(r"^encoder\.model\.", "encoder.", key)
        if name.endswith("/DeepLabV3"):
            for layer, number in (("aspp", 0), ("conv", 1), ("bn", 2)):
                old = re.sub(rf"^decoder\.{layer}\.", f"decoder.{number}.", old)
        made[old] = tuple(each.shape)
    return made


def old_file(name, path):
    """A state dict in the old layout, with weights that a rule makes of its names."""
    torch.save(script.weights_by_rule(old_shapes(name)), path)
    return path


def test_all_eighteen_networks_were_checked() -> None:
    assert set(FACTS) == {name.removeprefix("two-stage/") for name in PUBLISHED} == set(script.NETWORKS)
    for name, (size, encoder) in script.NETWORKS.items():
        which = PUBLISHED[f"two-stage/{name}"]
        assert (which.size_px, which.encoder) == (size, encoder)


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_those_of_the_old_library(name, tmp_path) -> None:
    if name != UNUSED:
        assert script.digest(old_shapes(name)) == FACTS[name]["digest"]
    network = load_published(old_file(name, tmp_path / "old.pth"), f"two-stage/{name}")
    for found, expected in zip(script.some_outputs(network), FACTS[name]["outputs"], strict=True):
        assert np.allclose(found, expected, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(expected).max()))


def test_without_the_old_padding_the_outputs_differ(tmp_path, monkeypatch) -> None:
    """So that the test above is known to see it."""
    monkeypatch.setattr(module, "_pad_by_even_sizes", lambda _: None)
    network = load_published(old_file("lungs/U-net++", tmp_path / "old.pth"), "two-stage/lungs/U-net++")
    (found,), (expected,) = script.some_outputs(network), FACTS["lungs/U-net++"]["outputs"]
    assert not np.allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("which", PUBLISHED.values(), ids=PUBLISHED)
def test_the_recipes_of_the_laboratory_are_the_same_networks(which) -> None:
    recipe = load(which.folder)
    assert recipe.network.encoder == which.encoder.removeprefix("timm-")
    assert recipe.view.size_px == which.size_px
    assert recipe.network.classification == (which.stage == "lesions")
    assert np.allclose(recipe.colours, which.colours)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The smallest of the published files, in the old layout."""
    return old_file("lesions/PSPNet", tmp_path_factory.mktemp("old") / "weights.pth")


def test_a_file_of_another_network_says_which_keys(small) -> None:
    with pytest.raises(ModelMismatch) as caught:
        load_published(small, "two-stage/lesions/Linknet")
    told = str(caught.value)
    assert "does not hold two-stage/lesions/Linknet (efficientnet-b0, 416 pixels)" in told
    assert re.search(r"\d+ of \d+ tensors are missing: decoder\.blocks", told)
    assert re.search(r"\d+ tensors are unexpected: decoder\.psp.* and \d+ more", told)


def test_a_file_of_another_size_says_which_shapes(small, tmp_path) -> None:
    state = torch.load(small, weights_only=True)
    state["segmentation_head.0.weight"] = torch.zeros(2, 512, 3, 3)
    del state["segmentation_head.0.bias"]
    torch.save(state, tmp_path / "two.pth")
    with pytest.raises(ModelMismatch) as caught:
        load_published(tmp_path / "two.pth", "two-stage/lesions/PSPNet")
    told = str(caught.value)
    assert "1 of 388 tensors are missing: segmentation_head.0.bias" in told
    assert "segmentation_head.0.weight (2, 512, 3, 3) where (1, 512, 3, 3) is expected" in told


def test_names_are_known_in_any_case_and_others_get_the_nearest() -> None:
    assert published("two-stage/lungs/deeplabv3+").architecture == "DeepLabV3+"
    with pytest.raises(UnknownModel, match=r"Did you mean 'two-stage/lungs/U-net'"):
        published("two-stage/lungs/Unet")


def test_the_list_needs_no_file() -> None:
    told = CliRunner().invoke(app, ["models", "import", "--list"]).stdout
    assert "two-stage/lungs/DeepLabV3+  efficientnet-b1, 512 pixels\n" in told
    assert len(told.splitlines()) == 18


@pytest.mark.slow
def test_imported_networks_analyse_a_film(small, tmp_path, monkeypatch) -> None:
    lungs = old_file("lungs/PAN", tmp_path / "lungs.pth")
    state = torch.load(lungs, weights_only=True)
    state["segmentation_head.0.weight"] *= 1e-6  # weights by rule answer in thousands, which 16 bits round too far
    state["segmentation_head.0.bias"][:] = 2.0  # lung, wherever it looks
    torch.save(state, lungs)
    chosen = ["models", "import", str(lungs), "--as", "two-stage/lungs/PAN", "-o", str(tmp_path / "models" / "pan")]
    told = CliRunner().invoke(app, chosen)
    assert told.exit_code == 0, told.output
    import_published(small, "two-stage/lesions/PSPNet", tmp_path / "models" / "pspnet")
    card = read_card(tmp_path / "models" / "pspnet" / "card.toml")
    assert card.input.shape == ("batch", 3, 384, 384)
    assert (card.input.region, card.input.fit, card.input.window_grey) == ("lungs-only", "stretch", (0.0, 255.0))
    assert card.threshold("six-zone") == 0.38
    assert card.recipe == "two-stage/lesions/PSPNet"
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path / "models"))
    settings = resolve(overrides={"models.cxr_lungs": "pan", "models.cxr_lesions": "pspnet", "gate.enabled": False})
    case = analyse(demo_film(0).image, settings=settings)
    assert case.lungs.mask("right-lung").any()
    assert case.scores["six-zone"].settings["threshold"] == 0.38

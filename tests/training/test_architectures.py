"""Every architecture: its shapes, its encoder and classification head, and what it refuses."""

import pytest
import torch

from hilum.errors import ModelMismatch, SettingsError, UnknownName
from hilum.training.architectures import ARCHITECTURES, PLAIN_WIDTHS, Shape, build
from hilum.training.encoders import encoder_named

pytestmark = pytest.mark.filterwarnings("default")  # the libraries deprecate their own parts

WITH_ENCODER = [name for name in ARCHITECTURES if ARCHITECTURES[name].has_encoder]
WITHOUT = [name for name in ARCHITECTURES if name not in WITH_ENCODER]
PUBLISHED = {
    "se_resnext101_32x4d": "se_resnext101_32x4d",
    "efficientnet-b1": "efficientnet-b1",
    "regnetx_064": "tu-regnetx_064",
    "regnety_032": "tu-regnety_032",
    "dpn98": "dpn98",
    "tf_efficientnet_lite0": "timm-tf_efficientnet_lite0",
}


def run(network, channels, *sides):
    with torch.inference_mode():
        return network.eval()(torch.rand(2, channels, *sides))


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_nine_networks_take_an_encoder_and_a_classification_head(name):
    entry = ARCHITECTURES[name]
    network = build(name, encoder="resnet18", in_channels=1, classes=2, classification=True)
    maps, presence = run(network, 1, entry.least_px, entry.least_px + entry.multiple_of())
    assert maps.shape == (2, 2, entry.least_px, entry.least_px + entry.multiple_of())
    assert presence.shape == (2, 1)
    plain = run(build(name, encoder="resnet18"), 3, entry.least_px, entry.least_px)
    assert plain.shape == (2, 1, entry.least_px, entry.least_px)


def test_there_are_nine():
    assert len(WITH_ENCODER) == 9


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", [name for name in WITHOUT if name != "swin-unetr"])
def test_networks_without_an_encoder_keep_the_size(name, dimensions):
    shape = Shape(filters=4, halvings=2)
    assert ARCHITECTURES[name].multiple_of(shape) == 4
    sides = (8, 12, 16)[:dimensions]
    network = build(name, in_channels=2, classes=3, dimensions=dimensions, shape=shape)
    assert run(network, 2, *sides).shape == (2, 3, *sides)


@pytest.mark.slow
def test_swin_unetr_keeps_the_size():
    pytest.importorskip("einops", reason="SwinUNETR needs the package einops")
    network = build("swin-unetr", in_channels=1, classes=3, shape=Shape(filters=12))
    assert run(network, 1, 64, 96).shape == (2, 3, 64, 96)


@pytest.mark.parametrize("name", [name for name in WITHOUT if name != "swin-unetr"])
def test_every_weight_is_taught(name):
    torch.manual_seed(1)
    network = build(name, in_channels=1, classes=2, shape=Shape(filters=8, halvings=2)).train()
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    untaught = [key for key, value in network.named_parameters() if value.grad is None]
    assert not untaught


def test_the_plain_unet_has_the_published_widths():
    network = build("unet-plain", in_channels=1, shape=Shape(filters=30, halvings=4))
    widths = [network.top.conv_0.conv.out_channels, *(step.convs.conv_0.conv.out_channels for step in network.down)]
    assert tuple(widths) == PLAIN_WIDTHS


@pytest.mark.parametrize("name", PUBLISHED)
def test_encoders_go_by_their_plain_names(name):
    assert encoder_named(name) == PUBLISHED[name]


def test_an_unknown_encoder_or_architecture_names_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'regnetx_032'"):
        encoder_named("regnetx_03")
    with pytest.raises(UnknownName, match="Did you mean 'deeplabv3"):
        build("deeplab3", encoder="resnet18")


def test_weights_that_would_be_downloaded_are_refused_and_a_file_is_taken(tmp_path):
    with pytest.raises(SettingsError, match=r"encoder_weights = 'none'"):
        build("fpn", encoder="resnet18", encoder_weights="imagenet")
    torch.manual_seed(3)
    first = build("fpn", encoder="resnet18").encoder.state_dict()
    torch.save({**first, "fc.weight": torch.zeros(1)}, tmp_path / "resnet18.pt")
    second = build("unet", encoder="resnet18", encoder_weights=str(tmp_path / "resnet18.pt")).encoder.state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    with pytest.raises(ModelMismatch, match="do not fit the encoder resnet34"):
        build("unet", encoder="resnet34", encoder_weights=str(tmp_path / "resnet18.pt"))
    (tmp_path / "text.pt").write_text("no weights")
    for name in ("text.pt", "missing.pt"):
        with pytest.raises(ModelMismatch, match=name):
            build("unet", encoder="resnet18", encoder_weights=str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("fpn", {"encoder": "resnet18", "dimensions": 3}, "comes in 2 dimensions"),
        ("fpn", {}, "needs an encoder"),
        ("segresnet", {"encoder": "resnet18"}, "takes no encoder"),
        ("segresnet", {"classification": True}, "no place for a classification head"),
    ],
)
def test_what_an_architecture_has_not_is_refused(name, wanted, message):
    with pytest.raises(ValueError, match=message):
        build(name, **wanted)

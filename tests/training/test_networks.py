"""The two networks: shapes, zones, and encoders whose weights a package carries."""

from importlib.util import find_spec

import pytest
import torch

from hilum.errors import MissingExtra
from hilum.training import networks
from hilum.training.encoders import CARRIED_ENCODERS
from hilum.training.networks import NETWORKS

pytestmark = pytest.mark.filterwarnings("default:.timm-. encoders are deprecated:DeprecationWarning")

ENCODER = "timm-tf_efficientnet_lite0"
SHAPES = {
    "cxr-lungs": [(2, 3, 64, 64), (2, 3, 64, 64), (2, 3)],
    "cxr-lesions": [(2, 3, 64, 64), (2, 1), (2, 6, 3), (2, 6)],
    "ct-lungs": [(2, 3, 64, 64)],
    "ct-lesions": [(2, 4, 64, 64)],
}


def made(task):
    torch.manual_seed(1)
    architecture = "DeepLabV3Plus" if task.endswith("lungs") else "FPN"
    return NETWORKS[task](architecture, ENCODER, pretrained=False).eval()


@pytest.mark.parametrize("task", NETWORKS)
def test_outputs_have_the_shapes_that_their_names_promise(task):
    network = made(task)
    inputs = {"film": torch.rand(2, 1, 64, 64), "zones": torch.ones(2, 6, 64, 64)}
    inputs["slice"] = inputs["film"]
    with torch.inference_mode():
        found = network(*(inputs[name] for name in network.inputs))
    assert [tuple(value.shape) for value in found] == SHAPES[task]
    assert len(found) == len(network.outputs)
    assert all(bool(torch.isfinite(value).all()) for value in found)


def pooled(network, film, zones):
    """What the head of the zones is given: the pooled features of every zone."""
    seen = []
    handle = network.zone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network(film, zones)
    handle.remove()
    return seen[0][0]


def test_zone_features_are_means_over_the_zone_alone():
    network, film, zones = made("cxr-lesions"), torch.rand(1, 1, 64, 64), torch.zeros(1, 6, 64, 64)
    zones[0, 0, :32, :32] = 1
    zones[0, 4, 48:, 48:] = 1
    moved = zones.clone()
    moved[0, 4] = 0
    moved[0, 4, 48:, :16] = 1
    before, after = pooled(network, film, zones), pooled(network, film, moved)
    assert torch.allclose(before[0, :130], after[0, :130])  # its own 128 features and 2 shares
    assert not torch.allclose(before[4, :130], after[4, :130])
    assert torch.equal(before[:, -6:], torch.eye(6))


def test_an_empty_zone_and_no_zones_at_all_give_numbers():
    network = made("cxr-lesions")
    with torch.inference_mode():
        found = network(torch.rand(1, 1, 64, 64), torch.zeros(1, 6, 64, 64))
    assert all(bool(torch.isfinite(value).all()) for value in found)


@pytest.mark.parametrize("encoder", CARRIED_ENCODERS)
def test_carried_weights_are_loaded_whole(encoder):
    package = CARRIED_ENCODERS[encoder]
    if find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")
    torch.manual_seed(1)
    blank = networks.body("FPN", encoder, 3, pretrained=False).encoder.state_dict()
    found = networks.body("FPN", encoder, 3, pretrained=True).encoder.state_dict()
    kernels = [name for name in found if name.endswith("weight") and found[name].ndim == 4]
    assert kernels
    assert not [name for name in kernels if torch.equal(blank[name], found[name])]
    assert all(float(value.min()) >= 0 for name, value in found.items() if name.endswith("running_var"))


def test_an_encoder_without_a_package_names_the_extra():
    with pytest.raises(MissingExtra, match="resnet18"):
        networks.body("FPN", "resnet18", 3, pretrained=True)

"""Parameters and operations of the published networks; they need the extra "train", not time."""

from __future__ import annotations

import architectures
import nine
import pytest


def _network(key: str) -> nine.Network:
    return next(network for network in nine.NETWORKS if network.key == key)


UNUSED_STAGES_M = 26.3
"""Parameters of the two stages of its encoder that the published PSPNet kept and never ran; today's has none."""


@pytest.mark.train
@pytest.mark.parametrize("network", [each for each in nine.NETWORKS if each.stage == "lungs"], ids=lambda n: n.key)
def test_parameters_are_those_of_the_published_table(network: nine.Network) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        found = architectures.parameters(network) / 1e6
    more = UNUSED_STAGES_M if network.name == "PSPNet" else 0.0
    assert found + more == pytest.approx(network.published.parameters_m, abs=0.06)


@pytest.mark.train
@pytest.mark.parametrize("key", ["lungs-deeplabv3plus", "lungs-pan"])
def test_operations_counted_by_the_published_rule_are_those_of_the_table(key: str) -> None:
    """That rule passes over nearly all of an EfficientNet; what is computed is three times and ten times as much."""
    pytest.importorskip("segmentation_models_pytorch")
    pytest.importorskip("ptflops", reason="ptflops counts as the published table does")
    network = _network(key)
    counted = architectures.published_count(network) / 1e9
    assert counted == pytest.approx(network.published.macs_g, abs=0.15)
    assert architectures.macs(nine.build(network), network.size_px) / 1e9 > 3 * counted


@pytest.mark.train
def test_operations_and_memory_are_counted_without_computing() -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = _network("lesions-fpn")
    assert 3e9 < architectures.macs(nine.build(network), network.size_px) < 8e9
    assert 5e9 < architectures.training_bytes(network) < 40e9

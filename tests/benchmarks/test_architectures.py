"""Parameters and operations of the published networks; they need the extra "train", not time."""

from __future__ import annotations

import architectures
import nine
import pytest


def _network(key: str) -> nine.Network:
    return next(network for network in nine.NETWORKS if network.key == key)


@pytest.mark.train
@pytest.mark.parametrize("key", ["lungs-fpn", "lungs-manet", "lungs-pan"])
def test_parameters_are_those_of_the_published_table(key: str) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = _network(key)
    assert architectures.parameters(network) / 1e6 == pytest.approx(network.published.parameters_m, abs=0.06)


@pytest.mark.train
def test_operations_and_memory_are_counted_without_computing() -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = _network("lesions-fpn")
    assert 3e9 < architectures.macs(nine.build(network), network.size_px) < 8e9
    assert 5e9 < architectures.training_bytes(network) < 40e9

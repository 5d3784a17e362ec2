"""A network with its card."""

import numpy as np
import pytest

from hilum.errors import UnknownModel
from hilum.models.network import Network, open_networks
from hilum.provenance import ModelRef
from hilum.settings import RuntimeSettings


class Doubling:
    name, precision = "doubling", "float32"

    def run(self, inputs):
        assert {array.ndim for array in inputs.values()} == {3}
        return {name: array * 2 for name, array in inputs.items()}


def test_a_network_runs_one_image_without_the_batch_axis(install):
    card = install()
    network = Network(card, Doubling())
    assert np.array_equal(network.run({"film": np.ones((7, 11), dtype=np.float32)})["film"], np.full((7, 11), 2.0))
    assert network.settings == {"engine": "doubling", "precision": "float32"}
    assert network.ref == ModelRef(card.name, card.version, card.sha256)
    assert network.size_px == card.input.size_px[0]


def test_networks_open_by_name_in_the_order_asked_for(install, monkeypatch):
    cards = [install(name="first"), install(name="second")]
    monkeypatch.setenv("HILUM_MODELS", str(cards[0].folder.parent))
    settings = RuntimeSettings(engine="onnxruntime", precision="float32", threads=1)
    opened = open_networks([("cxr-lesions", "second"), ("cxr-lesions", "first")], settings, many=False)
    assert [network.card.name for network in opened] == ["second", "first"]


def test_an_unknown_network_is_named():
    with pytest.raises(UnknownModel, match="no-such-network"):
        open_networks([("cxr-lungs", "no-such-network")], RuntimeSettings(), many=False)

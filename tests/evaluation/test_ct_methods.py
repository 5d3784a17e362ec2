"""Which methods are compared, and with what."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hilum.evaluation.ct_figures import BANDS, BOTH, CLASSICAL
from hilum.evaluation.ct_methods import open_methods
from hilum.image import LESIONS, LabelMap
from hilum.models import network
from hilum.phantom import Lesion, default_grid, thorax
from hilum.provenance import ModelRef
from hilum.segmentation import ct_lesions, ct_lungs
from hilum.settings import CtSettings, ModelSettings, Settings


@pytest.fixture(scope="module")
def body():
    grid = default_grid(5004, spacing_mm=(8, 5, 5))
    return thorax(5004, grid=grid, lesions=(Lesion("consolidation", "right-middle", 120, "central", seed=2),))


@pytest.fixture
def opened(monkeypatch):
    """Networks that are only named, and stages that tell what they were given."""
    asked = []

    def open_networks(names, settings, *, many):
        asked.append((names, many))
        return [SimpleNamespace(ref=ModelRef(task, "1", "0" * 64)) for task, _ in names]

    def stage(name):
        def run(image, *given, method="network", preset="standard"):
            asked.append((name, method, preset, [getattr(item, "ref", item) for item in given]))
            return SimpleNamespace(lungs="the lungs", lesions="the lesions")

        return run

    monkeypatch.setattr(network, "open_networks", open_networks)
    monkeypatch.setattr(ct_lungs, "segment_ct_lungs", stage("lungs"))
    monkeypatch.setattr(ct_lesions, "segment_ct_lesions", stage("lesions"))
    return asked


def test_networks_are_judged_with_the_others_beside(opened):
    settings = Settings(models=ModelSettings(ct_lesions="mine"), ct=CtSettings(preset="fast"))
    made = open_methods("network", settings)
    assert [method.group for method in made.methods] == ["", CLASSICAL, BANDS, BOTH]
    assert [model.name for model in made.models] == ["ct-lungs", "ct-lesions"]
    judged, classical, bands, both = made.methods
    assert judged.lungs("an image") == "the lungs"
    assert judged.lesions is not None
    assert judged.lesions("an image", inside := "inside") == "the lesions"
    assert judged.lesions("an image", inside) == "the lesions"  # not asked twice
    assert classical.lungs("an image") == "the lungs"
    lungs, lesions = made.models
    assert opened == [
        ([("ct-lungs", ""), ("ct-lesions", "mine")], False),
        ("lungs", "network", "fast", [lungs]),
        ("lesions", "network", "fast", ["inside", lesions]),
        ("lungs", "classical", "standard", []),
    ]
    assert bands.lungs is both.lungs is judged.lungs
    assert not judged.needs_hounsfield
    assert {(each.is_of_lungs, each.needs_hounsfield) for each in (bands, both)} == {(False, True)}


def test_both_is_where_the_network_and_the_bands_agree(body, opened, monkeypatch):
    half = body.lesions.array.copy()
    half[: len(half) // 2] = 0
    drawn = LabelMap(half, body.grid, LESIONS, body.ct.origin)
    monkeypatch.setattr(ct_lesions, "segment_ct_lesions", lambda *_, **__: SimpleNamespace(lesions=drawn))
    _, _, bands, both = open_methods("network", Settings()).methods
    agreed, dense = both.lesions(body.ct, body.lungs), bands.lesions(body.ct, body.lungs)
    assert agreed.mask().any()
    assert np.array_equal(agreed.mask(), drawn.mask() & dense.mask())
    assert np.array_equal(agreed.array[agreed.mask()], half[agreed.mask()])


def test_methods_without_networks_open_none(opened):
    assert [method.group for method in open_methods("classical", Settings()).methods] == [""]
    (bands,) = open_methods("hounsfield", Settings()).methods
    assert bands.lesions is not None
    assert bands.is_of_lungs
    assert opened == []


def test_methods_without_networks_find_lungs_and_dense_lesions(body):
    (method,) = open_methods("hounsfield", Settings()).methods
    lungs = method.lungs(body.ct)
    assert (lungs.mask() & body.lungs.mask()).sum() > 0.8 * body.lungs.mask().sum()
    assert method.lesions is not None
    dense = method.lesions(body.ct, body.lungs).mask("consolidation", "ground-glass")
    assert (dense & body.lesions.mask()).sum() > 0.5 * body.lesions.mask().sum()

"""Networks that say what they are told to, and a film for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation
from hilum.image import Image, Quantity
from hilum.models.card import Card, FurtherInput, ImageInput, Output
from hilum.models.network import Network
from hilum.provenance import Source

SIZE = 64


class Told:
    """A runtime with fixed answers."""

    name, precision = "told", "float32"

    def __init__(self, answers):
        self.answers = answers

    def run(self, inputs):
        assert all(array.dtype == np.float32 and len(array) == 1 for array in inputs.values())
        return {name: np.asarray(answer, dtype=np.float32)[None] for name, answer in self.answers.items()}


def card(task, outputs, thresholds, further=()):
    shape = ("batch", 1, SIZE, SIZE)
    film = ImageInput("film", shape, Quantity.RADIOGRAPH, (SIZE, SIZE), (0.0,), (1.0,), margin=0.06)
    return Card(
        task, "1.0.0", task, "Told", "0" * 64, "Apache-2.0", task, "Tests.", (), film, outputs, further, thresholds
    )


def maps(right, left):
    """Softmax over none, right, left from two masks."""
    right, left = right * 0.9, left * 0.9
    return np.stack([1.0 - right - left, right, left])


@pytest.fixture
def lung_network() -> Callable[..., Network]:
    """Make a lung network that finds two masks of (64, 64)."""

    def make(right, left, kind=(0.9, 0.1, 0.2)):
        square = ("batch", 3, SIZE, SIZE)
        outline = Output(square, "softmax", ("none", "right", "left"))
        outputs = {
            "lungs": outline,
            "fields": outline,
            "kind": Output(("batch", 3), "sigmoid", ("film", "inverted", "turned")),
        }
        found = maps(right, left)
        runtime = Told({"lungs": found, "fields": found, "kind": kind})
        return Network(card("cxr-lungs", outputs, {"film": 0.5, "inverted": 0.5, "turned": 0.5}), runtime)

    return make


@pytest.fixture
def lesion_network() -> Callable[..., Network]:
    """Make a lesion network that finds one probability of ground-glass and of consolidation everywhere."""

    def make(glass=0.0, dense=0.0, disease=0.9):
        chances = np.ones((3, SIZE, SIZE)) * np.reshape([1.0 - glass - dense, glass, dense], (3, 1, 1))
        zones = tuple(f"zone-{n}" for n in range(6))
        outputs = {
            "lesions": Output(("batch", 3, SIZE, SIZE), "softmax", ("none", "ground-glass", "consolidation")),
            "disease": Output(("batch", 1), "sigmoid", ("disease",)),
            "brixia": Output(("batch", 6, 3), "sigmoid", zones),
            "affected": Output(("batch", 6), "sigmoid", zones),
        }
        thresholds = {"disease": 0.5, "opacity": 0.5, "consolidation": 0.5, "six-zone": 0.5, "opacity-weight": 0.5}
        further = (FurtherInput("zones", ("batch", 6, SIZE, SIZE), "Zones."),)
        answers = {"lesions": chances, "disease": [disease], "brixia": np.full((6, 3), 0.5), "affected": [0.75] * 6}
        return Network(card("cxr-lesions", outputs, thresholds, further), Told(answers))

    return make


@pytest.fixture
def film() -> Callable[..., Image]:
    """Make a film of noise."""

    def make(shape=(128, 128), orientation: PlaneOrientation = UPRIGHT, quantity=Quantity.RADIOGRAPH):
        array = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
        return Image(array, PlaneGrid(shape, orientation=orientation), quantity, Source("film.png", "0" * 64))

    return make


@pytest.fixture
def lungs_seen() -> tuple[np.ndarray, np.ndarray]:
    """Right and left lung as the network sees them."""
    right, left = np.zeros((2, SIZE, SIZE))
    right[12:50, 8:26] = left[14:48, 38:56] = 1.0
    return right, left

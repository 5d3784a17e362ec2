"""Small CTs of known content, and networks that answer by density."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.models.card import Card, ImageInput, Output
from hilum.models.network import Network
from hilum.provenance import Source

SIZE = 64
HU = (-1000.0, 300.0)
CT = Source("ct.nii", "0" * 64)
HALF = {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5}


class ByDensity:
    """A runtime whose answers are a function of the slices that it is shown; it counts them."""

    name, precision = "told", "float32"

    def __init__(self, output, answer):
        self.output, self.answer, self.shown = output, answer, 0

    def run(self, inputs):
        (slices,) = inputs.values()
        assert slices.dtype == np.float32
        assert slices.shape[1:] == (1, SIZE, SIZE)
        assert 0.0 <= slices.min() <= slices.max() <= 1.0
        self.shown += len(slices)
        return {self.output: self.answer(slices[:, 0]).astype(np.float32)}


def network(task, output, channels, answer, thresholds=None):
    shape = ("batch", 1, SIZE, SIZE)
    seen = ImageInput(
        "slice", shape, Quantity.HOUNSFIELD, (SIZE, SIZE), (0.0,), (1.0,), window_hu=HU, margin=0.06, fit="pad"
    )
    about = (task, "1.0.0", task, "Told", "0" * 64, "Apache-2.0", task, "Tests.", ())
    outputs = {output: Output(("batch", len(channels), SIZE, SIZE), "softmax", channels)}
    return Network(Card(*about, seen, outputs, (), thresholds or {}), ByDensity(output, answer))


def lung_network():
    """Finds lung where it is dark, right lung in the picture's left half."""

    def answer(slices):
        lung = ((slices > 0.05) & (slices < 0.4)) * 0.98
        left_half = np.arange(SIZE) < SIZE // 2
        return np.stack([1 - lung, lung * left_half, lung * ~left_half], axis=1)

    return network("ct-lungs", "lungs", ("none", "right-lung", "left-lung"), answer)


def lesion_network(**thresholds):
    """Finds ground-glass from -700 HU, consolidation from -500, effusion from -300 on."""

    def answer(slices):
        hounsfield = HU[0] + slices * (HU[1] - HU[0])
        number = np.digitize(hounsfield, [-700, -500, -300])
        return 0.02 + 0.92 * (number[:, None] == np.arange(4)[None, :, None, None])

    channels = ("none", "ground-glass", "consolidation", "effusion")
    return network("ct-lesions", "lesions", channels, answer, HALF | thresholds)


def boxes(shape=(24, 40, 48), spacing=(4.0, 5.0, 5.0), *, joined=False):
    """A body with two lungs, the patient's right one larger, in axial order; and the labels."""
    hounsfield = np.full(shape, -1000, dtype=np.int16)
    hounsfield[:, 3:-3, 2:-2] = 30
    labels = np.zeros(shape, dtype=np.uint8)
    labels[3:-3, 8:-8, 6:22] = 1
    labels[5:-3, 8:-8, 22 if joined else 27 : -6] = 2
    hounsfield[labels > 0] = -860
    return hounsfield, labels, VolumeGrid.of_spacing(shape, spacing, (-100.0, -90.0, 50.0))


def ct(hounsfield, grid, quantity=Quantity.HOUNSFIELD):
    return Image(hounsfield, grid, quantity, CT)


ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]
"""All 48 ways in which the axes of a volume can lie."""


def turned(image, order, flips):
    """The same CT with its axes in another order and running the other way."""
    array = image.array.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    affine = np.column_stack([image.volume.affine[:, list(order)], image.volume.affine[:, 3]])
    grid = VolumeGrid(tuple(image.array.shape[axis] for axis in order), affine)
    for axis, flip in enumerate(flips):
        grid = grid.flipped(axis) if flip else grid
    return ct(array, grid, image.quantity)

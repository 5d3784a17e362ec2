"""Thresholds of a network of CT lesions, chosen on validation slices and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.slices import SliceCase, in_split, read_lesions, read_slices
from hilum.evaluation.ct_scans import slice_scan
from hilum.evaluation.overlap import overlap
from hilum.models.network import Network, open_networks
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.settings import RuntimeSettings

GRID = tuple(np.round(np.arange(0.1, 0.81, 0.05), 2).tolist())
"""Not lower: every validation slice shows a lesion, so that nothing there speaks against marking too much."""

NEAR = 0.005
"""Means of Dice closer than this are alike: the middle of the best is taken."""

SOURCES = ("ma20-slices", "medseg-slices")


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A validation slice with what the network says of it; maps hold 0 to 255.

    Attributes
    ----------
    case : the slice
    reference : numbers as the case's ``lesions_hold`` says
    opacity : probability of ground-glass or consolidation within the lungs, 0 outside
    dense : consolidation's share of that
    """

    case: SliceCase
    reference: NDArray[np.uint8]
    opacity: NDArray[np.uint8]
    dense: NDArray[np.uint8]


def choose_for_ct_lesions(network: Network, data: Sequence[Path]) -> dict[str, float]:
    """Thresholds ``opacity`` and ``consolidation`` with the highest mean Dice.

    ``opacity`` by the mean over sources of each source's mean over slices; ``consolidation`` by both classes on the
    slices that tell them apart. No real slice shows an outlined effusion: its threshold is not chosen.

    Parameters
    ----------
    network : of the task ``ct-lesions``
    data : folders that hold the folders of :data:`SOURCES`
    """
    looked = list(_look(network, data))
    opacity = _best(lambda threshold: _opacity_dice(looked, threshold))
    apart = [each for each in looked if each.case.lesions_hold == "classes"]
    if not apart:
        return {"opacity": opacity}
    return {"opacity": opacity, "consolidation": _best(lambda threshold: _class_dice(apart, opacity, threshold))}


def _look(network: Network, data: Sequence[Path]) -> Iterator[Looked]:
    (lungs_network,) = open_networks([("ct-lungs", "")], RuntimeSettings(engine="onnxruntime"), many=False)
    for folder in data:
        for case in in_split(read_slices(folder, SOURCES), "val"):
            reference = read_lesions(case)
            image = slice_scan([case]).image
            lungs = segment_ct_lungs(image, lungs_network).lungs
            if reference is None or not lungs.mask().any():
                continue
            stage = segment_ct_lesions(image, lungs, network, keep_probability=True)
            inside = lungs.mask()[0]
            opacity = np.where(inside, stage.probability["opacity"][0], np.uint8(0))
            yield Looked(case, reference, opacity, stage.probability["consolidation"][0])


def _best(figure: Callable[[float], float]) -> float:
    """The threshold of the grid with the highest figure; the middle one of those near it."""
    values = np.array([figure(threshold) for threshold in GRID])
    return round(float(np.median(np.array(GRID)[values >= values.max() - NEAR])), 2)


def _opacity_dice(looked: Sequence[Looked], threshold: float) -> float:
    by_source: dict[str, list[float]] = {}
    for each in looked:
        by_source.setdefault(each.case.source, []).append(_dice(each.reference > 0, each.opacity >= 255 * threshold))
    return float(np.mean([np.mean(values) for values in by_source.values()]))


def _class_dice(looked: Sequence[Looked], opacity: float, threshold: float) -> float:
    values: list[float] = []
    for each in looked:
        found, dense = each.opacity >= 255 * opacity, each.dense >= 255 * threshold
        for number, mask in ((1, found & ~dense), (2, found & dense)):
            if (each.reference == number).any():
                values.append(_dice(each.reference == number, mask))
    return float(np.mean(values))


def _dice(reference: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    dice = overlap(reference, found).dice
    return dice if isinstance(dice, float) else 1.0

"""Thresholds of a network of CT lesions, chosen on validation slices and on opacities that were put into volumes.

Outlined slices are 8-bit pictures of windows that nobody recorded, many of them equalised. Networks are less sure
there than in Hounsfield units, for which the threshold of opacity is chosen apart: on computed volumes, and on real
ones into which opacities were put, none of them those of a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.slices import in_split, read_slices
from hilum.datasets.volumes import read_volumes
from hilum.evaluation.ct_scans import PHANTOM_SPACING_MM, Scan, insertion_scan, lesion_phantom, slice_scan
from hilum.evaluation.overlap import overlap
from hilum.models.network import Network, open_networks
from hilum.segmentation.ct_lesions import OF_HOUNSFIELD, segment_ct_lesions
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.settings import RuntimeSettings

GRID = tuple(np.round(np.arange(0.1, 0.81, 0.05), 2).tolist())
"""Not lower: every validation slice shows a lesion, so that nothing there speaks against marking too much."""

NEAR = 0.005
"""Means of Dice closer than this are alike: the middle of the best is taken."""

SOURCES = ("ma20-slices", "medseg-slices")

HOSTS = "imlab-lung3d"
"""The folder of real volumes with lung masks, into which opacities are put."""

INSERTIONS = range(5400, 5406)
"""Seeds of opacities that are put into the hosts, in turn; those of the evaluation are others."""

PHANTOMS = {5200: 0.3, 5201: 0.6, 5202: 0.9}
"""Seed and severity of computed volumes; those of training and evaluation are others."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A slice or volume with what the network says of it; maps hold 0 to 255.

    Attributes
    ----------
    source : where it comes from; every source counts alike
    reference : 1 ground-glass, 2 consolidation; 1 for either where they are not told apart
    has_classes : they are
    opacity : probability of ground-glass or consolidation within the lungs, 0 outside
    dense : consolidation's share of that
    """

    source: str
    reference: NDArray[np.uint8]
    has_classes: bool
    opacity: NDArray[np.uint8]
    dense: NDArray[np.uint8]


def choose_for_ct_lesions(network: Network, data: Sequence[Path]) -> dict[str, float]:
    """Thresholds ``opacity``, ``opacity-hounsfield`` and ``consolidation`` with the highest mean Dice.

    Those of opacity by the mean over sources of each source's mean over slices or volumes; ``consolidation`` by both
    classes on the slices that tell them apart. No real slice shows an outlined effusion: its threshold is not chosen.

    Parameters
    ----------
    network : of the task ``ct-lesions``
    data : folders that hold the folders of :data:`SOURCES`, and :data:`HOSTS`
    """
    (lungs,) = open_networks([("ct-lungs", "")], RuntimeSettings(engine="onnxruntime"), many=False)
    look = partial(_look, lungs=lungs, network=network)
    slices = [seen for scan in _slices(data) if (seen := look(scan)) is not None]
    volumes = [seen for scan in _volumes(data) if (seen := look(scan)) is not None]
    made = {"opacity": _best(lambda threshold: _opacity_dice(slices, threshold))}
    made[f"opacity{OF_HOUNSFIELD}"] = _best(lambda threshold: _opacity_dice(volumes, threshold))
    apart = [each for each in slices if each.has_classes]
    if apart:
        opacity = made["opacity"]
        made["consolidation"] = _best(lambda threshold: _class_dice(apart, opacity, threshold))
    return made


def _slices(data: Sequence[Path]) -> Iterator[Scan]:
    """Outlined slices for validation."""
    for folder in data:
        for case in in_split(read_slices(folder, SOURCES), "val"):
            yield slice_scan([case])


def _volumes(data: Sequence[Path]) -> Iterator[Scan]:
    """Volumes in Hounsfield units, whose opacities were computed."""
    hosts = [case for folder in data if (folder / HOSTS).is_dir() for case in read_volumes(folder, (HOSTS,))]
    for number, seed in enumerate(INSERTIONS if hosts else ()):
        yield insertion_scan(hosts[number % len(hosts)], seed)
    for seed, severity in PHANTOMS.items():
        yield lesion_phantom(seed, severity, PHANTOM_SPACING_MM)


def _look(scan: Scan, lungs: Network, network: Network) -> Looked | None:
    """What the network says of a scan; None without a reference, or where no lungs are found."""
    inside = segment_ct_lungs(scan.image, lungs).lungs
    if scan.lesions is None or not inside.mask().any():
        return None
    stage = segment_ct_lesions(scan.image, inside, network, keep_probability=True)
    opacity = np.where(inside.mask(), stage.probability["opacity"], np.uint8(0))
    has_classes = scan.lesions_hold == "classes"
    return Looked(scan.source, scan.lesions, has_classes, opacity, stage.probability["consolidation"])


def _best(figure: Callable[[float], float]) -> float:
    """The threshold of the grid with the highest figure; the middle one of those near it."""
    values = np.array([figure(threshold) for threshold in GRID])
    return round(float(np.median(np.array(GRID)[values >= values.max() - NEAR])), 2)


def _opacity_dice(looked: Sequence[Looked], threshold: float) -> float:
    by_source: dict[str, list[float]] = {}
    for each in looked:
        opacity = np.isin(each.reference, (1, 2))
        by_source.setdefault(each.source, []).append(_dice(opacity, each.opacity >= 255 * threshold))
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

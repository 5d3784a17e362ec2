"""Thresholds of a network of CT lesions, chosen on validation slices and on opacities that were put into volumes.

Outlined slices are 8-bit pictures of windows that nobody recorded, many of them equalised. Networks are less sure
there than in Hounsfield units, for which thresholds are chosen apart: on computed volumes, and on real ones into which
opacities were put, none of them those of a test. Many thresholds have nearly the same overlap there, and volumes that
differ by a tenth: of those the one is taken whose volumes are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.slices import SliceCase, in_split, read_slices
from hilum.datasets.volumes import VolumeCase, read_volumes
from hilum.evaluation.ct_scans import (
    PHANTOM_SPACING_MM,
    Scan,
    hounsfield_scan,
    insertion_scan,
    lesion_phantom,
    slice_scan,
    volume_scan,
)
from hilum.evaluation.overlap import overlap
from hilum.models.network import Network, open_networks
from hilum.segmentation.ct_lesions import OF_HOUNSFIELD, segment_ct_lesions
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.settings import RuntimeSettings

GRID = tuple(np.round(np.arange(0.1, 0.81, 0.05), 2).tolist())
"""Not lower: every validation slice shows a lesion, so that nothing there speaks against marking too much."""

NEAR = 0.005
"""Means of Dice closer than this are alike."""

SOURCES = ("ma20-slices", "medseg-slices")

HOSTS = "imlab-lung3d"
"""The folder of real volumes with lung masks, into which opacities are put."""

INSERTIONS = range(5400, 5406)
"""Seeds of opacities that are put into the hosts, in turn; those of the evaluation are others."""

FINE_SPACING_MM = (2.5, 2.2, 2.2)

PHANTOMS = {5200 + n: (n + 1) / 8 for n in range(8)}
"""Seed and severity of computed volumes, with slices of 5 and of 2.5 mm in turn; those of training and evaluation are
others."""


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
    before : ``opacity`` of the volume that the reference was put into; None where it is not one of those
    """

    source: str
    reference: NDArray[np.uint8]
    has_classes: bool
    opacity: NDArray[np.uint8]
    dense: NDArray[np.uint8]
    before: NDArray[np.uint8] | None = None


def choose_for_ct_lesions(network: Network, data: Sequence[Path]) -> dict[str, float]:
    """Thresholds ``opacity`` and ``consolidation``, for 8-bit pictures and, apart, for Hounsfield units.

    Those of opacity by the highest mean Dice over sources, each the mean over its slices or volumes; in Hounsfield
    units, of those near the highest, the one at which the volumes are nearest to what was planted. Those of
    consolidation by both classes on the slices that tell them apart, as they are and with their window guessed: what
    readers call consolidated is known of real lungs only. No real slice shows an outlined effusion: its threshold is
    not chosen.

    Parameters
    ----------
    network : of the task ``ct-lesions``
    data : folders that hold the folders of :data:`SOURCES`, and :data:`HOSTS`
    """
    (lungs,) = open_networks([("ct-lungs", "")], RuntimeSettings(engine="onnxruntime"), many=False)
    look = partial(_look, lungs=lungs, network=network)
    slices = [seen for scan in _slices(data) if (seen := look(scan)) is not None]
    guessed = [seen for scan in _guessed(data) if (seen := look(scan)) is not None]
    volumes = [*_with_opacities(data, look), *_computed(look)]
    opacity = _middle(_near_best(lambda threshold: _opacity_dice(slices, threshold)))
    near = _near_best(lambda threshold: _opacity_dice(volumes, threshold))
    hounsfield = min(near, key=lambda threshold: _volume_error(volumes, threshold))
    made = {"opacity": opacity, f"opacity{OF_HOUNSFIELD}": hounsfield}
    for name, looked, least in (("", slices, opacity), (OF_HOUNSFIELD, guessed, hounsfield)):
        apart = [each for each in looked if each.has_classes]
        if apart:
            made[f"consolidation{name}"] = _middle(_near_best(partial(_class_dice, apart, least)))
    return made


def _slices(data: Sequence[Path]) -> Iterator[Scan]:
    """Outlined slices for validation."""
    for case in _cases(data, SOURCES):
        yield slice_scan([case])


def _guessed(data: Sequence[Path]) -> Iterator[Scan]:
    """Those that tell classes apart, in Hounsfield units as far as these can be guessed."""
    for case in _cases(data, SOURCES[1:]):
        yield hounsfield_scan(case)


def _cases(data: Sequence[Path], sources: Sequence[str]) -> Iterator[SliceCase]:
    for folder in data:
        yield from in_split(read_slices(folder, sources), "val")


Look = Callable[[Scan], Looked | None]


def _with_opacities(data: Sequence[Path], look: Look) -> Iterator[Looked]:
    """Real volumes into which opacities were put; what was dense in them before is known."""
    hosts = [case for folder in data if (folder / HOSTS).is_dir() for case in read_volumes(folder, (HOSTS,))]
    before = [look(_untouched(case)) for case in hosts]
    for number, seed in enumerate(INSERTIONS if hosts else ()):
        host, was = hosts[number % len(hosts)], before[number % len(hosts)]
        seen = look(insertion_scan(host, seed))
        if seen is not None and was is not None:
            yield replace(seen, before=np.where(seen.reference > 0, np.uint8(0), was.opacity))


def _untouched(case: VolumeCase) -> Scan:
    scan = volume_scan(case)
    return replace(scan, lesions=np.zeros(scan.image.array.shape, dtype=np.uint8))


def _computed(look: Look) -> Iterator[Looked]:
    for number, (seed, severity) in enumerate(PHANTOMS.items()):
        spacing = PHANTOM_SPACING_MM if number % 2 == 0 else FINE_SPACING_MM
        seen = look(lesion_phantom(seed, severity, spacing))
        if seen is not None:
            yield seen


def _look(scan: Scan, lungs: Network, network: Network) -> Looked | None:
    """What the network says of a scan; None without a reference, or where no lungs are found."""
    inside = segment_ct_lungs(scan.image, lungs).lungs
    if scan.lesions is None or not inside.mask().any():
        return None
    stage = segment_ct_lesions(scan.image, inside, network, keep_probability=True)
    opacity = np.where(inside.mask(), stage.probability["opacity"], np.uint8(0))
    has_classes = scan.lesions_hold == "classes"
    return Looked(scan.source, scan.lesions, has_classes, opacity, stage.probability["consolidation"])


def _near_best(figure: Callable[[float], float]) -> list[float]:
    """The thresholds of the grid whose figures are near the highest."""
    values = np.array([figure(threshold) for threshold in GRID])
    return [threshold for threshold, value in zip(GRID, values, strict=True) if value >= values.max() - NEAR]


def _middle(thresholds: Sequence[float]) -> float:
    return round(float(np.median(thresholds)), 2)


def _opacity_dice(looked: Sequence[Looked], threshold: float) -> float:
    return _mean_of_sources(looked, lambda each: _dice(_is_opacity(each), each.opacity >= 255 * threshold))


def _volume_error(looked: Sequence[Looked], threshold: float) -> float:
    """How far, relative to it, a volume lies from the planted one; whatever its sign."""

    def error(each: Looked) -> float:
        planted = np.count_nonzero(_is_opacity(each))
        found = np.count_nonzero(each.opacity >= 255 * threshold)
        if each.before is not None:
            found -= np.count_nonzero(each.before >= 255 * threshold)
        return abs(found - planted) / max(planted, 1)

    return _mean_of_sources(looked, error)


def _is_opacity(looked: Looked) -> NDArray[np.bool_]:
    return np.isin(looked.reference, (1, 2))


def _mean_of_sources(looked: Sequence[Looked], figure: Callable[[Looked], float]) -> float:
    """Mean over sources of each source's mean."""
    by_source: dict[str, list[float]] = {}
    for each in looked:
        by_source.setdefault(each.source, []).append(figure(each))
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

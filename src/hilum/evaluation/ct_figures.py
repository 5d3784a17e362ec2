"""The figures by which CT is judged, and what one scan adds to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.image import LOBES, LabelMap

from .ct_lobes import INVOLVED_ML, opacity_ml, probable_lobes
from .ct_scans import Scan
from .figures import Figure
from .overlap import Overlap, overlap

Structure = Literal["lungs", "right-lung", "left-lung", "opacity", "ground-glass", "consolidation"]
"""What a Dice is of; ``opacity`` is ground-glass and consolidation together."""

Mean = Literal["slices", "volumes", "voxels", "volume-error"]
"""How slices make one figure.

``slices``: the mean Dice of a patient's slices, and of that the mean over patients; slices whose reference is empty
do not count. ``volumes``: the Dice of all voxels of a patient, and of that the mean over patients. ``voxels``: the
Dice of all voxels of all patients. ``volume-error``: no Dice, but how far the volume found in a patient lies from that
of the reference, as a share of it, and of that the mean over patients.
"""


@dataclass(frozen=True, slots=True)
class OverlapFigure:
    """A figure of one structure's overlaps over the scans of one source.

    Attributes
    ----------
    figure : its id, title and goal
    source : of the scans
    structure : that is compared
    mean : how slices make one figure
    """

    figure: Figure
    source: str
    structure: Structure
    mean: Mean


def _dice(name: str, title: str, goal: float | None, of: tuple[str, Structure, Mean]) -> OverlapFigure:
    return OverlapFigure(Figure(name, title, goal), *of)


def _volume(name: str, title: str, goal: float | None, source: str) -> OverlapFigure:
    return OverlapFigure(Figure(name, title, goal, is_error=True), source, "opacity", "volume-error")


OVERLAP_FIGURES: tuple[OverlapFigure, ...] = (
    _dice("lungs-imlab", "Lungs, imlab volumes, voxels of a volume", 0.97, ("imlab-lung3d", "lungs", "volumes")),
    _dice("lungs-ma2020", "Lungs, ma2020, mean of slices", 0.95, ("ma2020-slices", "lungs", "slices")),
    _dice("lungs-ma2020-right", "Right lung, ma2020, mean of slices", None, ("ma2020-slices", "right-lung", "slices")),
    _dice("lungs-ma2020-left", "Left lung, ma2020, mean of slices", None, ("ma2020-slices", "left-lung", "slices")),
    _dice("lungs-ma20-volumes", "Lungs, ma20, voxels of a volume", 0.96, ("ma20-slices", "lungs", "volumes")),
    _dice("lungs-ma20-slices", "Lungs, ma20, mean of slices", 0.96, ("ma20-slices", "lungs", "slices")),
    _dice("lungs-lungsegdb", "Lungs, lungsegdb, mean of slices", None, ("lungsegdb-slices", "lungs", "slices")),
    _dice("lungs-elastix", "Lung, elastix, one lung cut out", None, ("elastix-lung", "lungs", "volumes")),
    _dice("lungs-dense", "Lungs, phantoms, half a lung consolidated", 0.95, ("phantom-dense", "lungs", "volumes")),
    _dice("lesions-ma20-volumes", "Opacity, ma20, voxels of a volume", 0.76, ("ma20-slices", "opacity", "volumes")),
    _dice("lesions-ma20-slices", "Opacity, ma20, mean of slices", 0.76, ("ma20-slices", "opacity", "slices")),
    _dice("lesions-medseg", "Opacity, medseg, mean of slices", 0.72, ("medseg-slices", "opacity", "slices")),
    _dice("lesions-medseg-voxels", "Opacity, medseg, all voxels", 0.72, ("medseg-slices", "opacity", "voxels")),
    _dice("ground-glass-medseg", "Ground-glass, medseg, slices", 0.60, ("medseg-slices", "ground-glass", "slices")),
    _dice("ground-glass-medseg-voxels", "... all voxels", 0.60, ("medseg-slices", "ground-glass", "voxels")),
    _dice("consolidation-medseg", "Consolidation, medseg, slices", 0.50, ("medseg-slices", "consolidation", "slices")),
    _dice("consolidation-medseg-voxels", "... all voxels", 0.50, ("medseg-slices", "consolidation", "voxels")),
    _dice("lesions-coronacases", "Opacity, coronacases slices", 0.75, ("coronacases-slices", "opacity", "slices")),
    _dice("lesions-phantom", "Opacity, phantoms, voxels of a volume", 0.80, ("phantom", "opacity", "volumes")),
    _dice("lesions-insertions", "Opacity put into real lungs", 0.80, ("insertions", "opacity", "volumes")),
    _dice("ground-glass-phantom", "Ground-glass, phantoms", None, ("phantom", "ground-glass", "volumes")),
    _dice("consolidation-phantom", "Consolidation, phantoms", None, ("phantom", "consolidation", "volumes")),
    _volume("volume-phantom", "Volume of opacity off the planted one, phantoms", 0.05, "phantom"),
    _volume("volume-insertions", "Volume of opacity off what was put into real lungs", None, "insertions"),
)
"""Every figure of overlap, in the order of tables."""

CLASSICAL, BANDS, BOTH = BESIDE = ("classical lungs", "Hounsfield bands", "network and bands")
"""Ends of the groups of methods that stand beside the one that is judged."""

AUC = Figure("weak-auc", "Opacity share of a slice tells infected slices, AUC", 0.85)
AUC_LUNGS = Figure("weak-auc-lungs", "... among slices with lung", None)
LOBES_RIGHT = Figure("weak-lobes", f"Lobe involved ({INVOLVED_ML:g} ml) or not, share right", 0.80)
MAIN_LOBE = Figure("weak-main-lobe", "Infected slices whose main lobe is among the labelled, share", None)
NORMAL = Figure("weak-normal", "Opacity share of healthy lungs", 0.01, is_error=True)
WEAK_FIGURES = (AUC, AUC_LUNGS, LOBES_RIGHT, MAIN_LOBE, NORMAL)
"""Figures of volumes with a label a slice, in the order of tables."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One structure of one scan against its reference.

    Attributes
    ----------
    source, group, patient, scan : what was compared, and by which method
    structure : of both masks
    overlaps : one a slice
    failure : why there was no result, empty if there was one. A missing result counts as an empty mask
    """

    source: str
    group: str
    patient: str
    scan: str
    structure: Structure
    overlaps: tuple[Overlap, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class WeakReading:
    """What was found in a volume whose slices have labels, beside those labels.

    Attributes
    ----------
    group, patient : which method, and whose volume
    infected : labels, shape (slices,)
    share : of the slice's lung that is opacity, 0 to 1; 0 without lung; shape (slices,)
    has_lung : lung was found on the slice, shape (slices,)
    opacity : share of the volume's lungs, 0 to 1
    is_healthy : of the volume
    lobes : involved by the labels, and by what was found, for each lobe
    main_lobes : of the infected slices on which opacity lies in a known lobe: whether the labels name the main one
    failure : why there was no result, empty if there was one. A missing result counts as the worst there is: no
        opacity on infected slices, nothing else on the others, and every lobe wrong
    """

    group: str
    patient: str
    infected: NDArray[np.bool_]
    share: NDArray[np.float64]
    has_lung: NDArray[np.bool_]
    opacity: float
    is_healthy: bool
    lobes: Mapping[str, tuple[bool, bool]] = field(default_factory=dict[str, tuple[bool, bool]])
    main_lobes: tuple[bool, ...] = ()
    failure: str = ""


def compare(
    scan: Scan, group: str, lungs: LabelMap | None, lesions: LabelMap | None, *, failure: str = ""
) -> Iterator[Comparison]:
    """Every structure of a scan that has a reference and was looked for.

    Parameters
    ----------
    scan : with its references
    group : of the method
    lungs, lesions : what was found on the scan's grid; None if it was not to be judged
    failure : why a result is missing; then ``lungs`` and ``lesions`` are empty
    """
    wanted: list[tuple[Structure, NDArray[np.bool_], NDArray[np.bool_]]] = []
    if lungs is not None and scan.lungs is not None:
        wanted.append(("lungs", scan.lungs > 0, lungs.mask()))
        if scan.lungs_hold == "sides":
            wanted.append(("right-lung", scan.lungs == 1, lungs.mask("right-lung")))
            wanted.append(("left-lung", scan.lungs == 2, lungs.mask("left-lung")))
    if lesions is not None and scan.lesions is not None:
        opacity = np.isin(scan.lesions, (1, 2))
        wanted.append(("opacity", opacity, lesions.mask("ground-glass", "consolidation")))
        if scan.lesions_hold == "classes":
            wanted.append(("ground-glass", scan.lesions == 1, lesions.mask("ground-glass")))
            wanted.append(("consolidation", scan.lesions == 2, lesions.mask("consolidation")))
    for structure, reference, found in wanted:
        overlaps = tuple(overlap(one, other) for one, other in zip(reference, found, strict=True))
        yield Comparison(scan.source, group, scan.patient, scan.name, structure, overlaps, failure)


def read_weakly(scan: Scan, group: str, lungs: LabelMap, lesions: LabelMap) -> WeakReading:
    """What was found in a volume beside the labels of its slices."""
    inside = lungs.mask()
    opacity = lesions.mask("ground-glass", "consolidation") & inside
    lung_voxels, opaque = inside.sum(axis=(1, 2)), opacity.sum(axis=(1, 2))
    lobes, voxel_ml = probable_lobes(lungs), scan.image.volume.voxel_ml
    found = opacity_ml(lobes, opacity, voxel_ml)
    main: list[bool] = []
    for label in scan.labels:
        counts = np.bincount(lobes[label.index][opacity[label.index]], minlength=len(LOBES) + 1)[1:]
        if label.lobes and counts.any():
            main.append(LOBES[int(counts.argmax()) + 1].name in label.lobes)
    return WeakReading(
        group=group,
        patient=scan.patient,
        infected=_infected(scan),
        share=opaque / np.maximum(lung_voxels, 1),
        has_lung=lung_voxels > 0,
        opacity=float(opaque.sum() / max(1, lung_voxels.sum())),
        is_healthy=scan.is_healthy,
        lobes={name: (_is_said(scan, name), found[name] >= INVOLVED_ML) for name in found},
        main_lobes=tuple(main),
    )


def worst_reading(scan: Scan, group: str, failure: str) -> WeakReading:
    """What a volume without a result counts as."""
    infected, names = _infected(scan), [label.name for label in LOBES.values()]
    return WeakReading(
        group=group,
        patient=scan.patient,
        infected=infected,
        share=(~infected).astype(np.float64),
        has_lung=np.ones_like(infected),
        opacity=1.0,
        is_healthy=scan.is_healthy,
        lobes={name: (_is_said(scan, name), not _is_said(scan, name)) for name in names},
        main_lobes=(False,) * sum(bool(label.lobes) for label in scan.labels),
        failure=failure,
    )


def _infected(scan: Scan) -> NDArray[np.bool_]:
    return np.array([label.is_infected for label in scan.labels])


def _is_said(scan: Scan, lobe: str) -> bool:
    return any(lobe in label.lobes for label in scan.labels)

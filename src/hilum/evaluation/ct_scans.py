"""What a CT evaluation looks at: slices, volumes and phantoms with their references, of one type, made when needed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import SPACING_ASSUMED
from hilum.datasets.slices import (
    SLICE_SOURCES,
    Labels,
    SliceCase,
    hounsfield,
    in_split,
    read_lesions,
    read_lungs,
    read_picture,
    read_slices,
)
from hilum.datasets.volumes import (
    VOLUME_SOURCES,
    SliceLabel,
    VolumeCase,
    read_volume,
    read_volume_lungs,
    read_volumes,
)
from hilum.errors import ReadError
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.phantom import Lesion, Thorax, default_grid, random_lesions, thorax
from hilum.provenance import Source, hash_file
from hilum.segmentation.ct_lungs import segment_ct_lungs

from .ct_insertions import insert_opacities

SLICE_SPACING_MM = (5.0, 1.0, 1.0)
"""Of slices whose spacing nobody knows, (slices, rows, columns): it keeps their shape, and nothing is judged by it."""

PHANTOM_SPACING_MM = (5.0, 2.2, 2.2)
"""Of the phantoms: fine enough for masks, coarse enough for seconds."""

DENSE_SEEDS, LESION_SEEDS = range(5000, 5004), range(5100, 5106)
"""Bodies of the phantoms. Training draws from seeds below 1000."""

INSERTION_SEEDS = range(5300, 5320)
"""Of the opacities put into real lungs, one a volume."""

MEDSEG_HU = (5.0, -1000.0)
"""Slope and intercept of a guess at the lung window of ``medseg-slices``, which nobody recorded."""

GUESSED, APPROXIMATE = "window guessed", "in approximate Hounsfield units"
WHOLE_PICTURE, STACKED = "whole picture taken for lungs", "slices of a volume together"
"""Groups of scans: the same slices, entered another way."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A volume, or a slice as a volume one slice thick, and what it is judged by.

    Attributes
    ----------
    source : which figures it adds to
    name : for messages
    patient : whose it is; a slice of nobody known is its own patient
    image : axial, HOUNSFIELD or WINDOWED_CT
    group : how it was entered, where that can be done in more than one way
    lungs, lesions : references of the image's shape, uint8; None where there is none
    lungs_hold, lesions_hold : what their numbers mean
    given_lungs : to be taken for the lungs when lesions are looked for; None for those that are found
    labels : of every slice; empty where nothing is known
    is_healthy : the source states that there is nothing to find
    """

    source: str
    name: str
    patient: str
    image: Image
    group: str = ""
    lungs: NDArray[np.uint8] | None = None
    lesions: NDArray[np.uint8] | None = None
    lungs_hold: Labels = "none"
    lesions_hold: Labels = "none"
    given_lungs: LabelMap | None = None
    labels: tuple[SliceLabel, ...] = ()
    is_healthy: bool = False


Maker = Callable[[], Scan]
"""Makes a scan: reads or computes it."""


def scans_of(root: Path, split: str, *, without: Container[str] = frozenset()) -> list[Maker]:
    """Everything that a split is judged by, cheap to list and costly to make.

    Parameters
    ----------
    root : the folder that holds a folder for each source; those that are not there are passed over
    split : ``train``, ``val`` or ``test``; only ``test`` has volumes and phantoms
    without : keys of slices and volumes that are left out

    Raises
    ------
    ReadError
        None of the sources is there, or one cannot be understood.
    """
    every_slice, every_volume = _cases_of(root, split)
    slices = tuple(case for case in every_slice if case.key not in without)
    volumes = [case for case in every_volume if case.key not in without]
    made = [*_slice_makers(slices)]
    made += [partial(volume_scan, case) for case in volumes]
    hosts = [case for case in volumes if case.is_healthy or (case.lungs is not None and not case.is_cropped)]
    made += [partial(insertion_scan, case, seed) for case, seed in zip(hosts, INSERTION_SEEDS, strict=False)]
    return [*made, *phantom_makers()] if split == "test" else made


def count_of(root: Path, split: str, keys: Container[str]) -> int:
    """How many slices and volumes of a split have one of the keys; errors as for :func:`scans_of`."""
    slices, volumes = _cases_of(root, split)
    return sum(case.key in keys for case in (*slices, *volumes))


def _cases_of(root: Path, split: str) -> tuple[tuple[SliceCase, ...], tuple[VolumeCase, ...]]:
    has_slices, has_volumes = (any((root / name).is_dir() for name in kind) for kind in (SLICE_SOURCES, VOLUME_SOURCES))
    if not has_slices and not has_volumes:
        known = ", ".join((*SLICE_SOURCES, *VOLUME_SOURCES))
        raise ReadError(f"{str(root)!r} holds none of the folders {known}.", path=root)
    slices = in_split(read_slices(root), split) if has_slices else ()
    volumes = tuple(case for case in read_volumes(root) if case.split == split) if has_volumes else ()
    return slices, volumes


def phantom_makers(spacing_mm: tuple[float, float, float] = PHANTOM_SPACING_MM) -> list[Maker]:
    """Phantoms with half a lung consolidated, and phantoms with the lesions of a pneumonia."""
    dense = [partial(dense_phantom, seed, spacing_mm) for seed in DENSE_SEEDS]
    scattered = [
        partial(lesion_phantom, seed, (n + 1) / len(LESION_SEEDS), spacing_mm) for n, seed in enumerate(LESION_SEEDS)
    ]
    return [*dense, *scattered]


def dense_phantom(seed: int, spacing_mm: tuple[float, float, float]) -> Scan:
    """Half of one lung consolidated: the right one for even seeds, the left one for odd ones."""
    side = ("right", "left")[seed % 2]
    half_ml = thorax(seed, grid=default_grid(seed, spacing_mm=(10, 8, 8))).volume_ml(f"{side}-lung") / 2
    grid = default_grid(seed, spacing_mm=spacing_mm)
    return _phantom("phantom-dense", thorax(seed, grid=grid, lesions=(Lesion("consolidation", side, half_ml),)))


def lesion_phantom(seed: int, severity: float, spacing_mm: tuple[float, float, float]) -> Scan:
    """Lesions of a pneumonia, of a severity from 0 to 1."""
    grid = default_grid(seed, spacing_mm=spacing_mm)
    return _phantom("phantom", thorax(seed, grid=grid, lesions=random_lesions(seed, severity)))


def _phantom(source: str, made: Thorax) -> Scan:
    name = f"phantom {made.seed}"
    scan = Scan(source, name, name, made.ct, lungs=made.lungs.array, lungs_hold="sides")
    return replace(scan, lesions=made.lesions.array, lesions_hold="classes")


def volume_scan(case: VolumeCase) -> Scan:
    """A volume with its lung mask or its labels."""
    scan = Scan(case.source, case.name, case.name, read_volume(case), labels=case.labels, is_healthy=case.is_healthy)
    lungs = read_volume_lungs(case)
    return scan if lungs is None else replace(scan, lungs=lungs, lungs_hold="union")


def insertion_scan(case: VolumeCase, seed: int) -> Scan:
    """Opacities put into lungs that are outlined, or into healthy ones as thresholds find them."""
    image, outlined = read_volume(case), read_volume_lungs(case)
    lungs = segment_ct_lungs(image, method="classical").lungs.array if outlined is None else outlined
    made = insert_opacities(image, lungs > 0, seed)
    scan = Scan("insertions", f"{case.name} with opacities", case.name, made.image)
    return replace(scan, lesions=made.lesions, lesions_hold="classes")


def slice_scan(cases: Iterable[SliceCase], group: str = "") -> Scan:
    """Slices of one size as they are stored, one upon the other: grey levels, or Hounsfield units where those are."""
    chosen = tuple(cases)
    first = chosen[0]
    quantity = Quantity.HOUNSFIELD if first.is_hounsfield else Quantity.WINDOWED_CT
    image = _stack(first, [read_picture(case) for case in chosen], quantity)
    lungs, lesions = ([read(case) for case in chosen] for read in (read_lungs, read_lesions))
    return Scan(
        source=first.source,
        name=first.patient if group == STACKED else first.name,
        patient=first.patient,
        image=image,
        group=group,
        lungs=_masks(lungs),
        lesions=_masks(lesions),
        lungs_hold=first.lungs_hold,
        lesions_hold=first.lesions_hold,
    )


def hounsfield_scan(case: SliceCase) -> Scan:
    """A slice brought near Hounsfield units."""
    scan, values = slice_scan([case], APPROXIMATE), hounsfield(case)
    if values is None:
        slope, intercept = MEDSEG_HU
        scan, values = replace(scan, group=GUESSED), np.rint(read_picture(case) * slope + intercept).astype(np.int16)
    return replace(scan, image=_stack(case, [values], Quantity.HOUNSFIELD))


def whole_picture_scan(case: SliceCase) -> Scan:
    """A picture that ends about the lungs, all of it taken for lungs."""
    scan = slice_scan([case], WHOLE_PICTURE)
    grid = scan.image.volume
    sides = np.ones(grid.shape, np.uint8)
    sides[:, :, grid.shape[2] // 2 :] = 2
    return replace(scan, given_lungs=LabelMap(sides, grid, LUNGS, scan.image.origin))


def _slice_makers(slices: tuple[SliceCase, ...]) -> list[Maker]:
    made: list[Maker] = [partial(slice_scan, [case]) for case in slices]
    for (source, _), found in groupby(slices, lambda case: (case.source, case.patient)):
        cases = tuple(found)
        if source == "ma20-slices":
            made.append(partial(slice_scan, cases, STACKED))
        if source in ("medseg-slices", "coronacases-slices"):
            made += [partial(hounsfield_scan, case) for case in cases]
        if cases[0].is_cropped:
            made += [partial(whole_picture_scan, case) for case in cases]
    return made


def _stack(case: SliceCase, planes: list[NDArray[Any]], quantity: Quantity) -> Image:
    array = np.stack(planes)
    slices, rows, columns = array.shape
    thickness, high, wide = SLICE_SPACING_MM
    grid = VolumeGrid.of_spacing((slices, rows, columns), (thickness, high * case.aspect, wide))
    source = Source(case.image.name, hash_file(case.image))
    return Image(array, grid, quantity, source, findings=(SPACING_ASSUMED,))


def _masks(planes: list[NDArray[np.uint8] | None]) -> NDArray[np.uint8] | None:
    there = [plane for plane in planes if plane is not None]
    return np.stack(there) if len(there) == len(planes) else None

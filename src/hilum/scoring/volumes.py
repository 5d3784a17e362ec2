"""Volumes and densities of a CT: of both lungs and each lung, of their thirds and lobes, of each class of lesion.

===========  =====  ==================================================================================================
id           unit   what it is
===========  =====  ==================================================================================================
``volume``   ml     of the lung in a region, or of a lesion in it; the volume of a voxel is the determinant of the grid
``share``    %      of the region's volume that a lesion takes
``mean-hu``  HU     mean density of the lung in a region, lesions included, or of a lesion in it
``hu-band``  %      of the region's volume with a density between two edges, by the names in :data:`BANDS`; the bands
                    do not add up to 100 if anything is below -1050 or from 3000 HU on. ``affected`` is infiltrated
                    and collapsed as a share of everything but vessels, as Slicer's Lung CT Analyzer has it
``count``           of single lesions from :data:`~hilum.scoring.instances.LEAST_INSTANCE_ML` on
===========  =====  ==================================================================================================

Regions are ``both``, ``right``, ``left``; thirds by height (``right-upper``...) and by volume
(``right-upper-by-volume``...); lobes (``right-upper-lobe``...). Opacity counts within the lungs; what of it lies
outside them is the ``volume`` of the region ``outside``. Effusion counts wherever it is, for the side of its lung or,
outside the lungs, of its half of the chest.

The uncertainty of a volume is that of its outline, taken to lie within half a voxel of where the mask has it: the
volume of a layer half a voxel thick over its surface, or the volume itself where that is less. The surface of a mask
of voxels is 3/2 of that of the smooth body it stands for, in the mean over all directions (Cauchy's formula), so the
layer holds a third of a voxel for each face. A share's is that of both volumes as independent errors. It is a statement
about voxels: that a reader or a network might see another lesion altogether is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hilum.image import Image, LabelMap
from hilum.measurement import NotMeasured

from .instances import find_instances
from .measure import LesionInstance, Measure, Measures
from .parts import SIDES, Part, of_lesions, parts
from .regions import OPACITY, Measured
from .tally import HU_EDGES, Kind, Tally, tally, which

BANDS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "emphysema": (-1050, -950),
        "inflated": (-950, -750),
        "infiltrated": (-750, -400),
        "collapsed": (-400, 0),
        "vessels": (0, 3000),
    }
)
"""Bands of density by name, in HU; the lower edge belongs to the band, the upper to the next. The edges are the
defaults of Slicer's Lung CT Analyzer."""

BY_MASKS = "masks"
BY_BANDS = "hounsfield-bands"

_LESIONS: Mapping[str, tuple[str, ...]] = {
    "ground-glass": ("ground-glass",),
    "consolidation": ("consolidation",),
    "opacity": OPACITY,
}


def measure_volumes(
    image: Image | None,
    lungs: LabelMap,
    lesions: LabelMap,
    lobes: LabelMap | None = None,
    cross_check: LabelMap | None = None,
) -> Measures:
    """Volumes, densities, shares and single lesions of a CT.

    Parameters
    ----------
    image : in Hounsfield units; with another quantity, or None, densities are not measured
    lungs : 1 the patient's right lung, 2 the left
    lesions : ground-glass, consolidation and effusion
    lobes : the five lobes; without them, what is of lobes is not measured
    cross_check : lesions found by another method, by bands of Hounsfield units; its volumes and shares are rows with
        the method ``hounsfield-bands``

    Raises
    ------
    GridMismatch
        The masks and the image do not lie on one grid.
    WrongQuantity
        A film was given.
    """
    counted = tally(lungs, lesions, image=image, lobes=lobes)
    found = find_instances(lungs, lesions, lobes)
    other = None if cross_check is None else tally(lungs, cross_check, lobes=lobes)
    return measures_of(counted, found, other)


def measures_of(counted: Tally, instances: tuple[LesionInstance, ...], cross_check: Tally | None = None) -> Measures:
    """The measures of a volume that has been counted already; see :func:`measure_volumes`.

    Parameters
    ----------
    counted : with the lesions that count
    instances : of them, for their number
    cross_check : the same lungs and lobes with the lesions of the other method
    """
    rows = [*_table(counted), *_effusion(counted), _outside(counted), *_counts(counted, instances)]
    if cross_check is not None:
        rows += [row for part in parts(cross_check).values() for row in _lesion_sizes(cross_check, part, BY_BANDS)]
    return Measures(tuple(rows), instances)


def _table(counted: Tally) -> Iterator[Measure]:
    for part in parts(counted).values():
        yield _volume(counted, part, "lung", part.kinds)
        yield from _lesion_sizes(counted, part, BY_MASKS)
        yield _mean_hu(counted, part, "lung", part.kinds)
        for structure, names in _LESIONS.items():
            yield _mean_hu(counted, part, structure, part.kinds & of_lesions(names))
        yield from _bands(counted, part)


def _lesion_sizes(counted: Tally, part: Part, method: str) -> Iterator[Measure]:
    """Volumes and shares of the lesions in a region."""
    for structure, names in _LESIONS.items():
        yield _volume(counted, part, structure, part.kinds & of_lesions(names), method)
    for structure, names in _LESIONS.items():
        yield _share(counted, part, structure, part.kinds & of_lesions(names), method)


def _volume(counted: Tally, part: Part, structure: str, kinds: NDArray[np.bool_], method: str = BY_MASKS) -> Measure:
    absent = part.absent or _untold(counted, structure)
    if absent is not None:
        return Measure("volume", part.name, structure, absent, "ml", method=method)
    value, uncertainty = _ml(counted, kinds, part.slices)
    return Measure("volume", part.name, structure, value, "ml", uncertainty, method)


def _ml(counted: Tally, kinds: NDArray[np.bool_], slices: slice) -> tuple[float, float | None]:
    """Volume in ml and its uncertainty, None for a volume of nothing."""
    volume = float(counted.voxels[slices][:, kinds].sum()) * counted.voxel_ml
    faces = float(counted.meetings[slices][:, kinds[:, None] != kinds].sum())
    return volume, min(volume, faces * counted.voxel_ml / 3) if volume else None


def _share(counted: Tally, part: Part, structure: str, kinds: NDArray[np.bool_], method: str) -> Measure:
    absent = part.absent or _untold(counted, structure)
    if absent is not None:
        return Measure("share", part.name, structure, absent, "%", method=method)
    lesion, of_lesion = _ml(counted, kinds, part.slices)
    whole, of_whole = _ml(counted, part.kinds, part.slices)
    share = lesion / whole
    uncertainty = None
    if of_lesion is not None and of_whole is not None:
        uncertainty = 100 * math.hypot(of_lesion / whole, share * of_whole / whole)
    return Measure("share", part.name, structure, 100 * share, "%", uncertainty, method)


def _untold(counted: Tally, structure: str) -> NotMeasured | None:
    """Why a lesion is not measured that the masks have no label for; None if they have."""
    if structure == "lung" or counted.named & {structure, *_LESIONS.get(structure, ())}:
        return None
    return NotMeasured(f"the masks do not tell {structure} apart")


def _mean_hu(counted: Tally, part: Part, structure: str, kinds: NDArray[np.bool_]) -> Measure:
    return Measure("mean-hu", part.name, structure, _mean(counted, part, structure, kinds), "HU")


def _mean(counted: Tally, part: Part, structure: str, kinds: NDArray[np.bool_]) -> Measured:
    absent = part.absent or _untold(counted, structure)
    if absent is not None:
        return absent
    if isinstance(counted.hu, NotMeasured):
        return counted.hu
    size = int(counted.voxels[part.slices][:, kinds].sum())
    if size == 0:
        return NotMeasured(f"there is no {structure} there")
    mean = float(counted.hu[part.slices][:, kinds].sum()) / size
    return mean if math.isfinite(mean) else NotMeasured("the image holds numbers there that are not finite")


def _bands(counted: Tally, part: Part) -> Iterator[Measure]:
    absent = part.absent or (counted.hu if isinstance(counted.hu, NotMeasured) else None)
    names = (*BANDS, "affected")
    if absent is not None:
        yield from (Measure("hu-band", part.name, name, absent, "%") for name in names)
        return
    counts = counted.voxels[part.slices][:, part.kinds].sum(axis=(0, 1))
    sizes = {
        name: int(counts[HU_EDGES.index(low) + 1 : HU_EDGES.index(high) + 1].sum())
        for name, (low, high) in BANDS.items()
    }
    for name, size in sizes.items():
        yield Measure("hu-band", part.name, name, 100 * size / int(counts.sum()), "%")
    aired = sum(size for name, size in sizes.items() if name != "vessels")
    share = (sizes["infiltrated"] + sizes["collapsed"]) / aired if aired else None
    affected = NotMeasured("there is nothing between -1050 and 0 HU") if share is None else 100 * share
    yield Measure("hu-band", part.name, "affected", affected, "%")


def _effusion(counted: Tally) -> Iterator[Measure]:
    """Effusion by side, wherever it is."""
    for region in ("both", *SIDES):

        def is_there(kind: Kind, region: str = region) -> bool:
            return kind.lesion == "effusion" and region in ("both", kind.side)

        part = Part(region, which(is_there), slice(None), None)
        yield _volume(counted, part, "effusion", part.kinds)
        yield _mean_hu(counted, part, "effusion", part.kinds)


def _outside(counted: Tally) -> Measure:
    """Opacity that lies in no lung and counts nowhere else."""
    part = Part("outside", which(lambda kind: kind.lesion == "opacity"), slice(None), None)
    return _volume(counted, part, "opacity", part.kinds)


def _counts(counted: Tally, instances: tuple[LesionInstance, ...]) -> Iterator[Measure]:
    every = parts(counted)
    for region in ("both", *SIDES):
        absent = every[region].absent
        count = sum(
            each.structure == "opacity" and (region == "both" or each.region.partition("-")[0] == region)
            for each in instances
        )
        yield Measure("count", region, "opacity", float(count) if absent is None else absent, "")

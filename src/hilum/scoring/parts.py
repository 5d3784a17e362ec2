"""The regions of the lungs in a volume: both, sides, thirds and lobes; what each holds, or why that is not measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.image import LOBES
from hilum.measurement import NotMeasured

from .regions import OPACITY, Measured, why_absent
from .tally import HU_EDGES, Kind, Tally, which
from .thirds import THIRDS, ThirdRule, thirds

LEAST_LUNG_ML = 25.0
"""A lung smaller than this is not measured: a hundredth of a usual one, a scrap of mask that a few slices decide."""

LEAST_PART_ML = 4.0
"""A third or a lobe smaller than this is not measured: a hundredth of a usual middle lobe."""

MOST_UNCOVERED = 0.2
"""Lobes that leave a larger share of their lung out are not measured: what is left out is most often dense disease,
which the networks that find lobes tend to miss, so that the scores would come out too low."""

LOBE_NAMES = tuple(label.name for label in LOBES.values())
"""Names of the lobes, in the order of reports."""

SIDES = ("right", "left")

_BY_VOLUME = "-by-volume"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A region of the lungs.

    Attributes
    ----------
    name : ``both``, ``right``, ``left``, ``right-upper``..., ``right-upper-by-volume``..., ``right-upper-lobe``...
    kinds : mask over the kinds of voxels that lie in it
    slices : the slices it takes of them
    absent : why nothing is measured in it; None if it is
    """

    name: str
    kinds: NDArray[np.bool_]
    slices: slice
    absent: NotMeasured | None


def parts(tally: Tally) -> dict[str, Part]:
    """Every region of the lungs by its name, in the order of reports: thirds by height, by volume, and lobes last."""
    made = {side: _lung(tally, side) for side in SIDES}
    absent = why_absent([part.absent for part in made.values() if part.absent is not None])
    every = [Part("both", which(lambda kind: kind.in_lung), slice(None), absent), *made.values()]
    rules: tuple[ThirdRule, ...] = ("height", "volume")
    for rule in rules:
        for side in SIDES:
            every += _thirds(tally, made[side], rule)
    every += [_lobe(tally, made[name.partition("-")[0]], name) for name in LOBE_NAMES]
    return {part.name: part for part in every}


def voxels(tally: Tally, part: Part, lesions: tuple[str, ...] = (), *, from_hu: float = -math.inf) -> int:
    """How many voxels of a region there are, or how many of certain lesions, or how many of them as dense as that.

    Parameters
    ----------
    tally : of the volume
    part : one of :func:`parts`
    lesions : names; all of the region if none is given
    from_hu : one of :data:`~hilum.scoring.tally.HU_EDGES`; less dense ones do not count
    """
    band = 0 if from_hu == -math.inf else HU_EDGES.index(int(from_hu)) + 1
    return int(tally.voxels[part.slices][:, part.kinds & of_lesions(lesions), band:].sum())


def of_lesions(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """The kinds of voxels that are one of these lesions; all kinds if none is named."""
    return which(lambda kind: not names or kind.lesion in names)


def share(tally: Tally, part: Part, lesions: tuple[str, ...] = OPACITY, *, from_hu: float = -math.inf) -> Measured:
    """Share of a region that certain lesions take, 0 to 1; parameters as of :func:`voxels`."""
    if part.absent is not None:
        return part.absent
    if from_hu != -math.inf and isinstance(tally.hu, NotMeasured):
        return tally.hu
    return voxels(tally, part, lesions, from_hu=from_hu) / voxels(tally, part)


def _lung(tally: Tally, side: str) -> Part:
    kinds = which(lambda kind: kind.in_lung and kind.side == side)
    return _sized(tally, Part(side, kinds, slice(None), None), f"the {side} lung", LEAST_LUNG_ML)


def _thirds(tally: Tally, lung: Part, rule: ThirdRule) -> Iterator[Part]:
    ranges = thirds(tally.voxels[:, lung.kinds].sum(axis=(1, 2)), rule)
    ending = "" if rule == "height" else _BY_VOLUME
    for third in THIRDS:
        part = Part(f"{lung.name}-{third}{ending}", lung.kinds, ranges[third], lung.absent)
        yield _sized(tally, part, f"the {third} third of the {lung.name} lung", LEAST_PART_ML)


def _lobe(tally: Tally, lung: Part, name: str) -> Part:
    kinds = which(lambda kind: kind.lobe == name)
    if not tally.has_lobes:
        return Part(name, kinds, slice(None), NotMeasured("it takes the lobes, and none were given"))
    part = Part(name, kinds, slice(None), lung.absent or _uncovered(tally, lung))
    return _sized(tally, part, f"the {name.replace('-', ' ')}", LEAST_PART_ML)


def _uncovered(tally: Tally, lung: Part) -> NotMeasured | None:
    without = tally.voxels[:, lung.kinds & which(_has_no_lobe)].sum() / voxels(tally, lung)
    if without <= MOST_UNCOVERED:
        return None
    return NotMeasured(f"the lobes leave out {100 * without:.0f} % of the {lung.name} lung")


def _has_no_lobe(kind: Kind) -> bool:
    return not kind.lobe


def _sized(tally: Tally, part: Part, title: str, least_ml: float) -> Part:
    """The part, absent if it is empty or too small."""
    if part.absent is not None:
        return part
    size = voxels(tally, part)
    if size == 0:
        return Part(part.name, part.kinds, part.slices, NotMeasured(f"{title} was not found"))
    if size * tally.voxel_ml < least_ml:
        return Part(part.name, part.kinds, part.slices, NotMeasured(f"{title} is too small to be measured"))
    return part

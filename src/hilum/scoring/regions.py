"""How much of each region of the lungs has opacity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WrongQuantity
from hilum.geometry import PlaneGrid, Side
from hilum.image import LabelMap
from hilum.measurement import NotMeasured
from hilum.segmentation.zones import ZONES, ZoneRule, zones

Measured = float | NotMeasured
"""A number, or why there is none."""

Involvement = Mapping[str, Measured]
"""Share with opacity, 0 to 1, by region: ``right``, ``left``, ``both`` and the six names in ``ZONES``."""

OPACITY = ("ground-glass", "consolidation")
"""The lesion classes that count as opacity of the lung. Effusion lies outside it and never counts."""

MIN_REGION_SHARE = 0.0005
"""A region smaller than this share of the film's pixels is not measured. A zone is about 4 % of a usual film; one
a hundred times smaller (about 500 pixels of 1024 x 1024) is a scrap of mask that a few pixels would decide."""

_SIDES = (Side.RIGHT, Side.LEFT)


def side_of(zone: str) -> Side:
    """The patient's side on which a zone lies."""
    return Side(zone.partition("-")[0])


def involvement(lungs: LabelMap, lesions: LabelMap, rule: ZoneRule = "area") -> Involvement:
    """Share of each lung and zone of a film that has opacity.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left, of a film in any orientation
    lesions : on the same grid; opacity is the union of ground-glass and consolidation, and does not count outside
        the lungs
    rule : how the lungs are cut into zones

    Returns
    -------
    Mapping
        By region: ``both``, ``right``, ``left`` and the zones. ``NotMeasured`` where a lung was not found or the
        region is smaller than :data:`MIN_REGION_SHARE` of the film; ``both`` is measured only if each lung is.

    Raises
    ------
    GridMismatch
        The two masks do not lie on one grid.
    WrongQuantity
        The masks are of a volume.

    References
    ----------
    .. [1] Danilov et al., Scientific Reports 2022;12:12791, doi:10.1038/s41598-022-15013-z (the ratio of a zone)
    """
    grid = _plane(lungs)
    grid.require_same(_plane(lesions))
    upright = grid.orientation.to_upright(lungs.array)
    box = _box(upright)
    counts = _counts(zones(upright[box], rule), _is_opaque(grid.orientation.to_upright(lesions.array)[box], lesions))
    return _shares(counts, MIN_REGION_SHARE * lungs.array.size)


def _plane(labels: LabelMap) -> PlaneGrid:
    if not isinstance(labels.grid, PlaneGrid):
        raise WrongQuantity("Scores of a film need the masks of a film, and these are a volume's.")
    return labels.grid


def _box(lungs: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The smallest box with all of both lungs in it; empty if there is none."""
    filled = [np.flatnonzero(np.bitwise_or.reduce(lungs, axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0) for at in filled)
    return rows, columns


def _is_opaque(lesions: NDArray[np.uint8], labels: LabelMap) -> NDArray[np.bool_]:
    first, second = (labels.number(name) for name in OPACITY)
    return (lesions == first) | (lesions == second)


def _counts(zone_map: NDArray[np.uint8], opacity: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pixels, and those with opacity, of the six zones; shape (2, 6)."""
    inside = [zone_map == number for number in range(1, len(ZONES) + 1)]
    return np.array(
        [[np.count_nonzero(zone) for zone in inside], [np.count_nonzero(zone & opacity) for zone in inside]]
    )


def _shares(counts: NDArray[np.intp], smallest: float) -> Involvement:
    whole: dict[str, int] = dict(zip(ZONES, counts[0].tolist(), strict=True))
    opaque: dict[str, int] = dict(zip(ZONES, counts[1].tolist(), strict=True))
    made: dict[str, Measured] = {}
    for side in _SIDES:
        members = [zone for zone in ZONES if side_of(zone) is side]
        area = sum(whole[zone] for zone in members)
        name = f"the {side.value} lung"
        made[side.value] = _share(name, sum(opaque[zone] for zone in members), area, smallest)
        for zone in members:
            made[zone] = (
                _share(f"the {zone.replace('-', ' ')} zone", opaque[zone], whole[zone], smallest)
                if area
                else NotMeasured(f"{name} was not found")
            )
    both = _share("the lungs", sum(opaque.values()), sum(whole.values()), smallest)
    return {"both": why_absent([made[side.value] for side in _SIDES]) or both} | made


def _share(name: str, opaque: int, area: int, smallest: float) -> Measured:
    if area == 0:
        return NotMeasured(f"{name} was not found")
    if area < smallest:
        return NotMeasured(f"{name} is too small to be measured")
    return opaque / area


def why_absent(values: list[Measured]) -> NotMeasured | None:
    """Why something made of these values cannot be measured: the reasons of all that are absent; None if none is."""
    reasons = dict.fromkeys(value.reason for value in values if isinstance(value, NotMeasured))
    return NotMeasured(" and ".join(reasons)) if reasons else None

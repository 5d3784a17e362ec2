"""The scores of a film, each from measures of its regions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hilum.geometry import Side
from hilum.measurement import NotMeasured
from hilum.segmentation.zones import ZONES

from .definitions import BRIXIA, GEOGRAPHIC_EXTENT, OPACITY_PERCENT, SIX_ZONE
from .regions import Involvement, Measured, why_absent
from .score import Score

SIX_ZONE_THRESHOLD = 0.31
"""Share of a zone above which it counts as affected, if nobody says otherwise: the published value for the masks of
the MA-Net. Hilum's own networks bring theirs in their cards."""

COUNTED_SHARE, COUNTED_SPREAD = 0.25, 0.15
"""Share of a zone with opacity at which half of the readers count it, and how sharply they do. On the 194 training
films with six-zone scores, and with the shares by a network that had not learned from any score, the curve that fits
best (0.26 and 0.19) is 0.99 points off by ten-fold cross-validation over patients, 0.85 if zones with hardly any
opacity count as well, and counting the zones above the best single threshold is 1.13 off."""

LEAST_COUNTED_SHARE = 0.05
"""Share of a zone with opacity up to which nobody counts it, whatever the curve says: specks on healthy films. By the
same cross-validation the error is least here, and the same to 0.03 points from 0.005 to 0.08."""

_SIDES = (Side.RIGHT.value, Side.LEFT.value)


def opacity_percent(shares: Involvement) -> Score:
    """Percentage of the lungs with opacity; parts are those of each lung and zone.

    Parameters
    ----------
    shares : from :func:`~hilum.scoring.regions.involvement`

    References
    ----------
    .. [1] Chaganti et al., Radiology: Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048 (the idea,
       there of volumes on CT)
    """
    percent: dict[str, Measured] = {
        region: share if isinstance(share, NotMeasured) else 100.0 * share for region, share in shares.items()
    }
    return Score(OPACITY_PERCENT, percent.pop("both"), percent)


def six_zone(
    ratios: Mapping[str, Measured], *, threshold: float = SIX_ZONE_THRESHOLD, spread: float = 0.0, method: str = ""
) -> Score:
    """How many of the six zones are affected: those whose ratio is over the threshold, strictly.

    With a ``spread``, each zone is counted by so many of the readers as the logistic curve through the threshold says,
    the score is the number that they count on average, rounded (a half upwards), and the zones that most of them count
    are the affected ones. Several zones that are each a little affected then count, as they do with readers, and one
    zone close to the threshold decides nothing.

    Parameters
    ----------
    ratios : by zone, 0 to 1: its share with opacity, or another measure of how affected it is; other keys are ignored
    threshold : a zone at the threshold is not affected, one above it is; half of the readers count a zone there
    spread : of the readers' thresholds, as a ratio; 0 for one sharp threshold. With a spread, a zone of up to
        :data:`LEAST_COUNTED_SHARE` never counts
    method : what the ratios are

    Returns
    -------
    Score
        Parts are 0 or 1 by zone. The value is ``NotMeasured`` unless every zone is measured.

    Raises
    ------
    ValueError
        A zone is missing, or a number is not within 0 to 1.

    Examples
    --------
    >>> six_zone(dict.fromkeys(ZONES, 0.2)).value
    0.0
    >>> six_zone(dict.fromkeys(ZONES, 0.2), threshold=COUNTED_SHARE, spread=COUNTED_SPREAD).value
    3.0

    References
    ----------
    .. [1] Danilov et al., Scientific Reports 2022;12:12791, doi:10.1038/s41598-022-15013-z
    """
    _require_within(threshold, 1.0, "the threshold of the six-zone score")
    zones = _of_zones(ratios, 1.0)
    if spread:
        _require_within(spread, 1.0, "the spread of the six-zone score")
        parts = _expected(zones, threshold, spread)
        return Score(SIX_ZONE, _sum(parts), parts, {"threshold": threshold, "spread": spread}, method)
    parts: dict[str, Measured] = {
        zone: ratio if isinstance(ratio, NotMeasured) else float(ratio > threshold) for zone, ratio in zones.items()
    }
    return Score(SIX_ZONE, _sum(parts), parts, {"threshold": threshold}, method)


def _expected(zones: Mapping[str, Measured], threshold: float, spread: float) -> dict[str, Measured]:
    """1 for as many zones as readers count on average, those that most of them count; 0 for the others."""
    chances = {
        zone: 1.0 / (1.0 + math.exp(min((threshold - ratio) / spread, 700.0))) if ratio > LEAST_COUNTED_SHARE else 0.0
        for zone, ratio in zones.items()
        if not isinstance(ratio, NotMeasured)
    }
    count = math.floor(sum(chances.values()) + 0.5)
    counted = sorted(chances, key=lambda zone: -chances[zone])[:count]
    return {zone: ratio if isinstance(ratio, NotMeasured) else float(zone in counted) for zone, ratio in zones.items()}


def geographic_extent(shares: Involvement) -> Score:
    """Grades of both lungs, 0 to 4 each, by the share with opacity; parts are the grades by side.

    Parameters
    ----------
    shares : share of each lung with opacity, 0 to 1, by ``right`` and ``left``; other keys are ignored

    References
    ----------
    .. [1] Wong et al., Radiology 2020;296:E72-E78, doi:10.1148/radiol.2020201160
    .. [2] Cohen et al., Cureus 2020;12:e9448, doi:10.7759/cureus.9448
    """
    parts: dict[str, Measured] = {}
    for side in _SIDES:
        share = shares[side]
        parts[side] = share if isinstance(share, NotMeasured) else float(extent_grade(share))
    return Score(GEOGRAPHIC_EXTENT, _sum(parts), parts)


def extent_grade(share: float) -> int:
    """Grade of one lung by its share with opacity.

    The publications say none, under 25 %, 25 to 50, 50 to 75 and over 75, and leave the edges open. Here the
    intervals are [0], (0, 25), [25, 50), [50, 75] and (75, 100] per cent: the first and the last as they are worded,
    and 50 % with the higher grade as 25 % is.

    Parameters
    ----------
    share : 0 to 1; ValueError for another number
    """
    _require_within(share, 1.0, "the share of a lung")
    if share > 0.75:
        return 4
    return 1 + (share >= 0.25) + (share >= 0.5) if share else 0


def brixia(expected: Mapping[str, Measured] | NotMeasured) -> Score:
    """The Brixia score that a network estimates.

    It grades the kind of infiltrate, interstitial or alveolar, and so cannot be derived from how far lesions extend.

    Parameters
    ----------
    expected : by zone, the expectation of its grade, 0 to 3, under the probabilities of the network's ordinal heads;
        or why there is none

    Returns
    -------
    Score
        Parts are the expectations rounded to the nearest grade, a half upwards; the value is their sum, measured only
        if every zone is.

    Raises
    ------
    ValueError
        A zone is missing, or a number is not within 0 to 3.

    References
    ----------
    .. [1] Borghesi and Maroldi, Radiologia Medica 2020;125:509-513, doi:10.1007/s11547-020-01200-3 (the grades)
    """
    if isinstance(expected, NotMeasured):
        return Score(BRIXIA, expected, dict.fromkeys(ZONES, expected))
    parts: dict[str, Measured] = {
        zone: grade if isinstance(grade, NotMeasured) else float(math.floor(grade + 0.5))
        for zone, grade in _of_zones(expected, 3.0).items()
    }
    return Score(BRIXIA, _sum(parts), parts)


def _of_zones(values: Mapping[str, Measured], highest: float) -> dict[str, Measured]:
    """The values of the six zones in their order, each checked."""
    missing = [zone for zone in ZONES if zone not in values]
    if missing:
        raise ValueError(f"a score of six zones lacks {', '.join(missing)}")
    for zone in ZONES:
        value = values[zone]
        if not isinstance(value, NotMeasured):
            _require_within(value, highest, f"the {zone} zone")
    return {zone: values[zone] for zone in ZONES}


def _require_within(value: float, highest: float, name: str) -> None:
    if not 0 <= value <= highest:
        raise ValueError(f"{name} cannot have {value}, only 0 to {highest:g}")


def _sum(parts: Mapping[str, Measured]) -> Measured:
    values = list(parts.values())
    return why_absent(values) or sum(value for value in values if not isinstance(value, NotMeasured))

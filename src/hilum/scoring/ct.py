"""The scores of a CT, each from the shares of its regions.

Intervals are written as in mathematics: a bracket holds its edge, a parenthesis does not. Where a publication leaves
open to which grade an edge belongs, the choice made here stands with the function and is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace

from hilum.image import Image, LabelMap
from hilum.measurement import NotMeasured
from hilum.segmentation.zones import ZONES

from .definitions import OPACITY_PERCENT
from .definitions_ct import (
    CT_SEVERITY_25,
    HIGH_OPACITY_PERCENT,
    LUNG_HIGH_OPACITY_SCORE,
    LUNG_SEVERITY_SCORE,
    MOSMED,
    MOSMED_WHOLE,
    TOTAL_SEVERITY_20,
    ZONAL_24,
)
from .parts import LOBE_NAMES, SIDES, parts, share, voxels
from .regions import OPACITY, Measured, why_absent
from .score import Score, ScoreDefinition
from .tally import Tally, tally

HIGH_OPACITY_HU = -200
"""Opacity from this density on is high opacity.

References
----------
.. [1] Chaganti et al., Radiology: Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048
"""

LEAST = "least-opacity-ml"
"""Names the least opacity that counts, in the settings of a score, where it is above 0."""

Shares = Mapping[str, Measured]
"""Share with opacity, 0 to 1, by region."""


def score_volume(
    lungs: LabelMap,
    lesions: LabelMap,
    *,
    image: Image | None = None,
    lobes: LabelMap | None = None,
    least_opacity_ml: float = 0.0,
) -> dict[str, Score]:
    """Every score of a CT, by id, in the order of :data:`~hilum.scoring.definitions.DEFINITIONS`.

    Anyone's masks will do, on any grid of a volume. What depends on a lung, on lobes or on Hounsfield units that are
    not there is ``NotMeasured``.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left
    lesions : opacity is ground-glass and consolidation within the lungs
    image : in Hounsfield units; high opacity takes them
    lobes : the five lobes; the scores of lobes take them
    least_opacity_ml : a region with less opacity than this counts as clear wherever it is graded; per cents stay

    Raises
    ------
    GridMismatch
        The masks and the image do not lie on one grid.
    WrongQuantity
        A film was given.
    """
    return scores_of(tally(lungs, lesions, image=image, lobes=lobes), least_opacity_ml)


def scores_of(counted: Tally, least_opacity_ml: float = 0.0) -> dict[str, Score]:
    """The scores of a volume that has been counted already; see :func:`score_volume`."""
    regions = {name: part for name, part in parts(counted).items() if not name.endswith("-by-volume")}
    opacity = {name: share(counted, part) for name, part in regions.items()}
    dense = {name: share(counted, part, from_hu=HIGH_OPACITY_HU) for name, part in regions.items()}
    percents = (
        _percent(OPACITY_PERCENT, opacity, has_lobes=counted.has_lobes),
        _percent(HIGH_OPACITY_PERCENT, dense, has_lobes=counted.has_lobes),
    )
    few = {
        name for name, part in regions.items() if voxels(counted, part, OPACITY) * counted.voxel_ml < least_opacity_ml
    }
    opacity, dense = _clear(opacity, few), _clear(dense, few)
    graded = (
        ct_severity_25(opacity),
        total_severity_20(opacity),
        lung_severity_score(opacity),
        lung_high_opacity_score(dense),
        zonal_24(opacity),
        mosmed(opacity),
        mosmed_whole(opacity),
    )
    if least_opacity_ml > 0:
        graded = tuple(replace(item, settings={**item.settings, LEAST: least_opacity_ml}) for item in graded)
    return {item.definition.id: item for item in (*percents, *graded)}


def _clear(shares: Shares, regions: Set[str]) -> Shares:
    """The shares with those of some regions at 0, if they are measured."""
    return {
        name: 0.0 if name in regions and not isinstance(value, NotMeasured) else value for name, value in shares.items()
    }


def ct_severity_25(shares: Shares) -> Score:
    """Five lobes, 0 to 5 each.

    The grades are [0], (0, 5), [5, 25], (25, 50), [50, 75] and (75, 100] per cent. The publication says none, under 5,
    5 to 25, 26 to 49, 50 to 75 and over 75; what lies between 25 and 26 and between 49 and 50 counts to the fourth.

    Parameters
    ----------
    shares : of each lobe with opacity, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Pan et al., Radiology 2020;295:715-721, doi:10.1148/radiol.2020200370
    """
    return _graded(CT_SEVERITY_25, shares, LOBE_NAMES, _grade_of_25)


def total_severity_20(shares: Shares) -> Score:
    """Five lobes, 0 to 4 each: [0], (0, 25], (25, 50], (50, 75] and (75, 100] per cent.

    The publication says none, 1 to 25, 26 to 50, 51 to 75 and 76 to 100, in whole per cent; anything over none counts.

    Parameters
    ----------
    shares : of each lobe with opacity, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Chung et al., Radiology 2020;295:202-207, doi:10.1148/radiol.2020200230
    """
    return _graded(TOTAL_SEVERITY_20, shares, LOBE_NAMES, _quarter)


def lung_severity_score(shares: Shares) -> Score:
    """Five lobes, 0 to 4 each by their share with opacity: [0], (0, 25], (25, 50], (50, 75] and (75, 100] per cent.

    Parameters
    ----------
    shares : of each lobe with opacity, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Chaganti et al., Radiology: Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048
    """
    return _graded(LUNG_SEVERITY_SCORE, shares, LOBE_NAMES, _quarter)


def lung_high_opacity_score(shares: Shares) -> Score:
    """Five lobes, 0 to 4 each by their share with high opacity; grades as of :func:`lung_severity_score`.

    Parameters
    ----------
    shares : of each lobe with opacity of at least :data:`HIGH_OPACITY_HU`, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Chaganti et al., Radiology: Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048
    """
    return _graded(LUNG_HIGH_OPACITY_SCORE, shares, LOBE_NAMES, _quarter)


def zonal_24(shares: Shares) -> Score:
    """Six zones, 0 to 4 each: [0], (0, 25), [25, 50), [50, 75) and [75, 100] per cent.

    Readers divide each lung at the carina and at the inferior pulmonary veins; thirds of its height stand in for these.

    Parameters
    ----------
    shares : of each zone with opacity, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Ooi et al., Radiology 2004;230:836-844, doi:10.1148/radiol.2303030853
    """
    return _graded(ZONAL_24, shares, ZONES, _grade_of_zone)


def mosmed(shares: Shares) -> Score:
    """CT-0 to CT-4 by the worse lung: [0], (0, 25], (25, 50], (50, 75) and [75, 100] per cent; parts by side.

    The publication says none, up to 25, 25 to 50, 50 to 75 and 75 and more; 50 counts to the lower grade, as 25 does.

    Parameters
    ----------
    shares : of each lung with opacity, 0 to 1; other regions are ignored

    References
    ----------
    .. [1] Morozov et al., MosMedData, doi:10.48550/arXiv.2005.06465
    """
    grades = _grades(shares, SIDES, _grade_of_mosmed)
    values = list(grades.values())
    return Score(
        MOSMED, why_absent(values) or max(value for value in values if not isinstance(value, NotMeasured)), grades
    )


def mosmed_whole(shares: Shares) -> Score:
    """CT-0 to CT-4 by both lungs together; grades as of :func:`mosmed`.

    Parameters
    ----------
    shares : of ``both`` lungs with opacity, 0 to 1; other regions are ignored
    """
    return Score(MOSMED_WHOLE, _grades(shares, ("both",), _grade_of_mosmed)["both"])


def _percent(definition: ScoreDefinition, shares: Shares, *, has_lobes: bool) -> Score:
    """Both lungs in per cent; parts are sides, zones and, if they were given, lobes."""
    names = (*SIDES, *ZONES, *(LOBE_NAMES if has_lobes else ()))
    percent = {name: _times_100(shares[name]) for name in ("both", *names)}
    return Score(definition, percent.pop("both"), percent)


def _times_100(value: Measured) -> Measured:
    return value if isinstance(value, NotMeasured) else 100.0 * value


def _graded(
    definition: ScoreDefinition, shares: Shares, names: tuple[str, ...], grade: Callable[[float], int]
) -> Score:
    """The sum of the grades of regions, measured only if every region is."""
    grades = _grades(shares, names, grade)
    values = list(grades.values())
    total = sum(value for value in values if not isinstance(value, NotMeasured))
    return Score(definition, why_absent(values) or total, grades)


def _grades(shares: Shares, names: tuple[str, ...], grade: Callable[[float], int]) -> dict[str, Measured]:
    made: dict[str, Measured] = {}
    for name in names:
        value = shares[name]
        if isinstance(value, NotMeasured):
            made[name] = value
        elif 0 <= value <= 1:
            made[name] = float(grade(value))
        else:
            raise ValueError(f"the share of the region {name} cannot be {value}, only 0 to 1")
    return made


def _grade_of_25(value: float) -> int:
    if value == 0:
        return 0
    return 1 + (value >= 0.05) + (value > 0.25) + (value >= 0.5) + (value > 0.75)


def _quarter(value: float) -> int:
    if value == 0:
        return 0
    return 1 + (value > 0.25) + (value > 0.5) + (value > 0.75)


def _grade_of_zone(value: float) -> int:
    if value == 0:
        return 0
    return 1 + (value >= 0.25) + (value >= 0.5) + (value >= 0.75)


def _grade_of_mosmed(value: float) -> int:
    if value == 0:
        return 0
    return 1 + (value > 0.25) + (value > 0.5) + (value >= 0.75)

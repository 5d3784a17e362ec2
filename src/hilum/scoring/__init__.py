"""Severity scores: how they are defined, and how they are had from masks."""

from __future__ import annotations

from collections.abc import Mapping

from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap
from hilum.measurement import NotMeasured
from hilum.segmentation.zones import ZONES

from . import radiograph
from .ct import score_volume
from .definitions import DEFINITIONS
from .instances import find_instances
from .measure import LesionInstance, Measure, Measures
from .radiograph import SIX_ZONE_THRESHOLD
from .regions import Involvement, Measured, involvement, side_of
from .score import Score, ScoreDefinition
from .volumes import measure_volumes

__all__ = [
    "DEFINITIONS",
    "SIX_ZONE_THRESHOLD",
    "Involvement",
    "LesionInstance",
    "Measure",
    "Measured",
    "Measures",
    "Score",
    "ScoreDefinition",
    "find_instances",
    "involvement",
    "measure_volumes",
    "score",
    "score_volume",
]

NO_ESTIMATE = NotMeasured("it takes a network that estimates it; masks alone do not give it")
"""Why a film that no network has seen has no Brixia score."""


def score(
    lungs: LabelMap,
    lesions: LabelMap,
    *,
    image: Image | None = None,
    lobes: LabelMap | None = None,
    brixia: Mapping[str, float] | NotMeasured = NO_ESTIMATE,
    zone_evidence: Mapping[str, float] | None = None,
    six_zone_threshold: float = SIX_ZONE_THRESHOLD,
    six_zone_spread: float = 0.0,
) -> dict[str, Score]:
    """Every score of a film or a CT, by id, in the order of :data:`~hilum.scoring.definitions.DEFINITIONS`.

    Anyone's masks will do, in any orientation. The zones of a film are the thirds of equal area of each lung, those of
    a CT the thirds of its height. What depends on a lung that was not found is ``NotMeasured``, estimates of networks
    included; see :func:`~hilum.scoring.ct.score_volume` for what else a CT takes.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left
    lesions : ground-glass, consolidation and effusion, on the same grid
    image : CT only, on the same grid, in Hounsfield units: the scores of high opacity take it
    lobes : CT only, on the same grid: the scores of lobes take them
    brixia : film only; by zone, the grade that a network expects, 0 to 3; or why there is none
    zone_evidence : film only; by zone, 0 to 1, how affected a network holds it to be. If given it is compared with the
        threshold of the six-zone score in place of the zone's share with opacity; the score's ``method`` tells which
    six_zone_threshold : film only; 0 to 1; a zone above it counts as affected
    six_zone_spread : film only; if above 0, the six-zone score is the number of zones that readers are expected to
        count, whose thresholds differ by so much; see :func:`~hilum.scoring.radiograph.six_zone`

    Raises
    ------
    GridMismatch
        The masks, or the masks and the image, do not lie on one grid.
    WrongQuantity
        One mask is of a film and the other of a volume.
    ValueError
        A number of a network or the threshold is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from hilum.geometry import PlaneGrid
    >>> from hilum.image import LESIONS, LUNGS, LabelMap
    >>> from hilum.provenance import Step
    >>> outlines = np.array([[1, 0, 2], [1, 0, 2], [1, 0, 2]], dtype=np.uint8)
    >>> opacity = np.array([[0, 0, 0], [0, 0, 1], [0, 3, 2]], dtype=np.uint8)
    >>> drawn = Step("draw")
    >>> lungs = LabelMap(outlines, PlaneGrid((3, 3)), LUNGS, drawn)
    >>> scores = score(lungs, LabelMap(opacity, PlaneGrid((3, 3)), LESIONS, drawn))
    >>> scores["six-zone"].value, scores["geographic-extent"].parts["left"]
    (2.0, 3.0)
    """
    if isinstance(lungs.grid, VolumeGrid):
        return score_volume(lungs, lesions, image=image, lobes=lobes)
    shares = involvement(lungs, lesions)
    ratios = shares if zone_evidence is None else _where_measured(zone_evidence, shares)
    expected = brixia if isinstance(brixia, NotMeasured) else _where_measured(brixia, shares)
    made = (
        radiograph.six_zone(
            ratios,
            threshold=six_zone_threshold,
            spread=six_zone_spread,
            method="opacity-share" if zone_evidence is None else "zone-evidence",
        ),
        radiograph.brixia(expected),
        radiograph.geographic_extent(shares),
        radiograph.opacity_percent(shares),
    )
    return {item.definition.id: item for item in made}


def _where_measured(estimates: Mapping[str, float], shares: Involvement) -> dict[str, Measured]:
    """A network's numbers by zone, but for zones of a lung that could not be measured."""
    made: dict[str, Measured] = dict(estimates)
    for zone in ZONES:
        absent = shares[side_of(zone).value]
        if isinstance(absent, NotMeasured):
            made[zone] = absent
    return made

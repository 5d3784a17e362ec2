"""How affected the zones of scored films are, by the networks: the table that thresholds are swept on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping

from hilum.datasets.films import FilmCase
from hilum.errors import ReadError
from hilum.image import Image
from hilum.measurement import NotMeasured
from hilum.pipeline import Networks
from hilum.readers import read
from hilum.scoring import involvement
from hilum.segmentation.lesions import segment_lesions
from hilum.segmentation.lungs import segment_lungs
from hilum.segmentation.zones import ZONES

log = logging.getLogger(__name__)

Ratios = Mapping[str, float | NotMeasured]
"""By zone, 0 to 1."""


def zone_rows(cases: Iterable[FilmCase], networks: Networks) -> Iterator[dict[str, object]]:
    """A row of :data:`hilum.evaluation.sweep.COLUMNS` for every film that readers scored and did not call poor.

    A film whose zones cannot all be measured, or that cannot be read, has empty zones.
    """
    for case in cases:
        if case.six_zone is None or case.is_poor_quality:
            continue
        row: dict[str, object] = {"case": case.case, "patient": case.patient, "split": case.split}
        row |= {"reference": f"{case.six_zone:g}"}
        try:
            ratios = zone_ratios(read(case.image), networks)
        except ReadError as error:
            log.warning("%s", error)
            ratios = dict.fromkeys(ZONES, NotMeasured("the film cannot be read"))
        absent = {value.reason for value in ratios.values() if isinstance(value, NotMeasured)}
        if absent:
            log.warning("the zones of %s are not measured: %s", case.case, "; ".join(sorted(absent)))
        yield row | {zone: "" if absent else f"{ratios[zone]:.6f}" for zone in ZONES}


def zone_ratios(image: Image, networks: Networks) -> Ratios:
    """What the six-zone score compares with its threshold: a network's evidence, or the zone's share with opacity."""
    lungs = segment_lungs(image, networks.lungs).lungs
    if not lungs.mask().any():
        return dict.fromkeys(ZONES, NotMeasured("no lungs were found"))
    lesions = segment_lesions(image, lungs, networks.lesions)
    shares = involvement(lungs, lesions.lesions)
    if lesions.affected is None:
        return {zone: shares[zone] for zone in ZONES}
    return {zone: shares[zone] if isinstance(shares[zone], NotMeasured) else lesions.affected[zone] for zone in ZONES}

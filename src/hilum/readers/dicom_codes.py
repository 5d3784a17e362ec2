"""The coded concepts of the objects: from SNOMED CT, DICOM and UCUM where these have them, else our own.

Every code here was looked up. Our own stand in the private scheme :data:`SCHEME`, which ``docs/dicom.md`` lists; they
are stable, and at most 16 characters long, as short code values are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hilum.image import LOBES, Code

SCHEME = "99HILUM"
"""Designator of the private coding scheme; 99 marks such by DICOM PS3.16, 8."""

ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
ABNORMALITY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LUNG = Code("39607008", "SCT", "Lung structure")
RIGHT = Code("24028007", "SCT", "Right")
LEFT = Code("7771000", "SCT", "Left")
BILATERAL = Code("51440002", "SCT", "Bilateral")
SIDES: Mapping[str, Code] = MappingProxyType({"right": RIGHT, "left": LEFT, "both": BILATERAL})

NETWORK = Code("123110", "DCM", "Artificial Intelligence")
THRESHOLDS = Code("123105", "DCM", "Histogram Analysis")

MEAN = Code("373098007", "SCT", "Mean")
FAILED = Code("114006", "DCM", "Measurement failure")

MEASURES: Mapping[str, Code] = MappingProxyType(
    {
        "volume": Code("118565006", "SCT", "Volume"),
        "mean-hu": Code("112031", "DCM", "Attenuation Coefficient"),
        "share": Code("SHARE", SCHEME, "Share of the region's volume"),
        "hu-band": Code("HU-BAND", SCHEME, "Share of the region's volume in a band of Hounsfield units"),
        "count": Code("COUNT", SCHEME, "Number of separate lesions"),
        "area": Code("42798000", "SCT", "Area"),
    }
)
"""What is measured, by the ids of :mod:`hilum.scoring.volumes`."""

UNITS: Mapping[str, Code] = MappingProxyType(
    {
        "ml": Code("ml", "UCUM", "milliliter"),
        "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
        "%": Code("%", "UCUM", "percent"),
        "points": Code("{score}", "UCUM", "score"),
        "mm2": Code("mm2", "UCUM", "square millimeter"),
        "": Code("1", "UCUM", "no units"),
    }
)
"""Units by their names in results."""

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "six-zone": "SIX-ZONE",
        "brixia": "BRIXIA",
        "geographic-extent": "GEO-EXTENT",
        "opacity-percent": "OPACITY-PCT",
        "high-opacity-percent": "HIGH-OPACITY-PCT",
        "ct-severity-25": "CT-SEVERITY-25",
        "total-severity-20": "TSS-20",
        "lung-severity-score": "LSS-20",
        "lung-high-opacity-score": "LHOS-20",
        "zonal-24": "ZONAL-24",
        "mosmed": "MOSMED",
        "mosmed-whole": "MOSMED-WHOLE",
    }
)
"""Code values of the scores, by their ids; their meanings are the titles of the definitions."""

STRUCTURES: Mapping[str, Code] = MappingProxyType(
    {
        "lung": LUNG,
        "ground-glass": Code("112120", "DCM", "Ground glass opacity"),
        "consolidation": Code("95436008", "SCT", "Lung consolidation"),
        "effusion": Code("60046008", "SCT", "Pleural effusion"),
        "opacity": Code("112001", "DCM", "Opacity"),
        "emphysema": Code("EMPHYSEMA-BAND", SCHEME, "Lung of -1050 to -950 HU"),
        "inflated": Code("INFLATED-BAND", SCHEME, "Lung of -950 to -750 HU"),
        "infiltrated": Code("INFILTR-BAND", SCHEME, "Lung of -750 to -400 HU"),
        "collapsed": Code("COLLAPSED-BAND", SCHEME, "Lung of -400 to 0 HU"),
        "vessels": Code("VESSELS-BAND", SCHEME, "Lung of 0 to 3000 HU"),
        "affected": Code("AFFECTED-BAND", SCHEME, "Lung of -750 to 0 HU, vessels left out of the whole"),
    }
)
"""What is measured of, by the structures of :class:`hilum.scoring.Measure`."""

METHODS: Mapping[str, Code] = MappingProxyType(
    {
        "masks": Code("MASKS", SCHEME, "Counted on the segmentation"),
        "hounsfield-bands": Code("HU-BANDS", SCHEME, "Counted on bands of Hounsfield units"),
    }
)
"""Methods of measurement, by their names in results."""

SINGLE = Code("SINGLE-LESION", SCHEME, "Counted on one connected lesion")
CONSOLIDATED = Code("CONSOLIDATED-ML", SCHEME, "Volume of the consolidation in it")
REASON = Code("NOT-MEASURED", SCHEME, "Reason why it was not measured")
FINDING = Code("FINDING", SCHEME, "Finding of the input gate")
DISEASE = Code("DISEASE-PROB", SCHEME, "Probability of any disease of the lungs")
DISEASE_THRESHOLD = Code("DISEASE-THRESH", SCHEME, "Probability from which a film counts as diseased")
SCORE_GROUP = Code("SEVERITY", SCHEME, "Severity of disease of the lungs")
RESEARCH_ONLY = Code("RESEARCH-ONLY", SCHEME, "Conditions of use")

LEVELS: Mapping[str, Code] = MappingProxyType(
    {
        "upper": Code("UPPER-ZONE", SCHEME, "Upper zone"),
        "middle": Code("MIDDLE-ZONE", SCHEME, "Middle zone"),
        "lower": Code("LOWER-ZONE", SCHEME, "Lower zone"),
        "upper-by-volume": Code("UPPER-THIRD-VOL", SCHEME, "Upper third by volume"),
        "middle-by-volume": Code("MIDDLE-THIRD-VOL", SCHEME, "Middle third by volume"),
        "lower-by-volume": Code("LOWER-THIRD-VOL", SCHEME, "Lower third by volume"),
    }
)
"""Parts of a lung, after its side: thirds of equal area on films, thirds by height or by volume on CT."""

OUTSIDE = Code("OUTSIDE-LUNGS", SCHEME, "Outside the lungs")
CHEST_FILM = Code("399208008", "SCT", "Plain X-ray of chest")
CHEST_CT = Code("169069000", "SCT", "Computed tomography of chest")

Site = tuple[Code, Code | None, Code | None]
"""A place in the body: the location, its side and the part of it."""


def score_code(identifier: str, title: str) -> Code:
    """The code of a score; one that :data:`SCORES` does not name has its id for a value, cut to 16 characters."""
    return Code(SCORES.get(identifier, identifier.upper()[:16]), SCHEME, title)


def site_of(region: str) -> Site:
    """The place that a region of a result is, such as ``right-upper`` or ``left-lower-lobe``.

    Raises
    ------
    ValueError
        There is no such region.
    """
    if region in SIDES:
        return LUNG, SIDES[region], None
    if region == "outside":
        return OUTSIDE, None, None
    for label in LOBES.values():
        if label.name == region:
            return label.code, None, None
    side, _, level = region.partition("-")
    if side not in ("right", "left") or level not in LEVELS:
        raise ValueError(f"no region {region!r}")
    return LUNG, SIDES[side], LEVELS[level]


def region_of(location: str, side: str, part: str) -> str:
    """The inverse of :func:`site_of`, from code values; empty if it is no region of ours."""
    regions = (
        *SIDES,
        "outside",
        *(label.name for label in LOBES.values()),
        *(f"{side}-{level}" for side in ("right", "left") for level in LEVELS),
    )
    for region in regions:
        codes = tuple("" if code is None else code.value for code in site_of(region))
        if codes == (location, side, part):
            return region
    return ""

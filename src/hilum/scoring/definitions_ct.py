"""The scores of a CT: what each means, where it comes from and what it is not."""

from __future__ import annotations

from .definitions import DEFINITIONS
from .score import ScoreDefinition

_LOBES = ("lungs", "lobes", "ground-glass", "consolidation")
_LUNGS = ("lungs", "ground-glass", "consolidation")
_OF_LOBES = (
    "Not measured unless all five lobes are: Hilum takes them from outside and does not make them. Readers judge by "
    "eye; this is measured on the masks, where a single voxel is more than none."
)
_CHAGANTI = (
    "Chaganti et al., Automated Quantification of CT Patterns Associated with COVID-19 from Chest CT, Radiology: "
    "Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048"
)
_MOROZOV = (
    "Morozov et al., MosMedData: Chest CT Scans With COVID-19 Related Findings Dataset, 2020, arXiv:2005.06465, "
    "doi:10.48550/arXiv.2005.06465"
)
_QUARTERS = "0 none, 1 up to 25 %, 2 over 25 to 50 %, 3 over 50 to 75 %, 4 over 75 %"


def _define(definition: ScoreDefinition) -> ScoreDefinition:
    return DEFINITIONS.add(definition.id)(definition)


HIGH_OPACITY_PERCENT = _define(
    ScoreDefinition(
        id="high-opacity-percent",
        title="Lung with high opacity",
        range=(0.0, 100.0),
        unit="%",
        definition=(
            "The volume of ground-glass and consolidation of at least -200 HU within the lungs, as a share of the "
            "volume of the lungs."
        ),
        inputs=("CT in Hounsfield units", *_LUNGS),
        source=_CHAGANTI,
        limits=(
            "Of CT only. Not measured unless both lungs are found and the image holds Hounsfield units. Contrast "
            "medium and vessels within the lesions raise it."
        ),
    )
)
"""How much of the lungs is dense."""

CT_SEVERITY_25 = _define(
    ScoreDefinition(
        id="ct-severity-25",
        title="CT severity score (0-25)",
        range=(0.0, 25.0),
        unit="points",
        definition=(
            "The share of each lobe with opacity: 0 none, 1 under 5 %, 2 from 5 to 25 %, 3 over 25 to under 50 %, 4 "
            "from 50 to 75 %, 5 over 75 %; the sum of five lobes."
        ),
        inputs=_LOBES,
        source=(
            "Pan et al., Time Course of Lung Changes at Chest CT during Recovery from Coronavirus Disease 2019 "
            "(COVID-19), Radiology 2020;295:715-721, doi:10.1148/radiol.2020200370, after Chang et al., Radiology "
            "2005;236:1067-1075"
        ),
        limits=f"Of CT only. Also called total severity score, which is another one here; the range tells. {_OF_LOBES}",
    )
)
"""How far opacity reaches in five lobes, the finer scale."""

TOTAL_SEVERITY_20 = _define(
    ScoreDefinition(
        id="total-severity-20",
        title="Total severity score (0-20)",
        range=(0.0, 20.0),
        unit="points",
        definition=f"The share of each lobe with opacity: {_QUARTERS}; the sum of five lobes.",
        inputs=_LOBES,
        source=(
            "Chung et al., CT Imaging Features of 2019 Novel Coronavirus (2019-nCoV), Radiology 2020;295:202-207, "
            "doi:10.1148/radiol.2020200230"
        ),
        limits=f"Of CT only. {_OF_LOBES}",
    )
)
"""How far opacity reaches in five lobes, the coarser scale."""

LUNG_SEVERITY_SCORE = _define(
    ScoreDefinition(
        id="lung-severity-score",
        title="Lung severity score, LSS (0-20)",
        range=(0.0, 20.0),
        unit="points",
        definition=f"The percentage of opacity of each lobe: {_QUARTERS}; the sum of five lobes.",
        inputs=_LOBES,
        source=_CHAGANTI,
        limits=(
            f"Of CT only. From masks it is the total severity score, which readers give by eye, under another name. "
            f"{_OF_LOBES}"
        ),
    )
)
"""The total severity score as it was first computed."""

LUNG_HIGH_OPACITY_SCORE = _define(
    ScoreDefinition(
        id="lung-high-opacity-score",
        title="Lung high opacity score, LHOS (0-20)",
        range=(0.0, 20.0),
        unit="points",
        definition=f"The percentage of opacity of at least -200 HU of each lobe: {_QUARTERS}; the sum of five lobes.",
        inputs=("CT in Hounsfield units", *_LOBES),
        source=_CHAGANTI,
        limits=f"Of CT in Hounsfield units only. {_OF_LOBES}",
    )
)
"""How far dense opacity reaches in five lobes."""

ZONAL_24 = _define(
    ScoreDefinition(
        id="zonal-24",
        title="Zonal CT score (0-24)",
        range=(0.0, 24.0),
        unit="points",
        definition=(
            "The share of each of six zones with opacity: 0 none, 1 under 25 %, 2 from 25 to under 50 %, 3 from 50 to "
            "under 75 %, 4 from 75 %; the sum. Thirds of the height of each lung stand in for the zones above the "
            "carina, between carina and inferior pulmonary veins, and below these."
        ),
        inputs=_LUNGS,
        source=(
            "Ooi et al., Severe Acute Respiratory Syndrome: Temporal Lung Changes at Thin-Section CT in 30 Patients, "
            "Radiology 2004;230:836-844, doi:10.1148/radiol.2303030853"
        ),
        limits=(
            "Of CT only. Not measured unless all six zones are: both lungs have to be found. Ground-glass and "
            "consolidation count together; readers may also score either, and crazy paving, by itself."
        ),
    )
)
"""How far opacity reaches in six zones."""

MOSMED = _define(
    ScoreDefinition(
        id="mosmed",
        title="CT-0 to CT-4, worse lung",
        range=(0.0, 4.0),
        unit="points",
        definition=(
            "The share of the worse lung with opacity: CT-0 none, CT-1 up to 25 %, CT-2 over 25 to 50 %, CT-3 over 50 "
            "to under 75 %, CT-4 from 75 %."
        ),
        inputs=_LUNGS,
        source=_MOROZOV,
        limits=(
            "Of CT only. Not measured unless both lungs are found. Readers also go by signs (ground-glass, "
            "consolidation, diffuse and reticular changes); this goes by extent alone, and a single voxel is more than "
            "none."
        ),
    )
)
"""The grade of the Moscow classification, as it is worded: of the worse lung."""

MOSMED_WHOLE = _define(
    ScoreDefinition(
        id="mosmed-whole",
        title="CT-0 to CT-4, both lungs",
        range=(0.0, 4.0),
        unit="points",
        definition="The grades of CT-0 to CT-4 by the share of both lungs together with opacity.",
        inputs=_LUNGS,
        source=_MOROZOV,
        limits=(
            "Of CT only. Not measured unless both lungs are found. The classification is worded for the worse lung; "
            "where disease is one-sided, the two differ."
        ),
    )
)
"""The same grade from both lungs together."""

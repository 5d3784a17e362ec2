"""The scores there are: what each means, where it comes from and what it is not.

Ids are stable: they are the keys in JSON and the columns in CSV.
"""

from __future__ import annotations

from hilum.registry import Registry

from .score import ScoreDefinition

DEFINITIONS: Registry[ScoreDefinition] = Registry("score")
"""Every score by its id, in the order of reports."""


def _define(definition: ScoreDefinition) -> ScoreDefinition:
    return DEFINITIONS.add(definition.id)(definition)


SIX_ZONE = _define(
    ScoreDefinition(
        id="six-zone",
        title="Six-zone score",
        range=(0.0, 6.0),
        unit="points",
        definition=(
            "Each lung is cut by horizontal lines into three zones of equal area. A zone counts one point if more "
            "than a threshold of it is affected. With Hilum's own network of films the score is the number of zones "
            "that readers, whose thresholds differ, are expected to count by the share of each with opacity."
        ),
        inputs=("lungs", "ground-glass", "consolidation"),
        source=(
            "Danilov et al., Automatic scoring of COVID-19 severity in X-ray imaging based on a novel deep learning "
            "workflow, Scientific Reports 2022;12:12791, doi:10.1038/s41598-022-15013-z"
        ),
        limits=(
            "Not measured unless all six zones are: both lungs have to be found. It counts zones and says nothing of "
            "density. The threshold belongs to whoever drew the lesions; another reader or network needs another."
        ),
    )
)
"""How many of six zones are affected."""

BRIXIA = _define(
    ScoreDefinition(
        id="brixia",
        title="Brixia score (estimated)",
        range=(0.0, 18.0),
        unit="points",
        definition=(
            "Six zones, each 0 without abnormality, 1 with interstitial infiltrates, 2 with interstitial and alveolar "
            "infiltrates of which the interstitial dominate, 3 if the alveolar dominate; the sum. Estimated by a "
            "network trained on radiologists' scores."
        ),
        inputs=("film", "lungs"),
        source=(
            "Borghesi and Maroldi, COVID-19 outbreak in Italy: experimental chest X-ray scoring system for quantifying "
            "and monitoring disease progression, Radiologia Medica 2020;125:509-513, doi:10.1007/s11547-020-01200-3"
        ),
        limits=(
            "Learned from texture: it cannot be derived from the extent of lesions, so masks alone do not give it. Not "
            "measured without a network that estimates it, nor unless both lungs are found."
        ),
        is_estimate=True,
    )
)
"""The severity of infiltrates in six zones, as a network estimates it."""

GEOGRAPHIC_EXTENT = _define(
    ScoreDefinition(
        id="geographic-extent",
        title="Geographic extent",
        range=(0.0, 8.0),
        unit="points",
        definition=(
            "The share of each lung with opacity: 0 none, 1 under 25 %, 2 from 25 to under 50 %, 3 from 50 to 75 %, 4 "
            "over 75 %; the sum of both lungs."
        ),
        inputs=("lungs", "ground-glass", "consolidation"),
        source=(
            "Wong et al., Frequency and Distribution of Chest Radiographic Findings in Patients Positive for COVID-19, "
            "Radiology 2020;296:E72-E78, doi:10.1148/radiol.2020201160; Cohen et al., Predicting COVID-19 Pneumonia "
            "Severity on Chest X-ray with Deep Learning, Cureus 2020;12:e9448, doi:10.7759/cureus.9448"
        ),
        limits=(
            "Not measured unless both lungs are found. The publications leave open to which grade exactly 25, 50 and "
            "75 % belong. Readers judge by eye; this is measured on the outlines."
        ),
    )
)
"""How far opacity reaches in the two lungs."""

OPACITY_PERCENT = _define(
    ScoreDefinition(
        id="opacity-percent",
        title="Lung with opacity",
        range=(0.0, 100.0),
        unit="%",
        definition=(
            "Ground-glass and consolidation within the lungs as a share of the lungs: of their area on a film, of "
            "their volume on CT."
        ),
        inputs=("lungs", "ground-glass", "consolidation"),
        source=(
            "The percentage of opacity of Chaganti et al., Automated Quantification of CT Patterns Associated with "
            "COVID-19 from Chest CT, Radiology: Artificial Intelligence 2020;2:e200048, doi:10.1148/ryai.2020200048, "
            "which is of volumes; on films after it"
        ),
        limits=(
            "Not measured unless both lungs are found. On a film it is a share of projected area, not of volume, and "
            "the percentages of film and CT do not compare. Pleural effusion does not count."
        ),
    )
)
"""How much of the lungs has opacity."""

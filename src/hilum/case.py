"""One image and everything made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hilum.image import Image, LabelMap
from hilum.measurement import Finding, NotMeasured
from hilum.provenance import ModelRef, Step
from hilum.scoring.film_instances import FilmInstance
from hilum.scoring.film_lesions import FilmLesion, detected_lesions
from hilum.scoring.measure import Measures
from hilum.scoring.score import Score


@dataclass(frozen=True, slots=True)
class Disease:
    """How likely the lesion network holds it that there is any disease of the lungs on the film.

    Attributes
    ----------
    probability : 0 to 1
    threshold : from here on the film counts as diseased; below it no lesion is drawn
    """

    probability: float
    threshold: float

    @property
    def is_present(self) -> bool:
        """Whether the film counts as diseased."""
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What :func:`hilum.analyse` gives back for one image.

    Attributes
    ----------
    name : names the output folder; unique within a run
    image : as it was read
    lungs : 1 the patient's right, 2 the patient's left, on the image's grid
    lesions : ground-glass, consolidation, effusion, on the image's grid
    disease : the lesion network's verdict on the whole film; NotMeasured on CT
    scores : by id, such as ``six-zone``
    findings : what the input gate and the stages noticed
    provenance : everything that was done, one step whose inputs are the stages'
    lung_fields : lungs up to the heart's border and the diaphragm, the other convention
    lobes : the five lobes, on the image's grid; CT only, and only if they were given
    measures : volumes, densities and single lesions; CT only
    probability : by name (``opacity``...), on the image's grid, float32 in [0, 1], or uint8 0 to 255 on CT; only if
        asked for. ``consolidation`` of a CT is its share of opacity
    instances : the single lesions of a film; those of a CT are among its measures
    """

    name: str
    image: Image
    lungs: LabelMap
    lesions: LabelMap
    disease: Disease | NotMeasured
    scores: Mapping[str, Score]
    findings: tuple[Finding, ...]
    provenance: Step
    lung_fields: LabelMap | None = None
    lobes: LabelMap | None = None
    measures: Measures = field(default_factory=Measures)
    probability: Mapping[str, NDArray[np.float32] | NDArray[np.uint8]] = field(default_factory=dict)
    instances: tuple[FilmLesion, ...] = ()


def with_detected(case: Case, found: Sequence[FilmInstance], model: ModelRef | None = None) -> Case:
    """The case of a film with what a detector found in place of the connected parts of its lesions.

    Masks and scores stay those of the lesion network.

    Parameters
    ----------
    case : of a film
    found : on the upright film, the most certain first
    model : the detector, for the provenance

    Raises
    ------
    WrongQuantity
        The case is of a CT.
    ValueError
        An instance does not lie on the film.
    """
    instances = detected_lesions(found, case.lungs, case.lesions)
    step = Step("detect-lesions", {"instances": len(instances)}, (case.provenance,), model)
    return replace(case, instances=instances, provenance=step)

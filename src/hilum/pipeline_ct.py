"""The flow of a CT: a volume in, a case out. :func:`hilum.pipeline.analyse` calls it for every volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum import gate, gate_ct
from hilum.case import Case
from hilum.image import Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.models.network import Network
from hilum.provenance import Json, Origin, Step
from hilum.scoring.ct import scores_of
from hilum.scoring.instances import find_instances
from hilum.scoring.tally import tally
from hilum.scoring.volumes import measures_of
from hilum.segmentation.ct_lesions import CtLesionStage, segment_ct_lesions
from hilum.segmentation.ct_lungs import CtLungStage, require_ct, segment_ct_lungs
from hilum.segmentation.hounsfield import hounsfield_opacity
from hilum.segmentation.slices import Progress
from hilum.settings import Settings

NO_VERDICT = NotMeasured("on CT no network judges whether there is disease; see the volumes of the lesions")
"""Why a CT has no probability of disease."""

BY_DENSITY = Finding(
    "lesions-by-density",
    Gravity.WARNING,
    "Its lesions are what is dense, by bands of Hounsfield units; scars, lung that is breathed out and the like count "
    "as well, and effusion is not told apart.",
)
"""Warns of lesions that no network found."""

OpenNetwork = Callable[[], Network]


@dataclass(frozen=True, slots=True)
class CtNetworks:
    """How to have the networks of a CT; one that no stage asks for is never opened."""

    lungs: OpenNetwork
    lesions: OpenNetwork


def analyse_ct(
    image: Image,
    *,
    name: str,
    path: Path | str | None,
    settings: Settings,
    networks: CtNetworks,
    lobes: LabelMap | None = None,
    recorded: dict[str, Json] | None = None,
    progress: Progress | None = None,
) -> Case:
    """Lungs, lesions, scores and measures of one CT.

    Parameters
    ----------
    image : a volume, in any orientation that its grid states
    name : of the case
    path : what the input is called in messages
    settings : of the run
    networks : opened when a stage needs them
    lobes : the five lobes on the same grid, from any source
    recorded : settings that the result depends on, for provenance
    progress : told about the stages

    Raises
    ------
    WrongQuantity
        The image is no CT, or in 8-bit pictures where a method needs Hounsfield units.
    Refused
        The input gate does not let it through.
    ModelError
        A network cannot be used.
    GridMismatch
        The lobes lie on another grid.
    """
    require_ct(image)
    ct, keep = settings.ct, settings.output.probability
    if ct.lesions == "hounsfield":
        image.require(Quantity.HOUNSFIELD)
    if lobes is not None:
        image.volume.require_same(lobes.volume)
    found = gate_ct.before(image, settings.gate)
    gate.refuse(found, path)
    of_lungs = segment_ct_lungs(
        image,
        networks.lungs() if ct.lungs == "network" else None,
        method=ct.lungs,
        preset=ct.preset,
        keep_probability=keep,
        progress=progress,
    )
    lungs = of_lungs.lungs
    found += gate_ct.after(lungs, settings.gate, is_to_scale=image.is_to_scale)
    gate.refuse(found, path)
    check = hounsfield_opacity(image, lungs) if image.quantity is Quantity.HOUNSFIELD else None
    if check is not None and ct.lesions == "hounsfield":
        stage, found = CtLesionStage(check), (*found, BY_DENSITY)
    else:
        network = networks.lesions()
        stage = segment_ct_lesions(image, lungs, network, preset=ct.preset, keep_probability=keep, progress=progress)
    counted = tally(lungs, stage.lesions, image=image, lobes=lobes)
    other = None if check is None else tally(lungs, check, lobes=lobes)
    return Case(
        name=name,
        image=image,
        lungs=lungs,
        lesions=stage.lesions,
        disease=NO_VERDICT,
        scores=scores_of(counted, ct.least_opacity_ml),
        findings=found,
        provenance=Step("analyse", recorded or {}, _origins(lungs, stage.lesions, lobes, check)),
        lobes=lobes,
        measures=measures_of(counted, find_instances(lungs, stage.lesions, lobes), other),
        probability=_maps(of_lungs, stage),
    )


def _maps(lungs: CtLungStage, lesions: CtLesionStage) -> dict[str, NDArray[np.uint8]]:
    """The maps of both stages that were asked for."""
    of_lungs = {} if lungs.probability is None else {"lungs": lungs.probability}
    return {**of_lungs, **lesions.probability}


def _origins(*maps: LabelMap | None) -> tuple[Origin, ...]:
    """Where maps come from, each origin once."""
    made: list[Origin] = []
    for each in maps:
        if each is not None and each.origin not in made:
            made.append(each.origin)
    return tuple(made)

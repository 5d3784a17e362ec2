"""The flow of a CT: a volume in, a case out. :func:`hilum.pipeline.analyse` calls it for every volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.segmentation.ct_lungs import require_ct, segment_ct_lungs
from hilum.segmentation.hounsfield import hounsfield_opacity
from hilum.segmentation.slices import Progress
from hilum.settings import Settings

NO_VERDICT = NotMeasured("on CT no network judges whether there is disease; see the volumes of the lesions")
"""Why a CT has no probability of disease."""

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
    if lobes is not None:
        image.volume.require_same(lobes.volume)
    found = gate_ct.before(image, settings.gate)
    gate.refuse(found, path)
    ct = settings.ct
    lungs = segment_ct_lungs(
        image,
        networks.lungs() if ct.lungs == "network" else None,
        method=ct.lungs,
        preset=ct.preset,
        progress=progress,
    ).lungs
    found += gate_ct.after(lungs, settings.gate)
    gate.refuse(found, path)
    check = hounsfield_opacity(image, lungs) if image.quantity is Quantity.HOUNSFIELD else None
    lesions, noticed = _lesions(image, lungs, check, settings=settings, networks=networks, progress=progress)
    counted = tally(lungs, lesions, image=image, lobes=lobes)
    other = None if check is None else tally(lungs, check, lobes=lobes)
    return Case(
        name=name,
        image=image,
        lungs=lungs,
        lesions=lesions,
        disease=NO_VERDICT,
        scores=scores_of(counted),
        findings=(*found, *noticed),
        provenance=Step("analyse", recorded or {}, _origins(lungs, lesions, lobes, check)),
        lobes=lobes,
        measures=measures_of(counted, find_instances(lungs, lesions, lobes), other),
    )


def _lesions(
    image: Image,
    lungs: LabelMap,
    check: LabelMap | None,
    *,
    settings: Settings,
    networks: CtNetworks,
    progress: Progress | None,
) -> tuple[LabelMap, tuple[Finding, ...]]:
    """Stage II by the method that is set; density alone is warned of."""
    if settings.ct.lesions == "network":
        stage = segment_ct_lesions(image, lungs, networks.lesions(), preset=settings.ct.preset, progress=progress)
        return stage.lesions, ()
    image.require(Quantity.HOUNSFIELD)
    drawn = hounsfield_opacity(image, lungs) if check is None else check
    message = (
        "Its lesions are what is dense, by bands of Hounsfield units; scars, lung that is breathed out and the like "
        "count as well, and effusion is not told apart."
    )
    finding = Finding("lesions-by-density", Gravity.WARNING, message)
    return drawn, (finding,)


def _origins(*maps: LabelMap | None) -> tuple[Origin, ...]:
    """Where maps come from, each origin once."""
    made: list[Origin] = []
    for each in maps:
        if each is not None and each.origin not in made:
            made.append(each.origin)
    return tuple(made)

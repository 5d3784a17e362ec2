"""A folder of slices and volumes of CT from several collections, a folder each.

The collections are those of :mod:`hilum.datasets.slices` and :mod:`hilum.datasets.volumes`. Volumes of one patient
turn up in several of them (``coronacases-01`` and others): the source is the folder, so that a patient is one in all
of them, and the fact ``collection`` says which it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.datasets.slices import SLICE_SOURCES, WHITE, Labels, SliceCase, read_slices
from hilum.datasets.volumes import LOBE_COLUMNS, VOLUME_SOURCES, VolumeCase, read_volumes

from .layout import Layout, split_of

ID = "ct"
_LICENCES = {
    "ma20-slices": "CC BY 4.0 (Zenodo 3757476); radiopaedia parts CC BY-NC-SA 3.0",
    "ma2020-slices": "CC BY 4.0 (Zenodo 3757476); radiopaedia parts CC BY-NC-SA 3.0",
    "coronacases-slices": "CC BY 4.0 (Zenodo 3757476)",
    "medseg-slices": "CC0 1.0 (MedSeg); re-release for non-commercial research",
    "lungsegdb-slices": "MIT (LungSegDB); the scans' own",
    "covid-ct-md": "research use, cite Afshar et al. 2021 (none stated)",
}
_NUMBERS: dict[Labels, dict[int, str]] = {
    "none": {},
    "union": {1: "lungs"},
    "sides": {1: "right-lung", 2: "left-lung"},
    "infection": {1: "infection"},
    "classes": {1: "ground-glass", 2: "consolidation"},
}
_ARRAY_SIDES = {1: "left-lung", 2: "right-lung"}
"""Arrays of masks are as their authors wrote them, who begin with the left."""

_FINDINGS = {"ma20-slices", "ma2020-slices", "coronacases-slices", "medseg-slices"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """Slices, then volumes, of the collections that are there."""
    slices = [name for name in SLICE_SOURCES if (root / name).is_dir()]
    volumes = [name for name in VOLUME_SOURCES if (root / name).is_dir()]
    yield from map(_slice, read_slices(root, slices) if slices else ())
    yield from map(_volume, read_volumes(root, volumes) if volumes else ())


def _slice(found: SliceCase) -> DatasetCase:
    masks: dict[MaskKind, Mask] = {}
    if found.lungs is not None:
        is_array = found.lungs.suffix == ".npy"
        labels = _ARRAY_SIDES if is_array else _NUMBERS[found.lungs_hold]
        above = WHITE if found.source == "lungsegdb-slices" else None
        masks["lungs"] = Mask(found.lungs, labels, turn=found.turn, above=above)
    if found.lesions is not None:
        masks["lesions"] = Mask(found.lesions, _NUMBERS[found.lesions_hold], turn=found.turn)
    return DatasetCase(
        source=ID,
        case=f"{found.source}-{found.name}",
        patient=found.patient if found.patient != found.name else f"{found.source}-{found.name}",
        modality="CT",
        image=found.image,
        masks=masks,
        finding="COVID-19" if found.source in _FINDINGS else "",
        split=split_of(found.split, found.image),
        licence=_LICENCES.get(found.source, ""),
        facts={"collection": found.source},
        turn=found.turn,
        is_windowed=not found.is_hounsfield,
    )


def _volume(found: VolumeCase) -> DatasetCase:
    scores: dict[str, float] = {}
    if found.labels:
        scores["infected-slices"] = float(sum(label.is_infected for label in found.labels))
        for lobe in LOBE_COLUMNS.values():
            scores[f"infected-slices.{lobe}"] = float(sum(lobe in label.lobes for label in found.labels))
    # The one lung that is cut out of its volume is the right one.
    labels = {1: "right-lung" if found.is_cropped else "lungs"}
    return DatasetCase(
        source=ID,
        case=f"{found.source}-{found.name}",
        patient=f"{found.source}-{found.name}",
        modality="CT",
        image=found.image,
        masks={} if found.lungs is None else {"lungs": Mask(found.lungs, labels)},
        scores=scores,
        finding="No finding" if found.is_healthy else found.diagnosis,
        split=split_of(found.split, found.image),
        licence=_LICENCES.get(found.source, ""),
        facts={"collection": found.source, **({"cropped": "yes"} if found.is_cropped else {})},
    )


SOURCE = Layout(
    ID,
    "Slices and volumes of CT from several collections, a folder each",
    tuple((name,) for name in (*SLICE_SOURCES, *VOLUME_SOURCES)),
    cases,
)

"""MedSeg 1: 100 axial CT slices with ground-glass, consolidation and effusion (medicalsegmentation.com/covid19).

Layout: ``tr_im.nii.gz``, a stack of 100 slices of more than 40 patients that nobody tells apart; on the same pixels
``tr_mask.nii.gz`` (1 ground-glass, 2 consolidation, 3 effusion) and ``tr_lungmasks_updated.nii.gz`` (1 and 2 the
lungs); ``val_im.nii.gz``, ten more slices without masks. File names as in the download lists of public loaders and of
olmozavala/covid_dl_ggo_cons. The slices were JPEG pictures, brought near Hounsfield units by their authors through the
grey levels of air and fat. Which lung is which number is not documented: both count as ``lungs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.datasets.stored import stack

from .layout import VOLUMES, Layout, beside, required

ID = "medseg-1"
_LESIONS = {1: "ground-glass", 2: "consolidation", 3: "effusion"}
_LUNGS = {1: "lungs", 2: "lungs"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """The slices of both stacks."""
    image = required(beside(root, "tr_im", VOLUMES), "tr_im.nii.gz", root)
    lesions = beside(root, "tr_mask", VOLUMES)
    lungs = beside(root, "tr_lungmasks_updated", VOLUMES)
    for index in range(stack(image).volume.shape[0]):
        masks: dict[MaskKind, Mask] = {}
        if lungs is not None:
            masks["lungs"] = Mask(lungs, _LUNGS, form=f"slice:{index}")
        if lesions is not None:
            masks["lesions"] = Mask(lesions, _LESIONS, form=f"slice:{index}")
        yield _case(f"tr-{index:03d}", image, index, masks)
    unlabelled = beside(root, "val_im", VOLUMES)
    for index in range(stack(unlabelled).volume.shape[0] if unlabelled is not None else 0):
        yield _case(f"val-{index:03d}", unlabelled or image, index, {})


def _case(name: str, image: Path, index: int, masks: dict[MaskKind, Mask]) -> DatasetCase:
    return DatasetCase(
        source=ID,
        case=name,
        patient=name,
        modality="CT",
        image=image,
        masks=masks,
        finding="COVID-19",
        licence="CC0 1.0 (MedSeg)",
        facts={"intensity": "near Hounsfield units, from pictures"},
        form=f"slice:{index}",
    )


SOURCE = Layout(
    ID,
    "MedSeg 1: 100 CT slices with ground-glass, consolidation and effusion",
    (("tr_im.nii*",),),
    cases,
)

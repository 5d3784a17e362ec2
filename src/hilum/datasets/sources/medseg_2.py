"""MedSeg 2: nine CT volumes with ground-glass, consolidation, effusion and lungs (medicalsegmentation.com/covid19).

Layout: ``rp_im/1.nii.gz`` to ``9.nii.gz``, ``rp_msk`` and ``rp_lung_msk`` with the same names (as neuro-ml/amid,
medseg9, and olmozavala/covid_dl_ggo_cons read them). Numbers as in MedSeg 1. The volumes are those of Radiopaedia.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind

from .layout import VOLUMES, Layout, beside, named, stem_of

ID = "medseg-2"
_LESIONS = {1: "ground-glass", 2: "consolidation", 3: "effusion"}
_LUNGS = {1: "lungs", 2: "lungs"}
_MASKS: tuple[tuple[MaskKind, str, dict[int, str]], ...] = (
    ("lungs", "rp_lung_msk", _LUNGS),
    ("lesions", "rp_msk", _LESIONS),
)


def cases(root: Path) -> Iterator[DatasetCase]:
    """The volumes, in the order of their numbers."""
    for image, found in named(root / "rp_im", r"(\d+)\.nii(\.gz)?"):
        paths = {kind: beside(root / folder, stem_of(image), VOLUMES) for kind, folder, _ in _MASKS}
        yield DatasetCase(
            source=ID,
            case=f"rp-{found[1]}",
            patient=f"rp-{found[1]}",
            modality="CT",
            image=image,
            masks={kind: Mask(path, labels) for kind, _, labels in _MASKS if (path := paths[kind]) is not None},
            finding="COVID-19",
            licence="CC BY-NC-SA 3.0 (Radiopaedia), masks CC0 1.0 (MedSeg)",
        )


SOURCE = Layout(
    ID,
    "MedSeg 2: nine CT volumes with ground-glass, consolidation, effusion and lungs",
    (("rp_im/*.nii*",),),
    cases,
)

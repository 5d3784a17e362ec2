"""MosMedData: 1,110 CT graded CT-0 to CT-4, 50 of them with infection outlined (Morozov et al., arXiv 2005.06465).

Layout: ``studies/CT-1/study_0255.nii.gz`` and ``masks/study_0255_mask.nii.gz``; the Kaggle copy of the 50 has
``studies/study_0255.nii`` and ``masks/study_0255_mask.nii``. Learnt from olmozavala/covid_dl_ggo_cons (3D
preprocessing) and from public loaders that list ``COVID19_1110/studies/CT-1``. The grade is of the share of lung
involved: 0 none, 1 to 25 %, 2 to 50 %, 3 to 75 %, 4 more. It is a score only where the folder states it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask

from .layout import VOLUMES, Layout, beside, named, natural, stem_of

ID = "mosmed"


def cases(root: Path) -> Iterator[DatasetCase]:
    """The studies of every grade, then those that stand beside the grades' folders."""
    studies = root / "studies"
    grades = sorted((path for path in studies.glob("CT-[0-4]") if path.is_dir()), key=lambda at: natural(at.name))
    for folder in (*grades, studies):
        for path, _ in named(folder, r"study_\d+\.nii(\.gz)?"):
            yield _case(root, path, "" if folder == studies else folder.name)


def _case(root: Path, image: Path, grade: str) -> DatasetCase:
    name = stem_of(image)
    mask = beside(root / "masks", f"{name}_mask", VOLUMES)
    return DatasetCase(
        source=ID,
        case=name,
        patient=name,
        modality="CT",
        image=image,
        masks={} if mask is None else {"lesions": Mask(mask, {1: "infection"})},
        scores={"mosmed-grade": float(grade[-1])} if grade else {},
        finding={"CT-0": "No finding", "": ""}.get(grade, "COVID-19"),
        licence="CC BY-NC-ND 3.0",
    )


SOURCE = Layout(
    ID,
    "MosMedData: 1,110 CT graded by involvement, 50 with infection outlined",
    (("studies/CT-*/study_*",), ("studies/study_*.nii*",)),
    cases,
)

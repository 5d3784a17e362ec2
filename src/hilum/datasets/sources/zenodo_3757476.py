"""Zenodo 3757476: 20 CT with lungs and infection (Ma et al. 2021, doi 10.1002/mp.14676).

Three layouts of the same files are read: the archives of the record unpacked side by side
(``COVID-19-CT-Seg_20cases``, ``Lung_and_Infection_Mask``, ``Lung_Mask``, ``Infection_Mask``; as
constantinpape/torch-em lists them), the Kaggle copy (``ct_scans/coronacases_org_001.nii``, ``lung_mask``,
``infection_mask``; as olmozavala/covid_dl_ggo_cons reads it) and what the MIScnn scripts make of them
(``<case>/imaging.nii.gz`` and ``segmentation.nii.gz``; frankkramer-lab/covid19.MIScnn, download_data.py).

Numbers: 1 left lung, 2 right lung, 3 infection, the sides being the patient's. The ``radiopaedia`` volumes are grey
levels 0 to 255 of a window from -1250 to 250 HU. There are 20 volumes of 18 patients: two of them came twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind

from .layout import VOLUMES, Layout, beside, named, natural, stem_of

ID = "zenodo-3757476"
_LUNGS = {1: "left-lung", 2: "right-lung"}
_INFECTION = {1: "infection"}
_MASK_FOLDERS = (
    ("Lung_Mask", "Infection_Mask", "Lung_and_Infection_Mask"),
    ("lung_mask", "infection_mask", "lung_and_infection_mask"),
)


def cases(root: Path) -> Iterator[DatasetCase]:
    """The volumes of any of the three layouts."""
    for folder in (root / "COVID-19-CT-Seg_20cases", root / "ct_scans"):
        for path, _ in named(folder, r".*\.nii(\.gz)?"):
            name = _plain_name(stem_of(path))
            yield _case(name, path, _masks(root, name))
    for folder in sorted((path.parent for path in root.glob("*/imaging.nii.gz")), key=lambda at: natural(at.name)):
        both = beside(folder, "segmentation", VOLUMES)
        yield _case(folder.name, folder / "imaging.nii.gz", {} if both is None else _from_both(both))


def _plain_name(stem: str) -> str:
    """The name of the mask files, which the Kaggle copy's volumes lengthen."""
    return stem.replace("_org_covid-19-pneumonia-", "_").replace("_org_", "_").removesuffix("-dcm")


def _masks(root: Path, name: str) -> dict[MaskKind, Mask]:
    found: dict[MaskKind, Mask] = {}
    for lungs, infection, both in _MASK_FOLDERS:
        if (path := beside(root / both, name, VOLUMES)) is not None:
            found = {**_from_both(path), **found}
        if (path := beside(root / lungs, name, VOLUMES)) is not None:
            found["lungs"] = Mask(path, _LUNGS)
        if (path := beside(root / infection, name, VOLUMES)) is not None:
            found["lesions"] = Mask(path, _INFECTION, above=0)  # the Kaggle copy holds fractions
    return found


def _from_both(path: Path) -> dict[MaskKind, Mask]:
    """Infection lies over the lungs, and hides on which side it is."""
    return {"lungs": Mask(path, {**_LUNGS, 3: "lungs"}), "lesions": Mask(path, {3: "infection"})}


def _case(name: str, image: Path, masks: dict[MaskKind, Mask]) -> DatasetCase:
    is_windowed = name.startswith("radiopaedia")
    patient = re.match(r"radiopaedia_\d+", name)
    return DatasetCase(
        source=ID,
        case=name,
        patient=patient[0] if patient else name,
        modality="CT",
        image=image,
        masks=masks,
        finding="COVID-19",
        licence="CC BY-NC-SA 3.0 (Radiopaedia)" if is_windowed else "CC BY 4.0",
        facts={"collection": "radiopaedia" if is_windowed else "coronacases"},
        is_windowed=is_windowed,
    )


SOURCE = Layout(
    ID,
    "20 CT with lungs and infection (Ma et al., Zenodo 3757476)",
    (
        ("COVID-19-CT-Seg_20cases",),
        ("ct_scans", "lung_mask"),
        ("coronacases_*/imaging.nii.gz",),
        ("radiopaedia_*/imaging.nii.gz",),
    ),
    cases,
)

"""COVID-QU-Ex: 33,920 films with lung fields, 5,826 of them in an infection subset (Tahir et al. 2021).

Layout of the Kaggle copy: ``Infection Segmentation Data/Infection Segmentation Data`` and ``Lung Segmentation
Data/...``, in each ``Train``, ``Val``, ``Test``, in each ``COVID-19``, ``Non-COVID``, ``Normal``, in each ``images``,
``lung masks`` and, in the infection subset, ``infection masks`` (constantinpape/torch-em, covid_qu_ex; nguyen-brat/
COVID-QU-Ex-Segmentation). Masks are white on black, made by network and hand together, and end at the heart's border.
The set names no patients: a film counts as one, and films of the same name in both subsets as the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind, Split

from .layout import WHITE, Layout, beside, named

ID = "covid-qu-ex"
_SUBSETS = {"Infection Segmentation Data": "infection", "Lung Segmentation Data": "lung"}
_SPLITS: dict[str, Split] = {"Train": "train", "Val": "val", "Test": "test"}
_FINDINGS = {"COVID-19": "COVID-19", "Non-COVID": "Other infection", "Normal": "No finding"}
_MASKS: tuple[tuple[MaskKind, str, str], ...] = (
    ("lung-fields", "lung masks", "lung-fields"),
    ("lesions", "infection masks", "infection"),
)


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films of both subsets, by part and finding."""
    for folder, subset in _SUBSETS.items():
        for place in (root / folder / folder, root / folder):
            for part, split in _SPLITS.items():
                for finding in _FINDINGS:
                    yield from _films(place / part / finding, subset, split)


def _films(folder: Path, subset: str, split: Split) -> Iterator[DatasetCase]:
    for image, found in named(folder / "images", r"(.+)\.(?:png|jpe?g)"):
        masks: dict[MaskKind, Mask] = {}
        for kind, below, name in _MASKS:
            if (path := beside(folder / below, found[1], (".png",))) is not None:
                masks[kind] = Mask(path, {1: name}, above=WHITE)
        yield DatasetCase(
            source=ID,
            case=f"{subset}-{found[1]}",
            patient=found[1],
            modality="CXR",
            image=image,
            masks=masks,
            finding=_FINDINGS[folder.name],
            split=split,
            licence="CC BY-SA 4.0; member films their own",
            facts={"collection": subset},
        )


SOURCE = Layout(
    ID,
    "COVID-QU-Ex: 33,920 films with lung fields, a subset with infection",
    tuple(
        (f"{place}/Train/{finding}/images",)
        for folder in _SUBSETS
        for place in (f"{folder}/{folder}", folder)
        for finding in _FINDINGS
    ),
    cases,
)

"""Shenzhen: 662 films (Jaeger et al. 2014), 566 with lung fields (Stirenko et al. 2018, arXiv 1803.01199).

Layout ``ChinaSet_AllFiles``: ``CXR_png/CHNCXR_0001_0.png``, ``ClinicalReadings/CHNCXR_0001_0.txt``, and the masks,
which come as an archive of their own, in ``mask/CHNCXR_0001_0_mask.png`` (or ``masks``, or the Kaggle copy's
``mask/mask``; as the loaders over ``ChinaSet_AllFiles/mask`` expect them). A mask holds both lungs; sides are not told
apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask

from .layout import WHITE, Layout, named
from .nlm import LICENCE, NAME, finding_of, reading

ID = "shenzhen"
_MASKS = ("mask", "masks", "mask/mask", "../mask", "../masks", "../mask/mask")


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, in the order of their numbers."""
    for image, found in named(root / "CXR_png", rf"{NAME}\.png"):
        paths = (root / folder / f"{image.stem}_mask.png" for folder in _MASKS)
        mask = next((path for path in paths if path.is_file()), None)
        yield DatasetCase(
            source=ID,
            case=image.stem,
            patient=found[1],
            modality="CXR",
            image=image,
            masks={} if mask is None else {"lung-fields": Mask(mask, {1: "lung-fields"}, above=WHITE)},
            finding=finding_of(found[2]),
            view="PA",
            licence=f"{LICENCE}; masks CC BY-NC-SA 4.0" if mask else LICENCE,
            facts=reading(root / "ClinicalReadings" / f"{image.stem}.txt"),
        )


SOURCE = Layout(ID, "Shenzhen: 662 films, 566 with lung fields", (("CXR_png/CHNCXR_*",),), cases)

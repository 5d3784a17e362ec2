"""JSRT: 247 raw films (Shiraishi et al. 2000) with the outlines of SCR (van Ginneken et al. 2006).

Layout: ``All247images/JPCLN001.IMG`` (or ``Nodule154images`` and ``NonNodule93images``) and, from the archive of SCR,
``scr/scratch/fold1/masks/left lung/JPCLN001.gif``, ``right lung`` and ``fold2`` likewise (as
imlab-uiip/lung-segmentation-2d and public loaders over ``scratch/fold1`` read them). Films are 2048 x 2048 at 0.175
mm, masks 1024 x 1024. SCR's sides are the patient's: its left lung is the one with the heart's notch, which has 50
landmarks against 44. Odd films are fold 1, even ones fold 2. The masks end at the heart's border: lung fields.
``CLNDAT_EN.txt`` is tab-separated: file, subtlety, size, age, sex, x, y, malignant, location, diagnosis;
``CNNDAT_EN.txt``: file, age, sex.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind

from .layout import WHITE, Layout, named

ID = "jsrt"
SPACING_MM = 0.175
"""Distance between the pixels of a film, at the detector."""

_IMAGES = ("All247images", "Nodule154images", "NonNodule93images")
_FOLDS = ("fold1", "fold2")
_FOLDERS = ("scr/scratch", "SCR/scratch", "scratch", "scr", "SCR", ".")


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, with nodules first."""
    readings = _readings(root)
    for image, found in (item for folder in _IMAGES for item in named(root / folder, r"(JPC(?:LN|NN)\d+)\.IMG")):
        name = found[1]
        masks, fold = _masks(root, name)
        yield DatasetCase(
            source=ID,
            case=name,
            patient=name,
            modality="CXR",
            image=image,
            masks=masks,
            finding="Nodule" if name.startswith("JPCLN") else "Non-nodule",
            view="PA",
            licence="free research use, on registration (JSRT); masks: research use (SCR)",
            facts={**readings.get(name, {}), **({"fold": fold} if fold else {})},
            form="jsrt",
            spacing_mm=(SPACING_MM, SPACING_MM),
        )


def _masks(root: Path, name: str) -> tuple[dict[MaskKind, Mask], str]:
    for place in _FOLDERS:
        for fold in _FOLDS:
            right, left = (root / place / fold / "masks" / f"{side} lung" / f"{name}.gif" for side in ("right", "left"))
            if right.is_file() and left.is_file():
                beside = Mask(left, {1: "left-lung"}, above=WHITE, form="scale:2")
                made = Mask(right, {1: "right-lung"}, above=WHITE, form="scale:2", beside=(beside,))
                return {"lung-fields": made}, fold
    return {}, ""


def _readings(root: Path) -> dict[str, dict[str, str]]:
    """Age, sex and diagnosis of the films, of those tables that are there."""
    found: dict[str, dict[str, str]] = {}
    for table in sorted(root.glob("**/C[LN]NDAT_EN.[tT][xX][tT]")):
        for line in table.read_text(encoding="latin-1").splitlines():
            cells = [cell.strip() for cell in line.split("\t")]
            name = cells[0].split(".")[0]
            if name.startswith("JPCLN") and len(cells) >= 10:
                found[name] = {"age": cells[3], "sex": cells[4], "nodule": cells[7], "diagnosis": cells[9]}
            elif name.startswith("JPCNN") and len(cells) >= 3:
                found[name] = {"age": cells[1], "sex": cells[2]}
    return found


SOURCE = Layout(
    ID,
    "JSRT: 247 raw films with the lung fields of SCR",
    tuple((f"{folder}/JPC*.IMG",) for folder in _IMAGES),
    cases,
)

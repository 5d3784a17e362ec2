"""General Blockchain: 100 films of Cohen's collection with whole lungs and lesions by radiologists.

Layout of github.com/GeneralBlockchain/covid-19-chest-xray-segmentations-dataset: ``structure.csv`` has a row for each
outlined structure (``Template Name``), the film's ``Filename`` in ``images/``, and a ``Mask``, which is a picture cut
out of the film at ``Top`` and ``Left``. ``metadata.csv``, where it is there, is that of github.com/ieee8023/
covid-chestxray-dataset. Sides are the patient's: boxes of ``Right Lung`` lie at the film's left edge. Where classes
overlap, the later of ground-glass, consolidation, effusion, pneumothorax counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.datasets.slices import existing, rows_of

from .layout import Layout, number

ID = "general-blockchain"
_COLUMNS = ("Template Name", "Filename", "Image", "Mask", "Top", "Left")
_STRUCTURES: dict[MaskKind, dict[str, str]] = {
    "lungs": {"Right Lung": "right-lung", "Left Lung": "left-lung"},
    "lesions": {
        "Ground Glass Opacities": "ground-glass",
        "Consolidation": "consolidation",
        "Pleural Effusion": "effusion",
        "Pneumothorax": "pneumothorax",
    },
}
_METADATA = ("filename", "patientid", "finding", "view", "license")


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, in the order of the table."""
    films: dict[str, list[dict[str, str]]] = {}
    for row in rows_of(root / "structure.csv", _COLUMNS):
        films.setdefault(row["Filename"], []).append(row)
    known = {row["filename"]: row for row in _metadata(root)}
    for name, rows in films.items():
        facts = known.get(name, dict.fromkeys(_METADATA, ""))
        by_name = root / "images" / name
        yield DatasetCase(
            source=ID,
            case=name,
            patient=facts["patientid"] or name,
            modality="CXR",
            image=by_name if by_name.is_file() else existing(root / rows[0]["Image"]),
            masks=_masks(root, rows),
            finding=facts["finding"],
            view=facts["view"],
            licence=facts["license"] or "the film's own; masks CC BY 4.0",
        )


def _metadata(root: Path) -> Iterator[dict[str, str]]:
    table = root / "metadata.csv"
    return rows_of(table, _METADATA) if table.is_file() else iter(())


def _masks(root: Path, rows: Sequence[dict[str, str]]) -> dict[MaskKind, Mask]:
    found: dict[MaskKind, Mask] = {}
    for kind, structures in _STRUCTURES.items():
        layers = [_mask(root, row, label) for name, label in structures.items() for row in rows if _shows(row, name)]
        if layers:
            found[kind] = replace(layers[0], beside=tuple(layers[1:]))
    return found


def _shows(row: dict[str, str], name: str) -> bool:
    return row["Template Name"] == name and bool(row["Mask"])


def _mask(root: Path, row: dict[str, str], label: str) -> Mask:
    table = root / "structure.csv"
    top, left = (int(number(row[column], column, table, 1 << 16)) for column in ("Top", "Left"))
    return Mask(existing(root / row["Mask"]), {1: label}, above=0, form=f"at:{top},{left}")


SOURCE = Layout(
    ID,
    "General Blockchain: 100 films with whole lungs and lesions by radiologists",
    (("structure.csv", "masks"),),
    cases,
)

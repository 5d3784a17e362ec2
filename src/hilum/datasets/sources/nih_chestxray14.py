"""NIH ChestX-ray14: 112,120 films of 30,805 patients with findings from reports (Wang et al. 2017, arXiv 1705.02315).

Layout: ``Data_Entry_2017.csv`` (or ``_v2020``) with ``Image Index``, ``Finding Labels`` (joined by ``|``), ``Patient
ID``, ``Patient Age``, ``Patient Gender`` (or ``Patient Sex``), ``View Position``, and the size and spacing that the
film had before it became 1024 x 1024; films in ``images/`` or ``images_001/images/`` to ``images_012``;
``train_val_list.txt`` and ``test_list.txt``. Films that were not downloaded are left out: most people fetch a few of
the twelve archives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase, Split
from hilum.datasets.slices import rows_of
from hilum.errors import ReadError

from .layout import Layout, number

ID = "nih-chestxray14"
SIDE = 1024
"""Rows and columns of every film."""

_COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "View Position",
    "OriginalImage[Width",
    "Height]",
    "OriginalImagePixelSpacing[x",
    "y]",
)
_SPLITS: dict[str, Split] = {"train_val_list.txt": "train", "test_list.txt": "test"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films that are there, in the order of the table."""
    table = sorted(root.glob("Data_Entry_2017*.csv"))[-1]
    films = {path.name: path for pattern in ("images/*.png", "images_*/images/*.png") for path in root.glob(pattern)}
    splits: dict[str, Split] = {name: split for file, split in _SPLITS.items() for name in _lines(root / file)}
    sex = _sex_column(table)
    for row in rows_of(table, (*_COLUMNS, sex)):
        if row["Image Index"] in films:
            yield _case(row, row[sex], films[row["Image Index"]], splits.get(row["Image Index"], ""), table)


def _case(row: dict[str, str], sex: str, image: Path, split: Split, table: Path) -> DatasetCase:
    across = number(row["OriginalImagePixelSpacing[x"], "pixel spacing", table, 10)
    along = number(row["y]"], "pixel spacing", table, 10)
    width = number(row["OriginalImage[Width"], "width", table, 1 << 16)
    height = number(row["Height]"], "height", table, 1 << 16)
    return DatasetCase(
        source=ID,
        case=image.stem,
        patient=row["Patient ID"].lstrip("0") or "0",
        modality="CXR",
        image=image,
        finding=row["Finding Labels"],
        view=row["View Position"],
        split=split,
        licence="free use, cite Wang et al. 2017 (NIH Clinical Center)",
        facts={"sex": sex, "age": row["Patient Age"].rstrip("Yy"), "follow-up": row["Follow-up #"]},
        spacing_mm=(along * height / SIDE, across * width / SIDE) if min(along, across, width, height) > 0 else None,
    )


def _sex_column(table: Path) -> str:
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    return "Patient Sex" if "Patient Sex" in header else "Patient Gender"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split() if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"Cannot read {str(path)!r}: {error}.", path=path) from error


SOURCE = Layout(
    ID,
    "NIH ChestX-ray14: 112,120 films with findings from reports",
    (("Data_Entry_2017*.csv",),),
    cases,
)

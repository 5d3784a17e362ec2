"""Films with reference masks and readers' scores, as rows of one type whatever the folder they come from.

A folder holds ``cases.csv`` and a folder of files for each kind: ``images/<case>.jpg`` and masks of the same name as
PNG. Two layouts are known, told apart by their columns:

``scored``
    ``lungs_lr`` (1 the patient's right lung, 2 the left), ``lungs_v7`` (1 both), ``lesions`` (1 ground-glass, 2
    consolidation, 3 effusion, 4 pneumothorax), and the scores of several readers.
``fields``
    ``lungs`` (1 and 2 as above, but lung fields, which end at the heart and the diaphragm) and ``lesions`` (1
    infection, coarse).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError, SettingsError
from hilum.registry import unknown

Layout = Literal["scored", "fields"]
"""Which of the two layouts a case comes from."""

HEALTHY_FINDING = "no finding"
"""What the column ``finding`` says of a healthy film, in small letters or capitals. No other entry means healthy:
an empty one says nothing."""

SOURCES: Mapping[Layout, str] = MappingProxyType({"scored": "cxr", "fields": "cxr-fields"})
"""The id of the source that reads a folder of each layout."""

TABLE = "cases.csv"
"""The file that names the cases of a folder."""

_COMMON = ("case", "source", "patient", "finding", "view", "split")
_ZONE_LETTERS = "ABCDEF"
_READERS = ("senior", "junior")
_COLUMNS: dict[Layout, tuple[str, ...]] = {
    "scored": (
        *_COMMON,
        "lungs_lr",
        "lungs_v7",
        "lesions",
        *(f"brixia_{reader}_{letter}" for reader in _READERS for letter in _ZONE_LETTERS),
        *(f"brixia_{reader}" for reader in _READERS),
        "geographic_extent",
        "opacity",
        "six_zone_score_R",
        "six_zone_score_D",
        "poor_quality",
    ),
    "fields": (*_COMMON, "lungs", "lesions", "aspect_w_over_h"),
}


@dataclass(frozen=True, slots=True)
class BrixiaReading:
    """A radiologist's Brixia score.

    Attributes
    ----------
    zones : 0 to 3 each, in the order of :data:`hilum.segmentation.zones.ZONES`, which is that of the letters A to F
    total : 0 to 18
    """

    zones: tuple[float, ...]
    total: float


@dataclass(frozen=True, slots=True)
class FilmCase:
    """One film and what is known of it; ``None`` where nothing is.

    Attributes
    ----------
    case : its name, unique in the folder
    patient : groups the films of one patient
    split : ``train``, ``val`` or ``test``
    layout : of the folder it comes from
    source : the collection it comes from
    finding, view : as the source says them; may be empty
    image : the film
    lungs : mask of the whole lungs, 1 the patient's right, 2 the left
    lungs_union : mask of the whole lungs, 1 both
    lung_fields : mask of the lung fields, 1 the patient's right, 2 the left
    lesions : mask drawn by radiologists, 1 ground-glass, 2 consolidation, 3 effusion, 4 pneumothorax
    infection : coarse mask, 1 infection
    six_zone_r, six_zone_d : six-zone scores of two readers, 0 to 6
    brixia_senior, brixia_junior : Brixia scores of two radiologists
    geographic_extent, opacity : means of three readers, 0 to 8 and 0 to 6
    is_poor_quality : a reader called the film poor
    aspect : width over height of the film before it was stretched
    """

    case: str
    patient: str
    split: str
    layout: Layout
    source: str
    finding: str
    view: str
    image: Path
    lungs: Path | None = None
    lungs_union: Path | None = None
    lung_fields: Path | None = None
    lesions: Path | None = None
    infection: Path | None = None
    six_zone_r: float | None = None
    six_zone_d: float | None = None
    brixia_senior: BrixiaReading | None = None
    brixia_junior: BrixiaReading | None = None
    geographic_extent: float | None = None
    opacity: float | None = None
    is_poor_quality: bool | None = None
    aspect: float | None = None

    @property
    def key(self) -> str:
        """``source/case``, as in a table of cases."""
        return f"{SOURCES[self.layout]}/{self.case}"

    @property
    def is_healthy(self) -> bool:
        """The source states that there is nothing to find on the film."""
        return self.finding.casefold() == HEALTHY_FINDING

    @property
    def six_zone(self) -> float | None:
        """Mean of the six-zone scores of those readers who scored the film."""
        scores = [score for score in (self.six_zone_r, self.six_zone_d) if score is not None]
        return sum(scores) / len(scores) if scores else None


def read_cases(folder: Path) -> tuple[FilmCase, ...]:
    """All cases of a folder, in the order of its table.

    Raises
    ------
    ReadError
        There is no table, a column is missing, a cell cannot be understood, a case appears twice, or a file that the
        table promises is not there.
    """
    table = folder / TABLE
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            layout = _layout(reader.fieldnames or (), table)
            rows = [_Row(table, reader.line_num, cells) for cells in reader]
    except OSError as error:
        raise ReadError(
            f"Cannot read {str(table)!r}: {error.strerror or error}. A folder of cases holds a {TABLE}.", path=table
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read {str(table)!r}: it is not a table in CSV ({error}).", path=table) from error
    files = _Files(folder)
    cases = tuple(_case(row, files, layout) for row in rows)
    names = [case.case for case in cases]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set[str]()
    if twice:
        raise ReadError(f"{str(table)!r} has more than one row for {', '.join(sorted(twice))}.", path=table)
    return cases


def in_split(cases: Iterable[FilmCase], split: str) -> tuple[FilmCase, ...]:
    """The cases of one split, or all of them for ``all``.

    Raises
    ------
    SettingsError
        No case is in such a split.
    """
    known = tuple(cases)
    chosen = known if split == "all" else tuple(case for case in known if case.split == split)
    if not chosen:
        raise SettingsError(unknown("split", split, [*dict.fromkeys(case.split for case in known), "all"]))
    return chosen


def read_labels(path: Path) -> NDArray[np.uint8]:
    """The numbers of a mask, shape (rows, columns).

    Raises
    ------
    ReadError
        It is not an 8-bit image with one channel.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            mode, array = image.mode, np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise ReadError(f"Cannot read the mask {str(path)!r}: {error}.", path=path) from error
    if mode not in {"L", "P"}:
        raise ReadError(f"Cannot read the mask {str(path)!r}: its pixels are {mode}, not 8-bit numbers.", path=path)
    return array


def columns_of(layout: Layout) -> tuple[str, ...]:
    """The columns that ``cases.csv`` of a layout must have."""
    return _COLUMNS[layout]


def _layout(found: Sequence[str], table: Path) -> Layout:
    """The layout whose columns are all there; the error names what the nearest lacks."""
    lacking: dict[Layout, list[str]] = {
        name: [column for column in columns if column not in found] for name, columns in _COLUMNS.items()
    }
    nearest, missing = min(lacking.items(), key=lambda item: len(item[1]))
    if missing:
        raise ReadError(
            f"{str(table)!r} is no table of films: of the layout {nearest!r}, which is the nearest, it lacks the "
            f"columns {', '.join(missing)}.",
            path=table,
        )
    return nearest


class _Files:
    """The files of a folder of cases, each kind listed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, frozenset[str]] = {}

    def path(self, kind: str, name: str, row: _Row) -> Path:
        if kind not in self._names:
            place = self._folder / kind
            self._names[kind] = frozenset(item.name for item in place.iterdir()) if place.is_dir() else frozenset()
        path = self._folder / kind / name
        if name not in self._names[kind]:
            raise row.error(f"{str(path)!r} is not there")
        return path


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table, read cell by cell."""

    table: Path
    line: int
    cells: dict[str, str | None]

    def error(self, what: str) -> ReadError:
        return ReadError(f"{str(self.table)!r}, line {self.line}: {what}.", path=self.table)

    def text(self, column: str) -> str:
        return (self.cells[column] or "").strip()

    def name(self, column: str) -> str:
        text = self.text(column)
        if not text or "/" in text or "\\" in text:
            raise self.error(f"{column} cannot be {text!r}")
        return text

    def flag(self, column: str) -> bool | None:
        text = self.text(column)
        if text not in {"True", "False", ""}:
            raise self.error(f"{column} is {text!r}; expected True, False or nothing")
        return text == "True" if text else None

    def number(self, column: str, highest: float) -> float | None:
        text = self.text(column)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError as error:
            raise self.error(f"{column} is {text!r}; expected a number or nothing") from error
        if not 0 <= number <= highest:
            raise self.error(f"{column} is {text}; expected 0 to {highest:g}")
        return number

    def mask(self, column: str, files: _Files) -> Path | None:
        return files.path(column, f"{self.name('case')}.png", self) if self.flag(column) else None

    def brixia(self, reader: str) -> BrixiaReading | None:
        total = self.number(f"brixia_{reader}", 18)
        zones = [self.number(f"brixia_{reader}_{letter}", 3) for letter in _ZONE_LETTERS]
        whole = tuple(zone for zone in zones if zone is not None)
        if total is None and not whole:
            return None
        if total is None or len(whole) < len(zones) or sum(whole) != total:
            raise self.error(f"the Brixia score of the {reader} reader ({total}) is not the sum of six zones")
        return BrixiaReading(whole, total)


def _case(row: _Row, files: _Files, layout: Layout) -> FilmCase:
    case = FilmCase(
        case=row.name("case"),
        patient=row.name("patient"),
        split=row.name("split"),
        layout=layout,
        source=row.text("source"),
        finding=row.text("finding"),
        view=row.text("view"),
        image=files.path("images", f"{row.name('case')}.jpg", row),
    )
    return _with_scores(case, row, files) if layout == "scored" else _with_fields(case, row, files)


def _with_scores(case: FilmCase, row: _Row, files: _Files) -> FilmCase:
    return replace(
        case,
        lungs=row.mask("lungs_lr", files),
        lungs_union=row.mask("lungs_v7", files),
        lesions=row.mask("lesions", files),
        six_zone_r=row.number("six_zone_score_R", 6),
        six_zone_d=row.number("six_zone_score_D", 6),
        brixia_senior=row.brixia("senior"),
        brixia_junior=row.brixia("junior"),
        geographic_extent=row.number("geographic_extent", 8),
        opacity=row.number("opacity", 6),
        is_poor_quality=row.flag("poor_quality"),
    )


def _with_fields(case: FilmCase, row: _Row, files: _Files) -> FilmCase:
    return replace(
        case,
        lung_fields=row.mask("lungs", files),
        infection=row.mask("lesions", files),
        aspect=row.number("aspect_w_over_h", 10),
    )

"""Scores of other systems, read from tables: how each system's own numbers become the score that readers gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import ReadError
from hilum.measurement import NotMeasured
from hilum.registry import Registry

from .predictions import read_rows

Row = Mapping[str, str]

NAME_COLUMNS = ("case", "filename", "file", "name", "image")
"""Columns that may name the case, in the order in which they are looked for."""

ZONES = ("A", "B", "C", "D", "E", "F")
CLASSES = (0, 1, 2, 3)
SEGMENTS = tuple(f"lung_segment_{number}" for number in range(1, 7))


@dataclass(frozen=True, slots=True)
class Conversion:
    """From a row of a system's table to a score.

    Attributes
    ----------
    title : for people
    columns : what the table must have, for messages
    of : the score of a row, and the threshold where the rule has one; ValueError for a cell that is no number
    has_threshold : the rule needs one
    """

    title: str
    columns: str
    of: Callable[[Row, float], float | NotMeasured]
    has_threshold: bool = False


CONVERSIONS: Registry[Conversion] = Registry("conversion")
"""Published rules by the name of the system."""


def _bs_net(row: Row, _: float) -> float | NotMeasured:
    """The zones whose most probable class is above 0."""
    affected = 0
    for zone in ZONES:
        if row.get(zone):
            affected += float(row[zone]) > 0
            continue
        chances = [row.get(f"{zone}{number}", "") for number in CLASSES]
        if not all(chances):
            return NotMeasured(f"there is nothing of zone {zone}")
        numbers = [float(chance) for chance in chances]
        affected += numbers.index(max(numbers)) > 0
    return float(affected)


def _covid_net_s(row: Row, _: float) -> float | NotMeasured:
    """Six times the raw geographic extent, rounded to the nearest whole number, halves up."""
    raw = row.get("geographic", "")
    return float(int(float(raw) * 6 + 0.5)) if raw else NotMeasured("there is no geographic extent")


def _two_stage(row: Row, threshold: float) -> float | NotMeasured:
    """The sixths of the lungs of which more than a threshold is affected."""
    ratios = [row.get(name, "") for name in SEGMENTS]
    if not all(ratios):
        return NotMeasured("the ratio of a sixth is missing")
    return float(sum(float(ratio) > threshold for ratio in ratios))


CONVERSIONS.add("bs-net")(
    Conversion("BS-Net", "A to F, the class of each zone, or A0, A1, A2, A3 to F3, their probabilities", _bs_net)
)
CONVERSIONS.add("covid-net-s")(
    Conversion("COVID-Net-S", "geographic, the raw geographic extent from 0 to 1", _covid_net_s)
)
CONVERSIONS.add("two-stage")(
    Conversion(
        "two-stage system", "lung_segment_1 to lung_segment_6, the ratio of each", _two_stage, has_threshold=True
    )
)


@dataclass(frozen=True, slots=True)
class Estimates:
    """The scores of one system.

    Attributes
    ----------
    name : for tables
    values : by the name of the case, with or without its source; a row without a score is ``NotMeasured``
    """

    name: str
    values: Mapping[str, float | NotMeasured]

    def of(self, source: str, case: str) -> float | NotMeasured:
        """The score of a case."""
        missing = NotMeasured("there is no row for it")
        return self.values.get(f"{source}/{case}", self.values.get(case, missing))


def read_estimates(
    name: str, path: Path, column: str, *, conversion: str = "", threshold: float | None = None
) -> Estimates:
    """The scores in a table.

    Parameters
    ----------
    name : of the system
    path : CSV with a row a case, named in one of :data:`NAME_COLUMNS`; endings of picture files do not count
    column : that holds the score, such as ``six-zone`` in the results.csv of ``hilum analyse``
    conversion : a rule of :data:`CONVERSIONS` in place of the column
    threshold : of the rule, if it has one

    Raises
    ------
    UnknownName
        There is no such rule.
    ReadError
        The table cannot be read, lacks a column, names a case twice, or holds what is no number.
    """
    rule = CONVERSIONS[conversion] if conversion else None
    if rule is not None and rule.has_threshold and threshold is None:
        raise ReadError(f"The rule {conversion!r} for {str(path)!r} needs a threshold: --threshold.", path=path)
    rows = read_rows(path, () if rule else (column,))
    found: dict[str, float | NotMeasured] = {}
    for line, row in enumerate(rows, 2):
        case = _name_of(row, path)
        key = f"{row['source']}/{case}" if row.get("source") and conversion == "" and "status" not in row else case
        if key in found:
            raise ReadError(f"{str(path)!r} has more than one row for {key!r}.", path=path)
        try:
            found[key] = _plain(row[column]) if rule is None else rule.of(row, threshold or 0.0)
        except ValueError as error:
            raise ReadError(f"{str(path)!r}, line {line}: {error}.", path=path) from error
    if rule is not None and rows and all(isinstance(value, NotMeasured) for value in found.values()):
        raise ReadError(f"{str(path)!r} has no row of {rule.title}; expected the columns {rule.columns}.", path=path)
    return Estimates(name, found)


def _name_of(row: Row, path: Path) -> str:
    text = next((row[name] for name in NAME_COLUMNS if row.get(name)), "")
    if not text:
        raise ReadError(f"{str(path)!r} has a row without a case; looked for {', '.join(NAME_COLUMNS)}.", path=path)
    stem, dot, ending = text.rpartition(".")
    return stem if dot and ending.lower() in ("png", "jpg", "jpeg", "bmp", "dcm", "tif", "tiff") else text


def _plain(cell: str) -> float | NotMeasured:
    return float(cell) if cell else NotMeasured("its score is empty")

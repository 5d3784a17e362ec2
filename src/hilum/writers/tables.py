"""``results.csv``: a row a case, failed ones as well, in columns that stay.

UTF-8 with a comma between cells. What was not measured is an empty cell, and ``not_measured`` says why. Text that a
spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

from hilum.geometry import Side
from hilum.image import LOBES
from hilum.segmentation.zones import ZONES

from .csv_file import write_records
from .whole import MARKER

TABLE = "results.csv"
"""Name of the table in the output folder."""

_SIDES = tuple(side.value for side in Side)
_LOBES = tuple(label.name for label in LOBES.values())

_PARTS: Mapping[str, tuple[str, ...]] = {
    "six-zone": ZONES,
    "brixia": ZONES,
    "geographic-extent": _SIDES,
    "opacity-percent": (*_SIDES, *ZONES),
}
"""Regions that have a column, by the score of films, and of CT where it is the same."""

_CT_PARTS: Mapping[str, tuple[str, ...]] = {
    "opacity-percent": _LOBES,
    "high-opacity-percent": (*_SIDES, *ZONES, *_LOBES),
    "ct-severity-25": _LOBES,
    "total-severity-20": _LOBES,
    "lung-severity-score": _LOBES,
    "lung-high-opacity-score": _LOBES,
    "zonal-24": ZONES,
    "mosmed": _SIDES,
    "mosmed-whole": (),
}
"""Regions that have a column, by the score of CT."""

_MEASURES = (
    *(("volume", "lung", region, "masks") for region in ("both", *_SIDES)),
    *(("volume", lesion, "both", "masks") for lesion in ("ground-glass", "consolidation", "opacity", "effusion")),
    *(("mean-hu", "lung", region, "masks") for region in ("both", *_SIDES)),
    *(("hu-band", band, "both", "masks") for band in ("emphysema", "affected")),
    ("count", "opacity", "both", "masks"),
    ("share", "opacity", "both", "hounsfield-bands"),
)
"""Id, structure, region and method of the measures that have a column; ``measures.csv`` has them all."""


def _column(key: tuple[str, ...]) -> str:
    """The column of a measure; the usual method goes without saying."""
    return ":".join(part for part in key if part != "masks")


COLUMNS = (
    "case",
    "status",
    "error_code",
    "error_message",
    "source",
    *_PARTS,
    *(f"{score}:{region}" for score, regions in _PARTS.items() for region in regions),
    "not_measured",
    "disease_probability",
    "disease_threshold",
    "findings",
    "models",
    "modality",
    *(score for score in _CT_PARTS if score not in _PARTS),
    *(f"{score}:{region}" for score, regions in _CT_PARTS.items() for region in regions),
    *(_column(key) for key in _MEASURES),
)
"""The columns, in order. A score's own is named by its id, a region's ``<score>:<region>``, a measure's
``<id>:<structure>:<region>``, with ``:hounsfield-bands`` if it is of the cross-check. New ones go to the end."""

_FORMULA = ("=", "+", "-", "@")


class Row(Protocol):
    """What the table needs of a case's outcome."""

    @property
    def name(self) -> str:
        """Of the case."""
        ...

    @property
    def source(self) -> str:
        """The file that the case came from."""
        ...

    @property
    def status(self) -> Literal["done", "failed"]:
        """What became of it."""
        ...

    @property
    def code(self) -> str:
        """Of a failure, else empty."""
        ...

    @property
    def message(self) -> str:
        """Of a failure, a sentence, else empty."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where the ``result.json`` of a case is; None if it failed."""
        ...


def write_results(
    rows: Iterable[Row], output: Path, *, further: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Path:
    """Write ``results.csv`` into a folder, whole or not at all, and give back its path.

    Values are those of each case's ``result.json``, so that the two cannot disagree. Rows are written as they come.

    Parameters
    ----------
    rows : one a case, in the order wanted
    output : folder of the run
    further : by the name of a case, cells of columns that come last, such as its patient and date

    Raises
    ------
    WriteError
        The table could not be written; what stood in its place before still does.
    """
    columns = (*COLUMNS, *dict.fromkeys(column for cells in further.values() for column in cells))

    def record(row: Row) -> dict[str, Any]:
        cells = {column: safe_cell(cell) for column, cell in _cells(row)}
        return {**cells, **{name: safe_cell(cell) for name, cell in further.get(row.name, {}).items()}}

    path = output / TABLE
    write_records(path, columns, map(record, rows), errors="backslashreplace")
    return path


def _cells(row: Row) -> Iterator[tuple[str, Any]]:
    yield "case", row.name
    yield "status", row.status
    yield "error_code", row.code
    yield "error_message", row.message
    yield "source", Path(row.source).name
    if row.folder is None:
        return
    try:
        result = json.loads((row.folder / MARKER).read_bytes())
    except (OSError, ValueError):
        yield "not_measured", f"the {MARKER} of this case cannot be read"
        return
    yield "modality", result["modality"]
    yield from _scores(result["scores"])
    yield from _measures(result.get("measures", ()))
    yield "disease_probability", result["disease"].get("probability", "")
    yield "disease_threshold", result["disease"].get("threshold", "")
    yield "findings", " ".join(finding["code"] for finding in result["findings"])
    models = [node["model"] for node in result["provenance"]["nodes"] if "model" in node]
    yield "models", " ".join(dict.fromkeys(f"{model['name']}={model['version']}" for model in models))


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Cells of the scores that have columns, and why some are empty."""
    reasons: list[str] = []
    for name in dict.fromkeys((*_PARTS, *_CT_PARTS)):
        if name not in scores:
            continue
        value, parts = scores[name]["value"], scores[name]["parts"]
        yield name, _number(value)
        regions = (*_PARTS.get(name, ()), *_CT_PARTS.get(name, ()))
        yield from ((f"{name}:{region}", _number(parts[region])) for region in regions if region in parts)
        if isinstance(value, dict):
            reasons.append(f"{name}: {value['not_measured']}")
    yield "not_measured", "; ".join(reasons)


def _measures(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Cells of the measures that have columns."""
    for row in rows:
        key = (row["id"], row["structure"], row["region"], row["method"])
        if key in _MEASURES:
            yield _column(key), _number(row["value"])


def _number(value: Any) -> Any:
    return "" if isinstance(value, dict) else value


def safe_cell(cell: Any) -> Any:
    """A cell on one line that no spreadsheet computes; numbers stay numbers."""
    if not isinstance(cell, str):
        return cell
    line = " ".join(cell.split())
    return f"'{line}" if line.startswith(_FORMULA) else line

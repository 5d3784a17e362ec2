"""A case table as CSV: one row a case, paths relative to the file, so that table and data move together.

The columns of :class:`hilum.datasets.schema.DatasetCase` come first. Then, where any case has them, two for each kind
of mask (``mask.lungs``: the file; ``mask.lungs.how``: what its numbers mean, as JSON), one for each score
(``score.brixia-senior``) and one for each fact (``fact.sex``). Several image files are a JSON list.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from hilum.errors import ReadError

from .schema import MASK_KINDS, MODALITIES, SPLITS, TURNS, CaseTable, DatasetCase, Mask, MaskKind

_TEXTS = ("source", "case", "patient", "modality")
_LATER = ("finding", "view", "split", "licence", "turn", "form")
_FIXED = (*_TEXTS, "image", *_LATER, "is_windowed", "spacing_mm")

T = TypeVar("T", bound=str)


def write_cases(table: CaseTable, path: Path) -> None:
    """Write the table; equal tables give equal bytes.

    Raises
    ------
    WriteError
        The file could not be written.
    """
    from hilum.writers.csv_file import write_records

    write_records(path, _columns(table), (_row(case, path.absolute().parent) for case in table))


def is_case_table(path: Path) -> bool:
    """There is such a file, and its columns are those of a table of cases."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return set(_FIXED) <= set(found)


def read_cases(path: Path) -> CaseTable:
    """The table of a file; its paths are joined to the file's folder, and need not exist.

    Raises
    ------
    ReadError
        There is no such file, a column is missing, a cell cannot be understood, or a case appears twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _FIXED if name not in (reader.fieldnames or ())]
            if missing:
                raise ReadError(
                    f"{str(path)!r} is no table of cases: it lacks {', '.join(missing)}. "
                    "'hilum datasets read' makes one of a downloaded folder.",
                    path=path,
                )
            return CaseTable.of(_case_of_line(cells, path, reader.line_num) for cells in reader)
    except OSError as error:
        raise ReadError(f"Cannot read {str(path)!r}: {error.strerror or error}.", path=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is not a table in CSV ({error}).", path=path) from error
    except ValueError as error:
        raise ReadError(f"{str(path)!r}: {error}.", path=path) from error


def _columns(table: CaseTable) -> list[str]:
    kinds = [kind for kind in MASK_KINDS if any(kind in case.masks for case in table)]
    masks = [column for kind in kinds for column in (f"mask.{kind}", f"mask.{kind}.how")]
    scores = dict.fromkeys(f"score.{name}" for case in table for name in case.scores)
    facts = dict.fromkeys(f"fact.{name}" for case in table for name in case.facts)
    return [*_FIXED, *masks, *scores, *facts]


def _row(case: DatasetCase, folder: Path) -> dict[str, str]:
    row = {name: str(getattr(case, name)) for name in (*_TEXTS, *_LATER)}
    row["image"] = _paths(case.image, folder)
    row["is_windowed"] = "yes" if case.is_windowed else ""
    row["spacing_mm"] = " ".join(map(repr, case.spacing_mm or ()))
    for kind, mask in case.masks.items():
        row[f"mask.{kind}"] = _relative(mask.path, folder)
        row[f"mask.{kind}.how"] = json.dumps(_how(mask, folder), ensure_ascii=False)
    row |= {f"score.{name}": repr(float(value)) for name, value in case.scores.items()}
    return row | {f"fact.{name}": value for name, value in case.facts.items()}


def _paths(image: Path | tuple[Path, ...], folder: Path) -> str:
    if isinstance(image, tuple):
        return json.dumps([_relative(path, folder) for path in image], ensure_ascii=False)
    alone = _relative(image, folder)
    return json.dumps([[alone]], ensure_ascii=False) if alone.startswith("[") else alone


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.absolute(), folder)).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


def _how(mask: Mask, folder: Path) -> dict[str, Any]:
    """What is not default about a mask, but for its path."""
    how: dict[str, Any] = {"labels": {str(number): name for number, name in mask.labels.items()}}
    how |= {
        name: value for name in ("turn", "above", "form") if (value := getattr(mask, name)) not in ("none", None, "")
    }
    if mask.beside:
        how["beside"] = [{"path": _relative(other.path, folder), **_how(other, folder)} for other in mask.beside]
    return how


def _case_of_line(cells: Mapping[str, str | None], path: Path, line: int) -> DatasetCase:
    texts = {name: text for name, text in cells.items() if isinstance(text, str)}
    try:
        return _case(texts, path.parent)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"{str(path)!r}, line {line}, cannot be understood: {error}.", path=path) from error


def _case(cells: Mapping[str, str], folder: Path) -> DatasetCase:
    for name in _TEXTS:
        if not cells[name]:
            raise ValueError(f"{name} is empty")
    spacing = tuple(float(number) for number in cells["spacing_mm"].split())
    return DatasetCase(
        source=cells["source"],
        case=cells["case"],
        patient=cells["patient"],
        modality=_one_of(MODALITIES, "modality", cells["modality"]),
        image=_image(cells["image"], folder),
        masks={kind: _mask(kind, cells, folder) for kind in MASK_KINDS if cells.get(f"mask.{kind}")},
        scores=_part(cells, "score.", _number),
        finding=cells["finding"],
        view=cells["view"],
        split=_one_of(SPLITS, "split", cells["split"]),
        licence=cells["licence"],
        facts=_part(cells, "fact.", str),
        turn=_one_of(TURNS, "turn", cells["turn"]),
        form=cells["form"],
        is_windowed=_one_of(("", "yes"), "is_windowed", cells["is_windowed"]) == "yes",
        spacing_mm=spacing or None,
    )


def _image(cell: str, folder: Path) -> Path | tuple[Path, ...]:
    if not cell:
        raise ValueError("image is empty")
    if not cell.startswith("["):
        return folder / cell
    paths = cast("list[Any]", json.loads(cell))
    if paths and isinstance(paths[0], list):
        return folder / str(paths[0][0])
    return tuple(folder / str(each) for each in paths)


def _mask(kind: MaskKind, cells: Mapping[str, str], folder: Path) -> Mask:
    return _mask_of({"path": cells[f"mask.{kind}"], **json.loads(cells.get(f"mask.{kind}.how") or "{}")}, folder)


def _mask_of(how: Mapping[str, Any], folder: Path) -> Mask:
    above = how.get("above")
    return Mask(
        path=folder / how["path"],
        labels={int(number): str(name) for number, name in how["labels"].items()},
        turn=_one_of(TURNS, "turn", how.get("turn", "none")),
        above=None if above is None else int(above),
        form=str(how.get("form", "")),
        beside=tuple(_mask_of(other, folder) for other in how.get("beside", ())),
    )


def _part(cells: Mapping[str, str], prefix: str, convert: Callable[[str], Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): convert(text) for name, text in cells.items() if text and name.startswith(prefix)
    }


def _number(text: str) -> float:
    return float(text)


def _one_of(known: Iterable[T], name: str, text: str) -> T:
    for each in known:
        if each == text:
            return each
    raise ValueError(f"{name} is {text!r}; expected {', '.join(repr(str(each)) for each in known)}")

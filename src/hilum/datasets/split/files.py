"""Splits as files: our own, and those that three published systems wrote.

``hilum``
    One JSON file with the parts, the seed and what was stratified by.
``miscnn``
    A folder with ``fold_0/sample_list.json`` and so on, each ``{"TRAINING": [...], "VALIDATION": [...]}`` (MIScnn's
    cross validation); one such file by itself is a split into train and val.
``ggo-cons``
    A text with the names of the train, validation and test cases as numpy prints them (covid_dl_ggo_cons). Of a part
    of more than 1,000 cases numpy leaves names out; it takes all cases of the table that are in no other part.
``covid-scoring``
    A folder with ``train/metadata.csv``, ``val`` and ``test`` alike, whose columns ``dataset`` and ``filenames`` name
    the cases; without that table, the files in ``train/<dataset>/img``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from hilum.errors import Error, ReadError, SettingsError, UnsupportedFormat
from hilum.registry import unknown
from hilum.writers.csv_file import write_csv
from hilum.writers.whole import whole_file

from .parts import FOLD, Split

_OURS = "hilum-split"
_VERSION = 1
_NAMED = ("train", "val", "test")
_SAMPLES = "sample_list.json"
_METADATA = "metadata.csv"
_COLUMNS = ("dataset", "filenames")
_GGO_HEADS = {"train": "Train", "val": "Validation", "test": "Test"}
_GGO_PART = re.compile(r"(Train|Validation|Test) examples \(total:(\d+)\) :\[([^\]]*)\]")
_GGO_SPECIAL = "'\"[]\\\n"


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a split.

    Attributes
    ----------
    recognise : a file or folder looks like this
    read : the split of a file or folder
    write : write a split to a file or folder
    """

    recognise: Callable[[Path], bool]
    read: Callable[[Path], Split]
    write: Callable[[Split, Path], None]


def read_split(path: Path) -> Split:
    """The split of a file or folder of any known format; the names of its cases are as they stand there.

    Raises
    ------
    UnsupportedFormat
        It is of no known format.
    ReadError
        It cannot be read, or contradicts itself.
    """
    try:
        for each in FORMATS.values():
            if each.recognise(path):
                return each.read(path)
    except OSError as error:
        raise ReadError(f"Cannot read the split {str(path)!r}: {error.strerror or error}.", path=path) from error
    except Error:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"The split {str(path)!r} cannot be understood: {error}.", path=path) from error
    raise UnsupportedFormat(
        f"{str(path)!r} is no split that Hilum knows ({', '.join(FORMATS)}), or is not there.", path=path
    )


def write_split(split: Split, path: Path, form: str = "hilum") -> None:
    """Write a split; the same split gives the same bytes.

    Parameters
    ----------
    split : its cases are written by the names that they have in it
    path : a file, or a folder for ``covid-scoring`` and for folds in ``miscnn``
    form : a name out of :data:`FORMATS`

    Raises
    ------
    SettingsError
        There is no such format, or it cannot hold this split.
    WriteError
        The file could not be written.
    """
    if form not in FORMATS:
        raise SettingsError(unknown("format of splits", form, FORMATS))
    if split.rest:
        raise SettingsError(f"The split does not name the cases of {split.rest[0]}: match it with its table first.")
    FORMATS[form].write(split, path)


def _only(split: Split, form: str, *allowed: str) -> None:
    """Only these parts hold cases; folds never do."""
    strange = [name for name, keys in split.parts.items() if name not in allowed and keys]
    if strange:
        raise SettingsError(
            f"The format {form!r} has no place for the part {strange[0]!r}, only for {', '.join(allowed)}."
        )


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def _head(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _is_ours(path: Path) -> bool:
    return f'"{_OURS}"' in _head(path)


def _read_ours(path: Path) -> Split:
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["version"] != _VERSION:
        raise ReadError(
            f"The split {str(path)!r} is of version {found['version']}; this Hilum reads {_VERSION}.", path=path
        )
    parts = {str(name): _strings(names) for name, names in found["parts"].items()}
    if not all(name in _NAMED for name in parts) and not Split(parts).has_folds:
        raise ValueError(f"its parts are {', '.join(parts)}; expected train, val and test, or fold-0 and so on")
    return Split(parts, found["made"])


def _write_ours(split: Split, path: Path) -> None:
    parts = {name: list(keys) for name, keys in split.parts.items()}
    told = {"format": _OURS, "version": _VERSION, "made": dict(split.made), "parts": parts}
    _write_text(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def _strings(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[Any]", names)):
        raise ValueError("a part is not a list of names")
    return tuple(cast("list[str]", names))


def _fold_files(path: Path) -> list[Path]:
    found = {
        int(name[5:]): file for file in path.glob(f"fold_*/{_SAMPLES}") if (name := file.parent.name)[5:].isdigit()
    }
    return [found[number] for number in sorted(found)]


def _is_miscnn(path: Path) -> bool:
    return bool(_fold_files(path)) if path.is_dir() else '"TRAINING"' in _head(path)


def _read_miscnn(path: Path) -> Split:
    if path.is_file():
        return Split(dict(zip(("train", "val"), _samples(path), strict=True)))
    folds = [_samples(file) for file in _fold_files(path)]
    split = Split({f"{FOLD}{number}": held_out for number, (_, held_out) in enumerate(folds)})
    for number, ((train, _), (others, _)) in enumerate(zip(folds, split.turns(), strict=True)):
        if set(train) != set(others):
            raise ValueError(f"fold_{number} does not train on what the other folds hold out")
    return split


def _samples(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = json.loads(file.read_text(encoding="utf-8"))
    return _strings(found["TRAINING"]), _strings(found["VALIDATION"])


def _write_miscnn(split: Split, path: Path) -> None:
    if not split.has_folds:
        _only(split, "miscnn", "train", "val")
        _write_samples(path, split.parts.get("train", ()), split.parts.get("val", ()))
        return
    for number, (train, held_out) in enumerate(split.turns()):
        _write_samples(path / f"fold_{number}" / _SAMPLES, train, held_out)


def _write_samples(path: Path, train: tuple[str, ...], held_out: tuple[str, ...]) -> None:
    _write_text(path, json.dumps({"TRAINING": list(train), "VALIDATION": list(held_out)}))


def _is_ggo(path: Path) -> bool:
    return "Train examples (total:" in _head(path)


def _read_ggo(path: Path) -> Split:
    parts: dict[str, tuple[str, ...]] = {}
    rest: list[tuple[str, int]] = []
    names_of = {head: name for name, head in _GGO_HEADS.items()}
    for head, count, inside in _GGO_PART.findall(path.read_text(encoding="utf-8")):
        names = tuple(re.findall(r"'([^']+)'", inside))
        if "..." in inside:
            rest.append((names_of[head], int(count)))
            continue
        if len(names) != int(count):
            raise ValueError(f"{head} examples are {count}, and {len(names)} names stand there")
        parts[names_of[head]] = names
    if len(rest) > 1:
        raise ValueError("numpy left names out of more than one part, and they stand nowhere else")
    if {*parts, *(name for name, _ in rest)} != set(_NAMED):
        raise ValueError(f"it has the parts {', '.join(parts) or 'none'}; expected train, validation and test")
    return Split(parts, rest=rest[0] if rest else None)


def _write_ggo(split: Split, path: Path) -> None:
    _only(split, "ggo-cons", *_NAMED)
    texts: list[str] = []
    for name, head in _GGO_HEADS.items():
        if bad := next((case for case in split.parts.get(name, ()) if set(case) & set(_GGO_SPECIAL)), None):
            raise SettingsError(
                f"The format 'ggo-cons' cannot hold the name {bad!r}: it has one of {_GGO_SPECIAL} in it."
            )
        names = np.array(split.parts.get(name, ()), dtype=np.str_)
        listed = np.array2string(names, threshold=names.size + 1)
        texts.append(f"\n\n{head} examples (total:{names.size}) :{listed}{':' if name == 'val' else ''}")
    _write_text(path, "".join(texts))


def _is_scoring(path: Path) -> bool:
    return path.is_dir() and any(
        (path / name / _METADATA).is_file() or any(path.glob(f"{name}/*/img")) for name in _NAMED
    )


def _read_scoring(path: Path) -> Split:
    return Split({name: tuple(_scoring_names(path / name)) for name in _NAMED})


def _scoring_names(folder: Path) -> Iterator[str]:
    table = folder / _METADATA
    if not table.is_file():
        yield from sorted(f"{file.parents[1].name}/{file.name}" for file in folder.glob("*/img/*"))
        return
    with table.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield f"{row['dataset']}/{row['filenames']}"


def _write_scoring(split: Split, path: Path) -> None:
    _only(split, "covid-scoring", *_NAMED)
    for name in _NAMED:
        rows = (_dataset_and_file(case) for case in split.parts.get(name, ()))
        write_csv(path / name / _METADATA, _COLUMNS, rows)


def _dataset_and_file(name: str) -> tuple[str, str]:
    dataset, slash, file = name.partition("/")
    if not slash:
        raise SettingsError(f"The format 'covid-scoring' names cases by data set and file; {name!r} has no data set.")
    return dataset, file


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "hilum": Format(_is_ours, _read_ours, _write_ours),
        "miscnn": Format(_is_miscnn, _read_miscnn, _write_miscnn),
        "ggo-cons": Format(_is_ggo, _read_ggo, _write_ggo),
        "covid-scoring": Format(_is_scoring, _read_scoring, _write_scoring),
    }
)
"""Every format by its name, in the order in which they are tried."""

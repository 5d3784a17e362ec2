"""Masks that anything made, found by the names of cases: in a folder, or by a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import MASK_LABELS
from hilum.datasets.schema import MASK_KINDS, DatasetCase, MaskKind
from hilum.errors import GridMismatch, ReadError, SettingsError, UnknownLabels
from hilum.geometry import VolumeGrid
from hilum.image import LabelMap
from hilum.readers.masks import read_labels
from hilum.registry import unknown

ENDINGS = (".png", ".nii.gz", ".nii", ".nrrd", ".mha", ".tif", ".tiff", ".bmp")
"""Of mask files, in no order: two files for one mask are an error."""

Numbers = Mapping[MaskKind, Mapping[int, int]]
"""Of each kind of mask, the numbers in its files to those of :data:`hilum.datasets.open.MASK_LABELS`."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The masks of one system, or of one reader.

    Attributes
    ----------
    name : for tables
    place : a folder, or a table in CSV
    numbers : what the numbers in the files mean, where they are not Hilum's own
    is_reader : a person drew them: figures of readers among themselves stand apart
    """

    name: str
    place: Path
    numbers: Numbers = field(default_factory=dict[MaskKind, Mapping[int, int]])
    is_reader: bool = False
    _rows: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]], repr=False)

    def find(self, case: DatasetCase, kind: MaskKind) -> Path | None:
        """The file of a case's mask; None if there is none.

        In a folder it is ``<case>/<kind>``, as ``hilum analyse`` writes it, ``<kind>/<case>`` or ``<case>`` with the
        ending of a mask file, all of these in a folder named like the source as well. In a table it stands in the
        column of its kind, or in ``path``, in the row of the case.

        Raises
        ------
        ReadError
            There are several, or the table cannot be understood.
        """
        return self._in_folder(case, kind) if self.place.is_dir() else self._in_table(case, kind)

    def _in_folder(self, case: DatasetCase, kind: MaskKind) -> Path | None:
        stems = (Path(case.case) / kind, Path(kind) / case.case, Path(case.case))
        for stem in (*stems, *(Path(case.source) / stem for stem in stems)):
            found = [path for ending in ENDINGS if (path := self.place / f"{stem}{ending}").is_file()]
            if len(found) > 1:
                raise ReadError(
                    f"There are {len(found)} masks of {kind} of the case {case.key!r}: "
                    f"{', '.join(repr(str(path)) for path in found)}. Leave one of them.",
                    path=found[0],
                )
            if found:
                return found[0]
        return None

    def _in_table(self, case: DatasetCase, kind: MaskKind) -> Path | None:
        rows = self._rows or self._read()
        row = rows.get(case.key) or rows.get(case.case) or {}
        cell = row.get(kind) or row.get("path") or ""
        return self.place.parent / cell if cell else None

    def _read(self) -> dict[str, dict[str, str]]:
        for row in read_rows(self.place, ("case",)):
            key = f"{row['source']}/{row['case']}" if row.get("source") else row["case"]
            if key in self._rows:
                raise ReadError(f"{str(self.place)!r} has more than one row for {key!r}.", path=self.place)
            self._rows[key] = row
        if self._rows and not {"path", *MASK_KINDS} & set(next(iter(self._rows.values()))):
            raise ReadError(
                f"{str(self.place)!r} has no column of masks; expected 'path', or {', '.join(map(repr, MASK_KINDS))}.",
                path=self.place,
            )
        return self._rows


def read_rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table in CSV, cells without the blanks around them.

    Raises
    ------
    ReadError
        It cannot be read, or lacks a column that is needed.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise ReadError(
                    f"{str(path)!r} lacks the columns {', '.join(missing)}; it has "
                    f"{', '.join(reader.fieldnames or ()) or 'none'}.",
                    path=path,
                )
            return [{name: (cell or "").strip() for name, cell in row.items() if name} for row in reader]
    except OSError as error:
        raise ReadError(f"Cannot read {str(path)!r}: {error.strerror or error}.", path=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is not a table in CSV ({error}).", path=path) from error


def numbers_of(text: str) -> tuple[MaskKind, Mapping[int, int]]:
    """What the numbers in a file mean, from ``KIND:NUMBER=STRUCTURE,...``, such as ``lungs:255=lungs``.

    Raises
    ------
    SettingsError
        It is not of that form, or names what is not known.
    """
    name, _, rest = text.partition(":")
    kind: MaskKind | None = next((each for each in MASK_KINDS if each == name), None)
    if kind is None:
        raise SettingsError(unknown("kind of mask", name, MASK_KINDS))
    known = {label.name: number for number, label in MASK_LABELS[kind].items()} | {"none": 0}
    made: dict[int, int] = {}
    for part in rest.split(","):
        number, _, structure = part.partition("=")
        if not number.strip().isdecimal():
            raise SettingsError(f"{text!r} cannot be understood; expected such as 'lungs:1=right-lung,2=left-lung'.")
        if structure.strip() not in known:
            raise SettingsError(unknown(f"structure of a mask of {kind}", structure.strip(), known))
        made[int(number)] = known[structure.strip()]
    return kind, made


def open_prediction(path: Path, kind: MaskKind, truth: LabelMap, numbers: Numbers) -> NDArray[np.uint8]:
    """The numbers of a mask on the pixels of its truth, of the truth's shape.

    Raises
    ------
    ReadError
        The file cannot be read, or holds numbers that mean nothing.
    GridMismatch
        It does not lie on the truth's pixels.
    """
    try:
        found = read_labels(path, MASK_LABELS[kind], numbers.get(kind))
    except UnknownLabels as error:
        name = next(iter(MASK_LABELS[kind].values())).name
        raise error.named_by(f"--labels {kind}:255={name}") from error
    if isinstance(found.grid, VolumeGrid):
        found = found.axial()
        if isinstance(truth.grid, VolumeGrid):
            difference = found.volume.difference(truth.grid)
            if difference is not None:
                raise GridMismatch(f"The mask {str(path)!r} does not lie on the image: {difference}.")
            return found.array
    else:
        found = found.upright()
    # A picture has no position to compare: it belongs to a film, or to a volume of one slice, of its size.
    rows, columns = truth.array.shape[-2:]
    if found.array.size != truth.array.size or found.array.shape[-2:] != (rows, columns):
        raise GridMismatch(
            f"The mask {str(path)!r} does not lie on the image: it has the shape {found.array.shape}, and the image "
            f"{truth.array.shape}."
        )
    return found.array.reshape(truth.array.shape)

"""Volumes of chest CT with lung masks, or with a radiologist's labels of each slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError
from hilum.image import LUNGS, Image
from hilum.readers import read, read_labels

from .slices import SOURCE, chosen_sources, existing, rows_of

LOBE_COLUMNS = {
    "LLL": "left-lower-lobe",
    "LUL": "left-upper-lobe",
    "RLL": "right-lower-lobe",
    "RML": "right-middle-lobe",
    "RUL": "right-upper-lobe",
}
"""Columns of the tables of weak labels, and the names of :data:`hilum.image.LOBES`."""


@dataclass(frozen=True, slots=True)
class SliceLabel:
    """What a radiologist says of one slice: presence, not extent.

    Attributes
    ----------
    index : of the slice in the axial volume, 0 nearest the feet
    is_infected : something is to be seen on it
    lobes : in which lobes, by the names of :data:`hilum.image.LOBES`
    """

    index: int
    is_infected: bool
    lobes: frozenset[str]


@dataclass(frozen=True, slots=True)
class VolumeCase:
    """One CT volume and what is known of it.

    Attributes
    ----------
    source : name of the folder it comes from
    name : its own, which is its patient's too
    split : ``train``, ``val`` or ``test``
    image : the volume, in Hounsfield units
    lungs : mask on the grid of the volume, 1 both lungs; None if there is none
    labels : of every slice, from the feet up; empty if nothing is known
    diagnosis : as the source says it; may be empty
    is_cropped : the volume does not show both lungs
    """

    source: str
    name: str
    split: str
    image: Path
    lungs: Path | None = None
    labels: tuple[SliceLabel, ...] = ()
    diagnosis: str = ""
    is_cropped: bool = False

    @property
    def key(self) -> str:
        """``source/case``, as in a table of cases."""
        return f"{SOURCE}/{self.source}-{self.name}"

    @property
    def is_healthy(self) -> bool:
        """The source states that there is nothing to find in the lungs."""
        return self.diagnosis.casefold() == "normal"


def read_volumes(root: Path, sources: Iterable[str] = ()) -> tuple[VolumeCase, ...]:
    """The volumes of some sources, in the order of their tables or names.

    Parameters
    ----------
    root : the folder that holds a folder for each source
    sources : names out of :data:`VOLUME_SOURCES`; none takes all that are there

    Raises
    ------
    SettingsError
        There is no source of such a name.
    ReadError
        A folder is not there, its table cannot be understood, or a file is missing.
    """
    chosen = chosen_sources(root, sources, tuple(VOLUME_SOURCES))
    return tuple(case for name in chosen for case in VOLUME_SOURCES[name](root / name))


def read_volume(case: VolumeCase) -> Image:
    """The volume, axial, in Hounsfield units.

    Raises
    ------
    ReadError
        The file cannot be read as a CT.
    """
    return read(case.image).axial()


def read_volume_lungs(case: VolumeCase) -> NDArray[np.uint8] | None:
    """The lung mask in the order of the axial volume, 0 and 1; None if there is none.

    Raises
    ------
    ReadError
        The file cannot be read, or holds other numbers.
    """
    return None if case.lungs is None else read_labels(case.lungs, {1: LUNGS[1]}).axial().array


def _imlab(folder: Path) -> Iterator[VolumeCase]:
    found = sorted(folder.glob("*_ct.nii.gz"))
    if not found:
        raise ReadError(f"{str(folder)!r} holds no volume.", path=folder)
    for image in found:
        name = image.name.removesuffix("_ct.nii.gz")
        yield VolumeCase(folder.name, name, "test", image, existing(folder / f"{name}_lungmask.nii.gz"))


def _elastix(folder: Path) -> Iterator[VolumeCase]:
    image, mask = (existing(folder / f"3DCT_lung_{name}.mha") for name in ("registered", "baseline_mask"))
    yield VolumeCase(folder.name, "elastix", "test", image, mask, is_cropped=True)


def _covid_ct_md(folder: Path) -> Iterator[VolumeCase]:
    for row in rows_of(folder / "cases.csv", ("case", "diagnosis", "slices")):
        name, table = row["case"], folder / f"{row['case']}_slice_lobe_labels.csv"
        if row["diagnosis"] == "normal":
            labels = tuple(SliceLabel(index, False, frozenset()) for index in range(int(row["slices"])))
        else:
            labels = tuple(_labels(existing(table)))
        image = existing(folder / f"{name}_ct.nii.gz")
        yield VolumeCase(folder.name, name, "test", image, labels=labels, diagnosis=row["diagnosis"])


def _labels(table: Path) -> Iterator[SliceLabel]:
    for expected, row in enumerate(rows_of(table, ("nifti_k", "infected", *LOBE_COLUMNS))):
        numbers = {column: value for column, value in row.items() if value in ("0", "1") or column == "nifti_k"}
        if len(numbers) < len(row) or row["nifti_k"] != str(expected):
            raise ReadError(
                f"{str(table)!r}: the row {expected} is {row}; expected 0 and 1 for each slice.", path=table
            )
        lobes = frozenset(lobe for column, lobe in LOBE_COLUMNS.items() if row[column] == "1")
        yield SliceLabel(expected, row["infected"] == "1", lobes)


VOLUME_SOURCES: dict[str, Callable[[Path], Iterator[VolumeCase]]] = {
    "imlab-lung3d": _imlab,
    "elastix-lung": _elastix,
    "covid-ct-md": _covid_ct_md,
}
"""The layouts of volumes, by the name of their folder."""

"""The files of one harmonised case: a volume with its masks, or pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.schema import DatasetCase, Mask, MaskKind
from hilum.geometry import Grid, PlaneGrid
from hilum.writers.nifti import write_nifti
from hilum.writers.nrrd import write_nrrd
from hilum.writers.png import encode_png

from .labels import Numbers, combined, names_of
from .settings import HarmoniseSettings
from .volume import Harmonised

IMAGE, COMBINED = "img", "labels"
"""Stems of the image, and of lungs and lesions in one map; masks are called by what they show."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What one row of the data base's table points to.

    Attributes
    ----------
    image : name of the file in the case's folder
    masks : likewise
    index : of the slice, None for a whole volume or picture
    """

    image: str
    masks: Mapping[MaskKind, str]
    index: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _OnGrid:
    array: NDArray[Any]
    grid: Grid


def write_files(made: Harmonised, folder: Path, settings: HarmoniseSettings) -> tuple[Stored, ...]:
    """Write the files of a case into a folder; gives back what there is to point to.

    A film, and a single slice in grey levels, are one picture in either form. In the form of slices each one has its
    index, counted from the feet, before its name.
    """
    if isinstance(made.source, PlaneGrid) or (made.source.shape[0] == 1 and made.array.dtype == np.uint8):
        return (_write_picture(made, 0, folder, ""),)
    if settings.form == "slices":
        chosen = _with_disease(made) if settings.slices == "diseased" else range(len(made.array))
        return tuple(replace(_write_picture(made, index, folder, f"{index:04d}_"), index=index) for index in chosen)
    return (_write_volume(made, folder, settings),)


def row_of(
    case: DatasetCase,
    stored: Stored,
    folder: Path,
    settings: HarmoniseSettings,
    *,
    spacing_mm: tuple[float, ...] | None,
    is_grey: bool,
) -> DatasetCase:
    """The row of the data base's table for stored files; all but the files is as in the source's.

    Parameters
    ----------
    case : of the source
    stored : the files
    folder : where they are
    settings : of the data base
    spacing_mm : of a CT, where known; stated of pictures, which hold none
    is_grey : a CT is stored in grey levels
    """
    name = case.case if stored.index is None else f"{case.case}-{stored.index:04d}"
    return replace(
        case,
        case=name,
        image=folder / stored.image,
        masks={kind: Mask(folder / file, names_of(kind, settings.labels)) for kind, file in stored.masks.items()},
        turn="none",
        form="",
        is_windowed=case.modality == "CT" and is_grey,
        spacing_mm=spacing_mm if stored.image.endswith(".png") else None,
    )


def _with_disease(made: Harmonised) -> Iterator[int]:
    lesions = made.masks.get("lesions")
    if lesions is None:
        return
    for index, plane in enumerate(lesions):
        found = np.flatnonzero(np.bincount(plane.ravel(), minlength=256))
        if any(names_of("lesions", "keep").get(number, "ignore") != "ignore" for number in found.tolist() if number):
            yield index


def _write_picture(made: Harmonised, index: int, folder: Path, prefix: str) -> Stored:
    names: dict[MaskKind, str] = {kind: f"{prefix}{kind}.png" for kind in made.masks}
    (folder / f"{prefix}{IMAGE}.png").write_bytes(encode_png(made.array[index], is_picture=True))
    for kind, name in names.items():
        (folder / name).write_bytes(encode_png(made.masks[kind][index], is_picture=False))
    return Stored(f"{prefix}{IMAGE}.png", names)


def _write_volume(made: Harmonised, folder: Path, settings: HarmoniseSettings) -> Stored:
    write = write_nrrd if settings.container == "nrrd" else write_nifti
    names: dict[MaskKind, str] = {kind: f"{kind}.{settings.container}" for kind in made.masks}
    write(_OnGrid(made.array, made.grid), folder / f"{IMAGE}.{settings.container}")
    for kind, name in names.items():
        write(_OnGrid(made.masks[kind], made.grid), folder / name)
    if settings.labels == "merge" and "lesions" in made.masks:
        both: Numbers = combined(made.masks.get("lungs"), made.masks["lesions"])
        write(_OnGrid(both, made.grid), folder / f"{COMBINED}.{settings.container}")
    return Stored(f"{IMAGE}.{settings.container}", names)

"""A folder of 8-bit pictures as one CT: explicit, because it lacks Hounsfield units, spacing and direction."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import Step
from hilum.settings import ReadSettings

from .content import Content
from .entries import DEFAULTS, Entry
from .formats import READERS
from .spots import Spot, names
from .volume import CONTRAST_UNKNOWN, three

ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp"}
"""Endings of the files that count as slices; what else is in the folder is passed over."""

End = Literal["head", "feet"]
"""An end of the patient."""


@dataclass(frozen=True, slots=True)
class SliceFolder(Entry):
    """A folder of slices to be read.

    Attributes
    ----------
    spacing_mm : between neighbouring (slices, rows, columns)
    first : the end of the patient at which the first slice lies; None assumes the head, with a warning
    """

    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    first: End | None = None

    def open(self) -> Image:
        """The CT; ReadError if it cannot be read."""
        return read_slices(self.path, spacing_mm=self.spacing_mm, first=self.first, settings=self.settings)


def slice_folders(
    folders: Iterable[Path],
    *,
    spacing_mm: tuple[float, float, float],
    first: End | None = None,
    settings: ReadSettings = DEFAULTS,
) -> list[SliceFolder]:
    """One entry for each folder of slices, named like it; parameters as for :func:`read_slices`.

    Raises
    ------
    ReadError
        One of them is no folder.
    """
    spots = [Spot(folder, None, folder.resolve().parent.name, (folder.resolve().name,)) for folder in folders]
    for spot in spots:
        if not spot.path.is_dir():
            raise ReadError(f"'{spot.path}' is no folder; --slices takes folders of pictures.", path=spot.path)
    return [
        SliceFolder(name, spot.path, settings=settings, spacing_mm=spacing_mm, first=first)
        for name, spot in zip(names(spots), spots, strict=True)
    ]


def read_slices(
    folder: Path | str,
    *,
    spacing_mm: tuple[float, float, float],
    first: End | None = None,
    settings: ReadSettings = DEFAULTS,
) -> Image:
    """A CT from a folder of 8-bit pictures, one a slice, in the natural order of their names (2 before 10).

    The pictures must be as radiologists see them: the patient's right at the left edge, the front on top. They are
    not Hounsfield units (``WINDOWED_CT``): what needs these is not measured.

    Parameters
    ----------
    folder : with PNG, JPEG, TIFF or BMP files of one size; other files in it are passed over
    spacing_mm : between neighbouring (slices, rows, columns)
    first : the end of the patient at which the first slice lies; None assumes the head, with a warning
    settings : limits of size

    Raises
    ------
    ValueError
        The spacing is not positive.
    NotAnImage
        There are no pictures in the folder, or one is damaged.
    UnsupportedFormat
        A picture has colours, more than 8 bits, or another size than the first.
    ReadError
        There is no such folder, or it is over the limit.

    Examples
    --------
    >>> import hilum
    >>> ct = hilum.read_slices("slices", spacing_mm=(5.0, 0.7, 0.7))  # doctest: +SKIP
    """
    folder = Path(folder)
    if len(spacing_mm) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise ValueError(f"a CT's spacing must be three positive numbers, not {spacing_mm} mm")
    files = [Content.of_file(path) for path in _files(folder)]
    start = _slice(files[0], None, settings)
    shape = (len(files), start.shape[0], start.shape[1])
    three(files[0], shape[::-1], settings)
    array = np.empty(shape, dtype=np.uint8)
    for place, content in enumerate(files):
        array[place] = _slice(content, start.shape, settings)
    grid = VolumeGrid.of_spacing(shape, spacing_mm)
    findings = (CONTRAST_UNKNOWN,) if first else (_HEAD_FIRST, CONTRAST_UNKNOWN)
    origin = Step(
        "stack-slices",
        {"spacing_mm": [float(step) for step in spacing_mm], "first": first or "head"},
        tuple(content.source() for content in files),
    )
    stacked = array if first == "feet" else array[::-1]
    return Image(stacked, grid, Quantity.WINDOWED_CT, origin, findings=findings)


_HEAD_FIRST = Finding(
    "orientation-assumed",
    Gravity.WARNING,
    "Pictures do not say which way they follow each other; the first slice was taken for the one nearest to the head. "
    "If it is not, upper and lower thirds are exchanged.",
)
"""What is noted where nobody said at which end the first slice lies."""


def _files(folder: Path) -> list[Path]:
    """The pictures in a folder, in the natural order of their names."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.name[0] != "."]
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReadError(f"Cannot list the folder '{folder}': {reason}. Check the path.", path=folder) from error
    if not found:
        raise NotAnImage(f"The folder '{folder}' holds no PNG, JPEG, TIFF or BMP files to stack.", path=folder)
    return sorted(found, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers within names by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower())]


def _slice(content: Content, shape: tuple[int, ...] | None, settings: ReadSettings) -> NDArray[Any]:
    """The grey values of one picture, upright, once they have been judged."""
    reader = next((READERS[name] for name in _PICTURES if READERS[name].looks_like(content.head)), None)
    if reader is None:
        raise content.error(NotAnImage, "it is no PNG, JPEG, TIFF or BMP picture", "Take it out of the folder.")
    film = reader.read(content, settings).upright()
    if film.findings:
        raise content.error(UnsupportedFormat, "it is a colour picture", "Save the slices as grey pictures.")
    if film.array.dtype != np.uint8:
        raise content.error(
            UnsupportedFormat,
            f"its values are {film.array.dtype}, and slices are read with 8 bits",
            "Give the original CT, which has Hounsfield units.",
        )
    if shape is not None and film.array.shape != shape:
        sizes = [f"{columns}x{rows}" for rows, columns in (film.array.shape, shape)]
        raise content.error(
            UnsupportedFormat, f"it has {sizes[0]} pixels, and the first slice {sizes[1]}", "Give slices of one size."
        )
    return film.array


_PICTURES = ("png", "jpeg", "tiff", "bmp")
"""Readers of pictures."""

"""Masks that other tools made: their numbers to ours, and nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError, UnknownLabels, UnsupportedFormat
from hilum.geometry import Grid
from hilum.image import Label, LabelMap
from hilum.provenance import Json, Origin, Step
from hilum.settings import ReadSettings

from .content import Content
from .dicom import is_dicom
from .entries import DEFAULTS
from .formats import READERS, VOLUME_READERS

_PICTURES = ("png", "tiff", "bmp")
"""Readers of pictures that lose nothing; JPEG blurs the numbers of a mask."""

_RANGE = 1 << 20
"""Largest number of a mask, with either sign."""

_ROUNDING = 1e-3
"""Floating-point numbers this near to a whole one stand for it."""

_SHOWN = 8
"""Most numbers that a message names."""


def read_labels(
    path: Path | str,
    labels: Mapping[int, Label],
    mapping: Mapping[int, int] | None = None,
    *,
    settings: ReadSettings = DEFAULTS,
) -> LabelMap:
    """A label map from a mask file: NIfTI, NRRD or MetaImage for a volume; PNG, TIFF or BMP for a film; or DICOM.

    The segments of a DICOM Segmentation are told by their codes or names, or with a mapping by their numbers.

    Parameters
    ----------
    path : told by content
    labels : the structures it is to hold, such as :data:`hilum.image.LUNGS`
    mapping : the file's numbers to those of ``labels``, 0 for what is to be left out; None takes them as they are.
        The number 0 always means nothing, unless the mapping says otherwise.
    settings : limits of size

    Raises
    ------
    UnsupportedFormat
        It is of another format, or holds fractions.
    UnknownLabels
        It holds numbers that neither ``labels`` nor ``mapping`` names.
    ReadError
        It cannot be read.
    ValueError
        The mapping leads to a number that ``labels`` does not name.
    """
    known = {0: 0, **({number: number for number in labels} if mapping is None else mapping)}
    strange = sorted(set(known.values()) - {0, *labels})
    if strange:
        raise ValueError(f"the mapping leads to {strange}, and the labels are {sorted(labels)}")
    content = Content.of_file(Path(path))
    if is_dicom(content.head):
        from .dicom_masks import read_segments

        return read_segments(content, labels, mapping, settings)
    numbers, grid, origin = _numbers(content, settings)
    array = _translated(content, numbers, known)
    settled: dict[str, Json] = {str(number): target for number, target in sorted(known.items())}
    return LabelMap(array.reshape(grid.shape), grid, labels, Step("read-labels", settled, (origin,)))


def _numbers(content: Content, settings: ReadSettings) -> tuple[NDArray[Any], Grid, Origin]:
    """What a mask file holds: its numbers, one row a slice (film: a row), its grid, its history."""
    head = content.head
    for name in VOLUME_READERS:
        if VOLUME_READERS[name].looks_like(head):
            volume = VOLUME_READERS[name].load(content, settings)
            numbers = volume.samples
            if (volume.slope, volume.intercept) != (1.0, 0.0):
                numbers = numbers * np.float64(volume.slope) + np.float64(volume.intercept)
            return numbers.reshape(len(numbers), -1), volume.grid, volume.origin(content)
    for name in _PICTURES:
        if READERS[name].looks_like(head):
            film = READERS[name].read(content, settings)
            if film.findings:
                raise content.error(
                    UnsupportedFormat, "it is a colour picture", "Save the mask's numbers, not colours."
                )
            return film.array, film.grid, film.origin
    known = ", ".join(READERS[name].title for name in (*VOLUME_READERS, *_PICTURES))
    raise content.error(UnsupportedFormat, "it is no mask", f"Masks are read from {known}.")


def _translated(content: Content, numbers: NDArray[Any], known: Mapping[int, int]) -> NDArray[np.uint8]:
    """The numbers of a mask by a mapping that must know every one of them; shape (rows, columns)."""
    low, high = float(numbers.min()), float(numbers.max())
    if not low >= -_RANGE or not high <= _RANGE:
        raise content.error(ReadError, f"its numbers run from {low:g} to {high:g}: it is no mask", "Give the mask.")
    first = round(low)
    count = round(high) - first + 1
    seen = np.zeros(count, dtype=bool)
    for row in numbers:
        whole = _whole(row)
        if row.dtype.kind == "f" and np.abs(whole - row).max() > _ROUNDING:
            raise content.error(UnsupportedFormat, "it holds fractions, as maps of probability do", "Give the mask.")
        seen[whole - first] = True
    found = [int(number) + first for number in np.flatnonzero(seen)]
    _require_known(content, found, known)
    table = np.zeros(count, dtype=np.uint8)
    for number in found:
        table[number - first] = known[number]
    made = np.empty(numbers.shape, dtype=np.uint8)
    for out, row in zip(made, numbers, strict=True):
        out[:] = table[_whole(row) - first]
    return made


def _whole(row: NDArray[Any]) -> NDArray[np.int64]:
    return (np.rint(row) if row.dtype.kind == "f" else row).astype(np.int64)


def _require_known(content: Content, found: list[int], known: Mapping[int, int]) -> None:
    strange = [number for number in found if number not in known]
    if not strange:
        return
    near = sorted({min(known, key=lambda other: (abs(other - number), other)) for number in strange[:_SHOWN]})
    more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
    raise content.error(
        UnknownLabels,
        f"it holds the numbers {', '.join(map(str, strange[:_SHOWN]))}{more}, which mean nothing here; the nearest "
        f"that do: {', '.join(map(str, near))}; all that do: {', '.join(map(str, sorted(known)))}",
        "Say what they mean.",
    )

"""Small pictures of cases with the outlines of their masks, for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import MASK_LABELS
from hilum.datasets.schema import DatasetCase, MaskKind
from hilum.errors import Error
from hilum.writers.data_url import data_url

from .examine import OPACITY, Examination, where
from .pixels import Numbers, Pixels, image_pixels, mask_numbers

SIDE = 176
"""Longest side of a small picture, in pixels."""

WINDOW = (-1150.0, 350.0)
"""HU shown from black to white: a window for lungs in which soft tissue is still seen."""

QUALITY = 82
"""JPEG quality."""

Picture = NDArray[np.uint8]
"""Red, green, blue, shape (rows, columns, 3)."""

COLOURS: Mapping[str, tuple[int, int, int]] = {
    label.name: label.colour for table in MASK_LABELS.values() for label in table.values()
}
"""Of outlines, by structure."""


def thumbnail(case: DatasetCase) -> str:
    """A case as a data URL of a JPEG with outlines; empty if its image cannot be read.

    Of a volume the slice with the most opacity is shown, or with the most lung, or the middle one.
    """
    try:
        image = image_pixels(case)
    except (Error, OSError, ValueError):
        return ""
    masks = dict(_masks(case, image))
    index = _slice(image, masks)
    planes = {kind: Numbers(_plane(mask.array, index), mask.labels) for kind, mask in masks.items()}
    grey = _grey(_plane(image.array, index), case)
    return _embedded(_drawn(grey, [planes[kind] for kind in planes]))


def chosen(seen: Sequence[Examination], standing_out: Sequence[str], count: int) -> tuple[Examination, ...]:
    """Cases to show: a third that stand out, and the rest from the least to the greatest burden, evenly."""
    read = {each.case.key: each for each in seen if not each.error}
    first = [read[key] for key in standing_out if key in read][: count // 3]
    rest = [each for key, each in read.items() if key not in {one.case.key for one in first}]
    rest.sort(key=lambda each: -1.0 if each.burden is None else each.burden)
    left = min(count - len(first), len(rest))
    places = np.linspace(0, len(rest) - 1, left).round().astype(int).tolist() if left else []
    return (*first, *(rest[place] for place in places))


def _masks(case: DatasetCase, image: Pixels) -> Sequence[tuple[MaskKind, Numbers]]:
    found: list[tuple[MaskKind, Numbers]] = []
    for kind in case.masks:
        try:
            numbers = mask_numbers(case, kind, image.image)
        except (Error, OSError, ValueError):
            continue
        if numbers.array.shape == image.array.shape:
            found.append((kind, numbers))
    return found


def _slice(image: Pixels, masks: Mapping[MaskKind, Numbers]) -> int:
    if image.array.ndim == 2:
        return 0
    asked: tuple[tuple[MaskKind, frozenset[str] | None], ...] = (("lesions", OPACITY), ("lungs", None), ("lobes", None))
    for kind, names in asked:
        if kind in masks:
            shown = where(masks[kind], names or frozenset(masks[kind].labels.values()))
            counts = shown.sum(axis=(1, 2))
            if counts.any():
                return int(counts.argmax())
    return len(image.array) // 2


def _plane(array: NDArray[np.generic], index: int) -> NDArray[np.generic]:
    return array if array.ndim == 2 else array[index]


def _grey(plane: NDArray[np.generic], case: DatasetCase) -> NDArray[np.uint8]:
    values = np.nan_to_num(plane.astype(np.float32))
    if case.modality == "CT" and not case.is_windowed:
        low, high = WINDOW
    else:
        low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    return np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)


def _drawn(grey: NDArray[np.uint8], masks: Sequence[Numbers]) -> Picture:
    from PIL import Image

    scale = SIDE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = np.asarray(
        Image.fromarray(grey).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )
    made = np.repeat(small[..., None], 3, axis=2)
    for mask in masks:
        for number, name in mask.labels.items():
            inside = np.ascontiguousarray(mask.array == number).astype(np.uint8)
            if inside.any():
                resized = np.asarray(Image.fromarray(inside).resize(size, Image.Resampling.NEAREST)) > 0
                made[_outline(resized)] = COLOURS[name]
    return made


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels inside with a neighbour outside, above, below or beside; the picture's edge is no border."""
    padded = np.pad(inside, 1, mode="edge")
    kept = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~kept


def _embedded(picture: Picture) -> str:
    from PIL import Image

    return data_url(Image.fromarray(picture), "JPEG", quality=QUALITY, subsampling=0)

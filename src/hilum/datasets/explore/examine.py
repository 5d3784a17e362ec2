"""One look at a case: all that exploring and auditing need to know of it, and none of its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import cpu_count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.audit.fingerprint import Fingerprint, fingerprint
from hilum.datasets.schema import DatasetCase, MaskKind
from hilum.errors import Error, GridMismatch
from hilum.geometry import VolumeGrid

from .intensity import Histogram, Range, Scale, histogram, range_of, scale_of
from .pixels import Numbers, Pixels, image_pixels, mask_numbers

OPACITY = frozenset({"ground-glass", "consolidation", "infection"})
"""Structures that count as disease of the lung itself: burden is their share of the lungs."""

LUNG_KINDS: tuple[MaskKind, ...] = ("lungs", "lobes", "lung-fields")
"""Masks that say where the lungs are, the best first."""

CORONAL_WINDOW = (-1000.0, 400.0)
"""HU between which a volume is summed up from front to back for its fingerprint."""


SAME_STEP = 0.01
"""Share of the spacing by which a mask's axes may differ from the image's: headers are rounded."""


@dataclass(frozen=True, slots=True)
class StructureFacts:
    """One structure of a mask.

    Attributes
    ----------
    pixels : how many
    volume_ml : of a volume whose spacing is known, else None
    range : of the image's values inside
    histogram : of the same
    across, down : centre, as shares of the image's width and height
    """

    pixels: int
    volume_ml: float | None
    range: Range
    histogram: Histogram
    across: float
    down: float


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """One mask of a case.

    Attributes
    ----------
    error : why it could not be read; empty if it could
    mismatch : how it differs from the image's grid; empty if it lies on it
    moved : how far its header puts it from the image, where nothing else differs; empty if not at all
    unknown : numbers in it that its labels do not name, and how many pixels have them
    structures : by name, those that its labels name, with no pixel or many
    """

    error: str = ""
    mismatch: str = ""
    moved: str = ""
    unknown: Mapping[int, int] = field(default_factory=dict[int, int])
    structures: Mapping[str, StructureFacts] = field(default_factory=dict[str, StructureFacts])

    @property
    def is_empty(self) -> bool:
        """It was read, and holds nothing at all."""
        return not self.error and not self.unknown and not any(each.pixels for each in self.structures.values())


@dataclass(frozen=True, slots=True)
class Examination:
    """What one look at a case tells.

    Attributes
    ----------
    case : the case
    error : why its image could not be read; empty if it could
    shape : of the image
    spacing_mm : for each axis of it; None where nobody states any
    dtype : of the numbers as stored
    range, histogram : of the image's values
    digest : SHA-256 of the upright pixels: equal for equal pixels, however they were stored
    fingerprint : for finding pictures alike; None if nothing is to be seen
    masks : by kind
    lung_pixels, opacity_pixels : None where there is no mask to tell
    outside : share of the opacity that lies outside the lungs; None where there is no opacity or no lung mask
    """

    case: DatasetCase
    error: str = ""
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] | None = None
    dtype: str = ""
    range: Range | None = None
    histogram: Histogram | None = None
    digest: str = ""
    fingerprint: Fingerprint | None = None
    masks: Mapping[MaskKind, MaskFacts] = field(default_factory=dict[MaskKind, MaskFacts])
    lung_pixels: int | None = None
    opacity_pixels: int | None = None
    outside: float | None = None

    @property
    def is_hounsfield(self) -> bool:
        """The image is said to hold Hounsfield units."""
        return self.case.modality == "CT" and not self.case.is_windowed

    @property
    def voxel_ml(self) -> float | None:
        """Volume of a voxel; None for films and slices, and where the spacing is unknown."""
        is_volume = len(self.shape) == 3 and self.spacing_mm is not None
        return float(np.prod(self.spacing_mm)) / 1000 if is_volume and self.spacing_mm else None

    @property
    def burden(self) -> float | None:
        """Opacity inside the lungs over lungs, 0 to 1; None where a mask for it is missing or empty."""
        if not self.lung_pixels or self.opacity_pixels is None:
            return None
        return self.opacity_pixels * (1 - (self.outside or 0.0)) / self.lung_pixels

    @property
    def memory_bytes(self) -> int:
        """What it takes once opened: four bytes a pixel, and one for each mask."""
        return int(np.prod(self.shape)) * (4 + len(self.masks)) if self.shape else 0


def examine_all(
    cases: Iterable[DatasetCase], done: Callable[[], object] = lambda: None, *, workers: int | None = None
) -> Iterator[Examination]:
    """Every case, in order, on all cores; ``done`` is called after each."""
    with ThreadPoolExecutor(max_workers=workers or cpu_count()) as pool:
        for found in pool.map(examine, cases):
            done()
            yield found


def examine(case: DatasetCase) -> Examination:
    """One case; whatever cannot be read is told and not raised."""
    try:
        image = image_pixels(case)
    except (Error, OSError, ValueError) as error:
        return Examination(case, error=str(error))
    is_hounsfield = case.modality == "CT" and not case.is_windowed
    scale = scale_of(image.array, is_hounsfield=is_hounsfield)
    numbers: dict[MaskKind, Numbers] = {}
    masks: dict[MaskKind, MaskFacts] = {kind: _mask(case, kind, image, scale, numbers) for kind in case.masks}
    lungs, opacity = _lungs(numbers), _opacity(numbers)
    return Examination(
        case,
        shape=image.array.shape,
        spacing_mm=image.spacing_mm,
        dtype=str(image.array.dtype),
        range=range_of(image.array),
        histogram=histogram(image.array, scale),
        digest=_digest(image.array),
        fingerprint=fingerprint(_seen(image.array, is_hounsfield=is_hounsfield), is_framed=case.modality == "CXR"),
        masks=masks,
        lung_pixels=None if lungs is None else int(np.count_nonzero(lungs)),
        opacity_pixels=None if opacity is None else int(np.count_nonzero(opacity)),
        outside=_outside(lungs, opacity),
    )


def where(numbers: Numbers, names: frozenset[str]) -> NDArray[np.bool_]:
    """Where a mask shows any of the named structures."""
    made = np.zeros(numbers.array.shape, dtype=bool)
    for number, name in numbers.labels.items():
        if name in names:
            made |= numbers.array == number
    return made


def _mask(
    case: DatasetCase, kind: MaskKind, image: Pixels, scale: Scale, numbers: dict[MaskKind, Numbers]
) -> MaskFacts:
    """Facts of one mask; its numbers are left in ``numbers`` if they lie on the image."""
    try:
        found = mask_numbers(case, kind, image.image)
    except GridMismatch as error:
        return MaskFacts(mismatch=str(error))
    except (Error, OSError, ValueError) as error:
        return MaskFacts(error=str(error))
    counts = _counts(found.array)
    unknown = {number: count for number, count in counts.items() if number and number not in found.labels}
    if found.array.shape != image.array.shape:
        mismatch = f"the mask is {_size(found.array)} and the image {_size(image.array)}"
        structures = {name: _unplaced(counts.get(number, 0)) for number, name in found.labels.items()}
        return MaskFacts(mismatch=mismatch, unknown=unknown, structures=structures)
    numbers[kind] = found
    mismatch, moved = _differences(image, found)
    structures = {name: _structure(image, found.array == number, scale) for number, name in found.labels.items()}
    return MaskFacts(mismatch=mismatch, moved=moved, unknown=unknown, structures=structures)


def _differences(image: Pixels, mask: Numbers) -> tuple[str, str]:
    """How the grid of a mask of the image's shape differs, and how its origin does where nothing else differs."""
    if mask.grid is None or not isinstance(image.image.grid, VolumeGrid):
        return "", ""
    grid = image.image.grid
    difference = grid.difference(mask.grid)
    steps = np.abs(grid.affine[:3, :3] - mask.grid.affine[:3, :3]).max()
    is_moved = steps <= SAME_STEP * min(grid.spacing_mm)
    return ("", difference or "") if is_moved else (difference or "", "")


def _size(array: NDArray[Any]) -> str:
    return "x".join(map(str, array.shape))


def _counts(array: NDArray[Any]) -> dict[int, int]:
    if array.dtype == np.uint8:
        counts = np.bincount(array.reshape(-1), minlength=256)
        return {int(number): int(counts[number]) for number in np.flatnonzero(counts)}
    numbers, counts = np.unique(array, return_counts=True)
    return {int(number): int(count) for number, count in zip(numbers, counts, strict=True)}


def _structure(image: Pixels, inside: NDArray[np.bool_], scale: Scale) -> StructureFacts:
    pixels = int(np.count_nonzero(inside))
    values = image.array[inside]
    volume = None
    if image.array.ndim == 3 and image.spacing_mm is not None:
        volume = pixels * float(np.prod(image.spacing_mm)) / 1000
    return StructureFacts(
        pixels,
        volume,
        range_of(values),
        histogram(values, scale),
        _centre(inside, -1),
        _centre(inside, -2),
    )


def _unplaced(pixels: int) -> StructureFacts:
    nothing = np.zeros(0, np.uint8)
    return StructureFacts(pixels, None, range_of(nothing), histogram(nothing, (0.0, 1.0)), np.nan, np.nan)


def _centre(inside: NDArray[np.bool_], axis: int) -> float:
    counts = inside.sum(axis=tuple(n for n in range(inside.ndim) if n != axis % inside.ndim))
    total = int(counts.sum())
    return float((counts * (np.arange(len(counts)) + 0.5)).sum() / total / len(counts)) if total else float("nan")


def _lungs(numbers: Mapping[MaskKind, Numbers]) -> NDArray[np.bool_] | None:
    for kind in LUNG_KINDS:
        if kind in numbers:
            return where(numbers[kind], frozenset(numbers[kind].labels.values()) - {"ignore"})
    return None


def _opacity(numbers: Mapping[MaskKind, Numbers]) -> NDArray[np.bool_] | None:
    lesions = numbers.get("lesions")
    return None if lesions is None or not OPACITY & {*lesions.labels.values()} else where(lesions, OPACITY)


def _outside(lungs: NDArray[np.bool_] | None, opacity: NDArray[np.bool_] | None) -> float | None:
    if lungs is None or opacity is None or not lungs.any():
        return None
    total = np.count_nonzero(opacity)
    return float(np.count_nonzero(opacity & ~lungs) / total) if total else None


def _digest(array: NDArray[Any]) -> str:
    made = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()


def _seen(array: NDArray[Any], *, is_hounsfield: bool) -> NDArray[Any]:
    """A picture of the image, (rows, columns): itself, or the sum of a volume from front to back, head up."""
    if array.ndim == 2:
        return array
    made = np.empty((array.shape[0], array.shape[2]), np.float32)
    for row, plane in zip(made, array, strict=True):
        row[:] = (np.clip(plane, *CORONAL_WINDOW) if is_hounsfield else plane).mean(axis=0)
    return made[::-1]

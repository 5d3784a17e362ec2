"""Cuts through a volume as they are shown: windowed, cropped to the lungs, in the proportions of the patient.

Radiological display: axial from below with the patient's right at the left edge and the front up, coronal from the
front with the right at the left edge, sagittal with the front at the left edge, head up in both. A cut follows the
volume's own lattice; a lattice whose axes are not at right angles (a tilted gantry) is sheared back into shape.
Only the slices that are shown are ever turned into pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.case import Case
from hilum.image import Image, Quantity

from .strokes import layer

Plane = Literal["axial", "coronal", "sagittal"]

WINDOW_HU = (-1350.0, 150.0)
"""The lung window of a display: width 1500, level -600 HU."""

MARGIN_MM = 8.0
"""What is shown round the lungs."""

_AXES: dict[Plane, tuple[int, int, int]] = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
"""Axes of an axial volume: the one that a plane cuts, the one down the picture, the one across it."""

_EDGES: dict[Plane, tuple[str, str]] = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}

_AXIS_NAMES = ("Slice", "Row", "Column")


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A picture of one cut.

    Attributes
    ----------
    plane : which way it cuts
    picture : uint8, (rows, columns), in the lung window
    lungs, lesions : uint8, of the same shape
    overlay : RGBA, of the same size: contours and fills on nothing
    edges : letters of the patient's directions at the left and the right edge
    place : which of the file's slices, rows or columns it is, counted from 1, such as ``Slice 84 of 168``
    at_mm : where its middle lies along the patient's length, depth or width: LPS z, y or x
    """

    plane: Plane
    picture: NDArray[np.uint8]
    lungs: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    overlay: Picture.Image
    edges: tuple[str, str]
    place: str
    at_mm: float

    @property
    def drawn(self) -> Picture.Image:
        """The picture with its overlay, RGB."""
        made = Picture.fromarray(self.picture).convert("RGBA")
        made.alpha_composite(self.overlay)
        return made.convert("RGB")


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of a plane is shown, the same in all its cuts.

    Attributes
    ----------
    across_mm, down_mm : distance of neighbouring columns, and of neighbouring rows at right angles to that
    skew_mm : how far each row is shifted against the one above it
    left_mm, top_mm : of the frame's corner, from the centre of the first pixel
    size_mm : (width, height)
    """

    across_mm: float
    down_mm: float
    skew_mm: float
    left_mm: float
    top_mm: float
    size_mm: tuple[float, float]


class Cutter:
    """Makes cuts through the volume of a case.

    Attributes
    ----------
    frames : what is shown of each plane

    Raises
    ------
    WrongQuantity
        The case is of a film.
    """

    def __init__(self, case: Case) -> None:
        self._image, self._lungs, self._lesions = case.image.axial(), case.lungs.axial(), case.lesions.axial()
        self._named = (case.lungs.labels, case.lesions.labels)
        self._source = case.image.volume
        self._grid = self._image.volume
        shadows = _shadows(self._lungs.array)
        self.frames: dict[Plane, Frame] = {plane: self._frame(plane, shadows[plane]) for plane in _AXES}
        self._extents = (_extent(shadows["coronal"], 1), _extent(shadows["axial"], 1), _extent(shadows["axial"], 0))

    def spread(self, plane: Plane, count: int, within: tuple[float, float] = (0.0, 1.0)) -> tuple[int, ...]:
        """Places of up to ``count`` cuts at equal distances over the lungs, or a part of them; head and front first."""
        axis = _AXES[plane][0]
        first, last = self._extents[axis]
        low, high = (first + (last - first) * share for share in within)
        places = [int(low + (high - low) * (number + 0.5) / count) for number in range(count)]
        return tuple(sorted(set(places), reverse=axis == 0))

    def worst(self, side: int) -> int:
        """Place of the sagittal cut through a lung (1 right, 2 left) with the most lesion, or else the most lung."""
        lung = np.zeros(self._grid.shape[2])
        lesion = np.zeros(self._grid.shape[2])
        for lungs, lesions in zip(self._lungs.array[::2, ::2], self._lesions.array[::2, ::2], strict=True):
            inside = lungs == side
            lung += np.count_nonzero(inside, axis=0)
            lesion += np.count_nonzero(inside & (lesions > 0), axis=0)
        return int(np.argmax(lesion if lesion.any() else lung))

    def cut(self, plane: Plane, place: int, mm_per_pixel: float) -> Cut:
        """The cut at a place of the axial volume, with pixels of a size."""
        frame = self.frames[plane]
        picture = _windowed(self._image, self._slice(plane, place, self._image.array))
        lungs, lesions = (self._slice(plane, place, labels.array) for labels in (self._lungs, self._lesions))
        shown = [_resampled(each, frame, mm_per_pixel, Picture.Resampling.NEAREST) for each in (lungs, lesions)]
        axis = _AXES[plane][0]
        middle = np.array([(n - 1) / 2 for n in self._grid.shape])
        middle[axis] = place
        return Cut(
            plane=plane,
            picture=_resampled(picture, frame, mm_per_pixel, Picture.Resampling.BICUBIC),
            lungs=shown[0],
            lesions=shown[1],
            overlay=layer(shown[0], shown[1], self._named),
            edges=_EDGES[plane],
            place=self._name(axis, place),
            at_mm=float(self._grid.position_mm(middle)[2 - axis]),
        )

    def _name(self, axis: int, place: int) -> str:
        """The place in the words of the file: its own axis, its own direction."""
        own, flip = self._source.orientation.axes[axis], self._source.orientation.flips[axis]
        count = self._source.shape[own]
        return f"{_AXIS_NAMES[own]} {count - place if flip else place + 1} of {count}"

    def _slice(self, plane: Plane, place: int, array: NDArray[Any]) -> NDArray[Any]:
        """Rows from above to below, columns from left to right, as shown."""
        axis, down, _ = _AXES[plane]
        taken = array.take(place, axis=axis)
        return np.ascontiguousarray(taken[::-1] if down == 0 else taken)

    def _frame(self, plane: Plane, shadow: NDArray[np.bool_]) -> Frame:
        """The frame round the lungs; round everything if there are none."""
        _, down, across = _AXES[plane]
        over, below = self._grid.affine[:3, across], self._grid.affine[:3, down] * (-1 if down == 0 else 1)
        across_mm = float(np.linalg.norm(over))
        skew_mm = float(below @ over) / across_mm
        down_mm = float(np.sqrt(below @ below - skew_mm**2))
        rows, columns = np.nonzero(shadow[::-1] if down == 0 else shadow)
        x, y = columns * across_mm + rows * skew_mm, rows * down_mm
        left, top = float(x.min()) - MARGIN_MM - across_mm, float(y.min()) - MARGIN_MM - down_mm
        right, bottom = float(x.max()) + MARGIN_MM + across_mm, float(y.max()) + MARGIN_MM + down_mm
        return Frame(across_mm, down_mm, skew_mm, left, top, (right - left, bottom - top))


def _shadows(lungs: NDArray[np.uint8]) -> dict[Plane, NDArray[np.bool_]]:
    """Where there is lung in any cut of a plane: (rows, columns) of axial, (slices, columns), (slices, rows).

    Every second row and column is looked at, slice by slice. If there is no lung, everything counts as one.
    """
    slices, rows, columns = lungs.shape
    axial = np.zeros((rows, columns), dtype=bool)
    coronal, sagittal = np.zeros((slices, columns), dtype=bool), np.zeros((slices, rows), dtype=bool)
    for number, part in enumerate(lungs[:, ::2, ::2]):
        is_lung = part > 0
        axial[::2, ::2] |= is_lung
        coronal[number, ::2] = is_lung.any(axis=0)
        sagittal[number, ::2] = is_lung.any(axis=1)
    if not axial.any():
        axial[:], coronal[:], sagittal[:] = True, True, True
    return {"axial": axial, "coronal": coronal, "sagittal": sagittal}


def _extent(shadow: NDArray[np.bool_], across: int) -> tuple[int, int]:
    """First place along the axis that is not ``across`` with anything in it, and the one after the last."""
    places = np.flatnonzero(shadow.any(axis=across))
    return int(places[0]), int(places[-1]) + 1


def _windowed(image: Image, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Hounsfield units in the lung window as 0 to 255; a picture that is windowed already as it is."""
    if image.quantity is not Quantity.HOUNSFIELD:
        return np.clip(values, 0, 255).astype(np.uint8)
    low, high = WINDOW_HU
    shown = np.nan_to_num((values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low)))
    return np.rint(np.clip(shown, 0, 255)).astype(np.uint8)


def _resampled(
    array: NDArray[np.uint8], frame: Frame, mm_per_pixel: float, method: Picture.Resampling
) -> NDArray[np.uint8]:
    """What lies in the frame, in square pixels; nothing, 0, beyond the array."""
    picture = Picture.fromarray(array)
    finer = 1
    if method is not Picture.Resampling.NEAREST:
        finer = max(1, int(mm_per_pixel / max(frame.across_mm, frame.down_mm)))
        picture = picture.reduce(finer)
    width, height = size_px(frame, mm_per_pixel)
    across, down, step = frame.across_mm * finer, frame.down_mm * finer, mm_per_pixel
    left, top = frame.left_mm - frame.across_mm * (finer - 1) / 2, frame.top_mm - frame.down_mm * (finer - 1) / 2
    lean = frame.skew_mm / frame.down_mm
    matrix: Sequence[float] = (
        *(step / across, -lean * step / across, (left - lean * top) / across + 0.5),
        *(0.0, step / down, top / down + 0.5),
    )
    made = picture.transform((width, height), Picture.Transform.AFFINE, matrix, method)
    return np.asarray(made)


def size_px(frame: Frame, mm_per_pixel: float) -> tuple[int, int]:
    """Width and height of a frame in pixels."""
    return max(1, round(frame.size_mm[0] / mm_per_pixel)), max(1, round(frame.size_mm[1] / mm_per_pixel))

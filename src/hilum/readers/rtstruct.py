"""DICOM RT Structure Sets: contours in patient coordinates, filled on the voxels of the image they were drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch, NotAnImage, UnsupportedFormat
from hilum.geometry import VolumeGrid

from .content import Content
from .dicom_seg import code_value
from .dicom_tags import BROKEN, value

if TYPE_CHECKING:
    from pydicom import Dataset

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
"""RT Structure Set Storage."""

_OFF_SLICE = 0.5
"""A contour whose points lie further than this from one slice, in slices, does not lie on it."""


@dataclass(frozen=True, slots=True)
class Roi:
    """A region of interest: its number, its name, and values of the codes that tell what it is."""

    number: int
    name: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """An RT Structure Set.

    Attributes
    ----------
    content : the file, for messages
    dataset : all its elements
    rois : what it says it holds
    """

    content: Content
    dataset: Dataset
    rois: tuple[Roi, ...]

    def on(self, targets: Mapping[int, int], grid: VolumeGrid) -> NDArray[np.uint8]:
        """Some of the regions as one map of labels on a grid; of those that overlap the last one stays.

        A voxel is inside if its centre is inside an odd number of the region's contours in its slice: a contour
        within another one is a hole. Between slices with contours nothing is filled in.

        Parameters
        ----------
        targets : numbers of regions to labels, in the order in which they are laid down
        grid : of the image

        Raises
        ------
        UnsupportedFormat
            A contour does not lie on a slice of the image.
        GridMismatch
            The contours are of another frame of reference, or lie outside the image.
        NotAnImage
            It is damaged.
        """
        self._require_frame(grid)
        axial = grid.axial
        made = np.zeros(axial.shape, dtype=np.uint8)
        for number, label in targets.items():
            try:
                for index, contours in self._by_slice(number, axial).items():
                    made[index][fill(contours, (axial.shape[1], axial.shape[2]))] = label
            except BROKEN as error:
                raise self.content.error(
                    NotAnImage, f"its contours are damaged ({type(error).__name__})", "Export it again."
                ) from error
        return np.ascontiguousarray(grid.orientation.from_axial(made))

    def _require_frame(self, grid: VolumeGrid) -> None:
        frames = {str(value(item, "ReferencedFrameOfReferenceUID")) for item in self.dataset.StructureSetROISequence}
        if grid.frame and frames and grid.frame not in frames:
            raise GridMismatch(
                f"The contours in {self.content.place} lie in another frame of reference than the image. Give the "
                "image they were drawn on."
            )

    def _by_slice(self, number: int, grid: VolumeGrid) -> dict[int, list[NDArray[np.float64]]]:
        """The contours of a region by slice, each shape (points, 2): row and column."""
        made: dict[int, list[NDArray[np.float64]]] = {}
        outside = 0
        for points in self._contours(number):
            solved = np.linalg.solve(grid.affine[:3, :3], (points - grid.affine[:3, 3]).T)
            indices = np.asarray(solved, dtype=np.float64)
            index = round(float(indices[0].mean()))
            if np.abs(indices[0] - index).max() > _OFF_SLICE:
                raise self.content.error(
                    UnsupportedFormat,
                    "it has contours that do not lie on a transverse slice of the image",
                    "Export it with contours on the slices.",
                )
            if 0 <= index < grid.shape[0]:
                made.setdefault(index, []).append(indices[1:].T)
            else:
                outside += 1
        if outside and not made:
            raise GridMismatch(f"The contours in {self.content.place} lie outside the image. Give the one they are of.")
        return made

    def _contours(self, number: int) -> Iterator[NDArray[np.float64]]:
        """The closed contours of a region, each shape (points, 3) in LPS mm."""
        for item in value(self.dataset, "ROIContourSequence") or ():
            if int(item.ReferencedROINumber) != number:
                continue
            for contour in value(item, "ContourSequence") or ():
                kind = str(value(contour, "ContourGeometricType"))
                points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
                if kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR") and len(points) >= 3:
                    yield points


def structure_set(content: Content, dataset: Dataset) -> StructureSet:
    """What an RT Structure Set holds.

    Raises
    ------
    NotAnImage
        It is damaged, or holds no regions.
    """
    try:
        rois = tuple(_rois(dataset))
    except BROKEN as error:
        raise content.error(
            NotAnImage, f"it is a damaged structure set ({type(error).__name__})", "Export it again."
        ) from error
    if not rois:
        raise content.error(NotAnImage, "it is a structure set without regions", "Export it again.")
    return StructureSet(content, dataset, rois)


def is_structure_set(dataset: Dataset) -> bool:
    """Whether a data set is an RT Structure Set."""
    return str(value(dataset, "SOPClassUID") or "") == RTSTRUCT_CLASS


def _rois(dataset: Dataset) -> Iterator[Roi]:
    codes: dict[int, tuple[str, ...]] = {}
    for item in value(dataset, "RTROIObservationsSequence") or ():
        found: Sequence[Dataset] = value(item, "RTROIIdentificationCodeSequence") or ()
        codes[int(item.ReferencedROINumber)] = tuple(code_value(each) for each in found)
    for item in value(dataset, "StructureSetROISequence") or ():
        number = int(item.ROINumber)
        yield Roi(number, str(value(item, "ROIName") or "").strip(), codes.get(number, ()))


def fill(contours: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centres lie inside an odd number of closed polygons.

    Parameters
    ----------
    contours : each shape (points, 2): row and column, counted from the centre of the first pixel
    shape : (rows, columns) of the result

    Notes
    -----
    Each edge turns over what lies to the right of it in the rows that it crosses. An edge's lower end belongs to it and
    its upper end does not, so that corners count once; a centre on an edge is inside if the inside is to its right.
    """
    turns = np.zeros((shape[0], shape[1] + 1), dtype=np.int32)
    for points in contours:
        following = np.roll(points, -1, axis=0)
        for (row, column), (row_end, column_end) in zip(points.tolist(), following.tolist(), strict=True):
            if row == row_end:
                continue
            low, high = sorted((row, row_end))
            crossed = np.arange(max(0, int(np.ceil(low))), min(shape[0], int(np.ceil(high))))
            at = column + (crossed - row) * (column_end - column) / (row_end - row)
            np.add.at(turns, (crossed, np.clip(np.ceil(at), 0, shape[1]).astype(np.intp)), 1)
    return (np.cumsum(turns[:, :-1], axis=1) & 1).astype(bool)

"""DICOM Segmentations of any tool: their segments on a lattice, whatever the order and number of their frames.

A frame says for itself which segment it is of and where it lies. A place without a frame is empty, and frames come in
any order; segments may overlap. BINARY, LABELMAP and FRACTIONAL ones are read; of fractions, a half and more counts.
Only pydicom is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import Grid, PlaneGrid, VolumeGrid
from hilum.settings import ReadSettings

from . import dicom, dicom_pixels
from .content import Content
from .dicom_header import group, numbers
from .dicom_tags import BROKEN, orientation, value, whole
from .lattice import EVEN_MM, EVEN_SHARE

if TYPE_CHECKING:
    from pydicom import Dataset

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""

_RIGHT = {"24028007", "G-A100"}
_LEFT = {"7771000", "G-A101"}
"""Codes of sides, in SNOMED CT and in the SNOMED RT of older objects."""

_PARALLEL = 1e-3
"""Frames whose axes differ by more than this in any cosine are not parallel."""

_NEAR_MM, _LEAST_MM = 0.01, 0.1
"""Frames nearer to each other than the first lie at one place; no slices stand less than the second apart."""


@dataclass(frozen=True, slots=True)
class SegmentOf:
    """What a segment is said to be.

    Attributes
    ----------
    number : by which frames refer to it
    label : as it is shown
    codes : values of its property type
    side : ``right``, ``left`` or empty, by the modifier of its type or of its region
    """

    number: int
    label: str
    codes: tuple[str, ...]
    side: str


@dataclass(frozen=True, slots=True)
class _FrameOf:
    """One frame: its index, its segment (0 for all of them, in a label map) and the position of its first pixel."""

    index: int
    segment: int
    position_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A DICOM Segmentation whose frames were not yet read.

    Attributes
    ----------
    content : the file, for messages
    dataset : all its elements
    segments : what it says it holds, the background of a label map left out
    frames : by index
    most_voxels : how many its volume may have
    """

    content: Content
    dataset: Dataset
    segments: tuple[SegmentOf, ...]
    frames: tuple[_FrameOf, ...]
    most_voxels: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of every frame."""
        return whole(self.dataset, "Rows", 0), whole(self.dataset, "Columns", 0)

    def on(self, targets: Mapping[int, int], grid: Grid | None) -> tuple[NDArray[np.uint8], Grid]:
        """Some of the segments as one map of labels, and where it lies; of those that overlap the last one stays.

        Parameters
        ----------
        targets : segment numbers to labels, in the order in which they are laid down
        grid : of the image. A film's map is on it; a volume's is on the frames' own lattice, or, where these stand
            unevenly, on this grid, each slice with the frame nearest to it

        Raises
        ------
        UnsupportedFormat
            The frames are not parallel, or stand unevenly and there is no grid.
        ReadError
            They make more voxels than the limit, or do not fit the film.
        NotAnImage
            Pixels cannot be decoded.
        """
        if any(not frame.position_mm for frame in self.frames):
            return self._flat(targets, grid)
        places, own = _lattice(self, grid)
        made = np.zeros(own.shape, dtype=np.uint8)
        for label, number in _turned(targets):
            for frame, place in zip(self.frames, places.tolist(), strict=True):
                if place >= 0 and frame.segment in (0, number):
                    made[place][self._pixels(frame, number)] = label
        return made, own

    def _flat(self, targets: Mapping[int, int], grid: Grid | None) -> tuple[NDArray[np.uint8], Grid]:
        """The map of a film."""
        if len({frame.segment for frame in self.frames}) != len(self.frames):
            raise self.content.error(
                UnsupportedFormat,
                "its frames do not say where they lie, and they are not of one film",
                "Export it again.",
            )
        own = PlaneGrid(self.shape, orientation=orientation(self.dataset)[0])
        if isinstance(grid, PlaneGrid) and grid.shape == own.shape:
            own = grid  # its pixels are those of the film, however they lie
        made = np.zeros(own.shape, dtype=np.uint8)
        for label, number in _turned(targets):
            for frame in self.frames:
                if frame.segment in (0, number):
                    made[self._pixels(frame, number)] = label
        return made, own

    def _pixels(self, frame: _FrameOf, number: int) -> NDArray[np.bool_]:
        """Where a segment is in a frame, shape (rows, columns)."""
        stored = _stored(self, frame.index)
        if frame.segment == 0:
            return stored == number
        if self.dataset.SegmentationType == "FRACTIONAL":
            return stored * 2.0 >= whole(self.dataset, "MaximumFractionalValue", 255)
        return stored > 0


def is_segmentation(dataset: Dataset) -> bool:
    """Whether a data set is a Segmentation."""
    return str(value(dataset, "SOPClassUID") or "") in SEG_CLASSES


def segmentation(content: Content, dataset: Dataset, settings: ReadSettings) -> Segmentation:
    """What a DICOM Segmentation holds, before any of its frames is unpacked.

    Raises
    ------
    NotAnImage
        It is damaged.
    ReadError
        It states more pixels than the limit.
    """
    try:
        segments = tuple(_segments(dataset))
        frames = tuple(_frames(dataset))
        rows, columns = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)
    except BROKEN as error:
        raise content.error(
            NotAnImage, f"it is a damaged segmentation ({type(error).__name__})", "Export it again."
        ) from error
    if min(rows, columns, len(frames), len(segments)) < 1:
        raise content.error(
            NotAnImage,
            f"it has {len(segments)} segments and {len(frames)} frames of {columns}x{rows} pixels",
            "Export it again.",
        )
    if len(frames) * rows * columns > 8 * settings.max_megavoxels * 1_000_000:
        raise content.error(
            ReadError,
            f"it states {len(frames)} frames of {columns}x{rows} pixels",
            "If that is right, raise the setting read.max_megavoxels.",
        )
    return Segmentation(content, dataset, segments, frames, settings.max_megavoxels * 1_000_000)


def _turned(targets: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    return ((label, number) for number, label in targets.items())


def _segments(dataset: Dataset) -> Iterator[SegmentOf]:
    for item in dataset.SegmentSequence:
        number = int(item.SegmentNumber)
        if number == 0:
            continue  # what is background in a label map
        label = str(value(item, "SegmentLabel") or value(item, "SegmentDescription") or "").strip()
        types: Sequence[Dataset] = value(item, "SegmentedPropertyTypeCodeSequence") or ()
        places: Sequence[Dataset] = value(item, "AnatomicRegionSequence") or ()
        yield SegmentOf(number, label, tuple(code_value(each) for each in types), _side((*types, *places)))


def code_value(item: Dataset) -> str:
    """The value of a coded concept, short or long."""
    return str(value(item, "CodeValue") or value(item, "LongCodeValue") or "").strip()


def _side(items: Sequence[Dataset]) -> str:
    modifiers = {
        code_value(modifier)
        for item in items
        for keyword in ("SegmentedPropertyTypeModifierCodeSequence", "AnatomicRegionModifierSequence")
        for modifier in value(item, keyword) or ()
    }
    if modifiers & _RIGHT:
        return "right"
    return "left" if modifiers & _LEFT else ""


def _frames(dataset: Dataset) -> Iterator[_FrameOf]:
    shared: Sequence[Dataset] = value(dataset, "SharedFunctionalGroupsSequence") or ()
    is_map = str(value(dataset, "SegmentationType")) == "LABELMAP"
    for index, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        groups = (item, *shared)
        number = 0 if is_map else int(group(groups, "SegmentIdentificationSequence", dataset).ReferencedSegmentNumber)
        position = numbers(group(groups, "PlanePositionSequence", dataset), "ImagePositionPatient", 3) or ()
        yield _FrameOf(index, number, position)


def _lattice(made: Segmentation, on: Grid | None) -> tuple[NDArray[np.intp], VolumeGrid]:
    """For each frame the index of its slice, -1 for none, and the grid of the slices."""
    columns, rows, spacing = _axes(made)
    normal = np.cross(columns, rows)
    positions = np.array([frame.position_mm for frame in made.frames])
    order = np.argsort(positions @ normal, kind="stable")
    heights = (positions @ normal)[order]
    step, nodes = _nodes(made, heights)
    if nodes is None:
        return _nearest(made, positions, on)
    count = int(nodes[-1]) + 1
    if count * made.shape[0] * made.shape[1] > made.most_voxels:
        raise made.content.error(
            ReadError,
            f"its frames span {count} slices of {made.shape[1]}x{made.shape[0]} pixels",
            "If that is right, raise the setting read.max_megavoxels.",
        )
    affine = np.eye(4)
    along = normal * step if count == 1 else (positions[order[-1]] - positions[order[0]]) / nodes[-1]
    affine[:3, :3] = np.column_stack([along, rows * spacing[0], columns * spacing[1]])
    affine[:3, 3] = positions[order[0]]
    places = np.empty(len(order), dtype=np.intp)
    places[order] = nodes
    frame_uid = str(value(made.dataset, "FrameOfReferenceUID") or "") or None
    return places, VolumeGrid((count, *made.shape), affine, frame_uid)


def _axes(made: Segmentation) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Directions of columns and rows, and the spacing of (rows, columns), the same for all frames."""
    dataset, found, spacing = made.dataset, None, None
    shared: Sequence[Dataset] = value(dataset, "SharedFunctionalGroupsSequence") or ()
    for item in dataset.PerFrameFunctionalGroupsSequence:
        groups = (item, *shared)
        axes = numbers(group(groups, "PlaneOrientationSequence", dataset), "ImageOrientationPatient", 6)
        pitch = numbers(group(groups, "PixelMeasuresSequence", dataset), "PixelSpacing", 2)
        if axes is None or pitch is None or min(pitch) <= 0:
            raise made.content.error(NotAnImage, "a frame does not say how it lies in the patient", "Export it again.")
        if found is not None and max(abs(a - b) for a, b in zip(axes, found, strict=True)) > _PARALLEL:
            raise made.content.error(UnsupportedFormat, "its frames are not parallel", "Export it again.")
        found, spacing = found or axes, spacing or pitch
    columns, rows = np.array(found, dtype=np.float64).reshape(2, 3)
    pitch = spacing or (1.0, 1.0)
    return columns / np.linalg.norm(columns), rows / np.linalg.norm(rows), (pitch[0], pitch[1])


def _nodes(made: Segmentation, heights: NDArray[np.float64]) -> tuple[float, NDArray[np.intp] | None]:
    """The distance of the slices and the slice that each height, in ascending order, is at; None if they are uneven."""
    steps = np.diff(heights)
    steps = steps[steps > _NEAR_MM]
    shared: Sequence[Dataset] = value(made.dataset, "SharedFunctionalGroupsSequence") or ()
    measures = group((*shared, made.dataset.PerFrameFunctionalGroupsSequence[0]), "PixelMeasuresSequence", made.dataset)
    stated = [numbers(measures, keyword, 1) for keyword in ("SpacingBetweenSlices", "SliceThickness")]
    between = [each[0] for each in stated if each is not None and each[0] >= _LEAST_MM]
    if not len(steps):
        return (between or [1.0])[0], np.zeros(len(heights), dtype=np.intp)
    for step in (*between[:1], float(steps.min()), *between[1:]):
        places = (heights - heights[0]) / step
        nodes = np.rint(places)
        if np.abs(places - nodes).max() * step <= max(EVEN_MM, EVEN_SHARE * step):
            return step, nodes.astype(np.intp)
    return float(steps.min()), None


def _nearest(
    made: Segmentation, positions: NDArray[np.float64], on: Grid | None
) -> tuple[NDArray[np.intp], VolumeGrid]:
    """Frames that stand unevenly, each on the slice of the image that it is nearest to, if none is nearer to that."""
    if not isinstance(on, VolumeGrid):
        raise made.content.error(
            UnsupportedFormat,
            "its frames stand unevenly, and make no volume by themselves",
            "Give the image that it is of as well (--image).",
        )
    indices = np.linalg.solve(on.affine[:3, :3], (positions - on.affine[:3, 3]).T)
    inside = np.abs(indices[1:]).max() < 0.1 and made.shape == on.shape[1:]
    if not inside:
        raise made.content.error(
            UnsupportedFormat, "its frames stand unevenly, and are not those of the image", "Resample it first."
        )
    places = np.rint(indices[0]).astype(np.intp)
    off = np.abs(indices[0] - places)
    best: dict[tuple[int, int], float] = {}
    for frame, place, misses in zip(made.frames, places.tolist(), off.tolist(), strict=True):
        best[frame.segment, place] = min(misses, best.get((frame.segment, place), np.inf))
    for index, (frame, misses) in enumerate(zip(made.frames, off.tolist(), strict=True)):
        if misses > best[frame.segment, int(places[index])] or not 0 <= places[index] < on.shape[0]:
            places[index] = -1
    return places, on


def _stored(made: Segmentation, index: int) -> NDArray[Any]:
    """The stored values of a frame, shape (rows, columns)."""
    dataset, (rows, columns) = made.dataset, made.shape
    bits = whole(dataset, "BitsAllocated", 0)
    try:
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            decoder, plugin = dicom_pixels.decoder_of(dataset, made.content)
            return dicom_pixels.stored(dataset, decoder, plugin, index).reshape(rows, columns)
        return _native(dataset.PixelData, index, rows * columns, bits, made).reshape(rows, columns)
    except BROKEN as error:
        raise made.content.error(
            NotAnImage, f"its frame {index + 1} cannot be decoded ({type(error).__name__})", "Export it again."
        ) from error


def _native(data: bytes, index: int, size: int, bits: int, made: Segmentation) -> NDArray[Any]:
    """A frame that is not compressed: its bits, which need not begin with a byte, or its bytes."""
    if bits == 1:
        first, offset = divmod(index * size, 8)
        some = np.frombuffer(data, np.uint8, count=-(-(offset + size) // 8), offset=first)
        return np.unpackbits(some, bitorder="little")[offset : offset + size]
    if bits not in (8, 16):
        raise made.content.error(UnsupportedFormat, f"it has {bits} bits a pixel", "Segmentations have 1, 8 or 16.")
    order = "<" if made.dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    kind = np.dtype(f"{order}u{bits // 8}")
    return np.frombuffer(data, kind, count=size, offset=index * size * kind.itemsize)


def parsed(content: Content, settings: ReadSettings) -> Dataset:
    """All elements of a DICOM file.

    Raises
    ------
    NotAnImage
        It is damaged.
    UnsafeArchive
        It unpacks to too much.
    """
    try:
        dicom.check_deflated(content, settings)
        return dicom.parse(content.data)
    except BROKEN as error:
        raise dicom.damaged(content, error) from error

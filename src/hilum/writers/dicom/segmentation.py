"""Masks as DICOM Segmentations on the planes of the source's own images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum import __version__
from hilum.errors import WriteError
from hilum.geometry import VolumeGrid
from hilum.image import Label, LabelMap
from hilum.provenance import ModelRef, Step, walk
from hilum.readers import dicom_codes as codes
from hilum.readers.dicom_source import DicomSource

from .frame import MAKER, Frame, coded, highdicom

if TYPE_CHECKING:
    from pydicom import Dataset

Kind = Literal["binary", "labelmap"]
"""BINARY, which every viewer reads: a bit a pixel, a frame a segment; or LABELMAP: a byte a pixel for all segments."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationObject:
    """A segmentation that was made.

    Attributes
    ----------
    dataset : the object
    numbers : segment numbers by our names of structures; structures of which there is nothing have none
    """

    dataset: Dataset
    numbers: dict[str, int]


def segmentation(labels: LabelMap, frame: Frame, content: str, number: int, kind: Kind) -> SegmentationObject | None:
    """A Segmentation of a label map; None if there is nothing in it.

    Segments are disjoint, and numbered from 1 in the order of the labels; a structure of which there is no pixel has
    no segment, since a segment without a frame is what viewers stumble over.

    Parameters
    ----------
    labels : on the grid of the image
    frame : of the case
    content : ``lungs`` or ``lesions``
    number : of the series
    kind : how pixels are stored

    Raises
    ------
    WriteError
        The source is several files of several frames each.
    """
    library = highdicom()
    present = [each for each in labels.labels.values() if labels.pixels(each.name)]
    if not present:
        return None
    numbers = {label.name: place for place, label in enumerate(present, 1)}
    pixels = _renumbered(_on_source(labels, frame.source), labels, numbers)
    made = library.seg.Segmentation(
        source_images=list(frame.source.headers),
        pixel_array=pixels,
        segmentation_type=kind.upper(),
        segment_descriptions=[_segment(each, numbers[each.name], labels, frame, content) for each in present],
        content_label=content.upper(),
        content_description=f"{content.capitalize()} by Hilum, for research only",
        content_creator_name=f"{MAKER}^",
        **frame.series(f"seg-{content}", number),
    )
    if frame.source.positions_mm is None:
        made.PatientOrientation = frame.source.first.get("PatientOrientation") or ""
    frame.settle(made, f"Hilum {content}", f"seg-{content}")
    return SegmentationObject(made, numbers)


def algorithm(labels: LabelMap) -> ModelRef | None:
    """The network that drew a label map, None if none did."""
    models = [step.model for step in walk(labels.origin) if isinstance(step, Step) and step.model is not None]
    return models[-1] if models else None


def _segment(label: Label, number: int, labels: LabelMap, frame: Frame, content: str) -> Any:
    """A segment's description: what it is, which algorithm drew it, in which colour it is to be shown."""
    library = highdicom()
    network = algorithm(labels)
    identification = library.AlgorithmIdentificationSequence(
        name=network.name if network else "Hilum classical segmentation",
        family=coded(codes.NETWORK if network else codes.THRESHOLDS),
        version=network.version if network else __version__,
        source=MAKER,
    )
    return library.seg.SegmentDescription(
        segment_number=number,
        segment_label=label.code.meaning,
        segmented_property_category=coded(codes.ANATOMY if content == "lungs" else codes.ABNORMALITY),
        segmented_property_type=coded(label.code),
        algorithm_type="AUTOMATIC",
        algorithm_identification=identification,
        tracking_uid=frame.identity.uid("tracking", label.name),
        tracking_id=label.name,
        display_color=library.color.CIELabColor.from_rgb(*label.colour),
    )


def _renumbered(array: NDArray[np.uint8], labels: LabelMap, numbers: dict[str, int]) -> NDArray[np.uint8]:
    """Segment numbers in place of label numbers, of the same shape; no copy if they are the same."""
    changed = {number: numbers.get(label.name, 0) for number, label in labels.labels.items()}
    if all(number == new for number, new in changed.items() if new):
        return array
    table = np.zeros(256, dtype=np.uint8)
    table[list(changed)] = list(changed.values())
    return table[array]


def _on_source(labels: LabelMap, source: DicomSource) -> NDArray[np.uint8]:
    """The mask on the frames of the source, in their order: (frames, rows, columns), of a film (rows, columns).

    A slice that Hilum filled in between two of the source's has no frame; a slice of a series that was resampled has
    the mask of the nearest slice of the volume.
    """
    if not isinstance(labels.grid, VolumeGrid) or source.positions_mm is None:
        return labels.array
    slices = nearest_slices(labels.grid, source.positions_mm)
    if len(source.headers) == len(source.frames):
        is_same = np.array_equal(slices, np.arange(len(labels.array)))
        return labels.array if is_same else labels.array[slices]
    if len(source.headers) > 1:
        raise WriteError(
            f"Cannot write a segmentation of a series of {len(source.headers)} files of several frames each: a DICOM "
            "segmentation has one such file for its source. Export the series as single slices, or as one file."
        )
    return _on_frames(labels, source, slices)


def _on_frames(labels: LabelMap, source: DicomSource, slices: NDArray[np.intp]) -> NDArray[np.uint8]:
    """The mask on all frames of one file, those included that the volume leaves out."""
    made = np.zeros((int(source.first.NumberOfFrames), *labels.array.shape[1:]), dtype=np.uint8)
    for (_, frame), index in zip(source.frames, slices.tolist(), strict=True):
        made[frame] = labels.array[index]
    return made


def nearest_slices(grid: VolumeGrid, positions_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """The index of the grid's slice that is nearest to each position, shape (slices,) from (slices, 3) in LPS mm."""
    places = np.linalg.solve(grid.affine[:3, :3], (positions_mm - grid.affine[:3, 3]).T)[0]
    return np.clip(np.rint(places), 0, grid.shape[0] - 1).astype(np.intp)


def frames_of(dataset: Dataset, number: int) -> Iterator[int]:
    """Numbers, from 1, of the frames of a segment."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for place, group in enumerate(dataset.PerFrameFunctionalGroupsSequence, 1):
        stated = group if "SegmentIdentificationSequence" in group else shared
        if "SegmentIdentificationSequence" not in stated:
            yield place  # a label map: every frame holds all segments
        elif stated.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            yield place

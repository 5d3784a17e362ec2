"""Masks from DICOM Segmentations and RT Structure Sets, by the codes or names of what they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import UnknownLabels, UnsupportedFormat
from hilum.geometry import Grid, VolumeGrid
from hilum.image import Label, LabelMap
from hilum.provenance import Json, Step
from hilum.settings import ReadSettings

from . import dicom_tags
from .content import Content
from .dicom_seg import SegmentOf, is_segmentation, parsed, segmentation
from .label_mapping import LABELS, Names, Role
from .rtstruct import Roi, StructureSet, is_structure_set, structure_set

if TYPE_CHECKING:
    from pydicom import Dataset

_FURTHER_CODES: Mapping[str, tuple[str, ...]] = {
    "right-lung": ("T-28100",),
    "left-lung": ("T-28500",),
    "right-upper-lobe": ("T-28200",),
    "right-middle-lobe": ("T-28300",),
    "right-lower-lobe": ("T-28400",),
    "left-upper-lobe": ("T-28600",),
    "left-lower-lobe": ("T-28700",),
    "effusion": ("D2-80100",),
}
"""Codes of our structures besides those of their labels: those of SNOMED RT, which older objects have."""

_LUNG = ("39607008", "T-28000")
"""A lung of whichever side, which a modifier tells."""


def read_dicom_masks(
    path: Path, role: Role, wanted: Mapping[str, Names], *, on: Grid | None, settings: ReadSettings, by_code: bool
) -> LabelMap:
    """Lungs, lesions or lobes from a DICOM Segmentation or RT Structure Set.

    Parameters
    ----------
    path : of the file
    role : what the mask is of
    wanted : what the tool calls our structures
    on : the grid of the image; contours need it
    settings : limits of size
    by_code : the codes of segments count where their names do not tell; else their numbers, by the mapping, do

    Raises
    ------
    UnsupportedFormat
        It is another DICOM object, or holds contours, and there is no volume that they are of.
    ReadError
        It cannot be read, or holds none of the structures.
    """
    content = Content.of_file(path)
    dataset = parsed(content, settings)
    labels = LABELS[role]
    numbers = {label.name: number for number, label in labels.items()}
    if is_segmentation(dataset):
        made = segmentation(content, dataset, settings)
        chosen = list(_of_segments(made.segments, wanted, role, by_code=by_code))
        _require_found(content, chosen, [each.label or str(each.number) for each in made.segments], role)
        array, grid = made.on(_targets(chosen, numbers), on)
    elif is_structure_set(dataset):
        contours = structure_set(content, dataset)
        chosen = list(_of_rois(contours.rois, wanted, role))
        _require_found(content, chosen, [each.name for each in contours.rois], role)
        array, grid = _filled(contours, _targets(chosen, numbers), on)
    else:
        raise _no_mask(content, dataset)
    laid: dict[str, Json] = {str(number): name for name, number in chosen}
    origin = Step("read-dicom-mask", laid, (content.source(dicom_tags.uids(dataset)),))
    return LabelMap(array, grid, labels, origin)


def read_segments(
    content: Content, labels: Mapping[int, Label], mapping: Mapping[int, int] | None, settings: ReadSettings
) -> LabelMap:
    """A label map from a DICOM Segmentation without its image: segments by code or name, or by number with a mapping.

    Raises
    ------
    UnsupportedFormat
        It is another DICOM object, or its frames make no volume.
    ReadError
        It cannot be read, or holds none of the labels.
    """
    dataset = parsed(content, settings)
    if not is_segmentation(dataset):
        raise _no_mask(content, dataset)
    made = segmentation(content, dataset, settings)
    known = {each.number for each in made.segments}
    if mapping is None:
        targets = {
            segment.number: number
            for number, label in labels.items()
            for segment in made.segments
            if _is_it(segment, label.name, {label.name}, _codes(label))
        }
    else:
        targets = {number: target for number, target in mapping.items() if target and number in known}
    _require_found(content, list(targets), [each.label or str(each.number) for each in made.segments], "mask")
    array, grid = made.on(targets, None)
    laid: dict[str, Json] = {str(number): target for number, target in targets.items()}
    return LabelMap(array, grid, labels, Step("read-dicom-mask", laid, (content.source(dicom_tags.uids(dataset)),)))


def _no_mask(content: Content, dataset: Dataset) -> UnsupportedFormat:
    if is_structure_set(dataset):
        return content.error(
            UnsupportedFormat,
            "it holds contours, which become a mask on the voxels of the CT that they were drawn on only",
            "Read it with 'hilum score --image', or save it as a mask.",
        )
    return content.error(
        UnsupportedFormat,
        f"it is a {dicom_tags.kind(dataset)}, and masks are read from Segmentations and RT Structure Sets",
        "Give one of those, or a mask as NIfTI, NRRD or MetaImage.",
    )


def _filled(contours: StructureSet, targets: dict[int, int], on: Grid | None) -> tuple[NDArray[np.uint8], Grid]:
    if not isinstance(on, VolumeGrid):
        raise contours.content.error(
            UnsupportedFormat,
            "it holds contours, which become a mask on the voxels of the CT that they were drawn on",
            "Give the CT as well (--image).",
        )
    return contours.on(targets, on), on


def _targets(chosen: Sequence[tuple[str, int]], numbers: Mapping[str, int]) -> dict[int, int]:
    return {number: numbers[name] for name, number in chosen}


def _of_segments(
    segments: Sequence[SegmentOf], wanted: Mapping[str, Names], role: Role, *, by_code: bool
) -> Iterator[tuple[str, int]]:
    """Our structures and the numbers of their segments, in the order in which they are laid down."""
    labels = {label.name: label for label in LABELS[role].values()}
    for name, each in wanted.items():
        names = {known.lower() for known in each.names}
        codes: set[str] = _codes(labels[name]) if by_code else set()
        for segment in segments:
            has_number = not by_code and not names and segment.number in each.numbers
            if has_number or _is_it(segment, name if by_code else "", names, codes):
                yield name, segment.number


def _is_it(segment: SegmentOf, name: str, names: Collection[str], codes: Set[str]) -> bool:
    """Whether a segment is a structure: by its label, its code, or the code of a lung with the structure's side."""
    is_lung = bool(set(segment.codes) & set(_LUNG)) and name == f"{segment.side}-lung"
    return segment.label.lower() in names or bool(codes & set(segment.codes)) or is_lung


def _of_rois(rois: Sequence[Roi], wanted: Mapping[str, Names], role: Role) -> Iterator[tuple[str, int]]:
    labels = {label.name: label for label in LABELS[role].values()}
    for name, each in wanted.items():
        names = {_plain(known) for known in (*each.names, *_usual(name))}
        codes = _codes(labels[name])
        yield from ((name, roi.number) for roi in rois if _plain(roi.name) in names or codes & set(roi.codes))


def _codes(label: Label) -> set[str]:
    return {label.code.value, *_FURTHER_CODES.get(label.name, ())}


def _usual(name: str) -> tuple[str, ...]:
    """What planning systems call the lungs, by the names of AAPM TG-263."""
    return {"right-lung": ("Lung_R", "Right Lung"), "left-lung": ("Lung_L", "Left Lung")}.get(name, ())


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ").strip()


def _require_found(content: Content, chosen: Sequence[Any], held: Sequence[str], role: str) -> None:
    if chosen:
        return
    shown = ", ".join(repr(name) for name in held[:8]) + (f" and {len(held) - 8} more" if len(held) > 8 else "")
    raise content.error(
        UnknownLabels,
        f"of the {role} that is wanted it holds nothing that is known by its code or name; it has {shown}",
        "Name the tool that made it.",
    )

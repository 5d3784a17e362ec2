"""Masks of any tool as ours: by the tool's numbers or names, from one file or a folder, on the grid of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch, NotAnImage, ReadError, UnknownLabels
from hilum.geometry import GRID_TOLERANCE_MM, Grid, PlaneGrid, Side, VolumeGrid
from hilum.image import LabelMap
from hilum.provenance import Json, Source, Step, hash_file
from hilum.settings import ReadSettings

from .dicom import is_dicom
from .dicom_masks import read_dicom_masks
from .entries import DEFAULTS
from .label_mapping import LABELS, LabelMapping, Names, Role, label_mapping
from .masks import read_labels
from .segments import Segment, has_layers, layers, segments
from .spots import head

HILUM = "hilum"
"""The mapping of our own masks."""

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
_TOLERANCE_MM = 10 * GRID_TOLERANCE_MM
"""Masks of the image's own voxels may be off by as much: tools that write positions in single precision are."""

_COMPARABLE, _IN_SLICES = 0.2, 0.3
"""Two lungs are two parts of which the smaller has so much of the larger, in so many of their slices."""

_MOST = 256
"""Numbers below this are known to be other organs where a tool's files hold such."""


def read_structures(
    path: Path | str,
    role: Role,
    mapping: LabelMapping | None = None,
    *,
    on: Grid | None = None,
    settings: ReadSettings = DEFAULTS,
) -> LabelMap:
    """Lungs, lesions or lobes from a mask that any tool made.

    Parameters
    ----------
    path : a file of labels, a segmentation of 3D Slicer with names, a DICOM Segmentation or RT Structure Set, or a
        folder with one file a structure
    role : what the mask is of
    mapping : how the tool numbers and names structures; None takes Hilum's own
    on : the grid of the image; a mask of the same voxels in another order, or of a part of them, is laid onto it
    settings : limits of size

    Raises
    ------
    ReadError
        The mask cannot be read, it holds numbers that the mapping does not name, or none of the structures, or its
        right side lies to the left of its left side; or what it calls one lung is both.
    GridMismatch
        It lies on other voxels than the image, or marks voxels beyond it.
    SettingsError
        The mapping says nothing of the role.
    """
    path = Path(path)
    mapping = mapping or label_mapping(HILUM)
    wanted = mapping.of(role)
    if path.is_dir():
        made = _of_folder(path, role, wanted, settings)
    elif is_dicom(head(path)):
        by_code = mapping.name == HILUM
        made = read_dicom_masks(path, role, wanted, on=on, settings=settings, by_code=by_code)
    elif stated := segments(path) if path.is_file() else ():
        made = _of_segments(path, role, wanted, stated, settings)
    else:
        made = _of_numbers(path, role, wanted, mapping, settings)
    if isinstance(made.grid, VolumeGrid):  # scores of films take all labels
        made = replace(made, labels={n: label for n, label in made.labels.items() if label.name in wanted})
    made = made if on is None else laid_on(made, on, path)
    _require_sides(made, path, role, mapping)
    return made


def _targets(role: Role) -> dict[str, int]:
    return {label.name: number for number, label in LABELS[role].items()}


def _of_numbers(
    path: Path, role: Role, wanted: Mapping[str, Names], mapping: LabelMapping, settings: ReadSettings
) -> LabelMap:
    targets = _targets(role)
    if not any(each.numbers for each in wanted.values()):
        raise UnknownLabels(
            f"Cannot take the {role} from '{path}': the label mapping {mapping.name!r} goes by names, and the file "
            "states none. Name the tool that made it.",
            path=path,
        )
    known = dict.fromkeys(range(_MOST), 0) if mapping.knows_others else {0: 0}
    known |= {number: targets[name] for name, each in wanted.items() for number in each.numbers}
    made = read_labels(path, LABELS[role], known, settings=settings)
    if mapping.knows_others and role != "lesions" and not made.array.any():
        anything = dict.fromkeys(range(1, _MOST), next(iter(targets.values())))
        if read_labels(path, LABELS[role], anything, settings=settings).array.any():
            numbers = ", ".join(str(number) for each in wanted.values() for number in each.numbers)
            raise UnknownLabels(
                f"Cannot take the {role} from '{path}': it holds none of the numbers {numbers}, which they have in the "
                f"label mapping {mapping.name!r}. Name the tool that made it.",
                path=path,
            )
    return made


def _of_segments(
    path: Path, role: Role, wanted: Mapping[str, Names], stated: tuple[Segment, ...], settings: ReadSettings
) -> LabelMap:
    """By the names that the file states; of structures that overlap, the one named last in the mapping stays."""
    targets, by_name = _targets(role), {each.name.lower(): each for each in stated}
    found = [
        (targets[structure], by_name[name.lower()])
        for structure, each in wanted.items()
        for name in each.names
        if name.lower() in by_name
    ]
    if not found:
        names = ", ".join(repr(each.name) for each in stated)
        raise UnknownLabels(
            f"Cannot take the {role} from '{path}': it has the segments {names}, and none that the label mapping "
            "names. Name the tool that made it.",
            path=path,
        )
    _require_apart(path, found)
    if not has_layers(path):
        known = dict.fromkeys(range(_MOST), 0) | {segment.number: target for target, segment in found}
        return read_labels(path, LABELS[role], known, settings=settings)
    stack, grid = layers(path, settings)
    array = np.zeros(grid.shape, dtype=np.uint8)
    for target, segment in found:
        array[stack[segment.layer] == segment.number] = target
    names_of: dict[str, Json] = {segment.name: target for target, segment in found}
    return LabelMap(array, grid, LABELS[role], Step("read-segments", names_of, (Source(path.name, hash_file(path)),)))


def _require_apart(path: Path, found: Sequence[tuple[int, Segment]]) -> None:
    """Raise NotAnImage if two of our structures have one number in one layer."""
    of: dict[tuple[int, int], int] = {}
    for target, each in found:
        if of.setdefault((each.layer, each.number), target) != target:
            raise NotAnImage(
                f"Cannot read '{path}': its header gives two segments the number {each.number}, {each.name!r} one of "
                "them. Export it again.",
                path=path,
            )


def _of_folder(folder: Path, role: Role, wanted: Mapping[str, Names], settings: ReadSettings) -> LabelMap:
    """One file a structure: whatever is not 0 in it; of structures that overlap, the one named last stays."""
    targets = _targets(role)
    array: NDArray[np.uint8] | None = None
    first: LabelMap | None = None
    steps: list[Source | Step] = []
    for target, file in _files(folder, wanted, targets):
        one = read_labels(file, LABELS[role], dict.fromkeys(range(1, _MOST), target), settings=settings)
        if first is None or array is None:
            first, array = one, np.zeros(one.array.shape, dtype=np.uint8)
        else:
            one = _on_one_grid(one, first.grid, file)
        np.copyto(array, one.array, where=one.array > 0)
        steps.append(one.origin)
    if first is None or array is None:
        names = [name for each in wanted.values() for name in each.names]
        raise UnknownLabels(
            f"Cannot take the {role} from '{folder}': it has none of the files {', '.join(names)} (.nii.gz). Name the "
            "tool that made it.",
            path=folder,
        )
    return LabelMap(array, first.grid, LABELS[role], Step("join-structures", {}, tuple(steps)))


def _on_one_grid(one: LabelMap, grid: Grid, file: Path) -> LabelMap:
    """A file of a folder on the grid of the first, whose voxels it has, perhaps in another order."""
    if isinstance(grid, VolumeGrid) and isinstance(one.grid, VolumeGrid):
        difference = grid.axial.difference(one.grid.axial)
        if difference is not None:
            raise GridMismatch(
                f"'{file}' does not lie on the voxels of the other files in its folder: {difference}. Resample it onto "
                "their grid first."
            )
    return laid_on(one, grid, file)


def _files(folder: Path, wanted: Mapping[str, Names], targets: Mapping[str, int]) -> Iterator[tuple[int, Path]]:
    for structure, each in wanted.items():
        files = {name: next(_existing(folder, name), None) for name in each.names}
        found = [file for file in files.values() if file is not None]
        missing = [name for name, file in files.items() if file is None]
        if found and missing and len(each.numbers) == len(each.names):  # they are its parts, not other names of it
            raise ReadError(
                f"Cannot take the {structure.replace('-', ' ')} from '{folder}': it is made of {len(files)} files, and "
                f"{', '.join(missing)} (.nii.gz) is not there. Give all of them, empty ones too.",
                path=folder,
            )
        yield from ((targets[structure], file) for file in found)


def _existing(folder: Path, name: str) -> Iterator[Path]:
    return (folder / f"{name}{ending}" for ending in _ENDINGS if (folder / f"{name}{ending}").is_file())


def _require_sides(labels: LabelMap, path: Path, role: Role, mapping: LabelMapping) -> None:
    """The right lung lies to the right of the left one, whatever the numbers of the tool; and neither is both."""
    if role == "lesions":
        return
    upright = labels.axial() if isinstance(labels.grid, VolumeGrid) else labels.upright()
    columns = np.arange(upright.array.shape[-1])
    centres: list[float] = []
    for side in Side:
        numbers = [number for number, label in upright.labels.items() if label.name.startswith(side.value)]
        filled = np.zeros(len(columns), dtype=np.int64)
        for plane in upright.array:
            filled += np.atleast_2d(np.isin(plane, numbers)).sum(axis=0)
        if not filled.any():
            if role == "lungs" and not mapping.is_one_mask and _are_two(upright.array != 0):
                raise UnknownLabels(
                    f"Cannot use '{path}' as lungs: all of it is one lung by its numbers, and lies on both sides of "
                    "the chest. If it is one mask of both lungs, its labels are 'one-mask'; else name the tool that "
                    "made it.",
                    path=path,
                )
            return
        centres.append(float(filled @ columns) / float(filled.sum()))
    if centres[0] > centres[1]:
        raise UnknownLabels(
            f"Cannot use '{path}' as {role}: what it calls right lies on the patient's left. It is mirrored, or its "
            "labels are of another tool or version: then name it.",
            path=path,
        )


def _are_two(lung: NDArray[np.bool_]) -> bool:
    """Whether a mask, upright, has two parts beside each other, of comparable size and a gap between them.

    In :data:`_IN_SLICES` of its slices: two lungs may touch in front of the heart, and one may be cut by disease.
    """
    counts = np.atleast_2d(np.count_nonzero(lung, axis=-2))
    slices = counts[counts.any(axis=1)]
    two = 0
    for columns in slices:
        starts = np.flatnonzero(np.diff(columns > 0, prepend=False) & (columns > 0))
        parts = np.sort(np.add.reduceat(columns, starts))
        two += len(parts) > 1 and parts[-2] >= _COMPARABLE * parts[-1]
    return len(slices) > 0 and two >= _IN_SLICES * len(slices)


def laid_on(labels: LabelMap, grid: Grid, path: Path | str) -> LabelMap:
    """A label map on the grid of an image: its voxels in the image's order, and 0 where the map does not reach.

    Nothing is interpolated: the voxels have to be the image's own. A film's mask without a spacing takes the film's.

    Raises
    ------
    GridMismatch
        The voxels are others, or the map marks some beyond the image.
    """
    if isinstance(grid, PlaneGrid) or isinstance(labels.grid, PlaneGrid):
        return _on_film(labels, grid, path)
    if labels.grid.same_as(grid):
        return labels
    source, target = labels.grid.axial, grid.axial
    there = np.linalg.solve(target.affine[:3, :3], source.affine[:3, 3] - target.affine[:3, 3])
    drift = np.abs(source.affine[:3, :3] - target.affine[:3, :3]) @ np.array(source.shape)
    offset = np.rint(there).astype(int)
    misses = float(np.abs(target.affine[:3, :3] @ (there - offset)).max() + drift.max())
    from_, to = _overlap(source.shape, target.shape, offset.tolist())
    if misses > _TOLERANCE_MM or any(each.stop <= each.start for each in to):
        raise GridMismatch(
            f"'{path}' does not lie on the voxels of the image: {labels.grid.difference(grid)}. Resample it onto the "
            "image's grid first."
        )
    made = np.zeros(target.shape, dtype=np.uint8)
    array = labels.axial().array
    made[to] = array[from_]
    beyond = np.count_nonzero(array) - np.count_nonzero(made)
    if beyond:
        raise GridMismatch(
            f"'{path}' marks {beyond} voxels that lie beyond the image. Give the image that it was drawn on (--image), "
            "or cut it to this one."
        )
    turned = np.ascontiguousarray(grid.orientation.from_axial(made))
    return replace(labels, array=turned, grid=grid, origin=Step("lay-on-grid", {}, (labels.origin,)))


def _overlap(
    source: tuple[int, ...], target: tuple[int, ...], offset: list[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What of the source lies in the target, in the indices of each."""
    starts = [(max(0, -at), max(0, at)) for at in offset]
    sizes = [max(0, min(n - a, m - b)) for n, m, (a, b) in zip(source, target, starts, strict=True)]
    return (
        tuple(slice(a, a + size) for (a, _), size in zip(starts, sizes, strict=True)),
        tuple(slice(b, b + size) for (_, b), size in zip(starts, sizes, strict=True)),
    )


def _on_film(labels: LabelMap, grid: Grid, path: Path | str) -> LabelMap:
    """A film's mask on the film's grid."""
    if not isinstance(grid, PlaneGrid) or not isinstance(labels.grid, PlaneGrid):
        kinds = ["a film" if isinstance(each, PlaneGrid) else "a volume" for each in (labels.grid, grid)]
        raise GridMismatch(f"'{path}' is of {kinds[0]}, and the image is {kinds[1]}.")
    if labels.grid.shape == grid.shape and labels.grid.spacing_mm is None:
        return replace(labels, grid=grid)
    grid.require_same(labels.grid)
    return labels

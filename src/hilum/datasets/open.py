"""The image and the masks of a case, on one grid: films upright, CT axial, sides the patient's.

A slice of CT is a volume of one slice. Where nothing is known of the spacing it is taken for 1 mm, with the finding
``spacing-assumed``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import GridMismatch, ReadError
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import LESIONS, LOBES, LUNGS, Code, Image, Label, LabelMap, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import Source, Step
from hilum.readers import find, read

from .drawn import darwin_mask, supervisely_mask
from .schema import DatasetCase, Mask, MaskKind, Turn
from .stored import h5_array, is_volume, jsrt_film, picture, plane_of

_BOTH = Code("39607008", "SCT", "Lung")
_IGNORE = Label("ignore", Code("ignore", "99HILUM", "Not known"), (128, 128, 128))

MASK_LABELS: Mapping[MaskKind, Mapping[int, Label]] = MappingProxyType(
    {
        "lungs": {**LUNGS, 3: Label("lungs", _BOTH, (86, 180, 233)), 4: _IGNORE},
        "lung-fields": {**LUNGS, 3: Label("lung-fields", _BOTH, (86, 180, 233)), 4: _IGNORE},
        "lesions": {
            **LESIONS,
            4: Label("infection", Code("128601007", "SCT", "Infectious disease of lung"), (230, 159, 0)),
            5: Label("pneumothorax", Code("36118008", "SCT", "Pneumothorax"), (0, 114, 178)),
            6: _IGNORE,
        },
        "lobes": {**LOBES, 6: _IGNORE},
    }
)
"""What the numbers of an opened mask mean, by what it shows, whatever the numbers in its file are."""

SPACING_ASSUMED = Finding(
    "spacing-assumed", Gravity.WARNING, "The data set says nothing of the distance between pixels; 1 mm was assumed."
)
"""Noted on slices of CT without a spacing: what is measured in millimetres means nothing."""

_SPACING_TOLERANCE = 0.01
"""Share by which the spacing that a mask's header states may differ from the image's."""


def open_case(case: DatasetCase) -> tuple[Image, dict[MaskKind, LabelMap]]:
    """The image of a case and all its masks; errors as for :func:`open_image` and :func:`open_mask`."""
    image = open_image(case)
    return image, {kind: open_mask(case, kind, image) for kind in case.masks}


def open_image(case: DatasetCase) -> Image:
    """The film, upright, or the CT, axial.

    Raises
    ------
    ReadError
        A file cannot be read, or is not what the case says.
    MissingExtra
        It is an HDF5 file, and h5py is not installed.
    """
    image = _volume(case) if case.modality == "CT" else _film(case)
    return replace(image, view=case.view) if case.modality == "CXR" and case.view in ("PA", "AP") else image


def open_mask(case: DatasetCase, kind: MaskKind, image: Image | None = None) -> LabelMap:
    """A mask of a case on the grid of its image, in the numbers of :data:`MASK_LABELS`.

    Parameters
    ----------
    case : the case
    kind : which of its masks
    image : what :func:`open_image` gave, to save opening it again

    Raises
    ------
    ReadError
        The case has no such mask, or the file cannot be read.
    GridMismatch
        The mask does not lie on the pixels of the image.
    """
    if kind not in case.masks:
        raise ReadError(
            f"The case {case.key!r} has no mask of {kind}, only {', '.join(case.masks) or 'the image'}.",
            path=_first(case),
        )
    image = open_image(case) if image is None else image
    mask = case.masks[kind]
    labels = MASK_LABELS[kind]
    array = np.zeros(image.grid.shape, dtype=np.uint8)
    for layer in (mask, *mask.beside):
        found = _translated(_on_grid(layer, image), layer, labels)
        np.copyto(array, found.reshape(array.shape), where=found.reshape(array.shape) > 0)
    names = {str(number): name for number, name in sorted(mask.labels.items())}
    sources = tuple(_source(path) for path in mask.files)
    return LabelMap(array, image.grid, labels, Step("open-mask", {"kind": kind, **names}, sources))


def turned(array: NDArray[Any], turn: Turn) -> NDArray[Any]:
    """A stored array of shape (rows, columns) made upright, contiguous."""
    if turn.startswith("transpose"):
        array = array.T
    if turn in ("flip-rows", "transpose-flip-rows", "turn-180"):
        array = array[::-1]
    if turn in ("flip-columns", "turn-180"):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _film(case: DatasetCase) -> Image:
    path = _first(case)
    if case.form == "jsrt":
        array = jsrt_film(path)
        image = Image(array, PlaneGrid((array.shape[0], array.shape[1])), Quantity.RADIOGRAPH, _source(path))
    else:
        image = read(path)
    if not isinstance(image.grid, PlaneGrid):
        raise ReadError(f"{str(path)!r} is a volume, and the case {case.key!r} is a film.", path=path)
    image = image.upright()
    array = turned(image.array, case.turn)
    grid = replace(image.plane, shape=(array.shape[0], array.shape[1]))
    if case.spacing_mm is not None and len(case.spacing_mm) == 2:
        grid = replace(grid, spacing_mm=(case.spacing_mm[0], case.spacing_mm[1]))
    return replace(image, array=array, grid=grid)


def _volume(case: DatasetCase) -> Image:
    path = _first(case)
    if isinstance(case.image, tuple) and len(case.image) > 1:
        image = _series(case.image, case)
    elif case.form.startswith("slice:"):
        image = plane_of(path, int(case.form.removeprefix("slice:")))
    elif is_volume(path) and not case.form:
        image = read(path)
    else:
        return _flat(case, _plain(path, case.form, case.is_windowed))
    if not isinstance(image.grid, VolumeGrid):
        raise ReadError(f"{str(path)!r} is a film, and the case {case.key!r} is a CT.", path=path)
    image = image.axial()
    return _windowed(image, path) if case.is_windowed else image


def _series(files: tuple[Path, ...], case: DatasetCase) -> Image:
    entries = list(find(files))
    if len(entries) != 1:
        for damaged in (entry for entry in entries if entry.study is None):
            damaged.open()  # raises, and says which file it is and what is wrong with it
        raise ReadError(
            f"The {len(files)} files of the case {case.key!r}, such as {str(files[0])!r}, make {len(entries)} images, "
            "and one was expected.",
            path=files[0],
        )
    return entries[0].open()


def _flat(case: DatasetCase, array: NDArray[Any]) -> Image:
    """A picture as a CT of one slice, or an array of three axes as a CT of its spacing."""
    path = _first(case)
    if array.ndim == 2:
        array = turned(array, case.turn)[None]
    if array.ndim != 3 or array.dtype.kind not in "biuf":
        raise ReadError(f"{str(path)!r} holds {array.dtype} of shape {array.shape}, and no CT.", path=path)
    spacing = case.spacing_mm if case.spacing_mm is not None and len(case.spacing_mm) == 3 else (1.0, 1.0, 1.0)
    grid = VolumeGrid.of_spacing((array.shape[0], array.shape[1], array.shape[2]), (spacing[0], spacing[1], spacing[2]))
    findings = () if case.spacing_mm is not None else (SPACING_ASSUMED,)
    array = array.astype(np.int16 if array.dtype.kind != "f" else np.float32)
    image = Image(array, grid, Quantity.HOUNSFIELD, _source(path), findings=findings)
    return _windowed(image, path) if case.is_windowed else image


def _windowed(image: Image, path: Path) -> Image:
    low, high = float(image.array.min()), float(image.array.max())
    if low < 0 or high > 255:
        raise ReadError(
            f"{str(path)!r} is said to hold grey levels from 0 to 255, and it holds {low:g} to {high:g}: its unit is "
            "another.",
            path=path,
        )
    return replace(image, array=np.rint(image.array).astype(np.uint8), quantity=Quantity.WINDOWED_CT)


def _plain(path: Path, form: str, as_grey: bool) -> NDArray[Any]:
    """The numbers of a file that has no grid of its own."""
    name, _, rest = form.partition(":")
    if name == "h5":
        dataset, _, index = rest.partition(":")
        return h5_array(path, dataset, int(index) if index else None)
    if name in ("darwin", "supervisely"):
        return (darwin_mask if name == "darwin" else supervisely_mask)(path, rest.split(","))
    found = picture(path, as_grey=as_grey)
    if name == "scale":
        return found.repeat(int(rest), axis=0).repeat(int(rest), axis=1)
    return found


def _on_grid(mask: Mask, image: Image) -> NDArray[Any]:
    """A mask's numbers in the order of the image's pixels, of the image's shape or that of its one slice."""
    if mask.form.startswith("slice:"):
        return _same_volume(plane_of(mask.path, int(mask.form.removeprefix("slice:"))), mask.path, image)
    if is_volume(mask.path) and not mask.form:
        return _same_volume(read(mask.path), mask.path, image)
    found = _plain(mask.path, mask.form, mask.above is not None)
    shape = image.grid.shape[-2:] if found.ndim == 2 else image.grid.shape
    if mask.form.startswith("at:"):
        found = _placed(found, mask, shape)
    found = turned(found, mask.turn) if found.ndim == 2 else found
    if found.shape != shape:
        raise _off(mask.path, image, f"it has the shape {found.shape}, and the image {shape}")
    return found


def _placed(found: NDArray[Any], mask: Mask, shape: tuple[int, ...]) -> NDArray[Any]:
    """A picture that was cut out of the image, back in its place; what hangs over the edge is cut off.

    One that has the size of the whole image already is left where it is.
    """
    if found.shape == shape:
        return found
    row, column = (int(place) for place in mask.form.removeprefix("at:").split(","))
    whole = np.zeros(shape, dtype=found.dtype)
    box = whole[row : row + found.shape[0], column : column + found.shape[1]]
    box[:] = found[: box.shape[0], : box.shape[1]]
    return whole


def _same_volume(mask: Image, path: Path, image: Image) -> NDArray[Any]:
    """The voxels of a mask in the image's order.

    Masks of public sets are drawn on the image's voxels, but their headers often lack the image's origin: that alone
    is overlooked, while another shape, direction or spacing is not.
    """
    if not isinstance(mask.grid, VolumeGrid):
        raise _off(path, image, "it is a picture")
    axial, wanted = mask.axial(), image.volume
    if axial.volume.shape != wanted.shape:
        raise _off(path, image, f"it has the shape {axial.volume.shape}, and the image {wanted.shape}")
    ours, theirs = (np.array(grid.spacing_mm) for grid in (wanted, axial.volume))
    if (np.abs(theirs / ours - 1) > _SPACING_TOLERANCE).any():
        raise _off(path, image, f"its spacing is {axial.volume.spacing_mm} mm, and the image's {wanted.spacing_mm} mm")
    return axial.array


def _translated(found: NDArray[Any], mask: Mask, labels: Mapping[int, Label]) -> NDArray[np.uint8]:
    """The numbers of a file in those of :data:`MASK_LABELS`; ReadError for fractions."""
    if mask.above is not None:
        found = (found > mask.above).astype(np.uint8)
    elif found.dtype.kind == "f" and not np.array_equal(found, np.rint(found)):
        raise ReadError(f"The mask {str(mask.path)!r} holds fractions, as maps of probability do.", path=mask.path)
    numbers = {label.name: number for number, label in labels.items()}
    made = np.zeros(found.shape, dtype=np.uint8)
    for stored, name in mask.labels.items():
        if name not in numbers:
            raise ReadError(
                f"The mask {str(mask.path)!r} is said to hold {name!r}, and only {', '.join(numbers)} can stand there.",
                path=mask.path,
            )
        made[found == stored] = numbers[name]
    return made


def _off(path: Path, image: Image, what: str) -> GridMismatch:
    origin = image.origin
    name = origin.name if isinstance(origin, Source) else "several files"
    return GridMismatch(f"The mask {str(path)!r} does not lie on its image ({name}): {what}.")


def _first(case: DatasetCase) -> Path:
    return case.image[0] if isinstance(case.image, tuple) else case.image


def _source(path: Path) -> Source:
    with path.open("rb") as file:
        return Source(path.name, hashlib.file_digest(file, "sha256").hexdigest())

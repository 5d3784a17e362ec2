"""The input gate of CT: what keeps a volume from being analysed, and what the reader of its result has to know.

The codes are those of :data:`hilum.gate.CODES`, which explains each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.gate import tempered, unequal_lungs
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity
from hilum.segmentation.scale import usual_grid
from hilum.settings import GateSettings
from hilum.wording import counted

AIR_HU = (-1200.0, -600.0)
"""Air and aerated lung."""

SOFT_HU = (-250.0, 250.0)
"""Fat, muscle, blood and consolidated lung."""

PLAUSIBLE_SHARE = 0.03
"""A chest has more of either than this; the least of the nine real scans that were looked at have 0.31 and 0.26."""

SHIFTED_SHARE = 0.10
"""The same where a shift is guessed, which needs better grounds."""

THINNER_SHARE = 0.25
"""With more than this that is thinner than air, the numbers are no Hounsfield units."""

PURE_AIR_HU = (-1200.0, -900.0)
"""The air of windpipe and bowel, round the patient, and in the lung itself at full breath."""

PURE_AIR_SHARE = 0.01
"""Less than this of pure air, or more below it, and the scale of the numbers is doubtful."""

LUNG_HU = (-950.0, -500.0)
"""Aerated lung."""

LUNG_SHARE = 0.02
"""Less than this of aerated lung is hardly a chest; skin against air alone makes up to 0.01."""

SHIFTS_HU = (1024.0, 1000.0, -1024.0, -1000.0)
"""By how much Hounsfield units are off where the intercept was left out, or applied twice."""

PADDING_SHARE = 0.05
"""The least value counts as filling, and not as tissue, if it makes up more than this."""

LABELS_LIMIT = 16
"""A volume of no more than this many different whole numbers from 0 to 255 is a mask."""

STEP_MM = (0.1, 20.0)
"""Distances of neighbouring voxels that a CT of a chest may have."""

EXTENT_MM = (60.0, 1500.0)
"""Widths, depths and heights of the whole volume that are not strange."""

THICK_MM = 5.0
"""Slices further apart than this leave volumes and thirds coarse."""

CUT_CM2 = 2.0
"""Area of lung on a face of the volume from which it counts as cut: more than the tip of a lung."""

SMALL_ML = 700.0
"""Both lungs of an adult hold more than this even when breathed out."""

LARGE_ML = 5500.0
"""A single lung holds less, even if it is emphysematous and breathed in."""

VOLUME_RATIO = 0.4
"""One lung smaller than this share of the other is out of the ordinary."""

_OF_SIZE = ("too-few-slices", "too-small")
"""What keeps networks from a volume, and nobody from measuring what is drawn on it."""

_SAMPLES = 64
"""Values are judged on about this many voxels along each axis."""

_FACES = (
    ("at its lower end", "at its upper end"),
    ("in front", "at the back"),
    ("at the patient's right", "at the patient's left"),
)
"""Where the first and the last index of each axis of an axial volume lie."""


def before(image: Image, settings: GateSettings) -> tuple[Finding, ...]:
    """What is found on a CT before anything is segmented, with what its reader noticed.

    Parameters
    ----------
    image : a volume in Hounsfield units, or of windowed 8-bit slices
    settings : where the gate is switched off, errors are warnings

    Raises
    ------
    WrongQuantity
        The image is a film.
    """
    found = [*image.findings, *_by_geometry(image.volume.axial, settings, is_to_scale=image.is_to_scale)]
    fault = next(_by_labels(image.array), None)
    if fault is not None:
        found.append(fault)
    elif image.quantity is Quantity.HOUNSFIELD:
        found += _by_values(image.array)
    else:
        message = "It is made of 8-bit pictures, not of Hounsfield units: densities are not measured."
        found.append(Finding("windowed-ct", Gravity.NOTE, message))
    return tempered(found, settings)


def scored(image: Image, settings: GateSettings) -> tuple[Finding, ...]:
    """What is found on a CT whose masks are there already: as :func:`before`, but it may be small, or of few slices.

    It may be a part of a chest, too: where it has values of aerated lung, those that a chest lacks are a warning.
    """
    found = [each for each in before(image, settings) if each.code not in _OF_SIZE]
    if float(image.array.min()) >= LUNG_HU[1]:
        return tuple(found)
    return tuple(replace(each, gravity=Gravity.WARNING) if each.code == "not-hounsfield" else each for each in found)


def after(lungs: LabelMap, settings: GateSettings, *, is_to_scale: bool = True) -> tuple[Finding, ...]:
    """What is found once the lungs of a CT are segmented.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left, on the CT's grid
    settings : where the gate is switched off, errors are warnings
    is_to_scale : the CT's spacing is its own; an assumed one says nothing of volumes
    """
    axial = lungs.axial()
    if not is_to_scale:
        axial = replace(axial, grid=usual_grid(axial.volume))
    return tempered(_by_lungs(axial, is_to_scale=is_to_scale), settings)


def _few(array: NDArray[Any]) -> NDArray[Any]:
    """Every n-th voxel along each axis."""
    return array[tuple(slice(None, None, max(1, length // _SAMPLES)) for length in array.shape)]


def _by_geometry(grid: VolumeGrid, settings: GateSettings, *, is_to_scale: bool) -> Iterator[Finding]:
    slices, rows, columns = grid.shape
    if slices < settings.min_slices:
        held = "one slice" if slices == 1 else f"{slices} slices"
        message = (
            f"It has {held} from feet to head, and at least {settings.min_slices} are needed. Give the whole volume, "
            "not a picture of it."
        )
        yield Finding("too-few-slices", Gravity.ERROR, message)
    if min(rows, columns) < settings.min_slice_px:
        message = (
            f"Its slices have {columns}x{rows} pixels, and at least {settings.min_slice_px} are needed along each "
            "side. Give the volume at its full size."
        )
        yield Finding("too-small", Gravity.ERROR, message)
    if is_to_scale:
        yield from _by_spacing(grid)


def _by_spacing(grid: VolumeGrid) -> Iterator[Finding]:
    spacing = grid.spacing_mm
    shown = " x ".join(f"{step:.3g}" for step in spacing)
    if min(spacing) < STEP_MM[0] or max(spacing) > STEP_MM[1]:
        message = (
            f"Its voxels are {shown} mm large, and those of a CT are {STEP_MM[0]:g} to {STEP_MM[1]:g} mm. Is the "
            "spacing in another unit? Write it in millimetres."
        )
        yield Finding("strange-spacing", Gravity.ERROR, message)
        return
    extents = [step * count for step, count in zip(spacing, grid.shape, strict=True)]
    if min(extents) < EXTENT_MM[0] or max(extents) > EXTENT_MM[1]:
        size = " x ".join(f"{extent:.0f}" for extent in extents)
        message = f"It covers {size} mm (height, depth, width), strange for a chest; check its spacing ({shown} mm)."
        yield Finding("strange-spacing", Gravity.WARNING, message)
    elif spacing[0] > THICK_MM:
        message = f"Its slices are {spacing[0]:.3g} mm apart: volumes and what is small are known only coarsely."
        yield Finding("thick-slices", Gravity.WARNING, message)


def _by_labels(array: NDArray[Any]) -> Iterator[Finding]:
    """An error if it is a mask, or nothing at all."""
    few = _few(array)
    if few.min() == few.max() and array.min() == array.max():
        message = f"All of its voxels have the value {float(few.flat[0]):g}: it is empty. Give the scan itself."
        yield Finding("nearly-constant", Gravity.ERROR, message)
        return
    values = np.unique(few)
    if len(values) > LABELS_LIMIT or not _are_labels(values):
        return
    if not all(_are_labels(np.unique(plane)) for plane in array):
        return
    found = np.unique(np.concatenate([np.unique(plane) for plane in array]))
    if len(found) <= LABELS_LIMIT:
        listed = ", ".join(f"{value:g}" for value in found)
        message = (
            f"It holds {counted(len(found), 'different value')} only ({listed}): it is a mask, not a scan. Give the "
            "scan; masks are scored by 'hilum score'."
        )
        yield Finding("mask-given", Gravity.ERROR, message)


def _are_labels(values: NDArray[Any]) -> bool:
    return bool(values[0] >= 0 and values[-1] <= 255 and (values == np.rint(values)).all())


def _by_values(array: NDArray[Any]) -> Iterator[Finding]:
    """Whether the numbers are Hounsfield units of a chest."""
    values = _few(array).ravel().astype(np.float32)
    low = values.min()
    if np.mean(values == low) > PADDING_SHARE:
        values = values[values > low]
    if not _is_plausible(values):
        yield _implausible(values)
        return
    air = _share(values, PURE_AIR_HU)
    if air < PURE_AIR_SHARE or np.mean(values < PURE_AIR_HU[0]) > PURE_AIR_SHARE:
        message = (
            f"{air:.1%} of its voxels are as thin as air, and {np.mean(values < PURE_AIR_HU[0]):.1%} are thinner: "
            "slope or intercept may be wrong, and with them all densities."
        )
        yield Finding("doubtful-hounsfield", Gravity.WARNING, message)
    lung = _share(values, LUNG_HU)
    if lung < LUNG_SHARE:
        message = f"{lung:.1%} of it is as dense as aerated lung: is it a chest?"
        yield Finding("other-body-part", Gravity.WARNING, message)


def _share(values: NDArray[np.float32], between: tuple[float, float], shift: float = 0.0) -> float:
    """Share of values, 0 to 1, between two limits that are shifted by so much."""
    return float(np.mean((values >= between[0] + shift) & (values <= between[1] + shift)))


def _is_plausible(values: NDArray[np.float32], shift: float = 0.0, least: float = PLAUSIBLE_SHARE) -> bool:
    """Whether there is both air and soft tissue, and little that is thinner than air, once the shift is undone."""
    if np.mean(values < AIR_HU[0] + shift) > THINNER_SHARE:
        return False
    return min(_share(values, AIR_HU, shift), _share(values, SOFT_HU, shift)) > least


def _implausible(values: NDArray[np.float32]) -> Finding:
    low, high = float(values.min()), float(values.max())
    shift = next((shift for shift in SHIFTS_HU if _is_plausible(values, shift, SHIFTED_SHARE)), None)
    span = f"Its values run from {low:.4g} to {high:.4g}, without both air (-1000) and soft tissue (0 to 100)"
    if shift is not None:
        message = (
            f"{span}: they are about {abs(shift):g} too {'high' if shift > 0 else 'low'}, as if the rescale intercept "
            f"was {'left out' if shift > 0 else 'applied twice'}. Convert it again to Hounsfield units; if it is an "
            "MR image, it cannot be analysed."
        )
        return Finding("shifted-hounsfield", Gravity.ERROR, message)
    if low >= 0 and high <= 255:
        kind = "an 8-bit picture of a CT (its slices can be read with --slices), or scaled to another range"
    elif low >= -10 and high <= 10:
        kind = "scaled to another range"
    elif low >= 0:
        kind = "an MR image, or one without its rescale slope and intercept"
    else:
        kind = "no chest CT, or its rescale slope is wrong"
    message = f"{span}: it is {kind}. Give a chest CT in Hounsfield units."
    return Finding("not-hounsfield", Gravity.ERROR, message)


def _by_lungs(lungs: LabelMap, *, is_to_scale: bool) -> Iterator[Finding]:
    voxel_ml = lungs.volume.voxel_ml
    volumes = {side: lungs.pixels(f"{side}-lung") * voxel_ml for side in ("right", "left")}
    if not any(volumes.values()):
        yield Finding("no-lungs", Gravity.ERROR, "No lung was found in it. Give a CT of the chest.")
        return
    unequal = tuple(unequal_lungs(volumes, "volume", VOLUME_RATIO))
    yield from unequal
    large = max(volumes, key=lambda side: volumes[side])
    if is_to_scale and volumes[large] > LARGE_ML:
        message = (
            f"The patient's {large} lung holds {volumes[large]:.0f} ml, more than lungs do; check the outlines, the "
            "spacing and the order of the axes."
        )
        yield Finding("implausible-lungs", Gravity.WARNING, message)
    if is_to_scale and not unequal and sum(volumes.values()) < SMALL_ML:
        message = f"The lungs hold {sum(volumes.values()):.0f} ml together; check the outlines and the spacing."
        yield Finding("small-lungs", Gravity.WARNING, message)
    cut = list(_cut_faces(lungs))
    if cut:
        message = (
            f"The lungs are cut by the edge of the scan {', '.join(cut)}; volumes and scores miss what lies beyond."
        )
        yield Finding("cropped-lungs", Gravity.WARNING, message)


def _cut_faces(lungs: LabelMap) -> Iterator[str]:
    """Where an axial volume ends within a lung."""
    spacing, voxel_ml = lungs.volume.spacing_mm, lungs.volume.voxel_ml
    for axis, names in enumerate(_FACES):
        cell_cm2 = voxel_ml * 10 / spacing[axis]
        for index, name in zip((0, -1), names, strict=True):
            if np.count_nonzero(np.take(lungs.array, index, axis=axis)) * cell_cm2 > CUT_CM2:
                yield name

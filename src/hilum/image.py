"""Pixels that cannot lose their grid: images of one quantity, and label maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WrongQuantity
from hilum.geometry import Grid, PlaneGrid, VolumeGrid
from hilum.measurement import Finding
from hilum.provenance import Origin


class Quantity(Enum):
    """What the numbers of an image are."""

    HOUNSFIELD = "hounsfield"
    RADIOGRAPH = "radiograph"
    PROBABILITY = "probability"
    ATTENUATION = "attenuation"
    WINDOWED_CT = "windowed-ct"
    LENGTH_MM = "length-mm"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: its value, coding scheme and meaning, as DICOM writes it."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Label:
    """One structure of a label map.

    Attributes
    ----------
    name : the key in JSON and CSV, such as ``ground-glass``
    code : concept of SNOMED CT, or of DICOM where that has none
    colour : red, green, blue, 0 to 255, of overlays and legends
    """

    name: str
    code: Code
    colour: tuple[int, int, int]


LUNGS: Mapping[int, Label] = MappingProxyType(
    {
        1: Label("right-lung", Code("3341006", "SCT", "Right lung"), (86, 180, 233)),
        2: Label("left-lung", Code("44029006", "SCT", "Left lung"), (0, 158, 115)),
    }
)
"""Labels of every lung mask: 1 the patient's right, 2 the patient's left."""

LESIONS: Mapping[int, Label] = MappingProxyType(
    {
        1: Label("ground-glass", Code("112120", "DCM", "Ground glass opacity"), (240, 228, 66)),
        2: Label("consolidation", Code("95436008", "SCT", "Lung consolidation"), (213, 94, 0)),
        3: Label("effusion", Code("60046008", "SCT", "Pleural effusion"), (204, 121, 167)),
    }
)
"""Labels of every lesion mask, for films and CT alike; opacity is the union of 1 and 2."""


LOBES: Mapping[int, Label] = MappingProxyType(
    {
        1: Label("right-upper-lobe", Code("42400003", "SCT", "Upper lobe of right lung"), (86, 180, 233)),
        2: Label("right-middle-lobe", Code("72481006", "SCT", "Middle lobe of right lung"), (240, 228, 66)),
        3: Label("right-lower-lobe", Code("266005", "SCT", "Lower lobe of right lung"), (0, 114, 178)),
        4: Label("left-upper-lobe", Code("44714003", "SCT", "Upper lobe of left lung"), (0, 158, 115)),
        5: Label("left-lower-lobe", Code("41224006", "SCT", "Lower lobe of left lung"), (213, 94, 0)),
    }
)
"""Labels of the five lobes."""


def _plane(grid: Grid) -> PlaneGrid:
    if not isinstance(grid, PlaneGrid):
        raise WrongQuantity("A film is needed here, and this is a volume.")
    return grid


def _volume(grid: Grid) -> VolumeGrid:
    if not isinstance(grid, VolumeGrid):
        raise WrongQuantity("A volume is needed here, and this is a film.")
    return grid


def _frozen(array: NDArray[Any], grid: Grid) -> NDArray[Any]:
    if array.shape != grid.shape:
        raise ValueError(f"an array of shape {array.shape} does not fit a grid of shape {grid.shape}")
    view = array.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Numbers of one quantity on a grid.

    Attributes
    ----------
    array : read-only, of the grid's shape
    grid : where the pixels lie
    quantity : what the numbers are; for RADIOGRAPH, larger is brighter on screen, which is denser tissue
    origin : how it came about
    view : ``PA``, ``AP``, ``LATERAL`` or empty; films only
    findings : what the reader noticed and the input gate is to judge
    """

    array: NDArray[Any]
    grid: Grid
    quantity: Quantity
    origin: Origin
    view: str = ""
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", _frozen(self.array, self.grid))

    def require(self, quantity: Quantity) -> None:
        """Raise :class:`~hilum.errors.WrongQuantity` unless the image holds ``quantity``."""
        if self.quantity is not quantity:
            raise WrongQuantity(
                f"An image of {quantity.value} values is needed here, and this one holds {self.quantity.value} values."
            )

    @property
    def is_to_scale(self) -> bool:
        """False if a finding says that the spacing of a CT was assumed: its millimetres mean nothing."""
        return all(finding.code != "spacing-assumed" for finding in self.findings)

    @property
    def plane(self) -> PlaneGrid:
        """The grid of a film; WrongQuantity for a volume."""
        return _plane(self.grid)

    @property
    def volume(self) -> VolumeGrid:
        """The grid of a volume; WrongQuantity for a film."""
        return _volume(self.grid)

    def upright(self) -> Image:
        """The same film with the head up and the patient's right at the left edge."""
        grid = self.plane
        if grid.orientation.is_upright:
            return self
        return replace(self, array=grid.orientation.to_upright(self.array), grid=grid.upright)

    def axial(self) -> Image:
        """The same volume with slices towards the head, rows towards the back, columns towards the left."""
        grid = self.volume
        if grid.orientation.is_axial:
            return self
        return replace(self, array=grid.orientation.to_axial(self.array), grid=grid.axial)


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Structures on a grid, one number each, 0 for none.

    Attributes
    ----------
    array : uint8, read-only, of the grid's shape
    grid : where the pixels lie
    labels : number to structure
    origin : how it came about

    Raises
    ------
    ValueError
        The array holds a number that ``labels`` does not name, or is not uint8.
    """

    array: NDArray[np.uint8]
    grid: Grid
    labels: Mapping[int, Label]
    origin: Origin
    _counts: Mapping[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.array.dtype != np.uint8:
            raise ValueError(f"a label map holds uint8 numbers, not {self.array.dtype}")
        counts = {n: int(np.count_nonzero(self.array == n)) for n in self.labels}
        if sum(counts.values()) != np.count_nonzero(self.array):
            strange = [n for n in np.unique(self.array).tolist() if n and n not in self.labels]
            raise ValueError(f"the label map holds {strange}, and its labels name {sorted(self.labels)}")
        object.__setattr__(self, "array", _frozen(self.array, self.grid))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        object.__setattr__(self, "_counts", counts)

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Where any of the named structures is, of the grid's shape; every structure if none is named."""
        if not names:
            return self.array > 0
        made = np.zeros(self.array.shape, dtype=bool)
        for name in names:
            made |= self.array == self.number(name)
        return made

    def number(self, name: str) -> int:
        """The number of a structure; ValueError if the map has no such structure."""
        for number, label in self.labels.items():
            if label.name == name:
                return number
        raise ValueError(f"no structure {name!r} here, only {[label.name for label in self.labels.values()]}")

    def pixels(self, name: str) -> int:
        """How many pixels a structure has."""
        return self._counts[self.number(name)]

    @property
    def plane(self) -> PlaneGrid:
        """The grid of a film; WrongQuantity for a volume."""
        return _plane(self.grid)

    @property
    def volume(self) -> VolumeGrid:
        """The grid of a volume; WrongQuantity for a film."""
        return _volume(self.grid)

    def upright(self) -> Self:
        """The same film's labels with the head up and the patient's right at the left edge."""
        grid = self.plane
        if grid.orientation.is_upright:
            return self
        return replace(self, array=grid.orientation.to_upright(self.array), grid=grid.upright)

    def axial(self) -> Self:
        """The same volume's labels with slices towards the head, rows to the back, columns to the left."""
        grid = self.volume
        if grid.orientation.is_axial:
            return self
        return replace(self, array=grid.orientation.to_axial(self.array), grid=grid.axial)

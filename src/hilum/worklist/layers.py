"""What a browser lays over an image: lungs, lesions, zones and maps of probability, on the grid that is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.image import Image, Label, LabelMap, Quantity
from hilum.provenance import Step
from hilum.scoring.thirds import THIRDS, thirds
from hilum.segmentation.zones import ZONES, zones
from hilum.writers.masks import as_bytes, write_straight

from .shown import Shown

INDEX = "index.json"
"""In the folder of the layers: what they are."""

ZONE_COLOURS = ("#56b4e9", "#0072b2", "#9ad0f2", "#009e73", "#00664b", "#7fd6bd")
"""Of the six zones, in their order: the patient's right in blue, the left in green."""

_OPACITY = {"lungs": 0.25, "lesions": 0.5}
"""That layers begin with; the others are there to be switched on."""

_MAPS = {"opacity": "Probability of opacity", "consolidation": "Probability of consolidation"}


@dataclass(frozen=True, slots=True)
class LayerLabel:
    """One structure of a layer: its number there, its name, a title for people, a colour as ``#rrggbb``."""

    number: int
    name: str
    title: str
    colour: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes
    ----------
    name : also of its file
    title : for people
    kind : numbers of structures, or probability from 0 to 255
    labels : none of a map of probability
    opacity : to begin with, 0 to 1
    """

    name: str
    title: str
    kind: Literal["labels", "probability"]
    labels: tuple[LayerLabel, ...]
    opacity: float


def write_layers(
    lungs: LabelMap, lesions: LabelMap, folder: Path, probability: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Write layers into a new folder.

    Parameters
    ----------
    lungs, lesions : on the image's grid
    folder : made
    probability : by name, on the same grid: 0 to 1, or 0 to 255 in uint8

    Raises
    ------
    WriteError
        A file could not be written.
    OSError
        The disk refuses.
    """
    folder.mkdir()
    shown = Shown.of(lungs.grid)
    written: list[Layer] = []
    for layer, array in _layers(lungs, lesions, probability or {}):
        small = Image(np.ascontiguousarray(shown.nearest(array)), shown.small, Quantity.PROBABILITY, Step("show"))
        write_straight(small, folder / f"{layer.name}.nii.gz")
        written.append(layer)
    (folder / INDEX).write_text(json.dumps([asdict(each) for each in written], indent=1), encoding="utf-8")


def read_layers(folder: Path) -> list[Layer]:
    """The layers in a folder; none if there is no index."""
    try:
        listed: list[dict[str, Any]] = json.loads((folder / INDEX).read_bytes())
    except FileNotFoundError:
        return []
    for each in listed:
        each["labels"] = tuple(LayerLabel(**label) for label in each["labels"])
    return [Layer(**each) for each in listed]


def _layers(
    lungs: LabelMap, lesions: LabelMap, probability: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[Layer, NDArray[np.uint8]]]:
    for name, labels in (("lungs", lungs), ("lesions", lesions)):
        yield _of_labels(name, labels.labels), labels.array
    yield _ZONES, zone_numbers(lungs)
    for name, chance in probability.items():
        title = _MAPS.get(name, f"Probability of {name}")
        yield Layer(f"probability-{name}", title, "probability", (), 0.0), as_bytes(chance)


def _of_labels(name: str, labels: Mapping[int, Label]) -> Layer:
    made = tuple(
        LayerLabel(number, label.name, _title(label.name), "#{:02x}{:02x}{:02x}".format(*label.colour))
        for number, label in labels.items()
    )
    return Layer(name, _title(name), "labels", made, _OPACITY[name])


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize() if name != "ground-glass" else "Ground-glass"


_ZONES = Layer(
    "zones",
    "Zones",
    "labels",
    tuple(
        LayerLabel(number, name, _title(name), colour)
        for number, (name, colour) in enumerate(zip(ZONES, ZONE_COLOURS, strict=True), start=1)
    ),
    0.0,
)


def zone_numbers(lungs: LabelMap) -> NDArray[np.uint8]:
    """The zones that scores count, 1 to 6 in the order of :data:`~hilum.segmentation.zones.ZONES`, on the lungs' grid.

    On a film they are thirds of each lung's area, in a volume thirds of its height.
    """
    if not isinstance(lungs.grid, VolumeGrid):
        upright = np.ascontiguousarray(lungs.upright().array)
        return np.ascontiguousarray(lungs.plane.orientation.from_upright(zones(upright)))
    axial = lungs.axial().array
    made = np.zeros(axial.shape, dtype=np.uint8)
    for side in (1, 2):
        counts = np.array([np.count_nonzero(plane == side) for plane in axial])
        parts = thirds(counts)
        for place, third in enumerate(THIRDS):
            number = np.uint8(3 * (side - 1) + place + 1)
            for plane, out in zip(axial[parts[third]], made[parts[third]], strict=True):
                out[plane == side] = number
    return np.ascontiguousarray(lungs.volume.orientation.from_axial(made))

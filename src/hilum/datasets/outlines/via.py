"""Annotations of the VGG Image Annotator (VIA), versions 1 and 2: regions by picture, or a whole project.

Read are polygons, polylines (closed), rectangles, circles and ellipses (upright ones); written are polygons, in which
a hole is joined to the outline by a way there and back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError
from hilum.provenance import Json

from .drawing import Drawing, Outline, entry
from .polygon import Point, keyholed, outlines

CLASS = "class"
"""The attribute of a region that is written, and holds its class."""

_CORNERS = 64
"""Of a circle or an ellipse."""


def is_via(data: dict[str, Any]) -> bool:
    """Whether a JSON file looks like VIA."""
    pictures = data.get("_via_img_metadata", data)
    first = next(iter(pictures.values()), None) if isinstance(pictures, dict) else None
    return isinstance(first, dict) and {"filename", "regions"} <= set(cast("dict[str, Any]", first))


def read_via(data: dict[str, Any], path: Path, attribute: str = "") -> list[Drawing]:
    """The pictures of a VIA file, in its order; those without regions as well.

    Parameters
    ----------
    data : of the file
    path : of the file, for messages
    attribute : of the regions, that holds the class; empty takes the only one that they have

    Raises
    ------
    ReadError
        It is not of this form, or regions have several attributes and none was named.
    """
    made: list[Drawing] = []
    try:
        pictures = [entry(each, path, "a picture") for each in data.get("_via_img_metadata", data).values()]
        attribute = attribute or _only_attribute(pictures, path)
        for picture in pictures:
            drawn = tuple(_outline(region, attribute) for region in _regions(picture))
            made.append(Drawing(str(picture["filename"]), None, drawn))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ReadError(f"Cannot read {str(path)!r} as VIA: {reason}.", path=path) from error
    return made


def via_of(
    pictures: Iterable[tuple[str, tuple[int, int], Sequence[tuple[str, NDArray[np.bool_]]]]], sizes: Mapping[str, int]
) -> dict[str, Json]:
    """A VIA file of masks, as ``Annotation > Import annotations`` of VIA 2 takes it.

    Parameters
    ----------
    pictures : as of :func:`~hilum.datasets.outlines.coco.coco_of`
    sizes : bytes of each picture's file, by which VIA knows it again
    """
    made: dict[str, Json] = {}
    for file, _, objects in pictures:
        regions: list[Json] = [
            {
                "shape_attributes": {
                    "name": "polygon",
                    "all_points_x": [x for x, _ in loop],
                    "all_points_y": [y for _, y in loop],
                },
                "region_attributes": {CLASS: name},
            }
            for name, mask in objects
            for loop in keyholed(outlines(mask))
        ]
        size = sizes[file]
        made[f"{file}{size}"] = {"filename": file, "size": size, "regions": regions, "file_attributes": {}}
    return made


def _regions(picture: Mapping[str, Any]) -> list[Any]:
    """A list in version 2, by number in version 1."""
    regions = picture["regions"]
    return list(regions.values()) if isinstance(regions, dict) else regions


def _only_attribute(pictures: Iterable[Mapping[str, Any]], path: Path) -> str:
    names = {
        name: None
        for picture in pictures
        for region in _regions(picture)
        for name in region.get("region_attributes", {})
    }
    if len(names) > 1:
        raise ReadError(
            f"The regions of {str(path)!r} have the attributes {', '.join(names)}: name the one that holds the class "
            "with --attribute.",
            path=path,
        )
    return next(iter(names), CLASS)


def _outline(region: Mapping[str, Any], attribute: str) -> Outline:
    named: Any = region["region_attributes"].get(attribute)
    if isinstance(named, dict):  # a checkbox
        chosen = [name for name, is_set in cast("dict[str, Any]", named).items() if is_set]
        if len(chosen) != 1:
            raise ValueError(f"a region has {len(chosen)} classes, and one was expected")
        named = chosen[0]
    if not named:
        raise ValueError(f"a region has no {attribute!r}, and so no class")
    return Outline(str(named).strip(), polygons=(_polygon(region["shape_attributes"]),))


def _polygon(shape: Mapping[str, Any]) -> list[Point]:
    kind = shape["name"]
    if kind in ("polygon", "polyline"):
        return [(float(x), float(y)) for x, y in zip(shape["all_points_x"], shape["all_points_y"], strict=True)]
    if kind == "rect":
        left, top = float(shape["x"]), float(shape["y"])
        right, bottom = left + float(shape["width"]), top + float(shape["height"])
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    if kind in ("circle", "ellipse"):
        if float(shape.get("theta", 0)):
            raise ValueError("a turned ellipse is not read")
        across, down = (float(shape["r"]),) * 2 if kind == "circle" else (float(shape["rx"]), float(shape["ry"]))
        turns = (2 * math.pi * number / _CORNERS for number in range(_CORNERS))
        return [(shape["cx"] + across * math.cos(turn), shape["cy"] + down * math.sin(turn)) for turn in turns]
    raise ValueError(f"a region is a {kind}, which has no inside")

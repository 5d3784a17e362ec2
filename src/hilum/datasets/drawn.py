"""Masks that annotation tools keep in JSON: polygons of V7 Darwin, bitmaps and polygons of Supervisely.

Darwin JSON (github.com/v7labs/covid-19-xray-dataset; read by achillesrasquinha/deeply, datasets/v7_darwin.py): each
entry of ``annotations`` has a ``name`` and a ``polygon`` with a ``path`` of points, or ``paths`` (version 2.0), or
``additional_paths``; what is inside two paths of one polygon is a hole. Supervisely JSON
(docs.supervisely.com, 00_ann_format_navi; read by ViacheslavDanilov/covid_scoring, tools/supervisely_tools.py): each
entry of ``objects`` has a ``classTitle`` and a ``bitmap`` (a PNG, packed by zlib and written in base64, whose opacity
is the mask, with its ``origin``) or ``points`` with an ``exterior`` and ``interior`` polygons.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError
from hilum.settings import ReadSettings

_MOST_BYTES = 1 << 26
"""The packed pictures of bitmaps are far smaller than this."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises
    ------
    ReadError
        The file cannot be read, or holds no object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ReadError(f"Cannot open {str(path)!r}: {error.strerror or error}.", path=path) from error
    except ValueError as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is no JSON ({error}).", path=path) from error
    if not isinstance(found, dict):
        raise ReadError(f"Cannot read {str(path)!r}: an object was expected, not {type(found).__name__}.", path=path)
    return found


def darwin_mask(path: Path, classes: Sequence[str]) -> NDArray[np.uint8]:
    """The polygons of some classes, shape (rows, columns): 1 for the first class, 2 for the next, over the first.

    Raises
    ------
    ReadError
        The file is not of this form.
    """
    data = read_json(path)
    try:
        place = darwin_item(data)
        mask = _blank(int(place["height"]), int(place["width"]))
        for number, name in enumerate(classes, 1):
            for entry in data["annotations"]:
                if entry.get("name") == name and (shape := entry.get("polygon") or entry.get("complex_polygon")):
                    mask[_inside(_darwin_paths(shape, entry), mask.shape)] = number
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_of_form(path, "Darwin", error) from error
    return mask


def darwin_item(data: dict[str, Any]) -> dict[str, Any]:
    """What the JSON of Darwin says of the picture: ``width``, ``height``, ``filename``; KeyError if nothing.

    Version 1 has it under ``image``, version 2.0 under the first of the ``slots`` of ``item``.
    """
    if "image" in data:
        return data["image"]
    slot = data["item"]["slots"][0]
    return {**slot, "filename": data["item"]["name"]}


def supervisely_mask(path: Path, classes: Sequence[str]) -> NDArray[np.uint8]:
    """The objects of some classes, shape (rows, columns): 1 for the first class, 2 for the next, over the first.

    Objects of one class add up; the predecessor let a later one blank the box of an earlier one.

    Raises
    ------
    ReadError
        The file is not of this form.
    """
    data = read_json(path)
    try:
        mask = _blank(int(data["size"]["height"]), int(data["size"]["width"]))
        for number, name in enumerate(classes, 1):
            for entry in data["objects"]:
                if entry["classTitle"] == name:
                    _lay(mask, entry, number)
    except (KeyError, TypeError, ValueError, OSError, zlib.error, binascii.Error) as error:
        raise _not_of_form(path, "Supervisely", error) from error
    return mask


def _lay(mask: NDArray[np.uint8], entry: dict[str, Any], number: int) -> None:
    """Set an object's pixels to a number; ValueError if it is neither bitmap nor polygon, or leaves the picture."""
    if entry.get("bitmap"):
        column, row = (int(place) for place in entry["bitmap"]["origin"])
        bits = _bitmap(entry["bitmap"]["data"])
        box = mask[row : row + bits.shape[0], column : column + bits.shape[1]]
        if min(row, column) < 0 or box.shape != bits.shape:
            raise ValueError(f"a bitmap of {bits.shape[1]}x{bits.shape[0]} at {column}, {row} leaves the picture")
        box[bits] = number
    elif entry.get("points", {}).get("exterior"):
        paths = [entry["points"]["exterior"], *entry["points"].get("interior", [])]
        mask[_inside([[(x, y) for x, y in path] for path in paths], mask.shape)] = number
    else:
        raise ValueError(f"an object of the class {entry['classTitle']!r} is neither a bitmap nor a polygon")


def _bitmap(text: str) -> NDArray[np.bool_]:
    """The mask in a packed PNG: its opacity, if it has any, else what is not black."""
    from PIL import Image

    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text), _MOST_BYTES)
    if not unpacker.eof:
        raise ValueError(f"a bitmap is cut short, or unpacks to more than {_MOST_BYTES:,} bytes")
    with Image.open(BytesIO(data)) as opened:
        if "A" in opened.getbands() or "transparency" in opened.info:
            return np.asarray(opened.convert("RGBA"))[..., 3] > 0
        return np.asarray(opened.convert("L")) > 0


def _darwin_paths(shape: dict[str, Any], entry: dict[str, Any]) -> list[list[tuple[float, float]]]:
    found = shape.get("paths") or shape["path"]
    paths = found if isinstance(found[0], list) else [found]
    paths = [*paths, *shape.get("additional_paths", []), *entry.get("additional_paths", [])]
    return [[(point["x"], point["y"]) for point in path] for path in paths]


def _inside(paths: list[list[tuple[float, float]]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What is inside an odd number of closed paths of (x, y), their outlines included; shape (rows, columns)."""
    from PIL import Image, ImageDraw

    inside = np.zeros(shape, dtype=bool)
    for path in paths:
        if len(path) < 2:
            continue
        canvas = Image.new("L", (shape[1], shape[0]))
        ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in path], fill=1, outline=1)
        inside ^= np.asarray(canvas) > 0
    return inside


def _blank(rows: int, columns: int) -> NDArray[np.uint8]:
    if min(rows, columns) < 1 or rows * columns > ReadSettings().max_megapixels * 1_000_000:
        raise ValueError(f"it states a picture of {columns}x{rows} pixels")
    return np.zeros((rows, columns), dtype=np.uint8)


def _not_of_form(path: Path, tool: str, error: Exception) -> ReadError:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return ReadError(f"Cannot read the mask {str(path)!r} as JSON of {tool}: {reason}.", path=path)

"""COCO annotations (cocodataset.org/#format-data): polygons and run lengths, packed or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError
from hilum.provenance import Json

from .drawing import Drawing, Outline, pairs
from .polygon import outlines
from .rle import packed, runs_of, unpacked


def is_coco(data: dict[str, Any]) -> bool:
    """Whether a JSON file looks like COCO."""
    return {"images", "annotations", "categories"} <= set(data)


def read_coco(data: dict[str, Any], path: Path) -> list[Drawing]:
    """The pictures of a COCO file, in its order; those without annotations as well.

    Raises
    ------
    ReadError
        It is not of this form, an annotation is of a picture or category that is not there, or has no outline.
    """
    found: dict[Any, list[Outline]] = defaultdict(list)
    try:
        names = {each["id"]: str(each["name"]) for each in data["categories"]}
        images = {each["id"]: each for each in data["images"]}
        for each in data["annotations"]:
            place = f"annotation {each.get('id', '?')}"
            image = _known(images, each["image_id"], f"picture of {place}")
            name = _known(names, each["category_id"], f"category of {place}")
            size = (int(image["height"]), int(image["width"]))
            found[each["image_id"]].append(_outline(name, each, size, place))
        return [
            Drawing(str(image["file_name"]), (int(image["height"]), int(image["width"])), tuple(found[key]))
            for key, image in images.items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ReadError(f"Cannot read {str(path)!r} as COCO: {reason}.", path=path) from error


def coco_of(
    pictures: Iterable[tuple[str, tuple[int, int], Sequence[tuple[str, NDArray[np.bool_]]]]], *, as_runs: bool
) -> dict[str, Json]:
    """A COCO file of masks.

    Parameters
    ----------
    pictures : of each the name of its file, (rows, columns), and objects: class and mask of that shape, not empty
    as_runs : packed run lengths for all; else polygons, and runs for those objects alone that have holes, which COCO's
        polygons cannot have
    """
    numbers: dict[str, int] = {}
    images: list[Json] = []
    made: list[Json] = []
    for image_id, (file, (rows, columns), objects) in enumerate(pictures, start=1):
        images.append({"id": image_id, "file_name": file, "width": columns, "height": rows})
        for name, mask in objects:
            number = numbers.setdefault(name, len(numbers) + 1)
            made.append({"id": len(made) + 1, "image_id": image_id, "category_id": number, **_object(mask, as_runs)})
    categories: list[Json] = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"info": {"description": "Made by Hilum"}, "images": images, "annotations": made, "categories": categories}


def _known(found: Mapping[Any, Any], key: Any, what: str) -> Any:
    if key not in found:
        raise ValueError(f"the {what} is not there")
    return found[key]


def _outline(name: str, each: dict[str, Any], size: tuple[int, int], place: str) -> Outline:
    drawn = each.get("segmentation")
    if isinstance(drawn, dict):
        counts = drawn["counts"]
        if [int(side) for side in drawn["size"]] != list(size):
            raise ValueError(f"the runs of {place} are of another size than its picture")
        return Outline(name, runs=tuple(unpacked(counts) if isinstance(counts, str) else map(int, counts)))
    if not drawn:
        raise ValueError(f"{place} has no outline, only a box: masks cannot be made of it")
    return Outline(name, polygons=tuple(pairs(polygon) for polygon in drawn))


def _object(mask: NDArray[np.bool_], as_runs: bool) -> dict[str, Json]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    loops = [] if as_runs else outlines(mask)
    flat: list[Json] = [[number for point in loop for number in point] for loop in loops]
    if as_runs or any(_is_hole(loop) for loop in loops):
        drawn: Json = {"size": list(mask.shape), "counts": packed(runs_of(mask))}
    else:
        drawn = flat
    return {
        "segmentation": drawn,
        "area": int(np.count_nonzero(mask)),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "iscrowd": 0,
    }


def _is_hole(loop: Sequence[tuple[float, float]]) -> bool:
    """An outline of a hole goes up first; one about a mask goes to the right."""
    return loop[1][0] == loop[0][0]

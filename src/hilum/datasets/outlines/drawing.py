"""What annotation tools hold of a picture: outlines with the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError

from .polygon import Polygon, filled
from .rle import mask_of_runs


@dataclass(frozen=True, slots=True)
class Outline:
    """One object.

    Attributes
    ----------
    name : of its class, in the tool's words
    polygons : what is within any of them; empty where there are runs
    runs : run lengths down the columns of the whole picture; empty where there are polygons
    """

    name: str
    polygons: tuple[Polygon, ...] = ()
    runs: tuple[int, ...] = ()

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Its pixels, (rows, columns); ValueError if it does not fit a picture of that shape."""
        return mask_of_runs(self.runs, shape) if self.runs else filled(self.polygons, shape)


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture with its outlines.

    Attributes
    ----------
    file : name of the picture's file, as the tool has it
    shape : (rows, columns) as the tool has it; None where it does not say
    outlines : later ones lie over earlier ones
    """

    file: str
    shape: tuple[int, int] | None
    outlines: tuple[Outline, ...]


def entry(data: Any, path: Path, what: str) -> Mapping[str, Any]:
    """An object of a JSON file; ReadError if it is none."""
    if not isinstance(data, dict):
        raise ReadError(f"{str(path)!r}: {what} is no object.", path=path)
    return cast("dict[str, Any]", data)


def pairs(numbers: Sequence[Any]) -> tuple[tuple[float, float], ...]:
    """Points of x, y, x, y...; ValueError if a number is left over."""
    flat = [float(number) for number in numbers]
    if len(flat) % 2:
        raise ValueError(f"a polygon of {len(flat)} numbers, and each point takes two")
    return tuple(zip(flat[::2], flat[1::2], strict=True))

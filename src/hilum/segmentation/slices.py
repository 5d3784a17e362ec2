"""A volume as stages see it: some of its axial slices, small, in 8 bits; and the way back to every voxel.

Nothing here holds a volume of floats. What stages keep between looking and putting back are maps of 0 to 255 at
the size that was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.models.network import Network
from hilum.models.plan import cores
from hilum.preprocessing.ct import SliceWindow, look_at_grey, look_at_slice, put_back_slice

if TYPE_CHECKING:
    from .nearer import Blend

Preset = Literal["standard", "fast"]

APART_MM = {"standard": 1.5, "fast": 5.0}
"""Slices are looked at about so far apart, but never more than there are; between them maps are interpolated."""

TOGETHER = 4
"""Looks that a thread takes at a time, one an inference: more in one inference are no faster (a tenth slower)."""

SLAB = 16
"""Slices that one thread puts back at a time."""

Maps = NDArray[np.uint8]
"""(maps, looks, size, size): 0 to 255."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how many of how many parts of it are finished; called in the caller's thread."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Which slices of a volume are looked at, and through which window.

    Attributes
    ----------
    grid : of the volume, axial
    window : in the plane of the slices
    size : of each look, in pixels
    places : indices of the slices, ascending; beyond the first and the last nothing is found
    """

    grid: VolumeGrid
    window: SliceWindow
    size: int
    places: NDArray[np.intp]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between looks, and between their rows and columns."""
        pixel = self.window.side_mm / self.size
        return self.grid.spacing_mm[0] * mean_step(self.places), pixel, pixel

    @property
    def voxel_ml(self) -> float:
        """Volume that one pixel of one look stands for."""
        across, high, wide = self.spacing_mm
        return across * high * wide / 1000.0

    def looks(self, array: NDArray[Any], window_hu: tuple[float, float] | None) -> NDArray[np.float32]:
        """Slices as networks take them, (looks, 1, size, size) float32 in [0, 1], from (looks, rows, columns)."""
        spacing = self.grid.spacing_mm[1:]
        seen = [look_at_slice(plane, spacing, self.window, self.size, window_hu) for plane in array]
        return np.stack(seen)[:, None]


def mean_step(places: NDArray[np.intp]) -> float:
    """Mean distance of neighbouring looks, in slices; 1 if there is only one."""
    return float(places[-1] - places[0]) / (len(places) - 1) if len(places) > 1 else 1.0


def looked_at(grid: VolumeGrid, apart_mm: float) -> NDArray[np.intp]:
    """Indices of slices about ``apart_mm`` apart, with the first and the last of an axial grid."""
    step = max(1, round(apart_mm / grid.spacing_mm[0]))
    return np.unique(np.append(np.arange(0, grid.shape[0], step), grid.shape[0] - 1))


def run_network(
    network: Network,
    array: NDArray[Any],
    stack: Stack,
    window_hu: tuple[float, float] | None,
    encode: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
    *,
    is_mirrored: bool = False,
    blend: Blend | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Maps:
    """What a network makes of each look, in 8 bits.

    Parameters
    ----------
    network : of one input and one output
    array : (slices, rows, columns), axial
    stack : what to look at
    window_hu : None for 8-bit pictures
    encode : the output, (batch, channels, size, size) float32, to (batch, maps, size, size) uint8
    is_mirrored : show it each look's mirror image as well and average both outputs; for channels without a side
    blend : show it the halves of each look as well and average the outputs so
    told : how many of how many parts are done
    """
    (output,) = network.card.outputs
    name = network.card.input.name

    def see(look: NDArray[np.float32]) -> NDArray[np.float32]:
        seen = network.runtime.run({name: look})[output]
        if not is_mirrored:
            return seen
        mirrored = network.runtime.run({name: np.ascontiguousarray(look[..., ::-1])})[output]
        return (seen + mirrored[..., ::-1]) * np.float32(0.5)

    batches = [stack.places[start : start + TOGETHER] for start in range(0, len(stack.places), TOGETHER)]

    def work(places: NDArray[np.intp]) -> NDArray[np.uint8]:
        planes = array[places[0] : places[-1] + 1][places - places[0]]
        seen = [see(look[None]) for look in stack.looks(planes, window_hu)]
        if blend is not None:
            halves = zip(*(half.looks(planes, window_hu) for half in blend.halves), strict=True)
            seen = [
                blend(whole[0], [see(look[None])[0] for look in near])[None]
                for whole, near in zip(seen, halves, strict=True)
            ]
        return np.concatenate([encode(chances) for chances in seen])

    parts: list[NDArray[np.uint8]] = []
    for part in in_threads(work, batches):
        parts.append(part)
        if told is not None:
            told(len(parts), len(batches))
    return np.ascontiguousarray(np.concatenate(parts).swapaxes(0, 1))


def shrunk(array: NDArray[Any], stack: Stack, window_hu: tuple[float, float] | None) -> NDArray[np.uint8]:
    """The looks themselves in 8-bit grey, (looks, size, size)."""
    spacing = stack.grid.spacing_mm[1:]

    def work(place: np.intp) -> NDArray[np.uint8]:
        return look_at_grey(array[place], spacing, stack.window, stack.size, window_hu)

    made = np.zeros((len(stack.places), stack.size, stack.size), dtype=np.uint8)
    for number, plane in enumerate(in_threads(work, list(stack.places))):
        made[number] = plane
    return made


def put_back(
    maps: Maps,
    stack: Stack,
    decide: Callable[[int, Sequence[NDArray[np.uint8]]], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Maps on every voxel of the volume, decided upon slice by slice.

    Parameters
    ----------
    maps : of the looks; linear between them
    stack : what was looked at
    decide : from the index of a slice and each map on its voxels, (rows, columns) uint8, to what to keep of it

    Returns
    -------
    (slices, rows, columns) uint8, axial; 0 where every map is 0
    """
    made = np.zeros(stack.grid.shape, dtype=np.uint8)
    shape, spacing = stack.grid.shape[1:], stack.grid.spacing_mm[1:]
    filled = np.asarray(maps.any(axis=(0, 2, 3)))
    low, high = int(stack.places[0]), int(stack.places[-1])

    def work(places: range) -> None:
        for place in range(max(places[0], low), min(places[-1], high) + 1):
            first, second, share = _between(stack.places, place)
            if not (filled[first] or filled[second]):
                continue
            planes = [_mixed(plane[first], plane[second], share) for plane in maps]
            made[place] = decide(place, [put_back_slice(plane, stack.window, shape, spacing) for plane in planes])

    for _ in in_threads(work, [range(a, min(a + SLAB, len(made))) for a in range(0, len(made), SLAB)]):
        pass
    return made


def in_threads(work: Callable[[T], Any], items: Sequence[T]) -> Iterator[Any]:
    """What ``work`` gives for each item, in their order, from as many threads as there are cores."""
    with ThreadPoolExecutor(cores(), thread_name_prefix="hilum-slices") as pool:
        yield from pool.map(work, items)


def _between(places: NDArray[np.intp], place: int) -> tuple[int, int, int]:
    """Numbers of the looks before and after a slice, and the share of the second in 256ths."""
    second = int(np.searchsorted(places, place))
    if places[second] == place:
        return second, second, 0
    before, after = places[second - 1], places[second]
    return second - 1, second, round(256 * float(place - before) / float(after - before))


def _mixed(first: NDArray[np.uint8], second: NDArray[np.uint8], share: int) -> NDArray[np.uint8]:
    if not share:
        return first
    mixed = first.astype(np.uint16) * np.uint16(256 - share) + second.astype(np.uint16) * np.uint16(share)
    return ((mixed + np.uint16(128)) >> np.uint16(8)).astype(np.uint8)

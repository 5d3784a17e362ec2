"""Stage I on CT: the lungs of a volume, by the patient's side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.models.network import Network, open_networks
from hilum.preprocessing.ct import SliceWindow, lung_slice_window, whole_slice_window
from hilum.provenance import Json, Step
from hilum.settings import RuntimeSettings

from .ct_classical import classical_lungs
from .gas import WINDOW_HU, gas_in, hounsfield_of
from .scale import to_judge_by
from .slices import APART_MM, Maps, Preset, Progress, Stack, looked_at, put_back, run_network, shrunk
from .two_lungs import tidy

Method = Literal["network", "classical"]

FIRST_MM = 5.0
"""Slices are so far apart at the first look, which only says where the lungs are."""

CLOSER_MARGIN = 0.1
"""Share of the lungs' longer side that the second look adds on each side: the first may have missed some."""

LEAST_SIDE = 0.55
"""The second look is at least so wide, as a share of the first: the network never saw a scrap of lung nearer than
that."""


@dataclass(frozen=True, slots=True, eq=False)
class CtLungStage:
    """What stage I makes of a CT.

    Attributes
    ----------
    lungs : whole lungs with their diseased parts, without trachea and main bronchi
    probability : of any lung, 0 to 255, on the volume's grid; None unless asked for
    """

    lungs: LabelMap
    probability: NDArray[np.uint8] | None = None


def segment_ct_lungs(
    image: Image,
    network: Network | None = None,
    *,
    method: Method = "network",
    preset: Preset = "standard",
    keep_probability: bool = False,
    progress: Progress | None = None,
) -> CtLungStage:
    """The patient's right and left lung on a volume's own grid.

    Parameters
    ----------
    image : a CT, in any orientation that its grid states
    network : of the task ``ct-lungs``; None opens the shipped one
    method : the network, or thresholds and connected parts (:mod:`~hilum.segmentation.ct_classical`)
    preset : how far apart the slices are that are looked at
    keep_probability : give the map back that was decided upon
    progress : told about ``lungs``

    Raises
    ------
    WrongQuantity
        The image is not a CT; or it is one in 8-bit pictures, and the classical method needs Hounsfield units.
    ModelError
        The network cannot be used.
    """
    require_ct(image)
    axial = to_judge_by(image.axial())
    if method == "classical":
        maps, stack = classical_lungs(axial)
        step = Step("segment-lungs", {"method": method}, (image.origin,))
        if progress is not None:
            progress("lungs", 1, 1)
    else:
        if network is None:
            (network,) = open_networks([("ct-lungs", "")], RuntimeSettings(), many=True)
        maps, stack = _seen(axial, network, preset, progress)
        settings: dict[str, Json] = {"method": method, "preset": preset, **network.settings}
        step = Step("segment-lungs", settings, (image.origin,), network.ref)
    return _stage(image, maps, stack, step, keep_probability=keep_probability)


def _seen(axial: Image, network: Network, preset: Preset, progress: Progress | None) -> tuple[Maps, Stack]:
    """The network's lungs, tidy, on its own looks: first at whole slices, then nearer, where the lungs are.

    Should the second look find none, the first one holds.
    """
    grid = axial.volume

    def look(stack: Stack, told: Callable[[int, int], None] | None) -> Maps:
        raw = run_network(network, axial.array, stack, window_of(axial, network), _right_and_left, told=told)
        return tidy(raw, stack.spacing_mm)

    first = Stack(grid, whole_slice_window(grid), network.size_px, looked_at(grid, max(FIRST_MM, APART_MM[preset])))
    maps = look(first, None)
    if not (maps[0] >= 128).any():
        if progress is not None:
            progress("lungs", 1, 1)
        return maps, first
    second = _closer(first, maps, looked_at(grid, APART_MM[preset]))
    nearer = look(second, None if progress is None else partial(progress, "lungs"))
    if not (nearer[0] >= 128).any():
        return maps, first
    return (_without_gas(nearer, axial, second) if axial.quantity is Quantity.HOUNSFIELD else nearer), second


def _without_gas(maps: Maps, axial: Image, stack: Stack) -> Maps:
    """Lungs without the gas of stomach and bowel, which is looked for on every second pixel."""
    step = 1 if stack.size % 2 else 2
    coarse = Stack(stack.grid, stack.window, stack.size // step, stack.places)
    hounsfield = hounsfield_of(shrunk(axial.array, coarse, WINDOW_HU))
    gas = gas_in(maps[0, :, ::step, ::step] >= 128, hounsfield, coarse.spacing_mm)
    if not gas.any():
        return maps
    chance, is_right = maps[0].copy(), maps[1] >= 128
    chance[gas.repeat(step, axis=1).repeat(step, axis=2)] = 0
    return tidy(np.where(np.stack([is_right, ~is_right]), chance, np.uint8(0)), stack.spacing_mm)


def _closer(first: Stack, maps: Maps, places: NDArray[np.intp]) -> Stack:
    """What the second look sees: a square about the lungs, on the slices from the last without lung to the next.

    Where one lung alone was found it is as wide as the slices, for the other one may have been missed.

    Parameters
    ----------
    first, maps : the first look, and the lungs on it as :func:`~hilum.segmentation.two_lungs.tidy` gives them
    places : indices of the slices that may be looked at
    """
    lung, window = maps[0] >= 128, first.window
    is_right = maps[1] >= 128
    if (lung & is_right).any() and (lung & ~is_right).any():
        about = lung_slice_window(lung, VolumeGrid.of_spacing(lung.shape, first.spacing_mm), CLOSER_MARGIN)
        if about is not None:
            window = _within(window, about)
    shown = np.flatnonzero(lung.any(axis=(1, 2)))
    low, high = first.places[max(0, shown[0] - 1)], first.places[min(len(lung) - 1, shown[-1] + 1)]
    start = max(int(np.searchsorted(places, low, side="right")) - 1, 0)
    end = int(np.searchsorted(places, high))
    return Stack(first.grid, window, first.size, places[start : end + 1])


def _within(window: SliceWindow, about: SliceWindow) -> SliceWindow:
    """A square whose place is relative to a window's, widened about its middle to :data:`LEAST_SIDE` of it."""
    wider = max(0.0, LEAST_SIDE * window.side_mm - about.side_mm) / 2
    top, left = window.top_mm + about.top_mm - wider, window.left_mm + about.left_mm - wider
    return SliceWindow(top, left, about.side_mm + 2 * wider)


def _right_and_left(chances: NDArray[np.float32]) -> NDArray[np.uint8]:
    """From softmax over none, right, left, (batch, 3, size, size), to both lungs in 8 bits, (batch, 2, size, size)."""
    return np.rint(chances[:, 1:3] * np.float32(255)).astype(np.uint8)


def _stage(image: Image, maps: Maps, stack: Stack, step: Step, *, keep_probability: bool) -> CtLungStage:
    chance = np.zeros(stack.grid.shape, dtype=np.uint8) if keep_probability else None

    def decide(place: int, planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        lung, right = planes
        if chance is not None:
            chance[place] = lung
        inside = (lung >= 128).view(np.uint8)
        return inside * np.uint8(2) - (inside & (right >= 128).view(np.uint8))

    home = image.volume.orientation.from_axial
    labels = LabelMap(home(put_back(maps, stack, decide)), image.grid, LUNGS, step)
    return CtLungStage(labels, None if chance is None else home(chance))


def require_ct(image: Image) -> None:
    """Raise :class:`~hilum.errors.WrongQuantity` unless the image is a volume of CT."""
    if not isinstance(image.grid, VolumeGrid) or image.quantity not in (Quantity.HOUNSFIELD, Quantity.WINDOWED_CT):
        raise WrongQuantity(f"A CT is needed here, and this is an image of {image.quantity.value} values.")


def window_of(image: Image, network: Network) -> tuple[float, float] | None:
    """The window in Hounsfield units through which a network sees an image; None for 8-bit pictures of CT."""
    return network.card.input.window_hu if image.quantity is Quantity.HOUNSFIELD else None

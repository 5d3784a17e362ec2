"""Stage II on CT: ground-glass, consolidation and effusion in the lungs of a volume."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS, Image, LabelMap, Quantity
from hilum.models.card import Card
from hilum.models.network import Network, open_networks
from hilum.preprocessing.ct import look_at_labels, lung_slice_window
from hilum.provenance import Json, Step
from hilum.settings import RuntimeSettings

from .ct_density import weigh_density
from .ct_lungs import require_ct, window_of
from .dense_bodies import mark_dense_bodies
from .nearer import Blend, halves_of
from .patches import DENSE_HU, put_back_maps, run_patches, tells_classes
from .scale import to_judge_by
from .slices import APART_MM, Maps, Preset, Progress, Stack, looked_at, put_back, run_network, shrunk
from .solids import Solid, Spacing, parts_of, voxels_of

LEAST_LESION_ML, LEAST_LESION_MM2 = 0.1, 20.0
"""A connected lesion below this volume, a ball of 6 mm, is noise; of a few slices, one below this area in each."""

LEAST_HEIGHT_MM = 5.0
"""A lesion is as high as that somewhere, where looks are near enough to tell: what is flatter is the dome of the
diaphragm, half in a slice."""

CLOSE_MARGIN = 0.0
"""Margin about the lungs in 8-bit pictures: of unknown windows, many of them noisy or equalised, a network finds more
the nearer it looks, and sees each half of them nearer still. In Hounsfield units it is sure without."""

CORE = 0.3
"""A lesion is so probable somewhere, however low the threshold is at which its edge is drawn: that of pictures of
unknown windows, in which a network is less sure, is lower."""

SURE_PERCENTILE, EDGE_SHARE = 90.0, 0.4
"""Where a network is sure of much of a lung, the edges of what it finds are drawn at this share of how sure it is."""

OF_HOUNSFIELD = "-hounsfield"
"""Ends the name of a threshold that holds in Hounsfield units alone."""

SMOOTHED_MM = 3.0
"""Looks no farther apart than this are averaged with their neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class CtLesionStage:
    """What stage II makes of a CT.

    Attributes
    ----------
    lesions : ground-glass, consolidation and effusion, inside the lungs
    probability : ``opacity``, ``consolidation`` (its share of that) and ``effusion``, 0 to 255, on the volume's
        grid; empty unless asked for
    """

    lesions: LabelMap
    probability: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict[str, NDArray[np.uint8]])


MAPS = ("opacity", "consolidation", "effusion")
"""The maps that are kept of each look, in their order."""


Decide = Callable[[int, Sequence[NDArray[np.uint8]]], NDArray[np.uint8]]
"""From the index of a slice and :data:`MAPS` on its voxels to what is kept of it."""

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a network made of a volume, where it looked.

    Attributes
    ----------
    maps : in the order of :data:`MAPS`
    lung : where lung is, on each look
    spacing_mm : of its voxels
    put_back : onto the volume's voxels
    settings : for provenance
    """

    maps: Maps
    lung: Solid
    spacing_mm: Spacing
    put_back: Callable[[Decide], NDArray[np.uint8]]
    settings: Mapping[str, Json]


def segment_ct_lesions(
    image: Image,
    lungs: LabelMap,
    network: Network | None = None,
    *,
    preset: Preset = "standard",
    keep_probability: bool = False,
    progress: Progress | None = None,
) -> CtLesionStage:
    """Lesions of a CT on its own grid.

    The card's thresholds are ``opacity``, for ground-glass and consolidation together; ``consolidation``, for its
    share of that; and ``effusion``. Each may have another value in Hounsfield units, such as ``opacity-hounsfield``,
    since 8-bit pictures of unknown windows leave a network less sure. A network that does not tell classes apart
    needs only the first.

    Parameters
    ----------
    image : a CT
    lungs : its lungs, on the same grid, from any source
    network : of the task ``ct-lesions``, of slices or of blocks; None opens the shipped one
    preset : how far apart the slices are that are looked at; a network of blocks looks at all of the volume
    keep_probability : give the maps back that were decided upon
    progress : told about ``lesions``

    Raises
    ------
    GridMismatch
        The lungs lie on another grid.
    WrongQuantity
        The image is not a CT.
    ValueError
        There are no lungs.
    ModelError
        The network cannot be used.
    """
    require_ct(image)
    image.volume.require_same(lungs.volume)
    if network is None:
        (network,) = open_networks([("ct-lesions", "")], RuntimeSettings(), many=True)
    axial, masks = to_judge_by(image.axial()), lungs.axial().array
    told = None if progress is None else partial(progress, "lesions")
    if network.card.input.patches is None:
        found = _by_slices(network, axial, masks, preset, told)
    else:
        found = _by_blocks(network, axial, masks, told)
    thresholds = _thresholds(network.card, image.quantity)
    thresholds["opacity"] = _edge(found, thresholds["opacity"])
    _clear_specks(found, thresholds)
    settings: dict[str, Json] = {
        **found.settings,
        **network.settings,
        "thresholds": dict(thresholds),
    }
    step = Step("segment-lesions", settings, (image.origin, lungs.origin), network.ref)
    return _stage(image, found, masks, thresholds=thresholds, step=step, keep_probability=keep_probability)


def _by_slices(network: Network, axial: Image, masks: NDArray[np.uint8], preset: Preset, told: Told | None) -> _Found:
    """Through a network that sees one slice of the lungs at a time."""
    grid = axial.volume
    is_hounsfield = axial.quantity is Quantity.HOUNSFIELD
    window = lung_slice_window(masks, grid, network.card.input.margin if is_hounsfield else CLOSE_MARGIN)
    if window is None:
        raise ValueError("there are no lungs to look for lesions in")
    stack = Stack(grid, window, network.size_px, _with_lungs(looked_at(grid, APART_MM[preset]), masks))
    is_mirrored = preset == "standard"
    seen_as = window_of(axial, network)
    lung = _seen_lung(masks, stack)
    blend = Blend(stack, halves_of(stack, lung)) if preset == "standard" and not is_hounsfield else None
    maps = run_network(
        network, axial.array, stack, seen_as, _three_maps, is_mirrored=is_mirrored, blend=blend, told=told
    )
    if len(maps[0]) > 1 and stack.spacing_mm[0] <= SMOOTHED_MM:
        _smooth(maps)
    grey = shrunk(axial.array, stack, seen_as)
    if seen_as is not None:
        mark_dense_bodies(maps[0], grey, lung, window_hu=seen_as, spacing_mm=stack.spacing_mm)
    weigh_density(maps, grey, lung)
    return _Found(
        maps,
        lung,
        stack.spacing_mm,
        lambda decide: put_back(maps, stack, decide),
        {"preset": preset, "mirrored": is_mirrored, "halves": blend is not None},
    )


def _seen_lung(masks: NDArray[np.uint8], stack: Stack) -> Solid:
    """Where lung is on each look."""
    spacing = stack.grid.spacing_mm[1:]
    looks = [look_at_labels(masks[place], spacing, stack.window, stack.size) for place in stack.places]
    return np.stack(looks) > 0


def _by_blocks(network: Network, axial: Image, masks: NDArray[np.uint8], told: Told | None) -> _Found:
    """Through a network that goes over the volume block by block."""
    found = run_patches(network, axial, masks, told=told)
    settings: dict[str, Json] = {"spacing-mm": list(found.lattice.spacing_mm), "slices-px": list(found.lattice.shape)}
    if not tells_classes(network.card):
        is_hounsfield = axial.quantity is Quantity.HOUNSFIELD
        settings["consolidation-from-hu"] = DENSE_HU if is_hounsfield else None
    return _Found(found.maps, found.lungs, found.lattice.spacing_mm, partial(put_back_maps, found), settings)


def _with_lungs(places: NDArray[np.intp], masks: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The looks from the last before the lungs begin to the first after they end."""
    inside = [place for place, plane in enumerate(masks) if plane.any()]
    first = max(int(np.searchsorted(places, inside[0], side="right")) - 1, 0)
    last = int(np.searchsorted(places, inside[-1]))
    return places[first : last + 1]


def _three_maps(chances: NDArray[np.float32]) -> NDArray[np.uint8]:
    """From softmax over none and three lesions, (batch, 4, size, size), to :data:`MAPS`, (batch, 3, size, size)."""
    opacity = chances[:, 1] + chances[:, 2]
    dense = chances[:, 2] / np.maximum(opacity, np.float32(1e-6))
    maps = np.stack([opacity, dense, chances[:, 3]], axis=1)
    return np.rint(np.clip(maps, 0, 1) * np.float32(255)).astype(np.uint8)


def _smooth(maps: Maps) -> None:
    """Average each look with its neighbours, 1 to 2 to 1, in place: a lesion is on more than one slice."""
    opacity, dense, effusion = maps
    dense[:] = _divided(opacity.astype(np.uint16) * dense + np.uint16(127), np.uint16(255))
    for plane in (opacity, dense, effusion):
        before = plane[0].copy()
        for place in range(len(plane)):
            here, after = plane[place].copy(), plane[min(place + 1, len(plane) - 1)]
            total = before.astype(np.uint16) + here + here + after + np.uint16(2)
            plane[place] = (total >> np.uint16(2)).astype(np.uint8)
            before = here
    dense[:] = _divided(dense.astype(np.uint16) * np.uint16(255), np.maximum(opacity, 1))


def _divided(value: NDArray[np.uint16], divisor: NDArray[np.uint8] | np.uint16) -> NDArray[np.uint8]:
    return np.minimum(value // divisor, np.uint16(255)).astype(np.uint8)


def _thresholds(card: Card, quantity: Quantity) -> dict[str, float]:
    """A card's thresholds for an image of this quantity, by the names of :data:`MAPS`."""
    return {name: _threshold(card, name, quantity) for name in MAPS}


def _threshold(card: Card, name: str, quantity: Quantity) -> float:
    """A card's threshold; one half of a class that a network of blocks does not have, or that density tells."""
    special = f"{name}{OF_HOUNSFIELD}"
    if quantity is Quantity.HOUNSFIELD and special in card.thresholds:
        return card.threshold(special)
    if card.input.patches is not None and name != "opacity" and name not in card.thresholds:
        return 0.5
    return card.threshold(name)


def _edge(found: _Found, least: float) -> float:
    """The threshold of opacity: a share of what the surest tenth of the lungs reach, from ``least`` to the core's."""
    inside = found.maps[0][found.lung]
    if least >= CORE or not len(inside):
        return least
    sure = float(np.percentile(inside, SURE_PERCENTILE)) / 255
    return max(least, min(CORE, round(EDGE_SHARE * sure, 3)))


def _clear_specks(found: _Found, thresholds: Mapping[str, float]) -> None:
    """Set maps to 0 where what reaches the threshold, within the lungs, is too small or too doubtful to be a lesion."""
    least = voxels_of(LEAST_LESION_ML, LEAST_LESION_MM2, len(found.lung), found.spacing_mm)
    apart = found.spacing_mm[0]
    high = round(LEAST_HEIGHT_MM / apart) if apart <= SMOOTHED_MM else 1
    for name in ("opacity", "effusion"):
        plane = found.maps[MAPS.index(name)]
        lesion = (plane >= level(thresholds[name])) & found.lung
        if lesion.any():
            sure = lesion & (plane >= level(CORE))
            plane[lesion & ~_large(lesion, sure, least, min(high, len(lesion)))] = 0


def _large(lesion: Solid, sure: Solid, least: float, high: int) -> Solid:
    """The connected parts of at least so many voxels that are sure, and at least so many looks high, somewhere."""
    numbers, counts = parts_of(lesion, connectivity=26)
    tall = lesion[high - 1 :].copy()
    for below in range(1, high):
        tall &= lesion[high - 1 - below : len(lesion) - below]
    keep = (counts >= least) & (np.bincount(numbers[high - 1 :][tall], minlength=len(counts)) > 0)
    keep &= np.bincount(numbers[sure], minlength=len(counts)) > 0
    keep[0] = False
    return keep[numbers]


def _stage(
    image: Image,
    found: _Found,
    masks: NDArray[np.uint8],
    *,
    thresholds: Mapping[str, float],
    step: Step,
    keep_probability: bool,
) -> CtLesionStage:
    levels = [level(thresholds[name]) for name in MAPS]
    kept = {name: np.zeros(masks.shape, dtype=np.uint8) for name in MAPS if keep_probability}

    def decide(place: int, planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        for name, plane in zip(MAPS, planes, strict=True):
            if name in kept:
                kept[name][place] = plane
        return drawn(planes, levels, masks[place] > 0)

    home = image.volume.orientation.from_axial
    labels = LabelMap(home(found.put_back(decide)), image.grid, LESIONS, step)
    return CtLesionStage(labels, {name: home(volume) for name, volume in kept.items()})


def drawn(planes: Sequence[NDArray[np.uint8]], levels: Sequence[int], lung: Solid) -> NDArray[np.uint8]:
    """Numbers of :data:`~hilum.image.LESIONS` on one slice, from :data:`MAPS` and their levels; effusion over all."""
    opacity, dense, effusion = (plane >= least for plane, least in zip(planes, levels, strict=True))
    made = (opacity & lung).view(np.uint8) + (opacity & dense & lung).view(np.uint8)
    made[effusion & lung] = 3
    return made


def level(threshold: float) -> int:
    """The least of 0 to 255 that reaches a probability; whole, so that maps are compared in eight bits."""
    return math.ceil(255 * threshold)

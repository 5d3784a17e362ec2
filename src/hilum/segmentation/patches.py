"""A network that goes over a CT block by block: blocks that overlap, blended, never a volume of raw numbers.

The volume is put on the network's lattice (:mod:`hilum.segmentation.lattice`), slices at a time. Blocks without lung
are left out. Their probabilities are blended in a window as deep as one block, which moves from the feet to the head;
what it leaves behind is final and kept in 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ModelError
from hilum.image import Image, Quantity
from hilum.models.card import Card, ImageInput, Output, Patches
from hilum.models.network import Network
from hilum.preprocessing.ct import SliceWindow, lung_slice_window, put_back_slice

from .lattice import Lattice, lattice_of, scale_of, shares, window_hu_of
from .slices import SLAB, Maps, in_threads

Triple = tuple[int, int, int]

Solid = NDArray[np.bool_]

Chances = NDArray[np.float32]

Run = Callable[[NDArray[np.float32]], Chances]
"""From blocks, (blocks, slices, rows, columns), to their chances, (blocks, channels, slices, rows, columns)."""

OPACITY = ("ground-glass", "consolidation", "opacity", "infection")
"""Channels of a network that together are opacity; the last two of networks that do not tell the classes apart."""

DENSE_HU = -200.0
"""Where a network does not tell the classes apart, opacity of at least this density is written as consolidation.

Ground-glass leaves vessels and walls of airways to be seen in it, consolidation does not (Hansell et al., Fleischner
Society: glossary of terms for thoracic imaging, Radiology 2008;246:697, doi:10.1148/radiol.2462070712): between
aerated lung, near -850, and soft tissue, near 40, -200 is where air is a fifth of the volume.
"""

GAUSSIAN_SHARE = 0.125
"""Standard deviation of the window that blocks are blended with, as a share of their length."""

LEAST_WEIGHT = 1e-3
"""What a voxel at the corner of a block counts at least, as a share of one at its middle."""

SLICES_AT_ONCE = 8
"""Blocks of one slice in one inference; of deeper blocks there is one."""


@dataclass(frozen=True, slots=True, eq=False)
class LatticeMaps:
    """What a network makes of a volume, on its lattice.

    Attributes
    ----------
    maps : opacity, consolidation (its share of that) and effusion, (3, slices, size, size), 0 to 255
    lungs : where lung is, (slices, size, size)
    lattice : on which these lie
    """

    maps: Maps
    lungs: Solid
    lattice: Lattice


def run_patches(
    network: Network,
    axial: Image,
    lungs: NDArray[np.uint8],
    *,
    told: Callable[[int, int], None] | None = None,
) -> LatticeMaps:
    """The maps of a network of blocks.

    Parameters
    ----------
    network : whose card has patches, and one output with channels of :data:`OPACITY`
    axial : a CT, axial
    lungs : of its shape, non-zero in them; ValueError if there are none
    told : how many of how many slices of the lattice are final

    Raises
    ------
    ModelError
        The card has no patches, or no channel of opacity.
    """
    entry, patches, output = network.card.input, _patches(network.card), _output(network.card)
    lattice = lattice_of(axial.volume, patches, _window(axial, lungs, entry))
    is_hounsfield = axial.quantity is Quantity.HOUNSFIELD
    window_hu = window_hu_of(entry, is_hounsfield=is_hounsfield)
    scale = scale_of(axial.array, axial.volume, entry, is_hounsfield=is_hounsfield)
    density = np.zeros(lattice.shape, dtype=np.float32)
    inside = np.zeros(lattice.shape, dtype=bool)

    def look(place: int) -> None:
        density[place] = lattice.density(axial.array, place, window_hu)
        inside[place] = lattice.labels(lungs, place) > 0

    for _ in in_threads(look, range(lattice.shape[0])):
        pass
    dense = np.inf if window_hu is None else (DENSE_HU - window_hu[0]) / (window_hu[1] - window_hu[0])
    chosen = [name for name in output.channels if name in (*OPACITY, "effusion")]
    channels = [output.channel(name) for name in chosen]
    made = np.zeros((3, *lattice.shape), dtype=np.uint8)
    for layers, chances in blended(scale(density), inside, patches, _runner(network, channels), len(channels)):
        made[:, layers] = _three_maps(chances, chosen, density[layers] >= dense)
        if told is not None:
            told(layers.stop, lattice.shape[0])
    return LatticeMaps(made, inside, lattice)


def tells_classes(card: Card) -> bool:
    """Whether a network tells ground-glass from consolidation."""
    return {"ground-glass", "consolidation"} <= set(_output(card).channels)


def blended(
    volume: NDArray[np.float32],
    where: Solid,
    patches: Patches,
    run: Run,
    channels: int,
) -> Iterator[tuple[slice, Chances]]:
    """Blocks of a volume through a network, put together again.

    Parameters
    ----------
    volume : (slices, rows, columns); lengthened with its least value where it is shorter than a block
    where : of its shape; blocks in which this is nowhere true are left out
    patches : size, overlap and weights
    run : the network
    channels : how many the network gives

    Yields
    ------
    Stretches of slices, in order and without gaps, and their chances (channels, slices, rows, columns); 0 where no
    block was looked at.
    """
    depth = volume.shape[0]
    volume, where = _at_least(volume, patches.size, volume.min()), _at_least(where, patches.size, value=False)
    weight = block_weight(patches)
    at = [starts(length, *pair) for length, *pair in zip(volume.shape, patches.size, patches.overlap, strict=True)]
    total = np.zeros((channels, patches.size[0], *volume.shape[1:]), dtype=np.float32)
    weights = np.zeros(total.shape[1:], dtype=np.float32)
    for first, following in pairwise([*at[0], volume.shape[0]]):
        corners = [(first, row, column) for row, column in product(at[1], at[2])]
        corners = [corner for corner in corners if where[_block(corner, patches)].any()]
        for some in _batches(corners, patches):
            found = run(np.stack([volume[_block(corner, patches)] for corner in some]))
            for corner, chances in zip(some, found, strict=True):
                _, rows, columns = _block(corner, patches)
                total[:, :, rows, columns] += chances * weight
                weights[:, rows, columns] += weight
        done = following - first
        yield _final(total, weights, slice(first, min(following, depth)))
        total[:, :-done] = total[:, done:].copy()
        weights[:-done] = weights[done:].copy()
        total[:, -done:], weights[-done:] = 0, 0


def _final(total: Chances, weights: Chances, layers: slice) -> tuple[slice, Chances]:
    count = max(layers.stop - layers.start, 0)
    return layers, np.divide(total[:, :count], np.maximum(weights[:count], np.float32(1e-30)), dtype=np.float32)


def starts(length: int, size: int, overlap: int) -> list[int]:
    """First voxels of the blocks along an axis; the last block ends with the axis, which is as long as a block."""
    regular = list(range(0, length - size, size - overlap))
    return [*regular, length - size]


def block_weight(patches: Patches) -> Chances:
    """How much each voxel of a block counts, of the block's shape; above 0, at most 1."""
    if patches.blend == "mean":
        return np.ones(patches.size, dtype=np.float32)
    across, high, wide = (_bell(length) for length in patches.size)
    made = across[:, None, None] * high[:, None] * wide
    return np.maximum(made / made.max(), LEAST_WEIGHT).astype(np.float32)


def _bell(length: int) -> NDArray[np.float64]:
    distance = np.arange(length) - (length - 1) / 2
    return np.exp(-0.5 * (distance / (GAUSSIAN_SHARE * length)) ** 2)


def _block(corner: Triple, patches: Patches) -> tuple[slice, slice, slice]:
    across, high, wide = (slice(a, a + n) for a, n in zip(corner, patches.size, strict=True))
    return across, high, wide


def _batches(corners: Sequence[Triple], patches: Patches) -> Iterator[Sequence[Triple]]:
    count = SLICES_AT_ONCE if patches.size[0] == 1 else 1
    for start in range(0, len(corners), count):
        yield corners[start : start + count]


def _at_least(array: NDArray[Any], size: Triple, value: Any) -> NDArray[Any]:
    """The array with ``value`` after its end, along axes that are shorter than a block."""
    more = [(0, max(0, least - length)) for length, least in zip(array.shape, size, strict=True)]
    return np.pad(array, more, constant_values=value) if any(after for _, after in more) else array


def _runner(network: Network, channels: Sequence[int]) -> Run:
    """The wanted channels of a network; blocks of one slice are pictures to it."""
    entry, (output,) = network.card.input, network.card.outputs

    def run(blocks: NDArray[np.float32]) -> Chances:
        given = blocks if len(entry.shape) == 4 else blocks[:, None]
        found = network.runtime.run({entry.name: given})[output][:, list(channels)]
        return found.reshape(len(blocks), len(channels), *blocks.shape[1:])

    return run


def _three_maps(chances: Chances, names: Sequence[str], is_dense: Solid) -> NDArray[np.uint8]:
    """Opacity, consolidation's share of it, effusion, in 8 bits, (3, slices, rows, columns)."""
    by_name = dict(zip(names, chances, strict=True))
    nothing = np.zeros_like(chances[0])
    opacity = np.sum([by_name[name] for name in OPACITY if name in by_name], axis=0)
    if "consolidation" in by_name:
        dense = by_name["consolidation"] / np.maximum(opacity, np.float32(1e-6))
    else:
        dense = is_dense.astype(np.float32)
    made = np.stack([opacity, dense, by_name.get("effusion", nothing)])
    return np.rint(np.clip(made, 0, 1) * np.float32(255)).astype(np.uint8)


def put_back_maps(
    found: LatticeMaps,
    decide: Callable[[int, Sequence[NDArray[np.uint8]]], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Maps on every voxel of the volume, decided upon slice by slice, as :func:`hilum.segmentation.slices.put_back`."""
    lattice, maps = found.lattice, found.maps
    shape, spacing = lattice.grid.shape, lattice.grid.spacing_mm[1:]
    made = np.zeros(shape, dtype=np.uint8)

    def work(places: range) -> None:
        for place in places:
            first, weights = shares(lattice.shape[0], shape[0], place)
            layers = maps[:, first : first + len(weights)]
            if not layers[[0, 2]].any():
                continue
            mixed = np.rint(np.tensordot(weights, layers, axes=(0, 1))).astype(np.uint8)
            made[place] = decide(place, [put_back_slice(plane, lattice.window, shape[1:], spacing) for plane in mixed])

    for _ in in_threads(work, [range(a, min(a + SLAB, len(made))) for a in range(0, len(made), SLAB)]):
        pass
    return made


def _window(axial: Image, lungs: NDArray[np.uint8], entry: ImageInput) -> SliceWindow | None:
    """Where a network looks in the plane of the slices; None for all of it. ValueError if there are no lungs."""
    window = lung_slice_window(lungs, axial.volume, entry.margin)
    if window is None:
        raise ValueError("there are no lungs to look for lesions in")
    return window if entry.region == "lungs" else None


def _patches(card: Card) -> Patches:
    if card.input.patches is None:
        raise ModelError(f"The card of {card.name} declares no patches, and a network of blocks is needed here.")
    return card.input.patches


def _output(card: Card) -> Output:
    outputs = list(card.outputs.values())
    if len(outputs) != 1 or not set(OPACITY) & set(outputs[0].channels):
        raise ModelError(f"The card of {card.name} should declare one output, with a channel of {', '.join(OPACITY)}.")
    return outputs[0]

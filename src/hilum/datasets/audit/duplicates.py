"""Pairs of pictures that show the same thing, found without comparing every picture with every other.

A hash is cut into bands; two pictures are compared only if they share a band. A pair whose hashes differ in fewer bits
than there are bands shares one for certain, and pairs that differ in twice as many do nearly always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fingerprint import BITS, Fingerprint, likeness, variants, varied

BANDS = 16
"""Bands of a hash, of 16 bits each: pairs that differ in up to 15 of 256 bits are found for certain."""

FURTHEST = 44
"""Pairs whose hashes differ in more of their 256 bits are not looked at. Among 4,300 films of six collections, copies
of one film differed in 3 to 54 bits, mostly up to 42, and strangers that stood alike in 45 and more."""

ALIKE = 0.6
"""Copies correlate in their detail by at least this; see :func:`.fingerprint.likeness`. A crop, or letters burnt in,
cost a copy up to 0.4; strangers reach 0.69, but not within 44 bits."""

CROWD = 256
"""A band that more pictures share says nothing, and is passed over, so that the work stays in proportion."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that show the same.

    Attributes
    ----------
    first, second : their places in the sequence given, first < second
    variant : what must be done to the first to get the second: nothing, ``mirrored``, ``inverted`` or both
    bits : how many bits of the hashes differ
    likeness : correlation of their detail
    """

    first: int
    second: int
    variant: str
    bits: int
    likeness: float


def near_duplicates(fingerprints: Sequence[Fingerprint | None], *, alike: float = ALIKE) -> Iterator[Pair]:
    """All pairs that show the same, each once, in order.

    Parameters
    ----------
    fingerprints : None takes part in no pair
    alike : lowest correlation of detail of a pair
    """
    seen = [(place, each) for place, each in enumerate(fingerprints) if each is not None]
    if len(seen) < 2:
        return
    bits = np.stack([each.bits for _, each in seen])
    best: dict[tuple[int, int], Pair] = {}
    for variant, a, b, distance in _candidates(bits):
        first, second = seen[a], seen[b]
        score = likeness(varied(first[1].small, variant), second[1].small)
        key = (first[0], second[0])
        if score >= alike and (key not in best or best[key].likeness < score):
            best[key] = Pair(*key, variant, distance, score)
    yield from (best[key] for key in sorted(best))


def _candidates(bits: NDArray[np.bool_]) -> Iterator[tuple[str, int, int, int]]:
    """Variant, two places (the first the smaller), and the bits in which they differ; hashes (pictures, BITS)."""
    stored = _bands(bits)
    buckets = _buckets(stored)
    changed = {name: np.stack([variants(row)[name] for row in bits]) for name in variants(bits[0])}
    for name, asked in changed.items():
        keys = _bands(asked)
        for place in range(len(bits)):
            others = _sharing(keys[place], buckets)
            others = others[others > place]
            distance = np.count_nonzero(bits[others] ^ asked[place], axis=1)
            for at in np.flatnonzero(distance <= FURTHEST):
                yield name, place, int(others[at]), int(distance[at])


def _bands(bits: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The hashes, (pictures, BITS), as numbers, (pictures, BANDS); each band gathers bits from all frequencies."""
    width = BITS // BANDS
    spread = bits.reshape(len(bits), width, BANDS).transpose(0, 2, 1)
    return (spread * (1 << np.arange(width))).sum(axis=2).astype(np.uint16)


def _buckets(keys: NDArray[np.uint16]) -> Mapping[tuple[int, int], NDArray[np.int64]]:
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, row in enumerate(keys.tolist()):
        for band, key in enumerate(row):
            found[band, key].append(place)
    return {key: np.array(places) for key, places in found.items() if len(places) <= CROWD}


def _sharing(keys: NDArray[np.uint16], buckets: Mapping[tuple[int, int], NDArray[np.int64]]) -> NDArray[np.int64]:
    found = [buckets[key] for key in enumerate(keys.tolist()) if key in buckets]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

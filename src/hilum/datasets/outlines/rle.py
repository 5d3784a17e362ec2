"""Run lengths of masks as COCO has them: down the columns, the first run of pixels outside, packed into letters or not.

The packing is that of the COCO API (github.com/cocodataset/cocoapi, common/maskApi.c): from the fourth run on the
difference to the one but one before, five bits a letter, the lowest first, the sixth bit telling that more follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FIRST = 48
_MORE, _SIGN, _LOW = 0x20, 0x10, 0x1F


def runs_of(mask: NDArray[np.bool_]) -> list[int]:
    """The run lengths of a mask (rows, columns); of an empty one, or one that is full, 1 or 2 runs.

    Examples
    --------
    >>> runs_of(np.array([[0, 1], [0, 1], [1, 0]], dtype=bool))
    [2, 3, 1]
    """
    flat = np.concatenate([[False], mask.ravel(order="F"), [not mask.ravel(order="F")[-1]]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(edges, prepend=0).tolist()


def mask_of_runs(runs: Sequence[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (rows, columns) of run lengths.

    Raises
    ------
    ValueError
        A run is negative, or they do not fill the picture.
    """
    lengths = np.array(runs, dtype=np.int64)
    if (lengths < 0).any() or lengths.sum() != shape[0] * shape[1]:
        raise ValueError(f"runs of {int(lengths.sum())} pixels do not fill a picture of {shape[1]}x{shape[0]}")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(shape, order="F")


def packed(runs: Sequence[int]) -> str:
    """Run lengths as letters."""
    made: list[str] = []
    for place, run in enumerate(runs):
        left = run - runs[place - 2] if place > 2 else run
        while True:
            low, left = left & _LOW, left >> 5
            is_more = left != (-1 if low & _SIGN else 0)
            made.append(chr(_FIRST + low + (_MORE if is_more else 0)))
            if not is_more:
                break
    return "".join(made)


def unpacked(text: str) -> list[int]:
    """The run lengths that letters hold.

    Raises
    ------
    ValueError
        They are cut short, or there is another letter among them.
    """
    runs: list[int] = []
    value = shift = 0
    is_more = False
    for letter in text:
        bits = ord(letter) - _FIRST
        if not 0 <= bits < 2 * _MORE:
            raise ValueError(f"{letter!r} does not stand in packed runs")
        value |= (bits & _LOW) << shift
        shift += 5
        is_more = bool(bits & _MORE)
        if not is_more:
            value -= (1 << shift) if bits & _SIGN else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if is_more:
        raise ValueError("packed runs are cut short")
    return runs

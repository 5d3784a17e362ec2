"""Further looks at each half of the lungs, near enough for small and faint lesions.

A network that sees both lungs at once sees a small lesion on few pixels. The same network, shown either half of its
window a little larger, finds more of it; what it sees of the whole keeps it from marking what is not there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.preprocessing.ct import SliceWindow, put_back_slice

from .slices import Stack
from .solids import Solid

HALF_SIDE = 0.8
"""Side of a half's window as a share of the whole one's: they overlap, and training showed lungs nearly so large."""

FADE_SHARE = 0.125
"""Towards its edges a half counts less and less, over this share of its side: there a network lacks what is beyond."""

LEAST_WEIGHT = 0.05
"""What a half counts at its very edge; the whole counts 1 everywhere."""


def halves_of(stack: Stack, lung: Solid) -> tuple[Stack, Stack]:
    """The looks at the left and at the right half of a stack's window, at the height of the lungs.

    Parameters
    ----------
    stack : what is looked at as a whole
    lung : where lung is, on each look, (looks, size, size)
    """
    window = stack.window
    side = window.side_mm * HALF_SIDE
    rows = np.flatnonzero(lung.any(axis=(0, 2)))
    middle = (rows[0] + rows[-1] + 1) / (2 * stack.size) if len(rows) else 0.5
    top = window.top_mm + min(max(middle - HALF_SIDE / 2, 0.0), 1.0 - HALF_SIDE) * window.side_mm
    left, right = window.left_mm, window.left_mm + window.side_mm - side
    return replace(stack, window=SliceWindow(top, left, side)), replace(stack, window=SliceWindow(top, right, side))


class Blend:
    """Maps of a whole look and of its halves, averaged by what each of them counts.

    Parameters
    ----------
    stack : of the whole looks
    halves : of :func:`halves_of`; kept under that name
    """

    def __init__(self, stack: Stack, halves: tuple[Stack, ...]) -> None:
        self.halves = halves
        pixel = stack.window.side_mm / stack.size
        self._shape, self._spacing = (stack.size, stack.size), (pixel, pixel)
        whole = stack.window
        self._windows = [
            SliceWindow(each.top_mm - whole.top_mm, each.left_mm - whole.left_mm, each.side_mm)
            for each in (half.window for half in halves)
        ]
        faded = np.rint(_fading(stack.size) * 255).astype(np.uint8)
        self._weights = [self._on_the_whole(faded, window).astype(np.float32) / 255 for window in self._windows]
        self._total = 1.0 + np.sum(self._weights, axis=0, dtype=np.float32)

    def __call__(self, whole: NDArray[np.float32], halves: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Probabilities of one look, (channels, size, size), from those of the whole look and of each half."""
        made = whole.copy()
        for chances, window, weight in zip(halves, self._windows, self._weights, strict=True):
            for channel, plane in enumerate(np.rint(chances * 255).astype(np.uint8)):
                made[channel] += self._on_the_whole(plane, window) * (weight / np.float32(255))
        return made / self._total

    def _on_the_whole(self, plane: NDArray[np.uint8], window: SliceWindow) -> NDArray[np.uint8]:
        return put_back_slice(plane, window, self._shape, self._spacing)


def _fading(size: int) -> NDArray[np.float32]:
    """Weights of a half's pixels, from :data:`LEAST_WEIGHT` at its edges to 1."""
    away = np.minimum(np.arange(size), np.arange(size)[::-1]) / (FADE_SHARE * size)
    line = np.clip(away, LEAST_WEIGHT, 1.0).astype(np.float32)
    return np.minimum.outer(line, line)

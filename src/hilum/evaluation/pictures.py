"""Pictures of predictions beside their truth: what is right, added and missed; rows of tiles; flights through a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.image import Image, Quantity
from hilum.writers.cuts import WINDOW_HU
from hilum.writers.display import windowed
from hilum.writers.legend import write_text
from hilum.writers.whole import whole_file

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]

RIGHT, ADDED, MISSED = (0, 158, 60), (220, 40, 40), (40, 110, 240)
"""Green where both masks are, red where only the prediction is, blue where only the truth is."""

LUNG, LESION = (86, 180, 233), (220, 40, 40)
"""Of masks shown for themselves."""

OPACITY = 0.45
TILE_PX = 320
STRIP_PX = 22
FRAMES_A_SECOND = 20


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture of a row.

    Attributes
    ----------
    pixels : uint8, (rows, columns, 3)
    caption : a few words above it
    """

    pixels: NDArray[np.uint8]
    caption: str


def grey_of(image: Image, values: NDArray[Any] | None = None) -> Grey:
    """An image, or some of its values, as 0 to 255: films between percentiles, Hounsfield units in the lung window."""
    shown = image.array if values is None else values
    if image.quantity is Quantity.HOUNSFIELD:
        low, high = WINDOW_HU
        return np.clip((shown.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return shown.astype(np.uint8) if image.quantity is Quantity.WINDOWED_CT else windowed(shown)


def tinted(grey: Grey, mask: Mask, colour: Colour) -> NDArray[np.uint8]:
    """A mask laid over an image in grey, (rows, columns, 3)."""
    return _laid(grey, ((mask, colour),))


def confusion(grey: Grey, reference: Mask, predicted: Mask) -> NDArray[np.uint8]:
    """Green where both are, red where only the prediction is, blue where only the truth is; (rows, columns, 3)."""
    layers = ((reference & predicted, RIGHT), (predicted & ~reference, ADDED), (reference & ~predicted, MISSED))
    return _laid(grey, layers)


def _laid(grey: Grey, layers: Sequence[tuple[Mask, Colour]]) -> NDArray[np.uint8]:
    made = np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)
    for mask, colour in layers:
        made[mask] = (1 - OPACITY) * made[mask] + OPACITY * np.array(colour, dtype=np.float32)
    return np.rint(made).astype(np.uint8)


def row_of(tiles: Sequence[Tile], *, height: int = TILE_PX) -> NDArray[np.uint8]:
    """Tiles side by side, each brought to one height, with their captions; (rows, columns, 3)."""
    parts: list[Picture.Image] = []
    for tile in tiles:
        rows, columns = tile.pixels.shape[:2]
        width = max(1, round(columns * height / rows))
        part = Picture.new("RGB", (width, height + STRIP_PX))
        part.paste(Picture.fromarray(tile.pixels).resize((width, height), Picture.Resampling.BICUBIC), (0, STRIP_PX))
        write_text(part, (4, STRIP_PX // 2), tile.caption, 13, "lm")
        parts.append(part)
    return np.concatenate([np.asarray(part) for part in parts], axis=1)


def sheet_of(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows one under the other, the narrower ones filled up with black; (rows, columns, 3)."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows])


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a picture.

    Raises
    ------
    WriteError
        It could not be written.
    """
    with whole_file(path) as unfinished:
        Picture.fromarray(pixels).save(unfinished, optimize=True)


def write_flight(
    volume: Grey, reference: Mask, predicted: Mask, path: Path, *, colour: Colour = LESION, height: int = 256
) -> None:
    """A GIF through a CT from the feet to the head: scan, truth and prediction side by side.

    Parameters
    ----------
    volume : (slices, rows, columns), 0 to 255, axial
    reference, predicted : of the same shape
    path : of the file
    colour : of both masks
    height : of a frame's pictures

    Raises
    ------
    WriteError
        It could not be written.
    """
    frames = [
        Picture.fromarray(
            row_of(
                (
                    Tile(np.repeat(grey[..., None], 3, axis=-1), f"slice {number + 1} of {len(volume)}"),
                    Tile(tinted(grey, true, colour), "truth"),
                    Tile(tinted(grey, found, colour), "prediction"),
                ),
                height=height,
            )
        ).quantize(64, method=Picture.Quantize.FASTOCTREE)
        for number, (grey, true, found) in enumerate(zip(volume, reference, predicted, strict=True))
    ]
    with whole_file(path) as unfinished:
        pause = round(1000 / FRAMES_A_SECOND)
        frames[0].save(unfinished, save_all=True, append_images=frames[1:], duration=pause, loop=0, optimize=False)

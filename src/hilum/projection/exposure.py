"""From line integrals to a picture: scatter, noise, the display curve, edges, markers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from .attenuation import Field

Quanta = Literal["poisson", "smooth"]
"""X-ray quanta are counted as whole ones, or their noise is drawn as that of large numbers is."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a film is taken and displayed.

    Attributes
    ----------
    photons : behind air, a pixel of 0.4 mm; fewer are noisier
    scatter : scattered over primary light behind the mean patient, after the grid
    contrast : steepness of the display curve
    brightness : shift of the display curve, in shares of the grey scale
    sharpening : strength of the edge enhancement
    flattening : how far coarse differences of density are evened out, 0 to 1, as digital systems do
    border_mm : unexposed margin (collimation) at the edges: (top, bottom, left, right)
    marker : letters burnt in at the patient's left shoulder, as a technician's lead marker; empty for none
    """

    photons: float = 2e5
    scatter: float = 0.25
    contrast: float = 1.0
    brightness: float = 0.0
    sharpening: float = 0.8
    flattening: float = 0.22
    border_mm: tuple[float, float, float, float] = (0, 0, 0, 0)
    marker: str = ""


def draw_exposure(seed: int) -> Exposure:
    """An exposure as films differ in practice: contrast, brightness, noise, borders, markers."""
    rng = np.random.default_rng([seed, 53])
    border = np.where(rng.random(4) < 0.15, rng.uniform(3, 22, 4), 0.0)
    return Exposure(
        photons=float(10 ** rng.uniform(4.2, 5.5)),
        scatter=float(rng.uniform(0.1, 0.55)),
        contrast=float(rng.uniform(0.75, 1.45)),
        brightness=float(rng.normal(0, 0.06)),
        sharpening=float(rng.uniform(0.1, 1.4)),
        flattening=float(rng.uniform(0.05, 0.4)),
        border_mm=(float(border[0]), float(border[1]), float(border[2]), float(border[3])),
        marker=str(rng.choice(["", "", "L", "PA", "AP"])),
    )


def develop(
    density: Field,
    *,
    spacing_mm: float,
    exposure: Exposure,
    seed: int,
    quanta: Quanta = "smooth",
    least: float = 0.0,
) -> Field:
    """Grey values, 0 to 1, of a displayed film, from line integrals.

    The light behind the patient is exp(-density), veiled by scatter and counted with noise; its logarithm is
    evened out, sharpened and put through a sigmoid that spans what the middle of the film holds.

    Parameters
    ----------
    density : line integrals, no unit, shape (rows, columns)
    spacing_mm : of the pixels
    exposure : how the film is taken and displayed
    seed : of the noise
    quanta : how they are counted
    least : the display is set by what is at least so dense; 0 sets it by all, and where nothing is so dense
    """
    signal = _detected(density, spacing_mm, exposure, np.random.default_rng([seed, 61]), quanta)
    signal = signal - np.float32(exposure.flattening) * _coarse(signal, 28 / spacing_mm)
    signal += np.float32(0.5 * exposure.sharpening) * (signal - blur(signal, 2.5 / spacing_mm))
    signal += np.float32(0.2 * exposure.sharpening) * (signal - blur(signal, 9.0 / spacing_mm))
    grey = _display(signal, exposure, _middle(density) >= least)
    _collimate(grey, spacing_mm, exposure)
    if exposure.marker:
        _mark(grey, exposure.marker)
    return np.clip(grey, 0, 1)


def _middle(field: Field) -> Field:
    """Every fourth pixel of a film without its margins."""
    rows, columns = field.shape
    return field[rows // 6 : -rows // 8, columns // 8 : -columns // 8][::4, ::4]


def _detected(density: Field, spacing_mm: float, exposure: Exposure, rng: np.random.Generator, quanta: Quanta) -> Field:
    """Density as the detector sees it: with scatter's veil, the focal spot's blur and quantum noise."""
    light = np.exp(-density)
    light = blur(light, 0.25 / spacing_mm)
    veil = blur(light, 35.0 / spacing_mm)
    light += np.float32(exposure.scatter) * (veil * np.float32(0.6) + np.float32(0.4) * veil.mean() * light**0.5)
    counts = np.float32(exposure.photons * (spacing_mm / 0.4) ** 2)
    if quanta == "poisson":
        light = blur(rng.poisson(light * counts).astype(np.float32), 0.35) / counts
    else:
        grain = blur(rng.standard_normal(light.shape, dtype=np.float32), 0.6)
        light += grain * np.float32(1.8) * np.sqrt(light / counts)
    return -np.log(np.maximum(light, np.float32(2e-4)))


def _display(signal: Field, exposure: Exposure, chosen: NDArray[np.bool_]) -> Field:
    """Grey values, 0 to 1: a sigmoid between the densities of lung and of the densest tissue."""
    middle = _middle(signal)
    low, high = (float(p) for p in np.percentile(middle[chosen] if chosen.any() else middle, (6, 92)))
    pivot = low + 0.45 * (high - low)
    slope = 3.3 * exposure.contrast / max(high - low, 1e-3)
    with np.errstate(over="ignore"):
        grey = 1 / (1 + np.exp(-np.float32(slope) * (signal - np.float32(pivot))))
    return np.asarray(grey + np.float32(exposure.brightness), dtype=np.float32)


def _collimate(grey: Field, spacing_mm: float, exposure: Exposure) -> None:
    top, bottom, left, right = (round(mm / spacing_mm) for mm in exposure.border_mm)
    grey[:top] = 0.02
    grey[grey.shape[0] - bottom :] = 0.02
    grey[:, :left] = 0.02
    grey[:, grey.shape[1] - right :] = 0.02


def _mark(grey: Field, text: str) -> None:
    """Letters in place near the film's upper right corner, at the patient's left shoulder."""
    rows, columns = grey.shape
    font = ImageFont.load_default(size=max(9, rows // 20))
    _, _, right, bottom = font.getbbox(text)
    width, height = int(right) + 2, int(bottom) + 2
    letters = Pillow.new("L", (width, height))
    ImageDraw.Draw(letters).text((1, 0), text, fill=255, font=font)
    ink = np.asarray(letters, dtype=np.float32) / 255
    top, left = rows // 25, columns - width - columns // 25
    if left >= 0 and top + height <= rows:
        window = grey[top : top + height, left : left + width]
        window += ink * (np.float32(0.965) - window)


def blur(array: Field, sigma: float) -> Field:
    """Nearly Gaussian blur by a width in pixels; edges are repeated."""
    if sigma > 6:
        return _coarse(array, sigma)
    if sigma < 0.2:
        return array.copy()
    reach = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(array, width, mode="edge")
        length = array.shape[axis]
        total = np.zeros(array.shape, dtype=np.float32)
        for step, weight in enumerate(kernel):
            total += weight * (padded[step : step + length] if axis == 0 else padded[:, step : step + length])
        array = total
    return array


def _coarse(array: Field, sigma: float) -> Field:
    """A wide blur made on a small copy of the picture."""
    factor = max(1.0, sigma / 2)
    small = (max(2, round(array.shape[1] / factor)), max(2, round(array.shape[0] / factor)))
    picture = Pillow.fromarray(np.ascontiguousarray(array))
    reduced = np.asarray(picture.resize(small, Pillow.Resampling.BOX))
    softened = blur(np.array(reduced), min(sigma / factor, 6.0))
    back = Pillow.fromarray(softened).resize((array.shape[1], array.shape[0]), Pillow.Resampling.BICUBIC)
    return np.array(back)

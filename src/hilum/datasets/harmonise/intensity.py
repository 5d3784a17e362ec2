"""From Hounsfield units or grey levels to what is stored: as they are, or 8 bits between two values.

Percentiles are those inside the body, so that they do not depend on how much air and table a field of view takes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.image import Image, Quantity
from hilum.provenance import Json
from hilum.segmentation.postprocess import filled
from hilum.segmentation.solids import Solid, opened, parts_of

from .settings import HarmoniseSettings

AIR_HU = -1000.0
"""Value beyond a volume's edges; in grey levels it is 0."""

COARSE_MM = 4.0
"""The body is looked for in every so manieth voxel: a percentile needs no more."""

SOFT_HU, SHELL_MM, WALL_MM = -300.0, 4.0, 12.0
"""What is denser belongs to the body, unless it is a shell thinner than twice 4 mm, as a table's is; thin places up to
12 mm from thick ones belong to it."""

_LEVELS = 256


@dataclass(frozen=True, slots=True)
class Scale:
    """How values are stored: rounded and within the type; ``low`` and ``high`` become 0 and 255, if there are such.

    Attributes
    ----------
    kind : int16, uint16 or uint8
    low, high : None for values as they are
    """

    kind: np.dtype[Any]
    low: float | None = None
    high: float | None = None

    def store(self, plane: NDArray[Any], out: NDArray[Any]) -> None:
        """Write a plane of values into one of the stored type."""
        values = plane.astype(np.float32, copy=False)
        if self.low is not None and self.high is not None:
            values = (values - np.float32(self.low)) * np.float32((_LEVELS - 1) / (self.high - self.low))
        limits = np.iinfo(self.kind)
        np.copyto(out, np.rint(np.clip(values, limits.min, limits.max)), casting="unsafe")

    def as_json(self) -> dict[str, Json]:
        """``stored * slope + intercept`` is the value, but for what was clipped."""
        if self.low is None or self.high is None:
            return {"type": self.kind.name, "slope": 1.0, "intercept": 0.0}
        slope = (self.high - self.low) / (_LEVELS - 1)
        return {"type": self.kind.name, "slope": slope, "intercept": self.low, "from": self.low, "to": self.high}


def volume_scale(axial: Image, settings: HarmoniseSettings) -> Scale:
    """How the values of a CT are stored.

    Pictures of CT in grey levels have the publisher's window, so a window in Hounsfield units leaves them as they are.
    """
    is_grey = axial.quantity is Quantity.WINDOWED_CT
    if settings.normalise == "percentile":
        low, high = np.percentile(inside_body(axial), settings.percentiles).tolist()
        return Scale(np.dtype(np.uint8), low, max(high, low + 1.0))
    if is_grey:
        return Scale(np.dtype(np.uint8))
    if settings.normalise == "window":
        return Scale(np.dtype(np.uint8), *settings.window_hu)
    return Scale(np.dtype(np.int16))


def film_scale(array: NDArray[Any], settings: HarmoniseSettings) -> Scale:
    """How the values of a film are stored: as they are, or between its own percentiles whatever the normalisation."""
    if settings.normalise == "none" and array.dtype.name in ("uint8", "uint16"):
        return Scale(array.dtype)
    low, high = np.percentile(array, settings.percentiles).tolist()
    return Scale(np.dtype(np.uint8), low, high if high > low else low + 1.0)


def outside_value(image: Image) -> float:
    """What is beyond the edges."""
    return AIR_HU if image.quantity is Quantity.HOUNSFIELD else 0.0


def inside_body(axial: Image) -> NDArray[Any]:
    """Values inside the body, in no order; of the whole volume if there seems to be no body in it."""
    steps = [max(1, round(COARSE_MM / size)) for size in axial.volume.spacing_mm]
    coarse = axial.array[:: steps[0], :: steps[1], :: steps[2]]
    spacing = tuple(size * step for size, step in zip(axial.volume.spacing_mm, steps, strict=True))
    threshold = SOFT_HU if axial.quantity is Quantity.HOUNSFIELD else _between_two(coarse)
    body = _body(coarse > threshold, (spacing[0], spacing[1], spacing[2]))
    return coarse[body] if body.any() else coarse.ravel()


def _body(dense: Solid, spacing_mm: tuple[float, float, float]) -> Solid:
    """The largest dense solid and all that it encloses in each slice, where the slice's edge closes what it cuts."""
    numbers, counts = parts_of(opened(dense, SHELL_MM, spacing_mm, regrow_mm=WALL_MM))
    if len(counts) < 2:
        return np.zeros(dense.shape, dtype=bool)
    made = numbers == counts[1:].argmax() + 1
    for plane in made:
        for edge in (plane[0], plane[-1], plane[:, 0], plane[:, -1]):
            touched = np.flatnonzero(edge)
            if len(touched):
                edge[touched[0] : touched[-1] + 1] = True
        plane[:] = filled(plane)
    return made


def _between_two(values: NDArray[Any]) -> float:
    """The grey level that parts the dark from the bright.

    References
    ----------
    .. [1] Otsu, IEEE Trans. Syst. Man Cybern. 9:62-66, 1979
    """
    count, edges = np.histogram(values, _LEVELS)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(count)
    above = below[-1] - below
    sums = np.cumsum(count * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    spread = np.nan_to_num(below * above * gap**2)
    return float(edges[1:][spread.argmax()])

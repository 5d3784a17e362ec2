"""What can be chosen of a harmonised data base."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

import numpy as np

from hilum.errors import SettingsError
from hilum.provenance import Json
from hilum.registry import unknown

Form = Literal["volumes", "slices"]
About = Literal["lungs", "centre"]
Normalisation = Literal["none", "window", "percentile"]
LungMethod = Literal["auto", "network", "classical", "source"]


@dataclass(frozen=True, slots=True)
class HarmoniseSettings:
    """How cases become alike. Triples are along slices, rows and columns.

    Attributes
    ----------
    form : of CT: one volume a case, or one picture a slice; films are pictures in both
    spacing_mm : of CT; None keeps each case's own
    about : what a crop is centred on: the box of lungs and lesions, or the volume's middle
    size : voxels of the crop, which pads where it reaches beyond the volume; None takes that box with a margin, or,
        about the centre, the whole volume
    margin_mm : about that box
    masks : how masks are resampled: the nearest voxel, or the larger share by linear interpolation
    normalise : CT values as they are, or in 8 bits: a window, or percentiles of what lies inside the body
    window_hu : what becomes 0 and 255
    percentiles : inside the body, or of a whole film, that become 0 and 255
    labels : keep every class of disease; or merge to lung and affected lung, with effusion apart
    lungs : where a source has none: found by a network if one is installed and classically if not, by one of the
        two, or not at all
    slices : in the form of slices, those with disease, or all
    film_px : longer side of films, and of CT slices without a spacing; None keeps their size
    container : of volumes
    """

    form: Form = "volumes"
    spacing_mm: tuple[float, float, float] | None = (4.5, 0.9, 0.9)
    about: About = "lungs"
    size: tuple[int, int, int] | None = None
    margin_mm: float = 10.0
    masks: Literal["nearest", "linear"] = "nearest"
    normalise: Normalisation = "none"
    window_hu: tuple[float, float] = (-1000.0, 400.0)
    percentiles: tuple[float, float] = (1.0, 99.0)
    labels: Literal["keep", "merge"] = "keep"
    lungs: LungMethod = "auto"
    slices: Literal["diseased", "all"] = "diseased"
    film_px: int | None = None
    container: Literal["nii.gz", "nrrd"] = "nii.gz"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in fields(self):
            options = get_args(hints[item.name])
            if options and all(isinstance(option, str) for option in options):
                value = getattr(self, item.name)
                if value not in options:
                    raise SettingsError(unknown(item.name, str(value), options))
        _require_positive("spacing_mm", self.spacing_mm)
        _require_positive("size", self.size)
        _require_positive("film_px", None if self.film_px is None else (self.film_px,))
        if not (np.isfinite(self.margin_mm) and self.margin_mm >= 0):
            raise SettingsError(f"margin_mm cannot be {self.margin_mm}; expected 0 or more.")
        _require_rising("window_hu", self.window_hu, -32768.0, 32767.0)
        _require_rising("percentiles", self.percentiles, 0.0, 100.0)
        if self.form == "slices" and self.normalise == "none":
            raise SettingsError("Pictures of slices hold 8 bits: normalise them by a window or by percentiles.")

    def as_json(self) -> dict[str, Json]:
        """Every setting by name."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}


def _plain(value: Any) -> Json:
    return list(value) if isinstance(value, tuple) else value


def _require_positive(name: str, values: tuple[float, ...] | None) -> None:
    if values is not None and not all(np.isfinite(value) and value > 0 for value in values):
        raise SettingsError(f"{name} cannot be {values}; expected numbers above 0.")


def _require_rising(name: str, values: tuple[float, float], least: float, most: float) -> None:
    if not least <= values[0] < values[1] <= most:
        raise SettingsError(
            f"{name} cannot be {values}; expected a lower and a higher number from {least:g} to {most:g}."
        )

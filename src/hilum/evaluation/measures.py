"""The measures of one mask against its reference, each by its id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.measurement import NotMeasured
from hilum.registry import Registry

from .detection import Detection, detection
from .overlap import Overlap, overlap
from .surface import SurfaceDistances, surface_distances

Value = float | NotMeasured

NO_SPACING = NotMeasured("the image states no spacing")
NO_VOLUME = NotMeasured("a film has no volume")

Unit = Literal["", "mm", "ml"]


class Pair:
    """A mask and its reference, and what the measures share.

    Parameters
    ----------
    reference, predicted : bool of one shape, (rows, columns) or (slices, rows, columns)
    spacing_mm : between pixels along each axis; None if the image states none
    voxel_ml : of a volume; None for a film
    tolerance_mm : of the normalised surface Dice
    ignored : where nobody knows the truth; neither mask counts there
    """

    def __init__(
        self,
        reference: NDArray[np.bool_],
        predicted: NDArray[np.bool_],
        *,
        spacing_mm: tuple[float, ...] | None = None,
        voxel_ml: float | None = None,
        tolerance_mm: float = 2.0,
        ignored: NDArray[np.bool_] | None = None,
    ) -> None:
        known = None if ignored is None or not ignored.any() else ~ignored
        self.reference = reference if known is None else reference & known
        self.predicted = predicted if known is None else predicted & known
        self.spacing_mm, self.voxel_ml, self.tolerance_mm = spacing_mm, voxel_ml, tolerance_mm
        self._unknown = 0 if known is None else int(known.size - np.count_nonzero(known))

    @cached_property
    def overlap(self) -> Overlap:
        """Pixels in common and apart, where the truth is known."""
        made = overlap(self.reference, self.predicted)
        outside = (made.neither or 0) - self._unknown
        return Overlap(made.both, made.only_reference, made.only_predicted, outside)

    @cached_property
    def distances(self) -> SurfaceDistances | NotMeasured:
        """Between the surfaces, in millimetres."""
        if self.spacing_mm is None:
            return NO_SPACING
        return surface_distances(self.reference, self.predicted, self.spacing_mm)

    @cached_property
    def detection(self) -> Detection:
        """Lesions that were found."""
        return detection(self.reference, self.predicted)

    @property
    def excess(self) -> int:
        """How many pixels the prediction has more than the reference; below 0, fewer."""
        return self.overlap.only_predicted - self.overlap.only_reference


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes
    ----------
    id : stable; the key in JSON and the column in CSV
    title : for tables
    of : makes its value
    unit : ``mm``, ``ml`` or none
    worst : what a missing prediction counts as; None where there is no worst value, and it counts as not measured
    is_error : the lower the better; otherwise the higher
    of_surfaces : needs the extra ``ct``
    """

    id: str
    title: str
    of: Callable[[Pair], Value]
    unit: Unit = ""
    worst: float | None = None
    is_error: bool = False
    of_surfaces: bool = False


MEASURES: Registry[Measure] = Registry("measure")
"""Every measure by its id, in the order of tables."""


def _surface(measure: Callable[[SurfaceDistances, Pair], float]) -> Callable[[Pair], Value]:
    def of(pair: Pair) -> Value:
        distances = pair.distances
        return distances if isinstance(distances, NotMeasured) else measure(distances, pair)

    return of


def _bias_ml(pair: Pair) -> Value:
    return NO_VOLUME if pair.voxel_ml is None else pair.excess * pair.voxel_ml


def _error_ml(pair: Pair) -> Value:
    return NO_VOLUME if pair.voxel_ml is None else abs(pair.excess) * pair.voxel_ml


def _size_error(pair: Pair) -> Value:
    size = pair.overlap.both + pair.overlap.only_reference
    return abs(pair.excess) / size if size else NotMeasured("the reference mask is empty")


for _measure in (
    Measure("dice", "Dice", lambda pair: pair.overlap.dice, worst=0.0),
    Measure("iou", "IoU", lambda pair: pair.overlap.iou, worst=0.0),
    Measure("sensitivity", "Sensitivity", lambda pair: pair.overlap.sensitivity, worst=0.0),
    Measure("specificity", "Specificity", lambda pair: pair.overlap.specificity, worst=0.0),
    Measure("precision", "Precision", lambda pair: pair.overlap.precision, worst=0.0),
    Measure("accuracy", "Accuracy", lambda pair: pair.overlap.accuracy, worst=0.0),
    Measure("lesion-f1", "F1 of single lesions", lambda pair: pair.detection.f1, worst=0.0),
    Measure("size-error", "Error of the size, as a share of it", _size_error, is_error=True),
    Measure("volume-error", "Error of the volume", _error_ml, "ml", is_error=True),
    Measure("volume-bias", "Predicted less reference volume", _bias_ml, "ml", is_error=True),
    Measure("hd95", "95 % Hausdorff distance", _surface(lambda d, _: d.hd95), "mm", is_error=True, of_surfaces=True),
    Measure("assd", "Mean surface distance", _surface(lambda d, _: d.mean), "mm", is_error=True, of_surfaces=True),
    Measure("nsd", "Surface Dice", _surface(lambda d, pair: d.nsd(pair.tolerance_mm)), worst=0.0, of_surfaces=True),
):
    MEASURES.add(_measure.id)(_measure)

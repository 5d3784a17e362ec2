"""The single lesions of a film: each with its outline, box, area, certainty, side and zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.segmentation.postprocess import numbered_parts
from hilum.segmentation.zones import ZONES, zones

LEAST_INSTANCE_SHARE = 5e-4
"""A connected part smaller than this share of the film is no lesion of its own: 0.7 cm2 of a film of 35 by 43 cm."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmInstance:
    """One lesion of a film.

    Attributes
    ----------
    mask : (rows, columns) of bool, on the upright film
    box : first row, first column, row after the last, column after the last
    score : how certain it is, 0 to 1; 1 where it was drawn
    side : ``right`` or ``left`` of the patient; None where no lungs are known, or it lies in neither
    zone : of :data:`hilum.segmentation.zones.ZONES`, the one that holds most of it; None as above
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    score: float
    side: str | None
    zone: str | None

    @property
    def area_px(self) -> int:
        """Pixels of the film."""
        return int(np.count_nonzero(self.mask))


def film_instance(mask: NDArray[np.bool_], score: float, lungs: NDArray[np.uint8] | None = None) -> FilmInstance:
    """An instance from its outline.

    Parameters
    ----------
    mask : (rows, columns), not empty
    score : 0 to 1
    lungs : of the same shape, upright: 1 the patient's right lung, 2 the left; None where they are not known

    Raises
    ------
    ValueError
        The mask is empty, the shapes differ, or the score is not between 0 and 1.
    """
    if not mask.any():
        raise ValueError("an instance has at least one pixel")
    if not 0 <= score <= 1:
        raise ValueError(f"a score is between 0 and 1, not {score}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    zone = None if lungs is None else _zone(mask, lungs)
    return FilmInstance(mask, box, float(score), None if zone is None else zone.partition("-")[0], zone)


def connected_instances(
    opacity: NDArray[np.bool_],
    *,
    chance: NDArray[np.floating] | None = None,
    lungs: NDArray[np.uint8] | None = None,
    least_share: float = LEAST_INSTANCE_SHARE,
) -> tuple[FilmInstance, ...]:
    """The connected parts of a mask as instances, the largest first; corners connect.

    Parameters
    ----------
    opacity : (rows, columns)
    chance : of the same shape, 0 to 1: an instance's score is its mean; None gives 1
    lungs : as of :func:`film_instance`
    least_share : of the film; smaller parts are left out

    Examples
    --------
    >>> drawn = np.zeros((7, 11), dtype=bool)
    >>> drawn[1:3, 1:4] = drawn[5, 9] = True
    >>> [(each.box, each.area_px) for each in connected_instances(drawn)]
    [((1, 1, 3, 4), 6), ((5, 9, 6, 10), 1)]
    """
    made = [
        film_instance(part, 1.0 if chance is None else float(np.clip(chance[part].mean(), 0, 1)), lungs)
        for part in parts_of(opacity, least_share * opacity.size)
    ]
    return tuple(sorted(made, key=lambda each: (-each.area_px, each.box)))


def parts_of(mask: NDArray[np.bool_], least_px: float = 1) -> Iterator[NDArray[np.bool_]]:
    """Connected parts of a plane that have at least so many pixels; corners connect."""
    if not mask.any():
        return
    labelled = numbered_parts(mask, connectivity=8)
    for number, size in enumerate(np.bincount(labelled.ravel())[1:], start=1):
        if size >= least_px:
            yield labelled == number


def _zone(mask: NDArray[np.bool_], lungs: NDArray[np.uint8]) -> str | None:
    if lungs.shape != mask.shape:
        raise ValueError(f"lungs of shape {lungs.shape} do not lie on a film of {mask.shape}")
    counts = np.bincount(zones(lungs)[mask], minlength=len(ZONES) + 1)[1:]
    return ZONES[int(np.argmax(counts))] if counts.any() else None

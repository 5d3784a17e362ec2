"""Stage I: the lungs of a film, by the patient's side, and what kind of picture it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.models.network import Network, open_networks
from hilum.preprocessing.radiograph import Window, enlarged, film_window, in_eight_bits, look, reach
from hilum.provenance import Step
from hilum.settings import RuntimeSettings

from .postprocess import filled, grown, largest_parts

LEAST_LUNG_SHARE = 0.006
"""Share of the network's picture below which a part is no lung: a tenth of a small lung on a film of an infant."""

SECOND_PART_SHARE = 0.2
"""A further part of one lung is kept from this share of its largest part on: leads and devices cut lungs in two."""

LEAST_INSIDE = 0.51
"""Probability of a lung where a hole in it was filled: just on the lung's side."""

ONE_LUNG = ("lung",)
"""Channels of a network that outlines both lungs as one mask, see :mod:`hilum.segmentation.one_mask`."""

FilmMap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LungStage:
    """What stage I makes of a film.

    Attributes
    ----------
    lungs : whole lungs, behind heart and diaphragm as readers of severity scores draw them
    fields : lung fields, up to the border of the heart; None where the network does not outline them
    film_probability : that it is a frontal chest film; None where the network does not tell, and so below
    inverted_probability : that it is a negative
    turned_probability : that it lies on its side or upside down
    probability : of any lung, 0 to 255, on the film's grid
    """

    lungs: LabelMap
    fields: LabelMap | None
    film_probability: float | None
    inverted_probability: float | None
    turned_probability: float | None
    probability: NDArray[np.uint8]


def segment_lungs(image: Image, network: Network | None = None) -> LungStage:
    """The patient's right and left lung on a film's own grid.

    Parameters
    ----------
    image : a film, in any orientation that its grid states
    network : of the task ``cxr-lungs``; None opens the shipped one

    Raises
    ------
    WrongQuantity
        The image is not a radiograph.
    """
    image.require(Quantity.RADIOGRAPH)
    if network is None:
        (network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(), many=False)
    if network.card.outputs["lungs"].channels == ONE_LUNG:
        from .one_mask import lungs_of_one_mask

        return lungs_of_one_mask(image, network)
    upright = image.upright()
    shape = upright.plane.shape
    window = film_window(shape)
    results = network.run({"film": look(upright.array, window, network.size_px)[None]})
    kind = dict(zip(network.card.outputs["kind"].channels, results["kind"].tolist(), strict=True))
    home = image.plane.orientation.from_upright
    maps: dict[str, LabelMap] = {}
    chances: dict[str, NDArray[np.uint8]] = {}
    for name in ("lungs", "fields"):
        step = Step(f"segment-{name}", network.settings, (image.origin,), network.ref)
        labels, chances[name] = _put_back(results[name], window, shape)
        maps[name] = LabelMap(home(labels), image.grid, LUNGS, step)
    return LungStage(
        maps["lungs"], maps["fields"], kind["film"], kind["inverted"], kind["turned"], home(chances["lungs"])
    )


def _put_back(seen: NDArray[np.float32], window: Window, shape: tuple[int, int]) -> tuple[FilmMap, FilmMap]:
    """1 on the right lung and 2 on the left, and the probability of any, 0 to 255, on the film's own pixels."""
    labels, chance = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    chances, right = tidy(seen)
    lung = in_eight_bits(chances)
    box = reach(lung, window, shape)
    if box is not None:
        chance[box] = enlarged(lung, window, box)
        is_lung = chance[box] >= 128
        is_right = is_lung.view(np.uint8) & enlarged(right, window, box, smooth=False)
        np.subtract(is_lung.view(np.uint8) * np.uint8(2), is_right, out=labels[box])
    return labels, chance


def tidy(chances: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A network's lungs without stray parts and holes.

    Parameters
    ----------
    chances : (3, size, size), softmax over none, right, left

    Returns
    -------
    Probability of any lung, 0 where no lung may be; and 1 where it is the right one, with two pixels about it that are
    not the left one's; both (size, size).
    """
    lung, right = 1.0 - chances[0], np.zeros(chances[0].shape, dtype=np.uint8)
    may = np.zeros(lung.shape, dtype=bool)
    for side in (1, 2):
        part = _lung_of(side, chances)
        if np.count_nonzero(part) < LEAST_LUNG_SHARE * part.size:
            continue
        lung[part] = np.maximum(lung[part], LEAST_INSIDE)
        reach = grown(part)
        may |= reach
        if side == 1:
            right[grown(reach)] = 1
        else:
            right[part] = 0
    lung[~may] = 0.0
    return lung, right


def _lung_of(side: int, chances: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the network sees one lung: its large parts without holes. Shape (size, size)."""
    own = chances[side]
    lung = (chances[0] < np.maximum(own, np.float32(0.5))) & (own >= chances[3 - side])
    return filled(largest_parts(lung, share=SECOND_PART_SHARE))

"""Stage II: lesions in the lungs of a film, whether there is disease at all, and the severity of each zone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.image import LESIONS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.models.network import Network, open_networks
from hilum.preprocessing.radiograph import Window, look, look_labels, lung_window, put_back
from hilum.provenance import Json, Step
from hilum.settings import Mirrored, RuntimeSettings

from .postprocess import grown, parts_of_at_least
from .zones import ZONES, zones

LEAST_LESION_SHARE = 0.002
"""Share of the lungs' area below which a connected opacity is taken for noise."""

LIKELY = 0.5
"""Probability of disease from which on a film on which little is seen is a faint one, see :func:`see`."""

FAINT_SHARE = 0.15
"""Expected share of the lungs with opacity below which a film that is likely diseased is a faint one."""

UNKNOWN_SHARE = 0.03
"""Share of the lungs with opacity that the network is taken not to know of, see :func:`best_threshold`."""

LEAST_THRESHOLD = 8 / 255
"""No opacity less probable than this is drawn on any film."""

_UNSEEN = 0.5 / 255
"""A probability that eight bits round to 0."""

ONE_OPACITY = ("opacity",)
"""Channels of a network that marks opacity of any kind as one mask, see :mod:`hilum.segmentation.one_mask`."""

_OTHER_SIDE = [3, 4, 5, 0, 1, 2]
"""For each zone the place of the one on the other side."""

FilmMap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LesionStage:
    """What stage II makes of a film.

    Attributes
    ----------
    lesions : ground-glass and consolidation, inside the lungs
    disease_probability : that there is any disease of the lungs; None where the network does not tell
    disease_threshold : below it nothing is drawn and every zone counts as clear
    brixia : by zone, the expected grade, 0 to 3; or why the network gives none
    affected : by zone, 0 to 1, how affected it is, 0 where nothing is drawn on the film; compared with the card's
        ``six-zone`` threshold; None where the share of the zone with opacity is compared
    probability : ``opacity`` and ``consolidation``, 0 to 255, on the film's grid
    are_kinds_told : False where the network knows opacity only; all of it is marked as ground-glass
    """

    lesions: LabelMap
    disease_probability: float | None
    disease_threshold: float
    brixia: Mapping[str, float] | NotMeasured
    affected: Mapping[str, float] | None
    probability: Mapping[str, FilmMap]
    are_kinds_told: bool = True


def segment_lesions(
    image: Image, lungs: LabelMap, network: Network | None = None, *, mirrored: Mirrored = "auto"
) -> LesionStage:
    """Lesions of a film on its own grid, and severity by zone.

    Parameters
    ----------
    image : a film
    lungs : its lungs, on the same grid, from any source
    network : of the task ``cxr-lesions``; None opens the shipped one
    mirrored : whether the network looks at the mirror image as well, see :class:`~hilum.settings.FilmSettings`; not for
        a network that tells no kinds of lesion

    Raises
    ------
    GridMismatch
        The lungs lie on another grid.
    WrongQuantity
        The image is not a radiograph.
    ValueError
        There are no lungs.
    """
    if network is None:
        (network,) = open_networks([("cxr-lesions", "")], RuntimeSettings(), many=False)
    if network.card.outputs["lesions"].channels == ONE_OPACITY:
        from .one_mask import lesions_of_one_mask

        return lesions_of_one_mask(image, lungs, network)
    seen = see(image, lungs, network, mirrored=mirrored)
    card, home = network.card, image.plane.orientation.from_upright
    is_diseased = seen.disease >= card.threshold("disease")
    settings: dict[str, Json] = {
        **network.settings,
        "mirrored": seen.is_mirrored,
        "thresholds": {**card.thresholds, "opacity": min(card.threshold("opacity"), seen.most)},
    }
    step = Step("segment-lesions", settings, (image.origin, lungs.origin), network.ref)
    drawn = np.zeros_like(seen.lungs)
    if is_diseased:
        drawn = draw(seen, opacity=card.threshold("opacity"), consolidation=card.threshold("consolidation"))
    affected = blend(seen.affected, seen.share, card.threshold("opacity-weight")) * drawn.any()
    return LesionStage(
        LabelMap(home(drawn), image.grid, LESIONS, step),
        seen.disease,
        card.threshold("disease"),
        dict(zip(ZONES, (seen.brixia * is_diseased).tolist(), strict=True)),
        dict(zip(ZONES, affected.tolist(), strict=True)),
        {"opacity": home(seen.opacity), "consolidation": home(seen.consolidation)},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the network says of a film, before any threshold; maps lie on the upright film.

    Attributes
    ----------
    lungs : (rows, columns), 1 the patient's right, 2 the left
    window : where the network looked
    opacity : (rows, columns), 0 to 255, probability of ground-glass or consolidation
    consolidation : (rows, columns), 0 to 255, its share of that; 0 away from any opacity
    disease : probability
    brixia : (6,), expected grades, 0 to 3
    affected : (6,), probability that readers would count the zone
    share : (6,), expected share of the zone with opacity
    is_mirrored : the maps are the mean of those of the film and of its mirror image
    most : no threshold of opacity is higher; less than 1 on a faint film
    """

    lungs: FilmMap
    window: Window
    opacity: FilmMap
    consolidation: FilmMap
    disease: float
    brixia: NDArray[np.float32]
    affected: NDArray[np.float32]
    share: NDArray[np.float32]
    is_mirrored: bool = False
    most: float = 1.0


def see(image: Image, lungs: LabelMap, network: Network, *, mirrored: Mirrored = "auto") -> Seen:
    """Run the network on the window about the lungs; parameters and errors as of :func:`segment_lesions`.

    A film that is likely diseased and shows little is faint. Its threshold of opacity is the one of the best Dice that
    is to be expected, and with ``auto`` the network looks at its mirror image as well: the mean of both maps is drawn,
    while all that is said of the film and of its zones is what the first look says.
    """
    image.require(Quantity.RADIOGRAPH)
    image.plane.require_same(lungs.plane)
    upright, masks = image.upright(), lungs.upright().array
    window = lung_window(masks, network.card.input.margin)
    if window is None:
        raise ValueError("there are no lungs to look for lesions in")
    numbers = zones(look_labels(masks, window, network.size_px))
    stacked = (numbers[None] == np.arange(1, 7, dtype=np.uint8)[:, None, None]).astype(np.float32)
    inputs = {"film": look(upright.array, window, network.size_px)[None], "zones": stacked}
    inside = numbers > 0
    results = network.run(inputs)
    if mirrored == "always":
        results = _mean_of_both(network, inputs, results)
    opacity = results["lesions"][1] + results["lesions"][2]
    share = (stacked * opacity).sum(axis=(1, 2)) / np.maximum(stacked.sum(axis=(1, 2)), 1.0)
    is_faint = float(results["disease"][0]) >= LIKELY and opacity[inside].sum() < FAINT_SHARE * np.count_nonzero(inside)
    is_twice = is_faint and mirrored == "auto"
    chances = (_mean_of_both(network, inputs, results) if is_twice else results)["lesions"]
    opacity = chances[1] + chances[2]
    dense = np.where(grown(grown(opacity > _UNSEEN)), chances[2] / np.maximum(opacity, _UNSEEN), np.float32(0))
    shape = upright.plane.shape
    return Seen(
        lungs=masks,
        window=window,
        opacity=put_back(opacity, window, shape),
        consolidation=put_back(dense, window, shape),
        disease=float(results["disease"][0]),
        brixia=results["brixia"].sum(axis=1),
        affected=results["affected"],
        share=share,
        is_mirrored=is_twice or mirrored == "always",
        most=best_threshold(opacity[inside]) if is_faint else 1.0,
    )


def best_threshold(opacity: NDArray[np.float32]) -> float:
    """The threshold with the best Dice to be expected, were the probabilities right but for what is unknown.

    Of the most probable n pixels, with P the sum of their probabilities and E that of all of them, the Dice with what
    is there is about 2 P / (n + E); to E comes :data:`UNKNOWN_SHARE` of the lungs.

    Parameters
    ----------
    opacity : probabilities of the pixels of the lungs, of any shape

    Returns
    -------
    A whole number of 255ths, at least :data:`LEAST_THRESHOLD`; 1 without any pixel.

    References
    ----------
    .. [1] Lipton, Elkan and Naryanaswamy, ECML PKDD 2014, doi:10.1007/978-3-662-44851-9_15 (optimal thresholds of F1)
    """
    if not opacity.size:
        return 1.0
    highest_first = np.sort(opacity, axis=None)[::-1]
    sums = np.cumsum(highest_first, dtype=np.float64)
    counts = np.arange(1, opacity.size + 1)
    expected = sums / (counts + sums[-1] + UNKNOWN_SHARE * opacity.size)
    return max(LEAST_THRESHOLD, math.floor(_in_levels(float(highest_first[expected.argmax()]))) / 255)


def _mean_of_both(
    network: Network, inputs: dict[str, NDArray[np.float32]], plain: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """The mean of what the network says of a film, ``plain``, and of its mirror image, in which zones change sides."""
    mirror = {
        "film": np.ascontiguousarray(inputs["film"][..., ::-1]),
        "zones": np.ascontiguousarray(inputs["zones"][_OTHER_SIDE, :, ::-1]),
    }
    other = network.run(mirror)
    back = {
        "lesions": other["lesions"][..., ::-1],
        "disease": other["disease"],
        "brixia": other["brixia"][_OTHER_SIDE],
        "affected": other["affected"][_OTHER_SIDE],
    }
    return {name: (plain[name] + back[name]) * np.float32(0.5) for name in back}


def blend(affected: NDArray[np.float32], share: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """How affected each zone is, (6,): the network's own verdict and the zone's share of opacity, by ``weight``."""
    return ((1.0 - weight) * affected + weight * share).astype(np.float32)


def draw(seen: Seen, *, opacity: float, consolidation: float) -> FilmMap:
    """Lesion numbers on the upright film: what reaches its threshold, inside the lungs, without specks.

    Parameters
    ----------
    seen : by the network
    opacity : from this probability on there is ground-glass or consolidation; on a faint film from ``seen.most`` on, if
        that is less
    consolidation : from this share of it on it is consolidation

    Returns
    -------
    (rows, columns), 1 ground-glass, 2 consolidation
    """
    made = np.zeros_like(seen.lungs)
    rows = slice(max(seen.window.top, 0), seen.window.top + seen.window.side)
    columns = slice(max(seen.window.left, 0), seen.window.left + seen.window.side)
    inside = seen.lungs[rows, columns] > 0
    opaque = (seen.opacity[rows, columns] >= _level(min(opacity, seen.most))) & inside
    opaque = parts_of_at_least(opaque, LEAST_LESION_SHARE * np.count_nonzero(inside))
    dense = seen.consolidation[rows, columns] >= _level(consolidation)
    made[rows, columns] = opaque.view(np.uint8) + (opaque & dense).view(np.uint8)
    return made


def _level(threshold: float) -> int:
    """The least of 0 to 255 that reaches a probability; whole, so that maps are compared in eight bits."""
    return math.ceil(_in_levels(threshold))


def _in_levels(probability: float) -> float:
    """255 times a probability, without the last figures: 0.2 as float32 is a little more than 51 / 255."""
    return round(255 * probability, 3)

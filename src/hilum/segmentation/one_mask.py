"""Both stages of a film with networks of one mask each, such as the published ones.

Stage I outlines both lungs as one mask, without sides; stage II marks opacity without kinds, and may tell whether there
is any disease. How a film becomes their input stands on their cards: see :class:`~hilum.models.card.ImageInput`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import ImageInput, Output
from hilum.models.network import Network
from hilum.preprocessing.radiograph import in_eight_bits, lung_window
from hilum.provenance import Json, Step

from .lesions import LesionStage
from .lungs import LEAST_INSIDE, LEAST_LUNG_SHARE, LungStage
from .postprocess import filled, grown, numbered_parts, parts_of_at_least

HALF = 0.5
"""From this probability on a pixel counts, unless the card has another threshold for the channel."""

WIDE = 0.8
"""Width over height from which what was found is two lungs: one alone reaches 0.7, two begin at about 0.9."""

COMPARABLE = 0.25
"""Two parts beside each other are two lungs if the smaller has this share of the area of the larger."""

SPANNING = 0.2
"""A part with this share of its area on either side of the cut between the lungs is cut; else it goes to one side."""

NO_BRIXIA = NotMeasured("the lesion network does not estimate it")

FilmMap = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of an upright film that a network looks at; it may reach beyond the film's edges.

    Attributes
    ----------
    top, left : first row and column
    height, width : in pixels of the film
    """

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def about(cls, rows: tuple[int, int], columns: tuple[int, int], spec: ImageInput) -> Frame:
        """The frame about a box, as a card wants it.

        Parameters
        ----------
        rows, columns : first of the box and the one after its last
        spec : margin and fit
        """
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        margin = round(spec.margin * max(height, width))
        top, left, height, width = rows[0] - margin, columns[0] - margin, height + 2 * margin, width + 2 * margin
        if spec.fit == "stretch":
            return cls(top, left, height, width)
        scale = max(height / spec.size_px[0], width / spec.size_px[1])
        rows_wanted, columns_wanted = round(scale * spec.size_px[0]), round(scale * spec.size_px[1])
        return cls(top - (rows_wanted - height) // 2, left - (columns_wanted - width) // 2, rows_wanted, columns_wanted)


def lungs_of_one_mask(image: Image, network: Network) -> LungStage:
    """The patient's right and left lung, from a network that outlines them as one mask.

    Parameters
    ----------
    image : a film, in any orientation that its grid states
    network : its output ``lungs`` has the one channel ``lung``
    """
    upright, spec = image.upright(), network.card.input
    shape = upright.plane.shape
    frame = Frame.about((0, shape[0]), (0, shape[1]), spec)
    chance = network.run({spec.name: seen(upright.array, frame, spec)})["lungs"][0]
    threshold = _threshold(network.card.outputs["lungs"], "lung")
    lung, right = _tidy(chance, threshold, frame)
    found, is_right = (put_back(each, frame, shape) for each in (lung, right))
    labels = (found >= level(threshold)).view(np.uint8) * np.where(is_right >= 128, np.uint8(1), np.uint8(2))
    home = image.plane.orientation.from_upright
    step = Step("segment-lungs", {**network.settings, "threshold": threshold}, (image.origin,), network.ref)
    return LungStage(LabelMap(home(labels), image.grid, LUNGS, step), None, None, None, None, home(found))


def lesions_of_one_mask(image: Image, lungs: LabelMap, network: Network) -> LesionStage:
    """Opacity in the lungs, all of it marked as ground-glass, from a network that tells no kinds.

    Parameters
    ----------
    image : a film
    lungs : on the same grid
    network : its output ``lesions`` has the one channel ``opacity``; it may have a second output ``disease``

    Raises
    ------
    GridMismatch, WrongQuantity, ValueError
        As of :func:`hilum.segmentation.lesions.segment_lesions`.
    """
    image.require(Quantity.RADIOGRAPH)
    image.plane.require_same(lungs.plane)
    upright, masks, card = image.upright(), lungs.upright().array, network.card
    if lung_window(masks) is None:
        raise ValueError("there are no lungs to look for lesions in")
    frame = Frame.about(_extent(masks, 0), _extent(masks, 1), card.input)
    array = upright.array
    if card.input.region == "lungs-only":
        array = np.where(masks > 0, array, array.dtype.type(0) if array.dtype == np.uint8 else array.min())
    results = network.run({card.input.name: seen(array, frame, card.input)})
    threshold = _threshold(card.outputs["lesions"], "opacity")
    opacity = put_back(results["lesions"][0], frame, upright.plane.shape)
    disease = float(results["disease"][0]) if "disease" in card.outputs else None
    is_diseased = disease is None or disease >= card.threshold("disease")
    drawn = ((opacity >= level(threshold)) & (masks > 0) & is_diseased).view(np.uint8)
    settings: dict[str, Json] = {**network.settings, "thresholds": {"opacity": threshold, **card.thresholds}}
    step = Step("segment-lesions", settings, (image.origin, lungs.origin), network.ref)
    home = image.plane.orientation.from_upright
    return LesionStage(
        LabelMap(home(drawn), image.grid, LESIONS, step),
        disease,
        card.threshold("disease") if disease is not None else 0.0,
        brixia=NO_BRIXIA,
        affected=None,
        probability={"opacity": home(opacity)},
        are_kinds_told=False,
    )


def seen(array: NDArray[np.generic], frame: Frame, spec: ImageInput) -> NDArray[np.float32]:
    """What a network sees of a film.

    Parameters
    ----------
    array : (rows, columns), any real type, upright; larger is denser tissue
    frame : where to look; beyond the film's edges there is black
    spec : size, window, mean and deviation of each channel

    Returns
    -------
    (channels, rows, columns) float32
    """
    values = np.asarray(array, dtype=np.float32)
    if spec.window_grey is not None and array.dtype == np.uint8:
        low, high = spec.window_grey
        darkest = 0.0
    else:
        inside = values[max(frame.top, 0) : frame.top + frame.height, max(frame.left, 0) : frame.left + frame.width]
        low, high = (float(value) for value in np.percentile(inside, spec.window_percentiles))
        darkest = float(values.min())
    part = _through(values, frame, spec.size_px, darkest)
    grey = np.clip((part - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(part)
    mean, deviation = (np.asarray(each, dtype=np.float32)[:, None, None] for each in (spec.mean, spec.std))
    return ((grey - mean) / deviation).astype(np.float32)


def put_back(share: NDArray[np.float32], frame: Frame, shape: tuple[int, int]) -> FilmMap:
    """A network's map, values in [0, 1], on the pixels of a film of ``shape``: times 255, and 0 outside the frame."""
    size = (frame.width, frame.height)
    large = np.asarray(Picture.fromarray(in_eight_bits(share)).resize(size, Picture.Resampling.BILINEAR))
    made = np.zeros(shape, dtype=np.uint8)
    top, left = max(frame.top, 0), max(frame.left, 0)
    bottom, right = min(frame.top + frame.height, shape[0]), min(frame.left + frame.width, shape[1])
    made[top:bottom, left:right] = large[top - frame.top : bottom - frame.top, left - frame.left : right - frame.left]
    return made


def level(threshold: float) -> int:
    """The least of 0 to 255 that reaches a probability; above 0, so that nothing is not something."""
    return max(1, math.ceil(255 * threshold))


def sides(lung: Mask, aspect: float = 1.0) -> tuple[Mask, Mask]:
    """The right and the left lung of one mask of both, the patient upright and the right lung at the left edge.

    A single lung, narrow as it is, stays one: it goes to the half of the picture that its middle lies in.

    Parameters
    ----------
    lung : (rows, columns), without stray parts
    aspect : width of a pixel over its height
    """
    nothing = np.zeros_like(lung)
    if not lung.any():
        return nothing, nothing
    first, last = _extent(lung, 1)
    top, bottom = _extent(lung, 0)
    numbers = numbered_parts(lung, connectivity=8)
    if (last - first) * aspect < WIDE * (bottom - top) and not _are_beside(numbers):
        is_right = float(np.flatnonzero(lung.any(axis=0)).mean()) < (lung.shape[1] - 1) / 2
        return (lung, nothing) if is_right else (nothing, lung)
    cut = _cut(lung.sum(axis=0), first, last)
    right = np.zeros_like(lung)
    for number in range(1, int(numbers.max()) + 1):
        part = numbers == number
        share = np.count_nonzero(part[:, :cut]) / np.count_nonzero(part)
        if SPANNING <= share <= 1 - SPANNING:
            right[:, :cut] |= part[:, :cut]
        elif share > HALF:
            right |= part
    return right, lung & ~right


def _are_beside(numbers: NDArray[np.integer]) -> bool:
    """Whether the two largest parts are of comparable area and share no column."""
    areas = np.bincount(numbers.ravel())[1:]
    if len(areas) < 2:
        return False
    second, largest = np.argsort(areas)[-2:]
    if areas[second] < COMPARABLE * areas[largest]:
        return False
    one, other = ((numbers == n + 1).any(axis=0) for n in (second, largest))
    return not (one & other).any()


def _cut(columns: NDArray[np.intp], first: int, last: int) -> int:
    """The column between both lungs: of the middle half of them the one with the least lung, nearest to the middle."""
    width, middle = last - first, (first + last - 1) / 2
    choices = np.arange(first + width // 4, last - width // 4)
    least = choices[columns[choices] == columns[choices].min()]
    return int(least[np.argmin(np.abs(least - middle))])


def _tidy(chance: NDArray[np.float32], threshold: float, frame: Frame) -> tuple[NDArray[np.float32], ...]:
    """Probability of any lung, 0 where none may be; and how much of it is the right one's; both of the map's shape."""
    lung = filled(parts_of_at_least(chance >= threshold, LEAST_LUNG_SHARE * chance.size))
    aspect = (frame.width / chance.shape[1]) / (frame.height / chance.shape[0])
    right, left = sides(lung, aspect)
    found = np.where(lung, np.maximum(chance, max(LEAST_INSIDE, threshold)), chance)
    found[~(grown(right) | grown(left))] = 0.0
    return found.astype(np.float32), (grown(right) & ~left).astype(np.float32)


def _threshold(output: Output, channel: str) -> float:
    return output.thresholds.get(channel, HALF)


def _extent(mask: NDArray[np.generic], axis: int) -> tuple[int, int]:
    """First line along an axis of a plane with anything, and the one after the last; there is one."""
    places = np.flatnonzero(mask.any(axis=1 - axis))
    return int(places[0]), int(places[-1]) + 1


def _through(array: NDArray[np.float32], frame: Frame, size: tuple[int, int], outside: float) -> NDArray[np.float32]:
    """The frame's content at ``size`` (rows, columns), bicubic as published."""
    right, bottom = frame.left + frame.width, frame.top + frame.height
    picture = Picture.fromarray(array)
    if frame.top < 0 or frame.left < 0 or bottom > array.shape[0] or right > array.shape[1]:
        canvas = Picture.new("F", (frame.width, frame.height), outside)
        canvas.paste(picture, (-frame.left, -frame.top))
        picture = canvas
    else:
        picture = picture.crop((frame.left, frame.top, right, bottom))
    return np.asarray(picture.resize((size[1], size[0]), Picture.Resampling.BICUBIC), dtype=np.float32)

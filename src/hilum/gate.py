"""The input gate: what keeps an image from being analysed, and what the reader of its result has to know.

Every code is stable and explained in :data:`CODES`. A picture that is grey and of the size of a film, but is none (a
CT slice saved as PNG, say), is left to the lung network's own judgement: rules of thumb on its look miss most of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import Refused
from hilum.image import Image, LabelMap
from hilum.measurement import Finding, Gravity
from hilum.settings import GateSettings

CODES: Mapping[str, str] = MappingProxyType(
    {
        "not-a-film": "A colour picture, another modality by its header, or no frontal chest film in the judgement of "
        "the lung network.",
        "lateral-view": "A lateral film by its header; networks and scores are for frontal films.",
        "oblique-view": "An oblique film by its header; networks and scores are for frontal films.",
        "other-body-part": "By its header it shows another part of the body, or hardly any of the CT is lung.",
        "too-small": "Its shorter side has fewer pixels than the setting `gate.min_side_px` (CT: `gate.min_slice_px`).",
        "nearly-constant": "Hardly any grey values: an empty film or volume, or a mask given in place of a film.",
        "strange-proportions": "One side is more than 2.5 times as long as the other.",
        "lesions-by-density": "Lesions of a CT were found by bands of Hounsfield units, as was asked for.",
        "for-processing": "The detector's raw image, not the one made for reading.",
        "window-ignored": "The file's display window would have left black and white only, and was not applied.",
        "orientation-assumed": "The file does not say which way the patient lies in it; the usual way was assumed.",
        "burned-in-annotation": "By its header the film has text burnt in, which may name the patient.",
        "inverted": "The lung network takes the film to be a negative: dark bones on bright lungs.",
        "turned": "The lung network takes the film to lie on its side or upside down.",
        "corrected-by-reader": "A person changed the outlines in the reader; what a network tells of the "
        "untouched film is left out.",
        "kind-not-told": "The lung network does not tell frontal films from other pictures; nobody judged that.",
        "opacity-not-told-apart": "The lesion network does not tell ground-glass from consolidation; all opacity is "
        "marked as ground-glass.",
        "no-lungs": "Neither lung was found.",
        "one-lung": "One lung was found; nothing is measured on the other.",
        "cropped-lungs": "A lung is cut by the edge of the film or scan.",
        "small-lungs": "The lungs take up a tenth of the film or less, or hold less than 700 ml on CT.",
        "implausible-lungs": "One lung is less than half as large as the other, on CT less than 40 %, or above 5.5 l.",
        "not-hounsfield": "The numbers of the volume are no Hounsfield units: an MR image, an 8-bit picture, or "
        "another scale.",
        "shifted-hounsfield": "The numbers of the volume are about 1,000 off, as if the rescale intercept was left out "
        "or applied twice.",
        "doubtful-hounsfield": "The volume has hardly any voxel as thin as air, or many that are thinner: slope or "
        "intercept may be wrong.",
        "spacing-assumed": "The data set that the case comes from does not state the distance between pixels; 1 mm was "
        "assumed.",
        "windowed-ct": "The volume is made of 8-bit pictures; what needs Hounsfield units is not measured.",
        "mask-given": "The volume holds at most 16 different small numbers: a mask given in place of a scan.",
        "not-finite": "The volume holds numbers that are not finite; they were taken for air.",
        "too-few-slices": "The volume has fewer slices than the setting `gate.min_slices`.",
        "thick-slices": "The slices of the volume are more than 5 mm apart.",
        "strange-spacing": "The volume's voxels are not of the size that those of a CT are, or it covers no chest.",
        "geometry-conflict": "The file states two positions of the volume that differ; one of them was used.",
        "contrast-unknown": "The file does not say whether contrast medium was given.",
        "contrast-given": "By its header contrast medium was given, which raises densities.",
        "not-a-ct": "By its header the volume is of another modality, such as MR.",
        "other-series": "The study holds other CT series that could have been analysed.",
        "several-scans": "The series holds several scans of one place; one of them was taken.",
        "several-reconstructions": "The series holds several reconstructions of one scan; one of them was taken.",
        "mixed-series": "Slices of the series that do not belong to the others were left out.",
        "duplicate-slices": "Slices of the series lie at one place; one of each was taken.",
        "missing-slices": "Slices of the series are missing and were filled from their neighbours.",
        "irregular-spacing": "The slices of the series stand unevenly and were resampled.",
        "sparse-slices": "The slices of the series are thinner than their distance; what lies between was not imaged.",
        "gantry-tilt": "The gantry was tilted; the voxels were kept where they lie.",
        "rescale-missing": "The file does not say how its numbers become Hounsfield units.",
        "lossy-compression": "The scan was compressed with losses.",
    }
)
"""Every code that a finding can have, and what it means, in one sentence."""

PROPORTION_LIMIT = 2.5
"""Longer over shorter side of a film; the oddest of 4,319 films has 2.2."""

LEVELS_LIMIT = 16
"""A film has at least this many grey values; a mask has a handful."""

SPREAD_LIMIT = 0.01
"""The middle 98 % of a film's pixels spread over more than this share of its largest value."""

CROPPED_SHARE = 0.05
"""Share of a lung's outline on the film's edge from which it counts as cropped; 3 % of reference outlines reach it."""

SMALL_SHARE = 0.10
"""Share of the film that the lungs take up; the smallest of the reference outlines takes up 0.20."""

AREA_RATIO = 0.5
"""Smaller over larger lung; the least of the reference outlines of whole lungs is 0.73."""


_CAUSES = ("turned", "inverted", "doubtful-hounsfield")
"""Findings that may be why a film or a CT was refused."""


def before(image: Image, settings: GateSettings) -> tuple[Finding, ...]:
    """What is found on a film before anything is segmented: by its header, its colours, its size and its greys.

    A finding of gravity ERROR means that the film is not to be analysed; where the gate is switched off, it is
    a WARNING instead.
    """
    found = (*image.findings, *_by_view(image), *_by_size(image, settings), *_by_contrast(image.array))
    return tempered(found, settings)


def after(
    lungs: LabelMap,
    *,
    film_probability: float | None,
    film_threshold: float,
    is_inverted: bool,
    settings: GateSettings,
) -> tuple[Finding, ...]:
    """What is found once the lungs are segmented.

    Parameters
    ----------
    lungs : 1 the patient's right lung, 2 the left, on the film's grid
    film_probability : that it is a frontal chest film, by the lung network, 0 to 1; None where it does not tell
    film_threshold : a film below it is refused
    is_inverted : the lung network took it for a negative, and it was analysed as a positive
    settings : where the gate is switched off, errors are warnings
    """
    found: list[Finding] = []
    if film_probability is None:
        message = "The lung network does not tell whether this is a frontal chest film; nobody else has looked."
        found.append(Finding("kind-not-told", Gravity.NOTE, message))
    elif film_probability < film_threshold:
        message = (
            f"It does not look like a frontal chest film: the lung network gives it a probability of "
            f"{film_probability:.2f}, and {film_threshold:.2f} is needed. Give a frontal chest film."
        )
        found.append(Finding("not-a-film", Gravity.ERROR, message))
    if is_inverted:
        message = "It looks like a negative, with dark bones on bright lungs; check how it was exported."
        found.append(Finding("inverted", Gravity.WARNING, message))
    return tempered([*found, *_by_lungs(lungs)], settings)


def refuse(findings: Iterable[Finding], path: Path | str | None) -> None:
    """Raise :class:`~hilum.errors.Refused` for the first finding that is an error, if there is one.

    Where a film may be refused because it lies the wrong way or is a negative, or a CT because its scale of
    densities is off, the message says so, too.
    """
    found = tuple(findings)
    for finding in found:
        if finding.gravity is Gravity.ERROR:
            name = f"'{path}'" if path is not None else "the array"
            reasons = " ".join(each.message for each in found if each is finding or each.code in _CAUSES)
            raise Refused(
                f"Did not analyse {name} ({finding.code}): {reasons} To analyse it in spite of that, set "
                "gate.enabled to false.",
                code=finding.code,
                path=path,
            )


def require_lungs(lungs: LabelMap, path: Path | str | None) -> None:
    """Raise :class:`~hilum.errors.Refused` if there is no lung, even where the gate is off: nothing can be measured."""
    if not lungs.mask().any():
        name = f"'{path}'" if path is not None else "the array"
        message = (
            f"Did not analyse {name} (no-lungs): no lung was found on it, and all else is looked for in the lungs."
        )
        raise Refused(message, code="no-lungs", path=path)


def tempered(found: Iterable[Finding], settings: GateSettings) -> tuple[Finding, ...]:
    """The findings, none of them an error if the gate is switched off."""
    if settings.enabled:
        return tuple(found)
    return tuple(replace(f, gravity=Gravity.WARNING) if f.gravity is Gravity.ERROR else f for f in found)


def _few(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Every n-th pixel, so that at least ``side`` of them are left along each axis, and less than twice as many."""
    rows, columns = (max(1, length // side) for length in pixels.shape)
    return pixels[::rows, ::columns]


def _by_view(image: Image) -> Iterator[Finding]:
    if image.view == "LATERAL":
        message = "Its header says that it is a lateral film; lungs and scores are for frontal ones (PA or AP)."
        yield Finding("lateral-view", Gravity.ERROR, message)


def _by_size(image: Image, settings: GateSettings) -> Iterator[Finding]:
    rows, columns = image.plane.shape
    if min(rows, columns) < settings.min_side_px:
        message = (
            f"It has {columns}x{rows} pixels, and at least {settings.min_side_px} are needed along each side. Give "
            "the film at its full size."
        )
        yield Finding("too-small", Gravity.ERROR, message)
    if max(rows, columns) > PROPORTION_LIMIT * min(rows, columns):
        message = f"It has the strange proportions of {columns}x{rows} pixels; is it one whole film?"
        yield Finding("strange-proportions", Gravity.WARNING, message)


def _by_contrast(pixels: NDArray[Any]) -> Iterator[Finding]:
    few = _few(pixels, 256)
    levels = len(np.unique(few))
    if levels < LEVELS_LIMIT:
        message = f"It has {levels} grey value{'s' * (levels > 1)}: it is empty, or a mask. Give the film itself."
        yield Finding("nearly-constant", Gravity.ERROR, message)
        return
    low, high = np.percentile(few, (1, 99))
    if high - low <= SPREAD_LIMIT * float(np.abs(few).max()):
        message = "Nearly all of it has one grey value. Give the film with its full range of greys."
        yield Finding("nearly-constant", Gravity.ERROR, message)


def _by_lungs(lungs: LabelMap) -> Iterator[Finding]:
    sides = {"right": lungs.number("right-lung"), "left": lungs.number("left-lung")}
    areas = {side: lungs.pixels(f"{side}-lung") for side in sides}
    if not any(areas.values()):
        yield Finding("no-lungs", Gravity.ERROR, "No lung was found on it. Give a frontal chest film.")
        return
    yield from unequal_lungs(areas, "area", AREA_RATIO)
    few = _few(lungs.array, 256)
    cut = [side for side, number in sides.items() if _share_on_edge(few == number) > CROPPED_SHARE]
    if cut:
        which = f"The patient's {cut[0]} lung is" if len(cut) == 1 else "Both lungs are"
        yield Finding(
            "cropped-lungs", Gravity.WARNING, f"{which} cut by the edge of the film; shares and scores miss it."
        )
    if sum(areas.values()) < SMALL_SHARE * lungs.array.size:
        share = sum(areas.values()) / lungs.array.size
        yield Finding("small-lungs", Gravity.WARNING, f"The lungs take up {share:.0%} of the film; check the outlines.")


def unequal_lungs(sizes: Mapping[str, float], size: Literal["area", "volume"], least: float) -> Iterator[Finding]:
    """A warning if one lung is missing, or much smaller than the other.

    Parameters
    ----------
    sizes : of the ``right`` and the ``left`` lung; not both 0
    size : what they are
    least : smaller over larger lung below which the outlines are doubtful
    """
    smaller = min(sizes, key=lambda side: sizes[side])
    share = min(sizes.values()) / max(sizes.values())
    if not share:
        message = f"The patient's {smaller} lung was not found; nothing is measured there."
        yield Finding("one-lung", Gravity.WARNING, message)
    elif share < least:
        message = f"The patient's {smaller} lung has {share:.0%} of the {size} of the other; check the outlines."
        yield Finding("implausible-lungs", Gravity.WARNING, message)


def _share_on_edge(mask: NDArray[np.bool_]) -> float:
    """Share of a mask's outline, 0 to 1, that lies on the edge of the picture; 0 for an empty mask."""
    framed = np.pad(mask, 1)
    inside = mask & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    outline = np.count_nonzero(mask) - np.count_nonzero(inside)
    within = np.count_nonzero(mask[1:-1, 1:-1])
    return (np.count_nonzero(mask) - within) / outline if outline else 0.0

"""What can be wrong with one case by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from hilum.datasets.explore.examine import OPACITY, Examination, MaskFacts
from hilum.datasets.explore.intensity import HU_HIGH, HU_LOW, STEPS
from hilum.wording import counted

from .defect import Defect

HEALTHY = frozenset({"no finding", "normal", "healthy"})
"""What sources say of a case in which there is nothing to find, in small letters."""

OUTSIDE = 0.25
"""Share of the disease outside the lungs from which it is told: outlines are generous, and readers differ at the
heart and the diaphragm."""

LUNG_FIELDS_OUTSIDE = 0.5
"""The same where only lung fields are known, which leave out lung behind the heart."""

STEP_ASIDE = 0.02
"""Share of the width by which the right lung must lie on the wrong side, so that a sliver of a lung is no swap."""

SMALLEST_LUNG = 0.02
"""Share of both lungs below which one counts as missing."""

LIGHTEST = -500.0
"""HU that the 5th percentile of a chest must not exceed: a chest has lungs, and most scans have air about them."""

SOFT_TISSUE = (-150.0, 200.0)
"""HU between which the commonest value of muscle, blood and fat lies."""

LUNG_MEDIAN = (-970.0, -250.0)
"""HU between which the median inside a lung mask lies, with emphysema at one end and severe pneumonia at the other."""

LARGEST_HU = 20000.0
"""HU above those of any metal that scanners write."""

PLANE_MM = (0.2, 5.0)
"""Distances between rows and columns of CT, and of films, that occur."""

SLICE_MM = (0.2, 20.0)
"""Distances between slices of CT that occur."""

EXTENT_MM = (60.0, 800.0)
"""Widths and depths of scans that occur, crops of one lung included."""

FILM_MM = (0.03, 3.0)
"""Distances between pixels of films that occur, made small ones included."""

Check = Callable[[Examination], Iterator[Defect]]


def check_case(seen: Examination) -> Iterator[Defect]:
    """Everything that is wrong with a case by itself."""
    if seen.error:
        yield _defect("unreadable-image", seen, seen.error)
        return
    for check in CHECKS:
        yield from check(seen)


def _defect(code: str, seen: Examination, message: str) -> Defect:
    return Defect(code, (seen.case.key,), message)


def _blank(seen: Examination) -> Iterator[Defect]:
    if seen.range is not None and seen.range.lowest == seen.range.highest:
        yield _defect("blank-image", seen, f"All pixels are {seen.range.lowest:g}.")


def _masks(seen: Examination) -> Iterator[Defect]:
    for kind, mask in seen.masks.items():
        if mask.error:
            yield _defect("unreadable-mask", seen, mask.error)
        if mask.mismatch:
            yield _defect("mask-off-image", seen, f"Mask {kind!r}: {mask.mismatch}.")
        if mask.moved:
            yield _defect("mask-moved", seen, f"Mask {kind!r}: by its header, {mask.moved}.")
        if mask.unknown:
            first, rest = sorted(mask.unknown.items())[:4], len(mask.unknown) - 4
            found = ", ".join(f"{number} ({counted(count, 'pixel')})" for number, count in first)
            more = f" and {counted(rest, 'other number')}" if rest > 0 else ""
            known = ", ".join(map(str, sorted(seen.case.masks[kind].labels)))
            yield _defect("unknown-label", seen, f"Mask {kind!r} holds {found}{more}; named are {known}.")


def _empty(seen: Examination) -> Iterator[Defect]:
    for kind, mask in seen.masks.items():
        if not mask.is_empty:
            continue
        is_slice = seen.case.modality == "CT" and len(seen.shape) == 2
        if kind == "lesions" and (is_slice or _is_healthy(seen)):
            yield _defect("nothing-drawn", seen, "The mask 'lesions' is empty.")
        elif kind == "lesions":
            said = f"the finding is {seen.case.finding!r}" if seen.case.finding else "nobody calls the case healthy"
            yield _defect("empty-mask", seen, f"The mask 'lesions' is empty, and {said}.")
        else:
            yield _defect("empty-mask", seen, f"The mask {kind!r} is empty.")


def _sides(seen: Examination) -> Iterator[Defect]:
    for kind, mask in seen.masks.items():
        right, left = (mask.structures.get(f"{side}-lung") for side in ("right", "left"))
        if right is None or left is None or not right.pixels + left.pixels or mask.mismatch:
            continue
        for name, one in (("right", right), ("left", left)):
            if one.pixels < SMALLEST_LUNG * (right.pixels + left.pixels) and len(seen.shape) == 2:
                held = counted(one.pixels, "pixel")
                yield _defect("missing-lung", seen, f"Mask {kind!r} holds {held} of the {name} lung.")
        if right.pixels and left.pixels and right.across > left.across + STEP_ASIDE:
            yield _defect(
                "wrong-side",
                seen,
                f"Mask {kind!r}: the centre of the right lung lies at {100 * right.across:.0f} % of the width and that "
                f"of the left at {100 * left.across:.0f} %; the patient's right belongs at the image's left edge.",
            )


def _outside(seen: Examination) -> Iterator[Defect]:
    if seen.outside is None:
        return
    has_lungs = any(_is_of_use(seen.masks.get(kind)) for kind in ("lungs", "lobes"))
    limit = OUTSIDE if has_lungs else LUNG_FIELDS_OUTSIDE
    if seen.outside > limit:
        yield _defect(
            "outside-lungs",
            seen,
            f"{100 * seen.outside:.0f} % of the opacity lies outside the {'lungs' if has_lungs else 'lung fields'}.",
        )


def _is_of_use(mask: MaskFacts | None) -> bool:
    return mask is not None and not mask.error and not mask.mismatch and not mask.is_empty


def _healthy(seen: Examination) -> Iterator[Defect]:
    lesions = seen.masks.get("lesions")
    if lesions is None or not _is_healthy(seen):
        return
    drawn = sum(each.pixels for name, each in lesions.structures.items() if name in OPACITY)
    if drawn:
        message = f"{counted(drawn, 'pixel')} of opacity, and the finding is {seen.case.finding!r}."
        yield _defect("healthy-with-lesions", seen, message)


def _is_healthy(seen: Examination) -> bool:
    return seen.case.finding.casefold() in HEALTHY


def _hounsfield(seen: Examination) -> Iterator[Defect]:
    if not seen.is_hounsfield or seen.range is None or seen.range.lowest == seen.range.highest:
        return
    low, high = seen.range.lowest, seen.range.highest
    if low >= 0 and high <= 255:
        yield _defect(
            "not-hounsfield", seen, f"The values run from {low:g} to {high:g}, as those of 8-bit pictures do."
        )
        return
    if low >= -1 and high <= 1:
        yield _defect("not-hounsfield", seen, f"The values run from {low:.3g} to {high:.3g}: they are normalised.")
        return
    if high > LARGEST_HU:
        yield _defect("not-hounsfield", seen, f"The highest value is {high:g}; no scanner writes such units.")
        return
    reason = _shift(seen)
    if reason:
        yield _defect("shifted-hounsfield", seen, reason)


def _shift(seen: Examination) -> str:
    """Why the values cannot be Hounsfield units; empty if they can."""
    if seen.range is not None and seen.range.p5 > LIGHTEST:
        return f"The 5th percentile is {seen.range.p5:g} HU: air and lungs lie below {LIGHTEST:g}."
    for kind in ("lungs", "lobes"):
        mask = seen.masks.get(kind)
        for name, lung in mask.structures.items() if mask is not None else ():
            if lung.pixels > 100 and not LUNG_MEDIAN[0] <= lung.range.median <= LUNG_MEDIAN[1]:
                return f"The median inside {name!r} is {lung.range.median:g} HU; expected {_between(LUNG_MEDIAN)}."
    peak = _soft_tissue_peak(seen)
    if peak is not None and not SOFT_TISSUE[0] <= peak <= SOFT_TISSUE[1]:
        return f"The commonest value of dense tissue is about {peak:g} HU; expected {_between(SOFT_TISSUE)}."
    return ""


def _soft_tissue_peak(seen: Examination) -> float | None:
    """The commonest value between lung and the densest bone; None where too little is that dense."""
    if seen.histogram is None:
        return None
    width = (HU_HIGH - HU_LOW) / STEPS
    centres = HU_LOW + width * (np.arange(STEPS) + 0.5)
    dense = (centres > -500) & (np.arange(STEPS) < STEPS - 1)
    counts = np.where(dense, seen.histogram, 0)
    return float(centres[counts.argmax()]) if counts.sum() > 0.05 * seen.histogram.sum() else None


def _spacing(seen: Examination) -> Iterator[Defect]:
    if seen.spacing_mm is None or len(seen.spacing_mm) != len(seen.shape):
        return
    written = " x ".join(f"{each:.3g}" for each in seen.spacing_mm)
    odd = next(_odd_spacing(seen), "")
    if odd:
        yield _defect("spacing-unit", seen, f"The spacing is {written} mm: {odd}{_unit_guess(seen)}.")
    elif len(seen.shape) == 3 and all(each == 1.0 for each in seen.spacing_mm):
        yield _defect("spacing-default", seen, "The spacing is 1 x 1 x 1 mm.")


def _odd_spacing(seen: Examination) -> Iterator[str]:
    spacing = seen.spacing_mm or ()
    limits = PLANE_MM if seen.case.modality == "CT" else FILM_MM
    if len(spacing) == 3 and not SLICE_MM[0] <= spacing[0] <= SLICE_MM[1]:
        yield f"slices lie {_between(SLICE_MM)} mm apart"
    for each, count in zip(spacing[-2:], seen.shape[-2:], strict=True):
        if not limits[0] <= each <= limits[1]:
            yield f"pixels lie {_between(limits)} mm apart"
        elif seen.case.modality == "CT" and not EXTENT_MM[0] <= each * count <= EXTENT_MM[1]:
            yield f"the image would be {each * count:.3g} mm wide"


def _unit_guess(seen: Examination) -> str:
    smallest = min(seen.spacing_mm or (1.0,))
    if smallest < 0.003:
        return "; it may be in metres"
    return "; it may be in centimetres" if smallest < 0.12 and seen.case.modality == "CT" else ""


def _between(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"


CHECKS: tuple[Check, ...] = (_blank, _masks, _empty, _sides, _outside, _healthy, _hounsfield, _spacing)
"""All of them, in the order of the report."""

"""What a data set holds, from one look at each of its cases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .examine import Examination, StructureFacts
from .intensity import Histogram, pooled

OUTLYING = 6.0
"""Robust standard deviations from the median of the source from which a case stands out: under one in a million of
what is normally distributed, and few of what is not."""

FEWEST = 12
"""Cases of a source from which its spread is known well enough."""

FLOOR = 0.05
"""Smallest spread, as a share of the median: where most cases agree exactly, small differences are no outliers."""

MAD_TO_SD = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles over cases; all not a number if there are none."""

    lowest: float
    p5: float
    median: float
    p95: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of some values, of which those that are not numbers are left out."""
        known = np.array([value for value in values if np.isfinite(value)])
        if not known.size:
            return cls(*[float("nan")] * 5)
        return cls(*(float(value) for value in np.percentile(known, (0, 5, 50, 95, 100))))


@dataclass(frozen=True, slots=True)
class StructureSummary:
    """One structure over all cases whose masks may hold it.

    Attributes
    ----------
    mask, structure : kind of mask and name
    cases : whose mask may hold it
    present : of those, in which it does
    pixels : altogether
    share : of the image's pixels, where it is present
    volume_ml : where it is present, of volumes with a known spacing
    hounsfield, grey : median value inside, where it is present, of images in Hounsfield units and in grey levels
    range_hu, range_grey : of the values inside, in the middle case: each figure is the median of the cases' own
    histogram_hu, histogram_grey : mean over cases
    """

    mask: str
    structure: str
    cases: int
    present: int
    pixels: int
    share: Spread
    volume_ml: Spread
    hounsfield: Spread
    grey: Spread
    range_hu: Spread
    range_grey: Spread
    histogram_hu: NDArray[np.float64]
    histogram_grey: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A case that stands out of its source.

    Attributes
    ----------
    case : key
    measure : what is odd, such as ``columns``
    value : the case's
    median : the source's
    deviations : robust standard deviations between them, with its sign
    """

    case: str
    measure: str
    value: float
    median: float
    deviations: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a data set holds.

    Attributes
    ----------
    cases, patients, broken : numbers of cases, of persons, and of cases whose image cannot be read
    counts : cases by source, modality, split, finding and view, each by value
    masks : cases by kind of mask
    shapes : the commonest shapes of images, and how many have them
    axes : rows, columns, slices of volumes, and distances in mm
    image_hu, image_grey : mean histograms of whole images
    structures : one row each
    burden : opacity over lungs, of the cases where both are known
    memory_bytes : to hold every case opened; largest_bytes: the largest one
    outliers : the furthest first
    """

    cases: int
    patients: int
    broken: int
    counts: Mapping[str, Mapping[str, int]]
    masks: Mapping[str, int]
    shapes: Mapping[str, int]
    axes: Mapping[str, Spread]
    image_hu: NDArray[np.float64]
    image_grey: NDArray[np.float64]
    structures: tuple[StructureSummary, ...]
    burden: Spread
    memory_bytes: int
    largest_bytes: int
    outliers: tuple[Outlier, ...]


def summarise(seen: Sequence[Examination]) -> Summary:
    """The summary of a data set."""
    read = [each for each in seen if not each.error]
    return Summary(
        cases=len(seen),
        patients=len({each.case.person for each in seen}),
        broken=len(seen) - len(read),
        counts=_counts(seen),
        masks=dict(Counter(str(kind) for each in seen for kind in each.case.masks)),
        shapes=dict(Counter("x".join(map(str, each.shape)) for each in read).most_common(12)),
        axes=_axes(read),
        image_hu=pooled(_histograms(read, is_hounsfield=True)),
        image_grey=pooled(_histograms(read, is_hounsfield=False)),
        structures=tuple(_structures(read)),
        burden=Spread.of([each.burden for each in read if each.burden is not None]),
        memory_bytes=sum(each.memory_bytes for each in read),
        largest_bytes=max((each.memory_bytes for each in read), default=0),
        outliers=outliers(read),
    )


def _counts(seen: Sequence[Examination]) -> dict[str, dict[str, int]]:
    made: dict[str, dict[str, int]] = {}
    for name in ("source", "modality", "split", "finding", "view"):
        values = Counter(str(getattr(each.case, name)) or "(none)" for each in seen)
        made[name] = dict(values.most_common())
    return made


def _axes(read: Sequence[Examination]) -> dict[str, Spread]:
    values: dict[str, list[float]] = defaultdict(list)
    for each in read:
        for name, length in zip(("columns", "rows", "slices"), each.shape[::-1], strict=False):
            values[name].append(float(length))
        for name, spacing in zip(("column mm", "row mm", "slice mm"), (each.spacing_mm or ())[::-1], strict=False):
            values[name].append(spacing)
    return {name: Spread.of(found) for name, found in values.items()}


def _histograms(read: Sequence[Examination], *, is_hounsfield: bool) -> Iterator[Histogram]:
    for each in read:
        if each.histogram is not None and each.is_hounsfield == is_hounsfield:
            yield each.histogram


def _structures(read: Sequence[Examination]) -> Iterator[StructureSummary]:
    found: dict[tuple[str, str], list[tuple[Examination, StructureFacts]]] = defaultdict(list)
    for each in read:
        for kind, mask in each.masks.items():
            for name, facts in mask.structures.items():
                found[kind, name].append((each, facts))
    for (kind, name), pairs in found.items():
        present = [(each, facts) for each, facts in pairs if facts.pixels]
        hounsfield = [facts for each, facts in present if each.is_hounsfield]
        grey = [facts for each, facts in present if not each.is_hounsfield]
        yield StructureSummary(
            kind,
            name,
            cases=len(pairs),
            present=len(present),
            pixels=sum(facts.pixels for _, facts in present),
            share=Spread.of([facts.pixels / float(np.prod(each.shape)) for each, facts in present]),
            volume_ml=Spread.of([facts.volume_ml for _, facts in present if facts.volume_ml is not None]),
            hounsfield=Spread.of([facts.range.median for facts in hounsfield]),
            grey=Spread.of([facts.range.median for facts in grey]),
            range_hu=_inside(hounsfield),
            range_grey=_inside(grey),
            histogram_hu=pooled(facts.histogram for facts in hounsfield),
            histogram_grey=pooled(facts.histogram for facts in grey),
        )


def _inside(found: Sequence[StructureFacts]) -> Spread:
    """The medians over cases of the quantiles of the values inside."""
    names = [part.name for part in fields(Spread)]
    return Spread(*(Spread.of([getattr(facts.range, name) for facts in found]).median for name in names))


def outliers(read: Sequence[Examination]) -> tuple[Outlier, ...]:
    """Cases that stand out of those like them, the furthest first; one measure each, the one that is furthest.

    Alike are cases of one source, of one collection in it, of one kind of intensity, and of as many axes.
    """
    groups: dict[tuple[object, ...], list[Examination]] = defaultdict(list)
    for each in read:
        case = each.case
        groups[case.source, case.facts.get("collection"), each.is_hounsfield, len(each.shape)].append(each)
    furthest: dict[str, Outlier] = {}
    for group in groups.values():
        for outlier in _outliers_of(group):
            known = furthest.get(outlier.case)
            if known is None or abs(known.deviations) < abs(outlier.deviations):
                furthest[outlier.case] = outlier
    return tuple(sorted(furthest.values(), key=lambda outlier: -abs(outlier.deviations)))


def _outliers_of(group: Sequence[Examination]) -> Iterator[Outlier]:
    for name, measure in MEASURES.items():
        values = [measure(each) for each in group]
        known = np.array([value for value in values if np.isfinite(value)])
        if known.size < FEWEST:
            continue
        median = float(np.median(known))
        spread = max(MAD_TO_SD * float(np.median(np.abs(known - median))), FLOOR * abs(median))
        for each, value in zip(group, values, strict=True):
            if np.isfinite(value) and spread and abs(value - median) > OUTLYING * spread:
                yield Outlier(each.case.key, name, value, median, (value - median) / spread)


def _spacing(seen: Examination, axis: int) -> float:
    spacing = seen.spacing_mm or ()
    return spacing[axis] if len(spacing) >= -axis else float("nan")


def _lung_share(seen: Examination) -> float:
    return seen.lung_pixels / float(np.prod(seen.shape)) if seen.lung_pixels is not None else float("nan")


def _contrast(seen: Examination) -> float:
    return seen.range.p95 - seen.range.p5 if seen.range is not None else float("nan")


MEASURES: Mapping[str, Callable[[Examination], float]] = {
    "width over height": lambda seen: seen.shape[-1] / seen.shape[-2],
    "pixels in the plane": lambda seen: float(np.prod(seen.shape[-2:])),
    "slices": lambda seen: float(seen.shape[0]) if len(seen.shape) == 3 else float("nan"),
    "distance of pixels, mm": lambda seen: _spacing(seen, -1),
    "distance of slices, mm": lambda seen: _spacing(seen, -3),
    "contrast": _contrast,
    "lungs, share of the image": _lung_share,
}
"""What a case is compared by with the others of its source."""

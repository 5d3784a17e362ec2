"""The evaluation of CT: every figure with its interval, method beside method, and every failure named.

Intervals come from drawing patients again, or slices where nobody knows whose they are. With three patients such an
interval says little more than how far they are apart. What a figure counts, its n, are slices; lobes of patients for
the involvement of lobes; volumes for the share of opacity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import Error
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured

from .agreement import area_under_curve
from .bootstrap import Interval, bootstrap
from .ct_figures import (
    AUC,
    AUC_LUNGS,
    LOBES_RIGHT,
    MAIN_LOBE,
    NORMAL,
    OVERLAP_FIGURES,
    WEAK_FIGURES,
    Comparison,
    OverlapFigure,
    WeakReading,
    compare,
    read_weakly,
    worst_reading,
)
from .ct_methods import Method, Methods
from .ct_scans import Maker, Scan
from .figures import Figure
from .overlap import Overlap
from .protocol import SEED, Evaluation, Failure, Row

NEIGHBOURS = 10
"""Slices of one patient that are drawn together, for they are much alike."""


class _NoLungs(Error):
    """Lesions cannot be looked for."""


@dataclass(slots=True)
class _Seen:
    """What the scans so far have added."""

    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    readings: list[WeakReading] = field(default_factory=list[WeakReading])
    scans: int = 0


def evaluate_ct(makers: Iterable[Maker], methods: Methods, *, split: str) -> Evaluation:
    """Every figure over some scans, one scan being looked at after the other.

    Parameters
    ----------
    makers : of the scans; see :func:`~hilum.evaluation.ct_scans.scans_of`
    methods : to compare; see :func:`~hilum.evaluation.ct_methods.open_methods`
    split : for tables and cards

    Raises
    ------
    ReadError
        A picture or a reference cannot be read: the fault of the data, not of the result.
    """
    seen = _Seen()
    for make in makers:
        scan = make()
        seen.scans += 1
        cache: dict[Callable[[Image], LabelMap], LabelMap | Error] = {}
        for method in methods.methods:
            if scan.image.quantity is Quantity.HOUNSFIELD or not method.needs_hounsfield:
                _look(scan, method, cache, seen)
    rows = [row for figure in OVERLAP_FIGURES for row in _overlap_rows(figure, seen.comparisons)]
    rows += _weak_rows(seen.readings)
    return Evaluation(tuple(rows), _failures(seen), seen.scans, (split,), methods.models, "scan", "n")


def _look(scan: Scan, method: Method, cache: dict[Callable[[Image], LabelMap], LabelMap | Error], seen: _Seen) -> None:
    """What one method finds on one scan."""
    group = ", ".join(part for part in (scan.group, method.group) if part)
    if method.lungs not in cache:
        cache[method.lungs] = _attempt(method.lungs, scan.image)
    lungs = cache[method.lungs]
    is_of_lungs = method.is_of_lungs and scan.given_lungs is None
    wants_lesions = method.lesions is not None and (scan.lesions is not None or bool(scan.labels))
    if not wants_lesions and (not is_of_lungs or scan.lungs is None):
        return
    inside = scan.given_lungs or lungs
    if isinstance(inside, LabelMap) and not inside.array.any():
        inside = _NoLungs("no lungs were found")
    lesions: LabelMap | Error | None = None
    if wants_lesions and method.lesions is not None:
        lesions = inside if isinstance(inside, Error) else _attempt(method.lesions, scan.image, inside)
    empty_lungs, empty_lesions = _empty(scan.image)
    found_lungs = empty_lungs if isinstance(lungs, Error) else lungs
    found_lesions = empty_lesions if isinstance(lesions, Error) else lesions
    if is_of_lungs:
        failure = str(lungs) if isinstance(lungs, Error) else ""
        seen.comparisons += compare(scan, group, found_lungs, None, failure=failure)
    failure = str(lesions) if isinstance(lesions, Error) else ""
    seen.comparisons += compare(scan, group, None, found_lesions, failure=failure)
    if scan.labels and isinstance(lesions, Error):
        seen.readings.append(worst_reading(scan, group, failure))
    elif scan.labels and found_lesions is not None:
        seen.readings.append(read_weakly(scan, group, found_lungs, found_lesions))


def _attempt(make: Callable[..., LabelMap], *given: Image | LabelMap) -> LabelMap | Error:
    try:
        return make(*given)
    except Error as error:
        return error


def _empty(image: Image) -> tuple[LabelMap, LabelMap]:
    nothing = np.zeros(image.array.shape, np.uint8)
    return LabelMap(nothing, image.grid, LUNGS, image.origin), LabelMap(nothing, image.grid, LESIONS, image.origin)


def _overlap_rows(figure: OverlapFigure, comparisons: Sequence[Comparison]) -> list[Row]:
    mine = [item for item in comparisons if (item.source, item.structure) == (figure.source, figure.structure)]
    made: list[Row] = []
    for group in dict.fromkeys(item.group for item in mine):
        chosen = [item for item in mine if item.group == group]
        failed = sum(bool(item.failure) for item in chosen)
        made.append(Row(figure.figure, group, _value(figure, chosen), failed))
    return made


def _value(figure: OverlapFigure, comparisons: Sequence[Comparison]) -> Interval | NotMeasured:
    """The figure over patients, one number or three counts each."""
    patients: dict[str, list[Overlap]] = {}
    for item in comparisons:
        patients.setdefault(item.patient, []).extend(item.overlaps)
    if figure.mean == "voxels":
        counts = np.array([_counts(overlaps) for overlaps in patients.values()])
        value = _draw(_dice_of_counts, [counts], list(patients))
        n_slices = sum(map(len, patients.values()))
    else:
        judge = _JUDGES[figure.mean]
        judged = {name: judge(overlaps) for name, overlaps in patients.items()}
        there = {name: value for name, value in judged.items() if not isinstance(value, NotMeasured)}
        if not there:
            return NotMeasured("no reference holds it")
        value = _draw(_mean, [np.array(list(there.values()))], list(there))
        n_slices = sum(_n_judged(figure, patients[name]) for name in there)
    return value if isinstance(value, NotMeasured) else replace(value, n_cases=n_slices)


def _n_judged(figure: OverlapFigure, overlaps: Sequence[Overlap]) -> int:
    return len(_with_reference(overlaps)) if figure.mean == "slices" else len(overlaps)


def _with_reference(overlaps: Sequence[Overlap]) -> list[Overlap]:
    return [item for item in overlaps if item.both + item.only_reference]


def _mean_of_slices(overlaps: Sequence[Overlap]) -> float | NotMeasured:
    dices = [item.dice for item in _with_reference(overlaps)]
    measured = [dice for dice in dices if not isinstance(dice, NotMeasured)]
    return float(np.mean(measured)) if measured else NotMeasured("no reference holds it")


def _of_volume(overlaps: Sequence[Overlap]) -> float | NotMeasured:
    return Overlap(*_counts(overlaps)).dice


def _volume_error(overlaps: Sequence[Overlap]) -> float | NotMeasured:
    both, missed, added = _counts(overlaps)
    return abs(added - missed) / (both + missed) if both + missed else NotMeasured("no reference holds it")


_JUDGES = {"slices": _mean_of_slices, "volumes": _of_volume, "volume-error": _volume_error}
"""From the overlaps of one patient's slices to one number."""


def _counts(overlaps: Sequence[Overlap]) -> tuple[int, int, int]:
    return (
        sum(item.both for item in overlaps),
        sum(item.only_reference for item in overlaps),
        sum(item.only_predicted for item in overlaps),
    )


def _dice_of_counts(counts: NDArray[np.int64]) -> float | NotMeasured:
    both, missed, added = counts.sum(axis=0).tolist()
    return Overlap(both, missed, added).dice


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def _draw(
    statistic: Callable[..., float | NotMeasured], series: Sequence[NDArray[np.generic]], patients: Sequence[str]
) -> Interval | NotMeasured:
    return bootstrap(statistic, series, patients, generator=np.random.default_rng(SEED))


def _weak_rows(readings: Sequence[WeakReading]) -> list[Row]:
    """Figures of the labels by slice, in the order of tables."""
    made: list[Row] = []
    groups = list(dict.fromkeys(item.group for item in readings))
    for figure, rows in ((AUC, _auc_rows), (AUC_LUNGS, _auc_rows), (LOBES_RIGHT, _lobe_rows), (MAIN_LOBE, _lobe_rows)):
        for group in groups:
            made += rows(figure, group, [item for item in readings if item.group == group])
    for group in groups:
        healthy = [item for item in readings if item.group == group and item.is_healthy]
        if healthy:
            value = _draw(_mean, [np.array([item.opacity for item in healthy])], [item.patient for item in healthy])
            made.append(Row(NORMAL, group, value, sum(bool(item.failure) for item in healthy)))
    return made


def _auc_rows(figure: Figure, group: str, readings: Sequence[WeakReading]) -> list[Row]:
    """All patients together, then each with both kinds of slices, its neighbouring slices drawn together."""
    is_of_lungs = figure is AUC_LUNGS
    made = [Row(figure, group, _auc(readings, is_of_lungs=is_of_lungs), sum(bool(item.failure) for item in readings))]
    for item in readings:
        if item.infected.any() and not item.infected.all():
            name = ", ".join(part for part in (group, item.patient) if part)
            value = _auc([item], is_of_lungs=is_of_lungs)
            made.append(Row(replace(figure, goal=None), name, value, int(bool(item.failure))))
    return made


def _auc(readings: Sequence[WeakReading], *, is_of_lungs: bool) -> Interval | NotMeasured:
    chosen = [item.has_lung if is_of_lungs else np.ones_like(item.has_lung) for item in readings]
    infected = np.concatenate([item.infected[where] for item, where in zip(readings, chosen, strict=True)])
    share = np.concatenate([item.share[where] for item, where in zip(readings, chosen, strict=True)])
    if not len(infected):
        return NotMeasured("lung was found on no slice")
    places = [(item.patient, int(index)) for item, where in zip(readings, chosen, strict=True)
              for index in np.flatnonzero(where)]  # fmt: skip
    is_alone = len(readings) == 1
    drawn = [f"{patient} {index // NEIGHBOURS}" if is_alone else patient for patient, index in places]
    value = _draw(area_under_curve, [infected, share], drawn)
    return value if isinstance(value, NotMeasured) else replace(value, n_patients=len(readings))


def _lobe_rows(figure: Figure, group: str, readings: Sequence[WeakReading]) -> list[Row]:
    right: list[bool] = []
    patients: list[str] = []
    for item in readings:
        mine = [said == found for said, found in item.lobes.values()] if figure is LOBES_RIGHT else item.main_lobes
        right += mine
        patients += [item.patient] * len(mine)
    if not right:
        return []
    value = _draw(_mean, [np.array(right, dtype=np.float64)], patients)
    return [Row(figure, group, value, sum(bool(item.failure) for item in readings))]


def _failures(seen: _Seen) -> tuple[Failure, ...]:
    figures: dict[tuple[str, str], list[str]] = {}
    for item in seen.comparisons:
        if item.failure:
            ids = [each.figure.id for each in OVERLAP_FIGURES
                   if (each.source, each.structure) == (item.source, item.structure)]  # fmt: skip
            figures.setdefault((item.scan, item.failure), []).extend(ids)
    for reading in seen.readings:
        if reading.failure:
            ids = [figure.id for figure in WEAK_FIGURES if figure is not NORMAL or reading.is_healthy]
            figures.setdefault((reading.patient, reading.failure), []).extend(ids)
    return tuple(Failure(scan, tuple(dict.fromkeys(names)), reason) for (scan, reason), names in figures.items())

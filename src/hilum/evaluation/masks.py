"""Anyone's masks against the truth of a table of cases: every measure of every structure of every case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import MASK_LABELS, open_image, open_mask
from hilum.datasets.schema import DatasetCase, MaskKind
from hilum.errors import Error
from hilum.geometry import VolumeGrid
from hilum.image import LabelMap
from hilum.measurement import NotMeasured

from .measures import MEASURES, Pair, Value
from .predictions import Predictions, open_prediction

HEALTHY_FINDINGS = frozenset({"no finding", "no findings", "normal", "healthy"})
"""What sources call a healthy case, in small letters."""

UNIONS: Mapping[MaskKind, tuple[str, tuple[str, ...]]] = {
    "lungs": ("both-lungs", ("right-lung", "left-lung", "lungs")),
    "lung-fields": ("both-fields", ("right-lung", "left-lung", "lung-fields")),
    "lesions": ("opacity", ("ground-glass", "consolidation", "infection")),
}
"""What is judged of a kind of mask whether or not its parts are told apart: its name and the parts."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How masks are measured.

    Attributes
    ----------
    tolerance_mm : of the normalised surface Dice
    assumed_spacing_mm : between the pixels of an image that states no spacing; None measures no distance there
    has_surfaces : measure distances between surfaces; needs the extra ``ct``
    """

    tolerance_mm: float = 2.0
    assumed_spacing_mm: float | None = None
    has_surfaces: bool = True

    @property
    def measures(self) -> tuple[str, ...]:
        """Ids of what is measured."""
        return tuple(name for name in MEASURES if self.has_surfaces or not MEASURES[name].of_surfaces)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One structure of one case, as one system or reader drew it.

    Attributes
    ----------
    prediction : name of the system or reader
    is_reader : a person
    case : its key, ``source/case``
    person : its patient, ``source/patient``
    group : ``diseased``, ``healthy``, or empty where nobody says
    kind : of the mask
    structure : that is compared
    values : by the measure's id
    failure : why there is no prediction, empty if there is one. A missing one counts with the worst value there is;
        a reader's is not missed, and counts nowhere
    """

    prediction: str
    is_reader: bool
    case: str
    person: str
    group: str
    kind: MaskKind
    structure: str
    values: Mapping[str, Value]
    failure: str = ""


def judge(
    cases: Iterable[DatasetCase],
    predictions: Sequence[Predictions],
    kinds: Sequence[MaskKind],
    conditions: Conditions,
) -> Iterator[Judgement]:
    """Every judgement, case by case. A case without a true mask of any of the kinds is passed over.

    Raises
    ------
    ReadError
        A truth cannot be read, or a prediction is there twice; what is wrong with a prediction itself is a failure
        of it, and listed.
    MissingExtra
        Distances are measured, and the extra ``ct`` is not installed.
    """
    for case in cases:
        wanted: list[MaskKind] = [kind for kind in kinds if kind in case.masks]
        if not wanted:
            continue
        image = open_image(case)
        for kind in wanted:
            truth = open_mask(case, kind, image)
            for each in predictions:
                yield from _of_mask(case, kind, truth, each, conditions)


def group_of(case: DatasetCase) -> str:
    """``healthy`` if the source says that nothing is to be found, ``diseased`` if it says what is, else empty."""
    finding = case.finding.strip().casefold()
    if finding in HEALTHY_FINDINGS:
        return "healthy"
    return "diseased" if finding not in ("", "todo", "unknown") else ""


def structures_of(case: DatasetCase, kind: MaskKind) -> dict[str, tuple[str, ...]]:
    """What of a case's mask is compared: each part that its truth tells apart, and the union, with their parts."""
    held = case.masks[kind].structures
    union, parts = UNIONS.get(kind, ("", ()))
    named = [label.name for label in MASK_LABELS[kind].values()]
    merged = {"lungs", "lung-fields", "infection", "ignore"}
    made = {name: (name,) for name in named if name in held and name not in merged}
    return {union: parts, **made} if union and held & set(parts) else made


def _of_mask(
    case: DatasetCase, kind: MaskKind, truth: LabelMap, prediction: Predictions, conditions: Conditions
) -> Iterator[Judgement]:
    found = _attempt(case, kind, truth, prediction)
    ignored = truth.mask("ignore")
    for structure, parts in structures_of(case, kind).items():
        numbers = [truth.number(part) for part in parts]
        if isinstance(found, NotMeasured):
            values, failure = _without(conditions, found, prediction), "" if prediction.is_reader else found.reason
        else:
            masks = np.isin(truth.array, numbers), np.isin(found, numbers)
            pair = pair_of(truth, *masks, conditions=conditions, ignored=ignored)
            values, failure = {name: MEASURES[name].of(pair) for name in conditions.measures}, ""
        yield Judgement(
            prediction=prediction.name,
            is_reader=prediction.is_reader,
            case=case.key,
            person=case.person,
            group=group_of(case),
            kind=kind,
            structure=structure,
            values=values,
            failure=failure,
        )


def pair_of(
    truth: LabelMap,
    reference: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    *,
    conditions: Conditions,
    ignored: NDArray[np.bool_] | None = None,
) -> Pair:
    """Two masks on the grid of a truth, in the patient's space.

    Parameters
    ----------
    truth : states the grid: of a film, or of a volume
    reference, predicted : of the truth's shape
    conditions : how distances are measured where a film states no spacing
    ignored : of the same shape, pixels that do not count; None for none
    """
    grid = truth.grid
    spacing: tuple[float, ...] | None = grid.spacing_mm
    if spacing is None and conditions.assumed_spacing_mm is not None:
        spacing = (conditions.assumed_spacing_mm,) * reference.ndim
    return Pair(
        reference,
        predicted,
        spacing_mm=spacing,
        voxel_ml=grid.voxel_ml if isinstance(grid, VolumeGrid) else None,
        tolerance_mm=conditions.tolerance_mm,
        ignored=ignored,
    )


def _attempt(
    case: DatasetCase, kind: MaskKind, truth: LabelMap, prediction: Predictions
) -> NDArray[np.uint8] | NotMeasured:
    """The predicted numbers, or why there are none."""
    path = prediction.find(case, kind)
    if path is None:
        return NotMeasured(f"there is no mask of {kind}")
    try:
        return open_prediction(path, kind, truth, prediction.numbers)
    except Error as error:
        return NotMeasured(str(error))


def _without(conditions: Conditions, why: NotMeasured, prediction: Predictions) -> dict[str, Value]:
    """The worst there is; a reader who has not drawn a case has not failed on it."""
    if prediction.is_reader:
        return dict.fromkeys(conditions.measures, why)
    worst = {name: MEASURES[name].worst for name in conditions.measures}
    return {name: why if value is None else value for name, value in worst.items()}

"""Figures of an evaluation on the card of the network that they speak of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hilum.models.card import CARD, Metric, Task, read_card
from hilum.models.card_writer import write_card

from .bootstrap import Interval
from .ct_figures import BESIDE, OVERLAP_FIGURES, WEAK_FIGURES
from .figures import FIGURES
from .protocol import Evaluation, Row

STAGE_ONE = ("lungs-", "fields-")
"""Beginnings of the ids of the figures that judge the lung network; the others judge the lesion network."""

_OF_CT = frozenset(figure.id for figure in (*(each.figure for each in OVERLAP_FIGURES), *WEAK_FIGURES))


def write_metrics(folder: Path, evaluation: Evaluation) -> None:
    """Put the figures of one split on the card in ``folder``, in place of those that it had of that split.

    Raises
    ------
    ModelError
        There is no card in the folder.
    """
    card = read_card(folder / CARD)
    found = metrics_of(evaluation, card.task)
    splits = {metric.split for metric in found}
    kept = tuple(metric for metric in card.metrics if metric.split not in splits)
    write_card(replace(card, metrics=kept + found), folder / CARD)


def metrics_of(evaluation: Evaluation, task: Task) -> tuple[Metric, ...]:
    """The measured figures that judge the network of a task."""
    split = "+".join(evaluation.splits)
    rows = [row for row in evaluation.rows if _judges(row) == task]
    return tuple(_metric(row, row.value, split) for row in rows if isinstance(row.value, Interval))


def _judges(row: Row) -> Task | None:
    """The task whose network a figure judges; None for figures of readers among themselves, or of another method."""
    is_stage_one = row.figure.id.startswith(STAGE_ONE)
    if row.figure.id in _OF_CT:
        if row.group.endswith(BESIDE):
            return None
        return "ct-lungs" if is_stage_one else "ct-lesions"
    if row.figure.id.endswith("-readers") or row.figure.id not in FIGURES:
        return None
    return "cxr-lungs" if is_stage_one else "cxr-lesions"


def _metric(row: Row, value: Interval, split: str) -> Metric:
    name = f"{row.figure.id} ({row.group})" if row.group else row.figure.id
    estimate, low, high = (round(number, 4) for number in (value.estimate, value.low, value.high))
    return Metric(name, split, estimate, low, high, value.n_cases, value.n_patients)

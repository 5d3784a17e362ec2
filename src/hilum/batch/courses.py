"""Severity over time in a cohort: the patients with several dated images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from hilum.datasets.explore.plots import SERIES, Plot, course

from .dates import read_date

Dated = tuple[int, float]
"""The day, counted from any, and the value."""


@dataclass(frozen=True, slots=True)
class CourseSummary:
    """The patients of a modality who have images of two days or more.

    Attributes
    ----------
    kind : ``films`` or ``CT``
    patients : how many
    images : of them
    days : median days from a patient's first image to the last
    first, last : median of the first and last values
    rose, fell : patients whose last value is above or below the first
    """

    kind: str
    patients: int
    images: int
    days: float
    first: float
    last: float
    rose: int
    fell: int


@dataclass(slots=True)
class Courses:
    """What the rows of a cohort's table say of patients over time; without the columns patient and date, nothing.

    Attributes
    ----------
    score : whose course it is
    kinds : names of the modalities
    unread : images whose cell under date holds something that is no date
    """

    score: str
    kinds: Mapping[str, str]
    unread: int = 0
    _found: dict[str, dict[str, list[Dated]]] = field(
        default_factory=lambda: defaultdict[str, dict[str, list[Dated]]](lambda: defaultdict[str, list[Dated]](list))
    )

    def add(self, row: Mapping[str, str]) -> None:
        """Take a row of the table."""
        patient, text, day = row.get("patient"), row.get(self.score), read_date(row.get("date") or "")
        self.unread += day is None and bool((row.get("date") or "").strip())
        if patient and text and day is not None:
            self._found[row["modality"]][patient].append((day.toordinal(), float(text)))

    def summaries(self) -> Iterator[CourseSummary]:
        """One a modality that has patients with images of several days."""
        for modality, kind in self.kinds.items():
            several = self._several(modality)
            if several:
                ends = np.array([(steps[-1][0] - steps[0][0], steps[0][1], steps[-1][1]) for steps in several.values()])
                days, first, last = np.median(ends, axis=0).tolist()
                rise = ends[:, 2] - ends[:, 1]
                rose, fell = int(np.count_nonzero(rise > 0)), int(np.count_nonzero(rise < 0))
                images = sum(map(len, several.values()))
                yield CourseSummary(kind, len(several), images, days, first, last, rose, fell)

    def plots(self, title: str, unit: str) -> Iterator[Plot]:
        """The courses of the patients with most images, a plot a modality."""
        for modality, kind in self.kinds.items():
            several = self._several(modality)
            most = sorted(several, key=lambda patient: (-len(several[patient]), patient))[:SERIES]
            lines = {
                patient: [(float(day - several[patient][0][0]), value, None) for day, value in several[patient]]
                for patient in most
            }
            plot = course(f"{title}, {kind}", "days since the patient's first image", unit, lines)
            if plot is not None:
                yield plot

    def _several(self, modality: str) -> dict[str, list[Dated]]:
        """By patient, what is dated, in the order of time; only those with more than one day."""
        found = {patient: sorted(steps) for patient, steps in self._found.get(modality, {}).items()}
        return {patient: steps for patient, steps in found.items() if steps[0][0] < steps[-1][0]}

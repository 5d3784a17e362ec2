"""A folder of films with whole lungs, lesions and readers' scores in one ``cases.csv`` (layout ``scored``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.films import SOURCES
from hilum.datasets.schema import DatasetCase

from .film_table import films
from .layout import Layout

ID = SOURCES["scored"]


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, in the order of the table."""
    return films(root, ID, "scored", "license")


SOURCE = Layout(
    ID,
    "Films with whole lungs, lesions and readers' scores in one table",
    (("cases.csv", "images", "lungs_lr"), ("cases.csv", "images", "lungs_v7")),
    cases,
)

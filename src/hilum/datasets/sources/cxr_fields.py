"""A folder of films with lung fields and coarse infection in one ``cases.csv`` (layout ``fields``).

The films are stretched to squares: the fact ``aspect`` is width over height before that, where known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.films import SOURCES
from hilum.datasets.schema import DatasetCase

from .film_table import films
from .layout import Layout

ID = SOURCES["fields"]


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films, in the order of the table."""
    return films(root, ID, "fields", "licence")


SOURCE = Layout(
    ID,
    "Films with lung fields and coarse infection in one table",
    (("cases.csv", "images", "lungs"),),
    cases,
)

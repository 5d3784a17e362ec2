"""``measures.csv``: every number that was measured on a CT, a row each.

UTF-8 with a comma between cells. What could not be measured is an empty cell, and ``reason`` says why. Single
lesions are in ``result.json``.
"""

from __future__ import annotations

import csv
import io

from hilum.measurement import NotMeasured
from hilum.scoring.measure import Measure, Measures

from .result_json import rounded

TABLE = "measures.csv"
"""Name of the table in the folder of a case."""

COLUMNS = ("id", "region", "structure", "value", "unit", "uncertainty", "method", "reason")
"""The columns, in order. New ones go to the end."""


def measures_table(measures: Measures) -> bytes:
    """The bytes of ``measures.csv``, in the order of the measures."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(_row(measure) for measure in measures.table)
    return text.getvalue().encode(errors="backslashreplace")


def _row(measure: Measure) -> tuple[object, ...]:
    absent = isinstance(measure.value, NotMeasured)
    return (
        measure.id,
        measure.region,
        measure.structure,
        "" if isinstance(measure.value, NotMeasured) else rounded(measure.value),
        measure.unit,
        "" if absent or measure.uncertainty is None else rounded(measure.uncertainty),
        measure.method,
        measure.value.reason if isinstance(measure.value, NotMeasured) else "",
    )

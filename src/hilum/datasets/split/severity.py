"""How severe a case is, as far as its readers' scores or its finding say: a band for stratifying, not a score."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hilum.datasets.schema import DatasetCase

HIGHEST: Mapping[str, float] = MappingProxyType(
    {
        "six-zone": 6,
        "brixia": 18,
        "geographic-extent": 8,
        "ct-severity-25": 25,
        "total-severity-20": 20,
        "mosmed": 4,
        "opacity-percent": 100,
    }
)
"""Highest value of each score that grows with the extent of disease; a reader's name may follow (``brixia-senior``)."""

HEALTHY = frozenset({"no finding", "normal", "healthy", "no findings"})
"""Findings, in small letters, that say that there is no disease."""

_BANDS = ((0.0, "1 none"), (1 / 3, "2 mild"), (2 / 3, "3 moderate"), (1.0, "4 severe"))


def severity_band(case: DatasetCase) -> str:
    """``0 unknown``, ``1 none``, ``2 mild``, ``3 moderate`` or ``4 severe``; they sort by severity.

    The bands are none, up to a third, up to two thirds and more of the highest score, by the mean of the shares of all
    scores of the case that :data:`HIGHEST` names.
    """
    shares = [score / highest for name, score in case.scores.items() if (highest := _highest(name))]
    if shares:
        share = sum(shares) / len(shares)
        return next((band for upper, band in _BANDS if share <= upper), _BANDS[-1][1])
    return "1 none" if case.finding.casefold() in HEALTHY else "0 unknown"


def _highest(name: str) -> float | None:
    """Of a total; parts of a score, such as ``brixia-senior.A``, say nothing by themselves."""
    if "." in name:
        return None
    return next((value for known, value in HIGHEST.items() if name == known or name.startswith(f"{known}-")), None)

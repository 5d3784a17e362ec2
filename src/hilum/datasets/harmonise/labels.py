"""Numbers of harmonised masks: those of :data:`hilum.datasets.open.MASK_LABELS`, or fewer.

Merged, there are lung and affected lung; effusion and pneumothorax lie outside the lung and stay apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import MASK_LABELS
from hilum.datasets.schema import MaskKind
from hilum.image import LabelMap

Policy = Literal["keep", "merge"]
Names = Mapping[int, str]
Numbers = NDArray[np.uint8]

KEPT: Mapping[MaskKind, Names] = MappingProxyType(
    {kind: {number: label.name for number, label in labels.items()} for kind, labels in MASK_LABELS.items()}
)
"""Every class with a number of its own."""

MERGED: Mapping[MaskKind, Names] = MappingProxyType(
    {
        "lungs": {1: "lungs", 4: "ignore"},
        "lung-fields": {1: "lung-fields", 4: "ignore"},
        "lesions": {1: "infection", 2: "effusion", 3: "pneumothorax", 6: "ignore"},
        "lobes": KEPT["lobes"],
    }
)
"""Lung, and affected lung."""

COMBINED: Names = MappingProxyType({1: "lungs", 2: "infection", 3: "effusion", 4: "pneumothorax", 7: "ignore"})
"""Lungs and lesions of :data:`MERGED` in one map; a lesion is one also where the lungs' mask leaves it out."""

_WHOLE: Mapping[MaskKind, str] = MappingProxyType({"lungs": "lungs", "lung-fields": "lung-fields"})
_AFFECTED = ("ground-glass", "consolidation", "infection")


def names_of(kind: MaskKind, policy: Policy) -> Names:
    """Number to structure of a harmonised mask."""
    return (KEPT if policy == "keep" else MERGED)[kind]


def translated(labels: LabelMap, kind: MaskKind, policy: Policy) -> Numbers:
    """A mask in harmonised numbers, in the order of its own array."""
    targets = {name: number for number, name in names_of(kind, policy).items()}
    table = np.zeros(256, np.uint8)
    for number, label in labels.labels.items():
        table[number] = targets.get(label.name) or targets[_merged(kind, label.name)]
    if np.array_equal(table[list(labels.labels)], list(labels.labels)):
        return labels.array
    made = np.empty(labels.array.shape, np.uint8)
    for out, plane in zip(made, labels.array, strict=True):
        out[...] = table[plane]
    return made


def combined(lungs: Numbers | None, lesions: Numbers) -> Numbers:
    """Merged lungs and lesions in one map, with the numbers of :data:`COMBINED`."""
    inside = np.zeros(lesions.shape, np.uint8) if lungs is None else (lungs == 1).view(np.uint8)
    return np.where(lesions > 0, lesions + np.uint8(1), inside)


def _merged(kind: MaskKind, name: str) -> str:
    return "infection" if name in _AFFECTED else _WHOLE[kind]

"""What an audit finds, and what each kind of finding means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hilum.measurement import Gravity

KINDS: Mapping[str, tuple[Gravity, str]] = MappingProxyType(
    {
        "unreadable-image": (Gravity.ERROR, "The image is missing or broken"),
        "unreadable-mask": (Gravity.ERROR, "A mask is missing or broken"),
        "blank-image": (Gravity.ERROR, "All pixels of the image are equal"),
        "mask-off-image": (Gravity.ERROR, "A mask does not lie on the grid of its image"),
        "mask-moved": (Gravity.WARNING, "A mask has the image's grid, and its header puts it elsewhere"),
        "unknown-label": (Gravity.ERROR, "A mask holds numbers that nobody has named"),
        "empty-mask": (Gravity.WARNING, "A mask is empty where there must be something"),
        "nothing-drawn": (Gravity.NOTE, "A lesion mask is empty"),
        "missing-lung": (Gravity.WARNING, "A mask that tells the lungs apart has only one"),
        "wrong-side": (Gravity.ERROR, "The right lung lies on the patient's left"),
        "outside-lungs": (Gravity.WARNING, "Much of the disease lies outside the lungs"),
        "healthy-with-lesions": (Gravity.WARNING, "Disease is drawn in a case said to be healthy"),
        "not-hounsfield": (Gravity.ERROR, "Grey levels are given as Hounsfield units"),
        "shifted-hounsfield": (Gravity.ERROR, "Hounsfield units are shifted"),
        "spacing-unit": (Gravity.ERROR, "The spacing cannot be in millimetres"),
        "spacing-default": (Gravity.NOTE, "The spacing is 1 mm everywhere, as where nobody set it"),
        "exact-duplicate-across": (Gravity.ERROR, "One image under two patients or in two splits"),
        "exact-duplicate": (Gravity.NOTE, "One image twice under one patient"),
        "near-duplicate-across": (Gravity.WARNING, "Nearly one image under two patients"),
        "near-duplicate-in-splits": (Gravity.ERROR, "Nearly one image on two sides of the split"),
        "patient-in-splits": (Gravity.ERROR, "One patient on two sides of the split"),
    }
)
"""Code of each kind of finding: how grave it is, and its title."""


LEAKS = ("exact-duplicate-across", "near-duplicate-in-splits", "patient-in-splits")
"""Kinds that concern two parts of the data, where the cases of a finding are in more than one."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One finding.

    Attributes
    ----------
    code : out of :data:`KINDS`
    cases : keys of the cases concerned, of which there is at least one
    message : a sentence that says what was found and where
    splits : the part of the data that each of several cases belongs to, in their order; empty for one case
    """

    code: str
    cases: tuple[str, ...]
    message: str
    splits: tuple[str, ...] = ()

    @property
    def gravity(self) -> Gravity:
        """How grave it is."""
        return KINDS[self.code][0]

    @property
    def is_leak(self) -> bool:
        """Whether what is in one part of the data is in another, too."""
        return self.code in LEAKS and len(set(self.splits) - {""}) > 1

"""Any sources to one data base of one spacing, one scale of values and one numbering of labels."""

from .resample import bring_back
from .run import MANIFEST, Outcome, harmonise
from .settings import HarmoniseSettings

__all__ = ["MANIFEST", "HarmoniseSettings", "Outcome", "bring_back", "harmonise"]

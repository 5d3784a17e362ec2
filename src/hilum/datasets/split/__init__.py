"""Parts of a data set for training, validation and testing: by patient, stratified, fixed by a seed."""

from .assign import DEFAULT_STRATA, STRATA, split_folds, split_fractions
from .files import FORMATS, read_split, write_split
from .parts import Divided, Split

__all__ = [
    "DEFAULT_STRATA",
    "FORMATS",
    "STRATA",
    "Divided",
    "Split",
    "read_split",
    "split_folds",
    "split_fractions",
    "write_split",
]

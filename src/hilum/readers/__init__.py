"""Reads films (DICOM, PNG, JPEG, TIFF, BMP) and CT (DICOM, NIfTI, NRRD, MetaImage); in folders and zip files too.

A film comes on its own pixel grid and at its full depth, larger as brighter, with what its file says of spacing,
orientation and view. A CT comes in Hounsfield units on the grid of its file. What is odd about either is left as
findings on the image, for the input gate to judge.
"""

from .entries import Entry, find, read
from .film import from_array
from .formats import READERS, Reader
from .masks import read_labels
from .memory import InMemory, from_nibabel, from_object, from_simpleitk, volume_from_array
from .slices import SliceFolder, read_slices, slice_folders

__all__ = [
    "READERS",
    "Entry",
    "InMemory",
    "Reader",
    "SliceFolder",
    "find",
    "from_array",
    "from_nibabel",
    "from_object",
    "from_simpleitk",
    "read",
    "read_labels",
    "read_slices",
    "slice_folders",
    "volume_from_array",
]

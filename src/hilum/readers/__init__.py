"""Reads films: DICOM, PNG, JPEG, TIFF and BMP; alone, in folders and in zip files.

A film comes on its own pixel grid and at its full depth, larger as brighter, with what its file says of spacing,
orientation and view; what is odd about it is left as findings on the image, for the input gate to judge.
"""

from .entries import Entry, find, read
from .film import from_array
from .formats import READERS, Reader

__all__ = ["READERS", "Entry", "Reader", "find", "from_array", "read"]

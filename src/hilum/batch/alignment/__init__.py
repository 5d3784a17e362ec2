"""CTs of one patient laid on one another by their lungs; needs the extra ``ct``."""

from .align import Alignment, Quality, align
from .scans import AlignmentError, Scan

__all__ = ["Alignment", "AlignmentError", "Quality", "Scan", "align"]

"""Memory of a batch: kept for the next image instead of being given back to the system after each."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of the two settings in glibc's ``malloc.h``."""

KEPT_BYTES = 256 * 1024**2
"""Free memory at the end of the heap that is kept: more than one film needs at a time."""

LARGEST_BYTES = 32 * 1024**2
"""Arrays up to this size come from the heap, which is the most that glibc allows on 64-bit machines; larger ones are
mapped by the system, and unmapped, one by one."""


@cache
def keep_memory() -> bool:
    """Tell glibc's allocator to keep the memory of arrays that are freed; whether it was told.

    An image of a megapixel passes through dozens of arrays of a megabyte or more. By default each is mapped afresh and
    its pages are filled with zeros by the system, which takes 3 % of the time of a film. The settings hold for the
    whole process, so this is for processes that work on many images. Other systems and C libraries are left alone.

    References
    ----------
    .. [1] mallopt(3), Linux manual pages
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES) and mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES))

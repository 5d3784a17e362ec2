"""Reconstruction kernels by name: which keep densities, and which sharpen edges."""

from __future__ import annotations

import re

_SIEMENS = "(B|BF|BL|BR|BV|D|H|HC|HF|HR|I|J|QR|SA|T|U)"
"""Families of the kernels that end in their hardness, 10 to 99."""

SOFT_KERNELS = re.compile(_SIEMENS + r"[0-4]\d[A-Z]?|STANDARD|STND|SOFT|SMOOTH|DETAIL|FC[01]\d|A|B|C")
"""Kernels for soft tissue, which keep densities best; of Siemens, GE, Canon and Philips."""

SHARP_KERNELS = re.compile(_SIEMENS + r"[5-9]\d[A-Z]?|(HD ?)?LUNG|BONE(PLUS)?|CHEST|EDGE|ULTRA|FC[358]\d|D|E|L|Y[A-D]")
"""Kernels for edges, lung and bone; the noise that they leave widens the distribution of densities."""


def softness(kernel: str) -> float:
    """1 for a kernel of soft tissue, -1 for a sharp one, 0 for others."""
    name = kernel.upper().split("\\")[0].strip()
    if SOFT_KERNELS.fullmatch(name):
        return 1.0
    return -1.0 if SHARP_KERNELS.fullmatch(name) else 0.0

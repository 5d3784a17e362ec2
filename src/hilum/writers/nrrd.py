"""NRRD: films and volumes with their place in the patient, a tilted gantry's shear included.

The header is written here and not by a library: it is ten lines, they must be the same on every run, and the values
go into the file slice by slice. A film becomes a volume one slice thick, as in NIfTI (:mod:`hilum.writers.nifti`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import PlaneGrid

from .nifti import film_affine
from .packed import OnGrid, gzipped

TYPES = {
    "uint8": "uint8", "int8": "int8", "uint16": "uint16", "int16": "int16", "uint32": "uint32", "int32": "int32",
    "float32": "float", "float64": "double",
}  # fmt: skip
"""NRRD's names of the types of numbers, by NumPy's."""


def write_nrrd(artefact: OnGrid, path: Path) -> None:
    """Write an image or a label map; ValueError if NRRD cannot hold numbers of its type.

    References
    ----------
    .. [1] Definition of NRRD File Format, teem.sourceforge.net/nrrd/format.html
    """
    with path.open("wb") as file:
        file.write(_header(artefact))
        for part in gzipped(artefact.array):
            file.write(part)


def _header(artefact: OnGrid) -> bytes:
    array, grid = artefact.array, artefact.grid
    if array.dtype.name not in TYPES:
        raise ValueError(f"NRRD has no name for numbers of type {array.dtype}")
    affine = film_affine(grid) if isinstance(grid, PlaneGrid) else grid.affine[:, [2, 1, 0, 3]]
    sizes = array.shape[::-1] if array.ndim == 3 else (*array.shape[::-1], 1)
    fields = {
        "type": TYPES[array.dtype.name],
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(str(size) for size in sizes),
        "space directions": " ".join(_vector(axis) for axis in affine[:3, :3].T),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip",
        "space origin": _vector(affine[:3, 3]),
    }
    return "".join(["NRRD0004\n", *(f"{name}: {value}\n" for name, value in fields.items()), "\n"]).encode("ascii")


def _vector(values: NDArray[np.float64]) -> str:
    """Numbers that read back as the very same."""
    return f"({','.join(repr(float(value) + 0.0) for value in values)})"

"""A folder of computed chest CT volumes with exact lungs and lesions, for training on slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.phantom import Lesion, default_grid, random_lesions, thorax

SPACING_MM = (5.0, 2.0, 2.0)

ENDING = ".phantom.npz"


@dataclass(frozen=True, slots=True, eq=False)
class StoredPhantom:
    """A computed volume with its truth; slices towards the head, rows to the back, columns to the left.

    Attributes
    ----------
    ct : int16, Hounsfield units
    lungs, lesions : uint8, numbers as everywhere in Hilum
    """

    ct: NDArray[np.int16]
    lungs: NDArray[np.uint8]
    lesions: NDArray[np.uint8]


def write_phantom_volumes(folder: Path, count: int, *, seed: int = 0) -> Path:
    """Make ``count`` volumes; those that are there already are kept. Gives the folder back.

    One in four is healthy, one in four has an effusion, one in four half a lung of consolidation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(seed, seed + count):
        path = folder / f"{number:05d}{ENDING}"
        if path.exists():
            continue
        made = thorax(number, grid=default_grid(number, spacing_mm=SPACING_MM), lesions=_lesions(number))
        np.savez_compressed(path, ct=made.ct.array, lungs=made.lungs.array, lesions=made.lesions.array)
    return folder


def read_phantom_volumes(folder: Path) -> list[StoredPhantom]:
    """All volumes in a folder, in the order of their seeds."""
    made: list[StoredPhantom] = []
    for path in sorted(folder.glob(f"*{ENDING}")):
        with np.load(path) as file:
            made.append(StoredPhantom(file["ct"], file["lungs"], file["lesions"]))
    return made


def _lesions(seed: int) -> Sequence[Lesion]:
    rng = np.random.default_rng([seed, 97])
    if seed % 4 == 0:
        return ()
    lesions = list(random_lesions(seed, float(rng.uniform(0.15, 0.9))))
    side = str(rng.choice(["right", "left"]))
    if seed % 4 == 1:
        lesions.append(Lesion("effusion", side, float(rng.uniform(80, 600)), seed=seed))
    if seed % 4 == 2:
        lesions.append(Lesion("consolidation", side, float(rng.uniform(500, 1100)), seed=seed))
    return lesions

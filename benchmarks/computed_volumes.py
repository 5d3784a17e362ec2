"""CT volumes of any size for benchmarks: a coarse phantom, enlarged slice by slice, with noise; a NIfTI file."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image as Picture

from hilum.geometry import VolumeGrid
from hilum.phantom import random_lesions, thorax

COARSE = (75, 128, 128)
"""Voxels of the phantom that is enlarged: (slices, rows, columns)."""

EXTENT_MM = (340.0, 380.0, 380.0)
"""Size of the volume: a field of view from the neck to the upper belly, arms left out."""

NOISE_HU = 18.0
"""Standard deviation of the noise, that of a diagnostic chest CT."""


def write_volume(
    path: Path, shape: tuple[int, int, int], *, seed: int = 5200, coarse: tuple[int, int, int] = COARSE
) -> Path:
    """Write a thorax with the lesions of a pneumonia; the same bytes every time.

    Parameters
    ----------
    path : ``.nii`` or ``.nii.gz``
    shape : (slices, rows, columns), no axis shorter than that of ``coarse``
    seed : of the body and its lesions
    coarse : voxels of the phantom
    """
    spacing = [size / count for size, count in zip(EXTENT_MM, coarse, strict=True)]
    grid = VolumeGrid.of_spacing(coarse, (spacing[0], spacing[1], spacing[2]), (-190.0, -190.0, -170.0))
    small = thorax(seed, grid=grid, lesions=random_lesions(seed, 0.5)).ct.array
    fine = [size / count for size, count in zip(EXTENT_MM, shape, strict=True)]
    # LPS to RAS; nibabel counts columns first.
    affine = np.diag([-fine[2], -fine[1], fine[0], 1.0])
    affine[:3, 3] = [190.0, 190.0, -170.0]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(enlarged(small, shape, seed).T, affine), path)
    return path


def enlarged(small: np.ndarray, shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A volume at another size, linearly between its voxels, with noise; int16, (slices, rows, columns)."""
    random = np.random.default_rng(seed)
    noise = np.rint(random.normal(0, NOISE_HU, shape[1:])).astype(np.int16)
    made = np.empty(shape, np.int16)
    for index, place in enumerate(np.linspace(0, len(small) - 1, shape[0])):
        below = min(int(place), len(small) - 2)
        share = np.float32(place - below)
        plane = small[below] * (1 - share) + small[below + 1] * share
        picture = Picture.fromarray(plane.astype(np.float32)).resize((shape[2], shape[1]), Picture.Resampling.BILINEAR)
        shift = random.integers(0, shape[1:])
        made[index] = np.rint(np.asarray(picture)).astype(np.int16) + np.roll(noise, shift, axis=(0, 1))
    return made

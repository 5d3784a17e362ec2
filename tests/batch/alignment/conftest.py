"""A computed chest at two times: the same, moved, breathed out, with lesions that come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hilum.batch.alignment import Scan, scans
from hilum.geometry import VolumeGrid
from hilum.phantom import Lesion, Thorax, default_grid, thorax

STAYS = Lesion("ground-glass", "right-lower", 180, seed=1)
GOES = Lesion("consolidation", "left-lower", 90, seed=2)
COMES = Lesion("ground-glass", "left-upper", 60, seed=5)
SPACING = (8.0, 7.0, 6.0)


def scan_of(made: Thorax, *, with_ct: bool = True) -> Scan:
    return Scan(made.lungs, made.lesions, made.lobes, made.ct if with_ct else None)


@pytest.fixture(scope="session")
def first() -> Scan:
    return scan_of(thorax(3, grid=default_grid(3, spacing_mm=SPACING), lesions=[STAYS, GOES]))


@pytest.fixture(scope="session")
def second() -> Scan:
    return scan_of(thorax(3, grid=default_grid(3, spacing_mm=SPACING), lesions=[STAYS, COMES]))


def carried(scan: Scan, change: np.ndarray) -> Scan:
    """The scan as it is where its patient lies elsewhere; ``change`` (4, 4) takes LPS positions to the new ones."""
    grid = VolumeGrid(scan.lungs.grid.shape, change @ scan.lungs.volume.affine)
    return Scan(*(None if each is None else replace(each, grid=grid) for each in parts(scan)))


def parts(scan: Scan):
    return scan.lungs, scan.lesions, scan.lobes, scan.image


def turned(degrees: float, shift_mm: tuple[float, float, float]) -> np.ndarray:
    angle, change = np.deg2rad(degrees), np.eye(4)
    change[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    change[:3, 3] = shift_mm
    return change


@dataclass(frozen=True)
class Breath:
    """What is at the base of the lungs moves up by so much, what is at their tops stays; linear between."""

    scan: Scan
    depth_mm: float

    @property
    def rise(self) -> np.ndarray:
        """By slice, in slices."""
        filled = np.flatnonzero(self.scan.lungs.array.any(axis=(1, 2)))
        share = (filled[-1] - np.arange(len(self.scan.lungs.array))) / (filled[-1] - filled[0])
        return np.clip(share, 0, 1) * self.depth_mm / self.scan.lungs.volume.spacing_mm[0]

    def way_mm(self, points: np.ndarray) -> np.ndarray:
        """Where LPS points of the scan are, breathed out."""
        grid = self.scan.lungs.volume
        place = (points[:, 2] - grid.affine[2, 3]) / grid.spacing_mm[0]
        rise = np.interp(place, np.arange(len(self.rise)), self.rise) * grid.spacing_mm[0]
        return points + rise[:, None] * [0, 0, 1]

    def out(self) -> Scan:
        slices = np.arange(len(self.rise))
        source = np.interp(slices, slices + self.rise, slices)

        def moved(array):
            if array.dtype == np.uint8:
                return array[np.rint(source).astype(int)]
            low = np.minimum(source.astype(int), len(slices) - 2)
            part = (source - low)[:, None, None]
            return np.rint((1 - part) * array[low] + part * array[low + 1]).astype(array.dtype)

        return Scan(*(None if each is None else replace(each, array=moved(each.array)) for each in parts(self.scan)))


def lung_points(scan: Scan) -> np.ndarray:
    return scan.lungs.volume.position_mm(np.argwhere(scan.lungs.array > 0).astype(float))


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registration on grids of a fifth of the voxels, for time's sake."""
    monkeypatch.setattr(scans, "MOST_VOXELS", 150_000)

"""The registration of two scans by SimpleITK, on a coarse grid about the first scan's lungs.

What is registered is the distance to the surface of the lungs; or, where both CTs are there, their densities within
and just about the lungs, without what is lesion in either, so that disease that comes or goes does not pull.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid

from .scans import MARGIN_MM, Points, Scan, all_points, box_about, centre_of, labels_at, simpleitk, voxel_index

Method = Literal["rigid", "deformable"]
"""``rigid`` turns and moves; ``deformable`` goes on with a smooth deformation, for another breath."""

WORK_MM = 4.0
"""Spacing of the grid on which scans are registered."""

RIM_MM = 12.0
"""How far about the lungs densities count."""

SMOOTH_MM = 8.0
"""Width (standard deviation) by which a deformation is evened out after each step."""

LEVELS = ((3, 60), (2, 60), (1, 20))
"""How much coarser than the grid a deformation is looked for, and in how many steps."""

WINDOW_HU = (-1000.0, -200.0)
"""Densities that count: those of lung, and the step to what is about it."""

HEALTHY = np.float32(0.2)
"""Where healthy lung lies between the ends of the window, in every picture."""

SHARE = 0.15
"""Of the voxels that count, those that a step of the registration looks at."""

ROUNDS = 80
"""Most steps on each of the two resolutions."""


def register(
    first: Scan, second: Scan, method: Method, *, by_density: bool
) -> tuple[Callable[[Points], Points], float]:
    """Where points of the first scan lie in the second, and the share of its lungs that is turned inside out.

    Parameters
    ----------
    first, second : with lungs
    method : see :data:`Method`
    by_density : whether the CTs, which both are there, are registered, or the surfaces of the lungs

    Raises
    ------
    MissingExtra
        SimpleITK is not installed.
    """
    sitk = simpleitk()
    fixed, moving = _view(sitk, first, by_density), _view(sitk, second, by_density)
    start = centre_of(first.lungs), centre_of(second.lungs)
    rigid = _rigid(sitk, fixed, moving, start)
    if method == "rigid":
        return _matrix(rigid), 0.0
    field = _deformed(sitk, fixed, moving, rigid)
    return _Field(fixed.grid, field.way), field.folded


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A scan as it is registered: its picture, where it counts, and its grid."""

    grid: VolumeGrid
    picture: Any
    counts: Any
    beyond: float
    lungs: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Deformed:
    """Ways in mm, (slices, rows, columns, 3), on the grid of the first scan's view; and how much of it is folded."""

    way: NDArray[np.float32]
    folded: float


def _view(sitk: Any, scan: Scan, by_density: bool) -> _View:
    grid = box_about(scan.lungs, WORK_MM)
    points = all_points(grid)
    lungs = labels_at(scan.lungs, points).reshape(grid.shape) > 0
    distance = _as_image(sitk, lungs.view(np.uint8), grid)
    distance = sitk.SignedMaurerDistanceMap(distance, squaredDistance=False, useImageSpacing=True)
    if not by_density or scan.image is None:
        picture = sitk.Clamp(distance, sitk.sitkFloat32, -MARGIN_MM, MARGIN_MM)
        return _View(grid, picture, None, MARGIN_MM, lungs)
    lesions = labels_at(scan.lesions, points).reshape(grid.shape) > 0
    near = sitk.GetArrayFromImage(distance) <= RIM_MM
    counts = _as_image(sitk, (near & ~lesions).astype(np.uint8), grid)
    densities = np.where(near, _densities(scan, grid), np.float32(1))
    healthy = lungs & ~lesions
    if healthy.any():  # as far as they are alike: another breath has another density
        densities[lungs] += HEALTHY - np.float32(np.median(densities[healthy]))
        densities[lesions & lungs] = HEALTHY
    return _View(grid, _as_image(sitk, densities, grid), counts, 1.0, lungs)


def _densities(scan: Scan, grid: VolumeGrid) -> NDArray[np.float32]:
    """Mean density about each voxel of a coarse grid, from eight places in it; air outside the scan."""
    image, points = scan.image, all_points(grid)
    made = np.zeros(len(points), dtype=np.float32)
    if image is None:
        return made.reshape(grid.shape)
    step = 0.25 * grid.spacing_mm[0]
    low, high = WINDOW_HU
    for corner in np.ndindex(2, 2, 2):
        index, inside = voxel_index(image.volume, points + step * (2.0 * np.array(corner) - 1))
        seen = np.full(len(points), low, dtype=np.float32)
        seen[inside] = np.clip(image.array[tuple(index[inside].T)], low, high)
        made += (seen - np.float32(low)) / np.float32(8 * (high - low))
    return made.reshape(grid.shape)


def _as_image(sitk: Any, array: NDArray[Any], grid: VolumeGrid) -> Any:
    """An array on a straight grid as an image of SimpleITK."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing_mm[::-1])
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def _registration(sitk: Any, fixed: _View, moving: _View) -> Any:
    """A registration of two views in two resolutions, by what they show."""
    made = sitk.ImageRegistrationMethod()
    if fixed.counts is None or moving.counts is None:
        made.SetMetricAsMeanSquares()
    else:
        made.SetMetricAsCorrelation()
        made.SetMetricFixedMask(fixed.counts)
        made.SetMetricMovingMask(moving.counts)
    made.SetMetricSamplingStrategy(made.RANDOM)
    made.SetMetricSamplingPercentage(SHARE, 1)
    made.SetInterpolator(sitk.sitkLinear)
    made.SetShrinkFactorsPerLevel([2, 1])
    made.SetSmoothingSigmasPerLevel([1.0, 0.0])
    made.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    made.SetGlobalDefaultNumberOfThreads(1)  # sums of several threads differ from run to run
    return made


def _rigid(sitk: Any, fixed: _View, moving: _View, centres: tuple[Points, Points]) -> Any:
    begin = sitk.Euler3DTransform()
    begin.SetCenter(centres[0].tolist())
    begin.SetTranslation((centres[1] - centres[0]).tolist())
    made = _registration(sitk, fixed, moving)
    made.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=ROUNDS, gradientMagnitudeTolerance=1e-8
    )
    made.SetOptimizerScalesFromPhysicalShift()
    made.SetInitialTransform(begin, inPlace=True)
    made.Execute(fixed.picture, moving.picture)
    return begin


def _deformed(sitk: Any, fixed: _View, moving: _View, rigid: Any) -> _Deformed:
    """A smooth deformation after the rigid alignment, as the way of each voxel of the first scan's view.

    By symmetric diffeomorphic demons [1]_, coarse first; lesions have the density of healthy lung there.

    References
    ----------
    .. [1] Vercauteren et al., NeuroImage 2009;45:S61-S72, doi:10.1016/j.neuroimage.2008.10.040
    """
    near = sitk.Resample(moving.picture, fixed.picture, rigid, sitk.sitkLinear, moving.beyond)
    field = None
    for coarser, rounds in LEVELS:
        pair = [sitk.SmoothingRecursiveGaussian(each, 0.5 * coarser * WORK_MM) for each in (fixed.picture, near)]
        pair = [sitk.Shrink(each, [coarser] * 3) for each in pair]
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfIterations(rounds)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(SMOOTH_MM / pair[0].GetSpacing()[0])
        begin = None if field is None else sitk.Resample(field, pair[0])
        field = demons.Execute(*pair) if begin is None else demons.Execute(*pair, begin)
    field = sitk.Resample(field, fixed.picture)
    turned = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    way: NDArray[np.float64] = sitk.GetArrayFromImage(field)
    points = all_points(fixed.grid)
    whole = _matrix(rigid)(points + way.reshape(-1, 3)) - points
    return _Deformed(whole.reshape(way.shape).astype(np.float32), float((turned[fixed.lungs] <= 0).mean()))


def _matrix(rigid: Any) -> Callable[[Points], Points]:
    turn = np.array(rigid.GetMatrix()).reshape(3, 3)
    offset = np.array(rigid.TransformPoint((0.0, 0.0, 0.0)))

    def moved(points: Points) -> Points:
        return points @ turn.T + offset

    return moved


class _Field:
    """Points moved by ways that are known on a grid, linearly between its voxels; beyond it as at its edge."""

    def __init__(self, grid: VolumeGrid, way: NDArray[np.float32]) -> None:
        self._way, self._shape = way, np.array(grid.shape)
        self._home = np.linalg.inv(grid.affine)

    def __call__(self, points: Points) -> Points:
        made = np.array(points, dtype=np.float64)
        flat = made.reshape(-1, 3)
        for start in range(0, len(flat), 1 << 20):
            part = flat[start : start + (1 << 20)]
            part += self._moved(part)
        return made

    def _moved(self, points: Points) -> NDArray[np.float32]:
        place = np.clip(points @ self._home[:3, :3].T + self._home[:3, 3], 0, self._shape - 1)
        base = np.minimum(place.astype(np.intp), self._shape - 2)
        part = (place - base).astype(np.float32)
        made = np.zeros(points.shape, dtype=np.float32)
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(np.array(corner) == 1, part, 1 - part), axis=1)
            made += weight[:, None] * self._way[tuple((base + corner).T)]
        return made

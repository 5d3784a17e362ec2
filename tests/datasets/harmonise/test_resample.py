from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import map_coordinates

from hilum.datasets.harmonise.lattice import Axis, Lattice
from hilum.datasets.harmonise.resample import bring_back, mask_on, planes
from hilum.errors import GridMismatch
from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LabelMap
from hilum.provenance import Source

SHAPE = (7, 11, 13)
SOURCE_MM = (3.0, 1.5, 1.25)

ORIGIN = Source("mask", "0" * 64)


def label_map(array: np.ndarray, grid: VolumeGrid) -> LabelMap:
    return LabelMap(array, grid, LESIONS, ORIGIN)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero((one == other) & (one > 0)) / total if total else 1.0


def turned(labels: LabelMap, axes: tuple[int, int, int], flips: tuple[bool, ...]) -> LabelMap:
    """The same voxels in another order."""
    affine = np.column_stack([labels.volume.affine[:, axes], labels.volume.affine[:, 3]])
    grid = VolumeGrid(tuple(labels.array.shape[axis] for axis in axes), affine)
    array = labels.array.transpose(axes)
    for axis, flip in enumerate(flips):
        if flip:
            array, grid = np.flip(array, axis), grid.flipped(axis)
    return label_map(np.ascontiguousarray(array), grid)


def resampled(array: np.ndarray, lattice: Lattice, outside: float = 0.0) -> np.ndarray:
    return np.stack([plane.copy() for plane in planes(array, lattice, outside)])


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint8, SHAPE, elements=st.integers(0, 3)),
    st.tuples(*[st.floats(0.3, 1.0)] * 3),
    st.sampled_from(list(permutations(range(3)))),
    st.tuples(*[st.booleans()] * 3),
)
def test_masks_brought_back_from_an_equal_or_finer_spacing_are_the_same(
    array: np.ndarray, shares: tuple[float, ...], axes: tuple[int, int, int], flips: tuple[bool, ...]
) -> None:
    source = turned(label_map(array, VolumeGrid.of_spacing(SHAPE, SOURCE_MM, (-7.0, 3.0, 40.0))), axes, flips)
    grid = source.axial().volume
    lattice = Lattice.over(grid, tuple(size * share for size, share in zip(grid.spacing_mm, shares, strict=True)))
    fine = label_map(mask_on(source.axial().array, lattice), lattice.grid(grid))
    back = bring_back(fine, source.volume)
    np.testing.assert_array_equal(back.array, source.array)
    assert dice(back.array, source.array) >= 0.99
    assert back.volume.same_as(source.volume)


def ball(shape: tuple[int, int, int] = (21, 40, 44)) -> np.ndarray:
    places = np.indices(shape) - np.array(shape).reshape(3, 1, 1, 1) / 2
    radius = np.sqrt((places[0] * 2) ** 2 + places[1] ** 2 + places[2] ** 2)
    return np.where(radius < 9, np.uint8(2), np.where(radius < 15, np.uint8(1), np.uint8(0)))


@pytest.mark.parametrize("share", [1.0, 0.9, 0.63, 0.5])
def test_smooth_masks_brought_back_from_an_equal_or_finer_spacing_agree(share: float) -> None:
    grid = VolumeGrid.of_spacing((21, 40, 44), (2.0, 1.0, 1.0))
    lattice = Lattice.over(grid, tuple(size * share for size in grid.spacing_mm))
    fine = label_map(mask_on(ball(), lattice, is_smooth=True), lattice.grid(grid))
    back = bring_back(fine, grid).array
    assert dice(back > 0, ball() > 0) >= 0.99
    assert dice(back, ball()) >= 0.98


def test_a_crop_keeps_the_lattice_so_what_it_holds_comes_back_exactly() -> None:
    grid = VolumeGrid.of_spacing((21, 40, 44), (2.0, 1.0, 1.0), (5.0, 6.0, 7.0))
    lattice = Lattice.over(grid, (1.7, 0.8, 0.9)).cropped((-3, 10, 12), (30, 32, 70))
    fine = label_map(mask_on(ball(), lattice), lattice.grid(grid))
    back = bring_back(fine, grid).array
    inside = back > 0
    assert np.count_nonzero(inside) > 1000
    np.testing.assert_array_equal(back[inside], ball()[inside])
    assert not fine.array[:3].any()


def test_a_mask_of_other_axes_is_refused() -> None:
    grid = VolumeGrid.of_spacing(SHAPE, SOURCE_MM)
    affine = grid.affine.copy()
    affine[:3, :3] = np.array([[1, 0.1, 0], [-0.1, 1, 0], [0, 0, 1]]) @ affine[:3, :3]
    tilted = label_map(np.ones(SHAPE, np.uint8), VolumeGrid(SHAPE, affine))
    with pytest.raises(GridMismatch, match="same axes"):
        bring_back(tilted, grid)


def test_the_source_spacing_keeps_the_very_values() -> None:
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 500
    grid = VolumeGrid.of_spacing(SHAPE, SOURCE_MM)
    for spacing in (None, (3.0000004, 1.5, 1.2499999)):
        lattice = Lattice.over(grid, spacing)
        assert lattice.is_source
        assert lattice.grid(grid).same_as(grid)
        np.testing.assert_array_equal(resampled(array, lattice), array)


@pytest.mark.parametrize("spacing", [(1.1, 0.7, 0.9), (3.0, 0.8, 1.0), (2.0, 1.5, 0.4)])
def test_finer_images_are_interpolated_linearly(spacing: tuple[float, float, float]) -> None:
    array = np.random.default_rng(1).integers(-1000, 1000, SHAPE).astype(np.int16)
    grid = VolumeGrid.of_spacing(SHAPE, SOURCE_MM)
    lattice = Lattice.over(grid, spacing)
    places = np.meshgrid(*[axis.places for axis in lattice.axes], indexing="ij")
    wanted = map_coordinates(array.astype(np.float64), places, order=1, mode="nearest")
    np.testing.assert_allclose(resampled(array, lattice), wanted, atol=0.05)


@pytest.mark.parametrize("steps", [(1.7, 1.0, 1.0), (1.0, 2.3, 1.0), (1.0, 1.0, 3.0), (2.0, 2.5, 2.2)])
def test_coarser_images_average_what_they_cover(steps: tuple[float, float, float]) -> None:
    shape = (24, 30, 26)
    ramp = np.add.outer(np.add.outer(np.arange(24) * 10.0, np.arange(30) * 3.0), np.arange(26) * 1.0)
    grid = VolumeGrid.of_spacing(shape, (1.0, 1.0, 1.0))
    lattice = Lattice.over(grid, steps)
    places = np.meshgrid(*[axis.places for axis in lattice.axes], indexing="ij")
    inner = tuple(slice(2, -2) for _ in shape)
    wanted = places[0] * 10 + places[1] * 3 + places[2]
    np.testing.assert_allclose(
        resampled(ramp.astype(np.float32), lattice)[inner], wanted[inner], atol=1.0
    )  # a tenth of a voxel
    checks = np.indices(shape).sum(axis=0) % 2 * 1000.0
    if min(steps) >= 2:  # picking voxels would leave 0 and 1000
        assert np.ptp(resampled(checks.astype(np.float32), lattice)[inner]) < 120


def test_beyond_the_volume_there_is_what_was_asked_for() -> None:
    array = np.full(SHAPE, 40, np.int16)
    grid = VolumeGrid.of_spacing(SHAPE, SOURCE_MM)
    made = resampled(array, Lattice.over(grid, (2.0, 1.0, 1.0)).cropped((-2, -3, -4), (20, 30, 30)), -1000.0)
    assert set(np.unique(made).tolist()) == {-1000.0, 40.0}
    assert (made[:2] == -1000).all()
    assert (made[:, :3] == -1000).all()
    assert (made[:, :, :4] == -1000).all()
    assert made[2, 3, 4] == 40


def test_a_crop_beside_the_volume_is_empty() -> None:
    grid = VolumeGrid.of_spacing(SHAPE, SOURCE_MM)
    lattice = Lattice.over(grid, (2.0, 1.0, 1.0)).cropped((0, 100, 0), (2, 3, 4))
    assert (resampled(np.ones(SHAPE, np.int16), lattice, -1.0) == -1).all()
    assert not mask_on(np.ones(SHAPE, np.uint8), lattice).any()


@given(st.integers(1, 600), st.floats(0.1, 20.0))
def test_an_axis_covers_its_source_about_the_same_middle(length: int, step: float) -> None:
    axis = Axis.over(length, step)
    assert axis.places.mean() == pytest.approx((length - 1) / 2, abs=1e-6)
    assert axis.places[0] - axis.step / 2 <= -0.5 + 0.011 * step
    assert (axis.count - 1) * axis.step < length
    inside = axis.inside
    assert inside.start < inside.stop


@given(st.integers(1, 80), st.floats(0.2, 5.0), st.data())
def test_a_box_holds_every_voxel_that_shows_what_is_marked(length: int, step: float, data: st.DataObject) -> None:
    axis = Axis.over(length, step)
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    marked = np.zeros(length, dtype=bool)
    marked[start:stop] = True
    shown = np.flatnonzero(marked[axis.nearest]) + axis.inside.start
    first, last = axis.box(slice(start, stop))
    assert not len(shown) or (first <= shown[0] and shown[-1] < last)

"""Grids of films and volumes: what turns, flips and crops keep."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import GridMismatch
from hilum.geometry import (
    GRID_TOLERANCE_MM,
    UPRIGHT,
    PlaneGrid,
    PlaneOrientation,
    Side,
    SpacingAt,
    VolumeGrid,
    VolumeOrientation,
)

ORIENTATIONS = [PlaneOrientation(a, b) for a in "LRFH" for b in "LRFH" if ("LR".find(a) < 0) != ("LR".find(b) < 0)]
every_orientation = pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda way: way.columns + way.rows)

SPACINGS = st.floats(0.05, 20)
SHAPES = st.tuples(st.integers(1, 13), st.integers(1, 13), st.integers(1, 13))


@st.composite
def volumes(draw):
    """Oblique, anisotropic, off-centre grids, left- and right-handed."""
    seed = draw(st.integers(0, 2**32 - 1))
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn * [draw(SPACINGS), draw(SPACINGS), draw(SPACINGS)]
    affine[:3, 3] = [draw(st.floats(-500, 500)) for _ in range(3)]
    return VolumeGrid(draw(SHAPES), affine)


def corners(grid):
    return np.array(np.meshgrid(*[(0, side - 1) for side in grid.shape])).reshape(3, -1).T


# Films


def test_there_are_eight_ways_for_a_film_to_lie():
    assert len(ORIENTATIONS) == len(set(ORIENTATIONS)) == 8
    assert [way for way in ORIENTATIONS if way.is_upright] == [UPRIGHT]


@pytest.mark.parametrize(
    ("columns", "rows"), [("L", "R"), ("H", "F"), ("L", "L"), ("A", "F"), ("L", "P"), ("l", "F"), ("", "")]
)
def test_an_orientation_that_cannot_be(columns, rows):
    with pytest.raises(ValueError, match=r"no film can run towards"):
        PlaneOrientation(columns, rows)


@every_orientation
def test_upright_and_back_is_the_identity(orientation):
    array = np.arange(7 * 11 * 2).reshape(7, 11, 2)
    assert np.array_equal(orientation.from_upright(orientation.to_upright(array)), array)
    assert np.array_equal(orientation.to_upright(orientation.from_upright(array)), array)


def patient_directions(orientation, shape):
    """Pictures of how far each pixel lies towards the patient's left, and towards the feet."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    along = {orientation.rows: rows, orientation.columns: columns}
    opposite = {"L": "R", "F": "H"}
    return [along[letter] if letter in along else -along[opposite[letter]] for letter in ("L", "F")]


@every_orientation
def test_upright_runs_to_the_patients_left_and_to_the_feet(orientation):
    left, feet = (orientation.to_upright(array) for array in patient_directions(orientation, (7, 11)))
    assert (np.diff(left, axis=1) == 1).all()
    assert (np.diff(left, axis=0) == 0).all()
    assert (np.diff(feet, axis=0) == 1).all()
    assert (np.diff(feet, axis=1) == 0).all()


@every_orientation
def test_the_upright_grid_has_the_upright_pixels(orientation):
    grid = PlaneGrid((7, 11), (0.2, 0.3), SpacingAt.DETECTOR, orientation)
    assert grid.upright.shape == orientation.to_upright(np.zeros((7, 11))).shape
    assert grid.upright.orientation.is_upright
    assert grid.upright.upright == grid.upright
    assert grid.upright.spacing_at is SpacingAt.DETECTOR
    assert grid.upright.spacing_mm == ((0.3, 0.2) if orientation.is_transposed else (0.2, 0.3))
    assert replace(grid, spacing_mm=None).upright.spacing_mm is None


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 5)])
def test_a_film_without_pixels(shape):
    with pytest.raises(ValueError, match=r"cannot have the shape"):
        PlaneGrid(shape)


@pytest.mark.parametrize("spacing", [(0, 1), (1, -1), (np.nan, 1), (np.inf, 1)])
def test_a_spacing_that_cannot_be(spacing):
    with pytest.raises(ValueError, match=r"spacing must be positive"):
        PlaneGrid((5, 5), spacing)


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"shape": (7, 12)}, "7x11 against 7x12 pixels"),
        ({"orientation": PlaneOrientation("R", "F")}, "orientation"),
        ({"spacing_mm": None}, "against None mm"),
        ({"spacing_mm": (0.2, 0.31)}, "against (0.2, 0.31) mm"),
    ],
)
def test_films_on_different_grids(changes, phrase):
    grid = PlaneGrid((7, 11), (0.2, 0.3))
    other = replace(grid, **changes)
    assert phrase in grid.difference(other)
    assert not grid.same_as(other)
    assert not other.same_as(grid)
    with pytest.raises(GridMismatch, match=r"do not lie on one grid.*Resample"):
        grid.require_same(other)


@pytest.mark.parametrize("spacing", [None, (0.2, 0.3)])
def test_films_on_one_grid(spacing):
    grid = PlaneGrid((7, 11), spacing)
    slightly = None if spacing is None else (0.2 + 0.1 * GRID_TOLERANCE_MM / 7, 0.3)
    assert grid.same_as(replace(grid, spacing_mm=slightly))
    assert grid.require_same(grid) is None


def test_grids_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PlaneGrid((5, 5)).shape = (6, 6)
    with pytest.raises(ValueError, match=r"read-only"):
        VolumeGrid((2, 3, 4), np.eye(4)).affine[0, 0] = 2


def test_sides_are_named_for_the_patient():
    assert [side.value for side in Side] == ["right", "left"]


# Volumes


def test_of_spacing_runs_to_the_head_the_back_and_the_left():
    grid = VolumeGrid.of_spacing((7, 11, 13), (2.5, 0.7, 0.8), (10, 20, 30))
    assert grid.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert grid.voxel_ml == pytest.approx(2.5 * 0.7 * 0.8 / 1000)
    assert grid.position_mm(np.array([0, 0, 0])) == pytest.approx([10, 20, 30])
    assert grid.position_mm(np.array([1, 2, 3])) == pytest.approx([10 + 3 * 0.8, 20 + 2 * 0.7, 30 + 2.5])


@given(volumes())
def test_volume_of_a_voxel_is_that_of_its_edges(grid):
    assert grid.voxel_ml == pytest.approx(np.prod(grid.spacing_mm) / 1000)


def test_volume_of_a_tilted_voxel_is_smaller_than_the_product_of_its_edges():
    affine = np.eye(4)
    affine[:3, 0] = [1, 0.5, 0]
    grid = VolumeGrid((3, 3, 3), affine)
    assert grid.voxel_ml == pytest.approx(1 / 1000)
    assert np.prod(grid.spacing_mm) > 1.1


@given(volumes(), st.integers(0, 2))
def test_a_flip_keeps_the_voxels_and_twice_is_the_identity(grid, axis):
    flipped = grid.flipped(axis)
    mirrored = corners(grid)
    mirrored[:, axis] = grid.shape[axis] - 1 - mirrored[:, axis]
    assert np.allclose(flipped.position_mm(mirrored), grid.position_mm(corners(grid)), atol=1e-6)
    assert flipped.flipped(axis).same_as(grid)
    assert flipped.same_as(grid) == (grid.shape[axis] == 1)


@given(volumes(), st.tuples(*[st.integers(-3, 5)] * 3), SHAPES)
def test_a_crop_keeps_positions_and_padding_undoes_it(grid, start, shape):
    cropped = grid.cropped(start, shape)
    index = np.array([1.0, 2.0, 0.5])
    assert np.allclose(cropped.position_mm(index), grid.position_mm(index + start))
    back = cropped.cropped(tuple(-step for step in start), grid.shape)
    assert back.same_as(grid)


@given(volumes(), volumes())
def test_sameness_is_symmetric(one, other):
    assert one.same_as(one)
    assert one.same_as(other) == other.same_as(one)


@given(volumes(), st.floats(0.01, 50))
def test_a_shift_is_seen_and_told_in_millimetres(grid, shift):
    affine = grid.affine.copy()
    affine[1, 3] += shift
    other = VolumeGrid(grid.shape, affine)
    assert not grid.same_as(other)
    assert f"{shift:.3g} mm from the other's" in grid.difference(other)


@pytest.mark.parametrize(
    ("mine", "theirs", "is_same"),
    [("1.2", "1.3", False), ("1.2", "1.2", True), ("1.2", None, True), (None, "1.3", True), (None, None, True)],
)
def test_frames_of_reference(mine, theirs, is_same):
    one, other = (VolumeGrid((3, 4, 5), np.eye(4), frame) for frame in (mine, theirs))
    assert one.same_as(other) is is_same
    assert (one.difference(other) is None) is is_same


def test_volumes_on_different_grids_say_what_differs():
    grid = VolumeGrid((3, 4, 5), np.eye(4))
    with pytest.raises(GridMismatch, match=r"shape \(3, 4, 5\) against \(3, 4, 6\)"):
        grid.require_same(VolumeGrid((3, 4, 6), np.eye(4)))
    assert grid.require_same(grid) is None


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((0, 1, 1), np.eye(4), "cannot have the shape"),
        ((1, 1, 1), np.eye(3), "finite 4x4 matrix"),
        ((1, 1, 1), np.full((4, 4), np.nan), "finite 4x4 matrix"),
        ((1, 1, 1), np.ones((4, 4)), "last row is 0 0 0 1"),
        ((1, 1, 1), np.diag([1, 1, 0, 1]), "singular"),
    ],
)
def test_a_volume_grid_that_cannot_be(shape, affine, message):
    with pytest.raises(ValueError, match=message):
        VolumeGrid(shape, affine)


def test_a_later_change_of_the_matrix_does_not_reach_the_grid():
    affine = np.eye(4)
    grid = VolumeGrid((3, 4, 5), affine)
    affine[0, 3] = 99
    assert grid.affine[0, 3] == 0


EVERY_ORDER = [
    VolumeOrientation(axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize("orientation", EVERY_ORDER, ids=str)
def test_turning_a_volume_axial_and_back_changes_nothing(orientation):
    array = np.arange(7 * 11 * 13).reshape(7, 11, 13)
    stored = orientation.from_axial(array)
    np.testing.assert_array_equal(orientation.to_axial(stored), array)


@pytest.mark.parametrize("orientation", EVERY_ORDER, ids=str)
def test_a_stored_volume_of_any_axis_order_is_found_where_it_lies(orientation):
    axial = VolumeGrid.of_spacing((7, 11, 13), (2.5, 0.7, 0.9), (-10.0, 20.0, 30.0))
    inverse = np.argsort(orientation.axes)
    grid = axial
    for axis, flip in enumerate(orientation.flips):
        grid = grid.flipped(axis) if flip else grid
    shape = tuple(int(axial.shape[n]) for n in inverse)
    stored = VolumeGrid(shape, np.column_stack([grid.affine[:, inverse], grid.affine[:, 3]]))
    assert stored.orientation == orientation
    assert stored.axial.same_as(axial)


@given(volumes())
def test_the_axial_grid_holds_the_same_voxels(grid):
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1).astype(float)
    positions = grid.position_mm(indices)
    turned = np.stack([grid.orientation.to_axial(positions[..., n]) for n in range(3)], axis=-1)
    axial = grid.axial
    own = np.stack(np.meshgrid(*[np.arange(n) for n in axial.shape], indexing="ij"), axis=-1).astype(float)
    np.testing.assert_allclose(axial.position_mm(own), turned, atol=1e-6)
    assert axial.orientation.is_axial
    assert axial.voxel_ml == pytest.approx(grid.voxel_ml)

"""What phantoms are painted with: noise, coverage, tubes, trees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.geometry import VolumeGrid
from hilum.phantom.body import Body, draw_body
from hilum.phantom.canvas import Canvas, coverage
from hilum.phantom.noise import value_noise
from hilum.phantom.skeleton import RIB_END, rib_height, thoracic_heights
from hilum.phantom.tubes import paint_tube, tube
from hilum.phantom.vessels import ROOTS, grow


def tilted_canvas() -> Canvas:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.1, 0.2, 0.97], [-0.1, 0.97, -0.2], [0.98, 0.08, -0.1]]) * (1.6, 0.9, 1.1)
    affine[:3, 3] = (-22, -17, -24)
    return Canvas(VolumeGrid((31, 43, 41), affine))


def straight_canvas() -> Canvas:
    return Canvas(VolumeGrid.of_spacing((31, 43, 41), (1.6, 0.9, 1.1), (-22, -19, -24)))


CANVASES = pytest.mark.parametrize("make", [straight_canvas, tilted_canvas])


def painted_ml(canvas: Canvas) -> float:
    """Volume of what was painted at 0 HU into air."""
    return float((canvas.hu.astype(float) + 1000).sum() / 1000 * canvas.grid.voxel_ml)


@CANVASES
def test_a_sphere_has_its_volume_on_any_grid(make) -> None:
    canvas = make()

    def sphere(x, y, z):
        return np.sqrt(x**2 + y**2 + z**2) - np.float32(11)

    canvas.fill(sphere, 0, low_mm=np.full(3, -13.0), high_mm=np.full(3, 13.0))
    assert painted_ml(canvas) == pytest.approx(4 / 3 * np.pi * 11**3 / 1000, rel=0.01)


@CANVASES
@pytest.mark.parametrize(("radius", "within"), [(0.2, 0.03), (0.7, 0.03), (1.5, 0.2), (4.0, 0.05), (7.0, 0.03)])
def test_a_tube_has_its_volume_however_thin(make, radius: float, within: float) -> None:
    canvas = make()
    paint_tube(canvas, Body(), tube([(-8, -4, -6), (8, 5, 7)], radius), 0)
    length = np.linalg.norm([16, 9, 13])
    ends = 4 / 3 * np.pi * radius**3 if radius > 1.2 else 0
    assert painted_ml(canvas) == pytest.approx((np.pi * radius**2 * length + ends) / 1000, rel=within)


def test_what_lies_outside_the_volume_is_not_painted() -> None:
    canvas = straight_canvas()
    paint_tube(canvas, Body(), tube([(500, 0, 0), (520, 0, 0)], 5), 0)
    paint_tube(canvas, Body(), tube([(500, 0, 0), (520, 0, 0)], 0.3), 0)
    assert (canvas.hu == -1000).all()


def test_organs_may_take_their_room_from_the_lungs() -> None:
    canvas = straight_canvas()
    canvas.lungs[:] = 1
    paint_tube(canvas, Body(), tube([(-8, 0, 0), (8, 0, 0)], 4), 0, clears_lungs=True)
    cleared = (canvas.lungs == 0).sum() * canvas.grid.voxel_ml
    assert cleared == pytest.approx(painted_ml(canvas), rel=0.05)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.floats(-2, 2))
@settings(max_examples=40, deadline=None)
def test_coverage_of_a_half_space_adds_up(a: float, b: float, c: float, shift: float) -> None:
    if abs(a) + abs(b) + abs(c) < 0.1:
        return
    i, j, k = np.meshgrid(*[np.arange(-5.0, 6.0)] * 3, indexing="ij")
    f = (a * i + b * j + c * k).astype(np.float32)
    assert coverage(f).mean() == pytest.approx(0.5, abs=1e-3)  # symmetric about the plane through the middle
    assert (coverage(f + np.float32(shift)) <= coverage(f + np.float32(shift - 0.5)) + 1e-5).all()


def test_noise_is_one_field_on_axes_and_at_points() -> None:
    x, y, z = np.linspace(-90, 70, 7), np.linspace(-30, 40, 11), np.linspace(0, 55, 13)
    lines = [np.asarray(line, dtype=np.float32) for line in (x[None, None, :], y[None, :, None], z[:, None, None])]
    separable = value_noise(*lines, cell_mm=13, seed=4)
    points = np.meshgrid(z, y, x, indexing="ij")
    scattered = value_noise(*[p.ravel().astype(np.float32) for p in points[::-1]], cell_mm=13, seed=4)
    assert separable.shape == (13, 11, 7)
    assert separable.ravel() == pytest.approx(scattered, abs=1e-4)


def test_noise_takes_axes_in_any_order_and_single_slices() -> None:
    x = np.linspace(0, 30, 5, dtype=np.float32)
    one = np.array([[[7.0]]], dtype=np.float32)
    first = value_noise(x[:, None, None], one, one, cell_mm=9, seed=1)
    last = value_noise(x[None, None, :], one, one, cell_mm=9, seed=1)
    assert first.shape == (5, 1, 1)
    assert last.shape == (1, 1, 5)
    assert first.ravel() == pytest.approx(last.ravel(), abs=1e-5)


def test_noise_is_smooth_bounded_and_seeded() -> None:
    x = np.arange(0, 300, 0.5, dtype=np.float32)
    zero = np.zeros_like(x)
    values = value_noise(x, zero, zero, cell_mm=20, seed=3, octaves=1)
    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.1
    assert values.std() > 0.1
    assert not np.array_equal(values, value_noise(x, zero, zero, cell_mm=20, seed=4, octaves=1))


def test_a_tree_reaches_every_target_and_thins_out() -> None:
    rng = np.random.default_rng(5)
    targets = rng.uniform((10, -50, -50), (90, 50, 50), (80, 3))
    tree = grow(np.zeros(3), np.array([1.0, 0, 0]), targets)
    assert (tree.parents[1:] < np.arange(1, len(tree.parents))).all()
    assert tree.parents[0] == -1
    for target in targets:
        assert np.linalg.norm(tree.points - target, axis=1).min() < 1e-6
    child = np.arange(1, len(tree.parents))
    assert (tree.radii[tree.parents[child]] >= tree.radii[child] - 1e-9).all()
    assert tree.radii[0] == tree.radii.max()


def test_vessels_start_on_their_own_side() -> None:
    assert {np.sign(root[0]) for root, _, _ in ROOTS} == {-1, 1}


def test_ribs_descend_from_their_vertebrae() -> None:
    for number, end in enumerate(RIB_END):
        line = rib_height(number, np.linspace(0.05, end, 12))
        assert (np.diff(line) <= 0).all()
        assert line[0] == pytest.approx(thoracic_heights()[number], abs=12)
    assert (np.diff(thoracic_heights()) < 0).all()


@given(st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_bodies_are_plausible(seed: int) -> None:
    body = draw_body(seed)
    assert body == draw_body(seed)
    assert all(0.75 < scale < 1.3 for scale in body.scale)
    assert body.dome_mm[0] > body.dome_mm[1] - 12
    assert (body.breast_mm > 0) == body.is_female


def test_reference_and_world_are_inverse() -> None:
    body = draw_body(9)
    points = np.random.default_rng(1).uniform(-100, 100, (7, 3))
    world = body.to_world(points)
    back = np.stack(body.to_reference(*world.T), axis=1)
    assert back == pytest.approx(points, abs=1e-3)

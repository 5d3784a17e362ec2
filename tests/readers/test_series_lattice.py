"""From positions to a lattice: every rule, and its negative twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measurement import Gravity
from hilum.readers.lattice import Irregular, Plane, lattice

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PLANE = Plane((11, 13), (0.7, 0.8), AXIAL, 2.5, "1.2.3")


def at(*heights, x=-50.0, y=-80.0):
    """Positions of axial slices at these heights."""
    return np.array([[x, y, height] for height in heights], dtype=np.float64)


def codes(made):
    return [finding.code for finding in made.findings]


def test_an_even_row_is_the_lattice_itself():
    made = lattice(at(0, 2.5, 5, 7.5), PLANE)
    assert made.grid.shape == (4, 11, 13)
    assert made.grid.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert made.grid.frame == "1.2.3"
    assert made.grid.orientation.is_axial
    assert made.grid.position_mm(np.array([3, 2, 1])) == pytest.approx([-50 + 0.8, -80 + 1.4, 7.5])
    assert (made.slices, made.places.tolist(), made.findings) == ((0, 1, 2, 3), [0, 1, 2, 3], ())
    assert not made.is_resampled


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.sampled_from([0.3, 1.25, 5.0]))
def test_the_order_of_the_files_does_not_matter(order, step):
    made = lattice(at(*(step * index for index in order)), replace(PLANE, thickness_mm=None))
    assert [order[index] for index in made.slices] == list(range(6))
    assert made.grid.spacing_mm[0] == pytest.approx(step)
    assert made.findings == ()


@settings(max_examples=30, deadline=None)
@given(st.floats(-np.pi, np.pi), st.floats(-1.2, 1.2), st.floats(-np.pi, np.pi))
def test_slices_of_any_direction_are_sorted_along_their_normal(yaw, pitch, roll):
    def about(angle, axes):
        turn = np.eye(3)
        turn[np.ix_(axes, axes)] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return turn

    columns, rows, normal = (about(yaw, (0, 1)) @ about(pitch, (1, 2)) @ about(roll, (0, 2))).T
    start = np.array([10.0, -20.0, 30.0])
    positions = np.array([start + normal * 2 * index for index in (2, 0, 1)])
    made = lattice(positions, replace(PLANE, axes=(*columns, *rows)))
    assert made.slices == (1, 2, 0)
    assert made.grid.affine[:3, 0] == pytest.approx(2 * normal, abs=1e-9)
    assert made.grid.affine[:3, 3] == pytest.approx(start)
    assert made.findings == ()


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even():
    heights = np.round(np.arange(40) * 0.625, 1)
    made = lattice(at(*heights), PLANE)
    assert made.findings == ()
    assert made.grid.spacing_mm[0] == pytest.approx(0.625, abs=0.003)


def test_a_missing_slice_is_filled_and_said():
    made = lattice(at(0, 2, 4, 8, 10), PLANE)
    assert made.grid.shape[0] == 6
    assert made.places.tolist() == [0, 1, 2, 2.5, 3, 4]
    assert made.is_resampled
    (finding,) = made.findings
    assert (finding.code, finding.gravity) == ("missing-slices", Gravity.WARNING)
    assert finding.message == (
        "1 slice is missing, the widest gap being 4.00 mm between slices 3 and 4 (2.00 mm elsewhere); filled linearly "
        "from the neighbours."
    )


def test_a_missing_slice_of_a_rounded_row_is_one_missing_slice():
    heights = np.delete(np.round(np.arange(40) * 0.625, 1), 17)
    made = lattice(at(*heights), PLANE)
    assert codes(made) == ["missing-slices"]
    assert made.grid.shape[0] == 40
    assert made.places[16:19].tolist() == [16, 16.5, 17]


def test_several_missing_slices_are_counted():
    made = lattice(at(0, 1, 2, 5, 6, 8, 9), PLANE)
    assert made.grid.shape[0] == 10
    assert "3 slices are missing, the widest gap being 3.00 mm between slices 3 and 4" in made.findings[0].message
    assert made.grid.spacing_mm[0] == pytest.approx(1)
    assert made.places == pytest.approx([0, 1, 2, 2 + 1 / 3, 2 + 2 / 3, 3, 4, 4.5, 5, 6])


@pytest.mark.parametrize(
    ("heights", "is_refused"),
    [
        ((0, 1, 2, 12, 13), False),
        ((0, 1, 2, 13, 14), True),
        ((0, 10, 20, 40, 50), False),
        ((0, 10, 20, 50, 60), True),
    ],
)
def test_a_wide_gap_is_refused(heights, is_refused):
    if is_refused:
        with pytest.raises(Irregular, match=r"slices are missing \(\d+.00 mm between slices 3 and 4 of 5"):
            lattice(at(*heights), PLANE)
    else:
        assert "missing-slices" in codes(lattice(at(*heights), PLANE))


def test_uneven_slices_are_resampled_and_said():
    made = lattice(at(0, 1, 2, 3, 4.5, 6, 7.5), PLANE)
    assert codes(made) == ["irregular-spacing"]
    assert made.findings[0].gravity is Gravity.WARNING
    assert "1.00 to 1.50 mm apart; they were resampled linearly to 0.94 mm" in made.findings[0].message
    heights = np.interp(made.places, np.arange(7), [0, 1, 2, 3, 4.5, 6, 7.5])
    assert heights == pytest.approx(np.linspace(0, 7.5, 9))
    assert made.grid.shape[0] == 9


def test_doubles_are_left_out_and_the_first_is_kept():
    made = lattice(at(4, 0, 2, 2, 0.005), PLANE)
    assert made.slices == (1, 2, 0)
    (finding,) = made.findings
    assert (finding.code, finding.gravity) == ("duplicate-slices", Gravity.WARNING)
    assert finding.message.startswith("2 slices lie where another one does and were left out")


def test_slices_a_little_apart_are_no_doubles():
    assert codes(lattice(at(0, 0.3, 0.6, 0.9), PLANE)) == []


@pytest.mark.parametrize("angle", [-21.0, 3.0, 30.0])
def test_a_tilted_gantry_makes_a_sheared_lattice(angle):
    slope = np.tan(np.radians(angle))
    positions = np.array([[-50, -80 + slope * 2 * n, 2.0 * n] for n in range(5)])
    made = lattice(positions, PLANE)
    (finding,) = made.findings
    assert (finding.code, finding.gravity) == ("gantry-tilt", Gravity.NOTE)
    assert f"tilted by {abs(angle):.1f} degrees" in finding.message
    assert made.grid.position_mm(np.array([[n, 0, 0] for n in range(5)])) == pytest.approx(positions)
    assert made.grid.voxel_ml == pytest.approx(2 * 0.7 * 0.8 / 1000)


def test_rounding_is_no_tilt():
    positions = at(0, 2, 4, 6)
    positions[-1, 1] += 0.05
    made = lattice(positions, PLANE)
    assert made.findings == ()
    assert made.grid.affine[:3, 0] == pytest.approx([0, 0, 2])


def test_a_tilted_series_with_a_gap_is_filled_along_the_tilt():
    positions = np.array([[0, 0.5 * n, 1.0 * n] for n in (0, 1, 3, 4)])
    made = lattice(positions, PLANE)
    assert codes(made) == ["gantry-tilt", "missing-slices"]
    assert made.grid.position_mm(np.array([2, 0, 0])) == pytest.approx([0, 1, 2])


def test_a_slice_that_is_shifted_sideways_is_refused():
    positions = at(0, 2, 4, 6)
    positions[2, 0] += 3
    with pytest.raises(Irregular, match=r"slice 3 of 4 is shifted sideways by 3.0 mm"):
        lattice(positions, PLANE)


@pytest.mark.parametrize("positions", [at(0), at(3, 3, 3)])
def test_one_slice_is_no_volume(positions):
    with pytest.raises(Irregular, match=r"it has one slice, and a volume has several"):
        lattice(positions, PLANE)


@pytest.mark.parametrize("axes", [(1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 0), (1, 0, 0, 0.1, 1, 0)])
def test_axes_that_are_none(axes):
    with pytest.raises(Irregular, match=r"do not stand at right angles"):
        lattice(at(0, 1), replace(PLANE, axes=axes))


@pytest.mark.parametrize(("step", "is_sparse"), [(2.0, False), (3.7, False), (3.8, True), (10.0, True)])
def test_slices_far_apart_are_noted(step, is_sparse):
    made = lattice(at(0, step, 2 * step), PLANE)
    assert codes(made) == (["sparse-slices"] if is_sparse else [])
    assert codes(lattice(at(0, step), replace(PLANE, thickness_mm=None))) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-300, 300), min_size=2, max_size=12))
def test_whatever_is_made_keeps_the_ends_and_mixes_neighbours_only(heights):
    try:
        made = lattice(at(*heights), PLANE)
    except Irregular:
        return
    assert made.grid.position_mm(np.array([0, 0, 0]))[2] == pytest.approx(min(heights), abs=0.02)
    top = made.grid.position_mm(np.array([made.grid.shape[0] - 1, 0, 0]))[2]
    assert top == pytest.approx(max(heights), abs=0.02)
    assert made.places.min() == 0
    assert made.places.max() == len(made.slices) - 1
    assert (np.diff(made.places) > 0).all()

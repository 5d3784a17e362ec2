"""The grid that a browser shows, and the way back from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import GridMismatch, ReadError
from hilum.geometry import PlaneGrid, PlaneOrientation, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.provenance import Step
from hilum.worklist.shown import MOST_PIXELS, Shown
from hilum.writers import write

DRAWN = Step("draw")
OBLIQUE = np.array([[0.1, 0.0, 0.8, -40.0], [0.2, 0.7, 0.05, 12.5], [2.5, -0.1, 0.0, 7.0], [0, 0, 0, 1]])


def labels_on(grid, seed=0, most=2) -> LabelMap:
    array = np.random.default_rng(seed).integers(0, most + 1, grid.shape, dtype=np.uint8)
    return LabelMap(array, grid, LUNGS if most == 2 else LESIONS, DRAWN)


@pytest.mark.parametrize(("shape", "step"), [((7, 11), 1), ((2048, 13), 1), ((2049, 13), 2), ((100, 4097), 3)])
def test_large_films_are_shown_at_a_fraction(shape, step):
    shown = Shown.of(PlaneGrid(shape, (0.2, 0.1)))
    assert shown.step == step
    assert max(shown.small.shape) <= MOST_PIXELS
    assert shown.small.spacing_mm == pytest.approx((0.2 * step, 0.1 * step))


def test_a_volume_is_shown_as_it_is():
    grid = VolumeGrid((7, 11, 3000), OBLIQUE)
    assert Shown.of(grid).small is grid


def test_pixels_are_means_of_what_they_stand_for():
    array = np.array([[0, 2, 10], [4, 6, 30]], dtype=np.uint16)
    image = Image(array, PlaneGrid((2, 3)), Quantity.RADIOGRAPH, DRAWN)
    made = Shown(image.grid, 2).image(image)
    np.testing.assert_array_equal(made.array, np.array([[3, 20]], dtype=np.uint16))
    assert made.array.dtype == np.uint16


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 4), st.integers(0, 99))
def test_what_was_not_drawn_on_stays_as_it_was(rows, columns, step, seed):
    before = labels_on(PlaneGrid((rows, columns)), seed)
    shown = Shown(before.grid, step)
    seen = shown.nearest(before.array)
    np.testing.assert_array_equal(shown.back(seen, before), before.array)
    drawn = seen.copy()
    drawn[0, 0] = (drawn[0, 0] + 1) % 3
    after = shown.back(drawn, before)
    np.testing.assert_array_equal(shown.nearest(after), drawn)
    assert (after[:step, :step] == drawn[0, 0]).all()
    after[:step, :step] = before.array[:step, :step]
    np.testing.assert_array_equal(after, before.array)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    "grid",
    [
        PlaneGrid((7, 11), (0.3, 0.2)),
        PlaneGrid((7, 11), None, orientation=PlaneOrientation("H", "R")),
        PlaneGrid((11, 7), (0.3, 0.2), orientation=PlaneOrientation("R", "F")),
        VolumeGrid((5, 7, 11), OBLIQUE),
    ],
)
def test_a_drawing_comes_back_on_its_own_pixels(grid, ending, tmp_path):
    labels = labels_on(grid)
    path = write(labels, tmp_path / f"drawn{ending}")
    np.testing.assert_array_equal(Shown.of(grid).read(path, LUNGS), labels.array)


def test_a_drawing_of_another_size_is_refused(tmp_path):
    path = write(labels_on(PlaneGrid((7, 11))), tmp_path / "drawn.nii.gz")
    with pytest.raises(GridMismatch, match="has 11x7x1 voxels, and the image that is shown has 11x8x1"):
        Shown.of(PlaneGrid((8, 11))).read(path, LUNGS)


def test_a_drawing_in_another_place_is_refused(tmp_path):
    moved = OBLIQUE.copy()
    moved[0, 3] += 5
    path = write(labels_on(VolumeGrid((5, 7, 11), moved)), tmp_path / "drawn.nii.gz")
    with pytest.raises(GridMismatch, match="A corner of the mask lies 5 mm from"):
        Shown.of(VolumeGrid((5, 7, 11), OBLIQUE)).read(path, LUNGS)


def test_a_mirrored_drawing_of_a_film_is_refused(tmp_path):
    path = write(labels_on(PlaneGrid((7, 11), orientation=PlaneOrientation("R", "F"))), tmp_path / "drawn.nii.gz")
    with pytest.raises(GridMismatch, match="A corner of the mask"):
        Shown.of(PlaneGrid((7, 11))).read(path, LUNGS)


def test_labels_that_mean_nothing_are_refused(tmp_path):
    path = write(labels_on(PlaneGrid((7, 11)), most=3), tmp_path / "drawn.nii.gz")
    with pytest.raises(ReadError, match="it holds the numbers 3"):
        Shown.of(PlaneGrid((7, 11))).read(path, LUNGS)


def test_a_picture_does_not_say_where_it_lies(tmp_path):
    path = write(labels_on(PlaneGrid((7, 11))), tmp_path / "drawn.png")
    with pytest.raises(GridMismatch, match="does not say where it lies"):
        Shown.of(PlaneGrid((7, 11))).read(path, LUNGS)

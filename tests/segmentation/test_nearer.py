"""Looks at each half of the lungs: where they lie, what they count, and who gets them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, LabelMap, Quantity
from hilum.preprocessing.ct import SliceWindow
from hilum.segmentation.ct_lesions import CORE, segment_ct_lesions
from hilum.segmentation.nearer import HALF_SIDE, LEAST_WEIGHT, Blend, halves_of
from hilum.segmentation.slices import Stack

from .volumes import CT, SIZE, boxes, ct, lesion_network, network


def stack(window=None):
    grid = VolumeGrid.of_spacing((3, 40, 44), (5.0, 2.0, 2.0))
    return Stack(grid, SliceWindow(4.0, 6.0, 72.0) if window is None else window, SIZE, np.arange(3))


def lung(first, end):
    made = np.zeros((3, SIZE, SIZE), dtype=bool)
    made[:, first:end, 5:-5] = True
    return made


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, SIZE - 1), rows=st.integers(1, SIZE), side=st.floats(7.0, 700.0))
def test_halves_lie_within_the_whole_and_cover_its_width(first, rows, side):
    whole = stack(SliceWindow(-3.0, 11.0, side))
    left, right = halves_of(whole, lung(first, first + rows))
    for window in (left.window, right.window):
        assert window.side_mm == pytest.approx(HALF_SIDE * side)
        assert whole.window.top_mm - 1e-6 <= window.top_mm
        assert window.top_mm + window.side_mm <= whole.window.top_mm + side + 1e-6
    assert left.window.left_mm == whole.window.left_mm
    assert right.window.left_mm + right.window.side_mm == pytest.approx(whole.window.left_mm + side)


def test_halves_are_as_high_up_as_the_lungs():
    whole = stack()
    top, bottom = (halves_of(whole, lung(*rows))[0].window for rows in ((0, 9), (55, 64)))
    assert top.top_mm == pytest.approx(whole.window.top_mm)
    assert bottom.top_mm + bottom.side_mm == pytest.approx(whole.window.top_mm + whole.window.side_mm)


@pytest.fixture
def blend():
    whole = stack()
    return Blend(whole, halves_of(whole, lung(10, 50)))


@pytest.mark.parametrize("chance", [0.0, 0.4, 1.0])
def test_looks_that_agree_are_left_as_they_are(blend, chance):
    same = np.full((4, SIZE, SIZE), chance, dtype=np.float32)
    np.testing.assert_allclose(blend(same, [same, same]), same, atol=0.004)


def test_a_half_counts_where_it_looks_and_less_towards_its_edge(blend):
    nothing, all_of_it = np.zeros((2, 4, SIZE, SIZE), dtype=np.float32) + np.array([0, 1])[:, None, None, None]
    made = blend(nothing, [all_of_it, nothing])
    row = SIZE // 2 - 2
    assert made[0, row, 8] == pytest.approx(0.5, abs=0.02)
    assert made[0, row, 0] < LEAST_WEIGHT + 0.05
    assert made[0, row, SIZE // 2] == pytest.approx(1 / 3, abs=0.02)
    assert not made[:, :, round(HALF_SIDE * SIZE) + 2 :].any()
    assert not nothing.any()


def of_lungs(labels, grid):
    return LabelMap(labels, grid, LUNGS, CT)


@pytest.mark.parametrize(
    ("quantity", "preset", "each"),
    [
        (Quantity.HOUNSFIELD, "standard", 2),
        (Quantity.HOUNSFIELD, "fast", 1),
        (Quantity.WINDOWED_CT, "standard", 6),
        (Quantity.WINDOWED_CT, "fast", 1),
    ],
)
def test_pictures_of_unknown_windows_are_looked_at_by_halves(quantity, preset, each):
    hounsfield, labels, grid = boxes()
    array = hounsfield if quantity is Quantity.HOUNSFIELD else np.clip((hounsfield + 1000) / 5.1, 0, 255)
    told = lesion_network()
    image = ct(array.astype(np.int16 if quantity is Quantity.HOUNSFIELD else np.uint8), grid, quantity)
    stage = segment_ct_lesions(image, of_lungs(labels, grid), told, preset=preset)
    looks = np.count_nonzero(labels.any(axis=(1, 2)))
    assert told.runtime.shown == each * looks
    assert stage.lesions.origin.settings["halves"] is (each == 6)


def graded(**thresholds):
    """A network of opacities as probable as the picture is bright there."""

    def answer(slices):
        opacity = np.clip(slices, 0.02, 0.98)
        return np.stack([1 - opacity, opacity, 0 * opacity, 0 * opacity], axis=1)

    channels = ("none", "ground-glass", "consolidation", "effusion")
    return network("ct-lesions", "lesions", channels, answer, {"consolidation": 0.5, "effusion": 0.5} | thresholds)


def graded_lungs(**parts):
    """Lungs of 8-bit grey, and in them parts of so much of 255."""
    _, labels, grid = boxes()
    grey = np.where(labels > 0, 5, 160).astype(np.uint8)
    for name, share in parts.items():
        grey[6:14, 12:28, {"right": slice(9, 17), "left": slice(30, 38)}[name]] = round(255 * share)
    return ct(grey, grid, Quantity.WINDOWED_CT), of_lungs(labels, grid)


def found_at(stage, column):
    return bool(stage.lesions.array[10, 20, column])


def test_what_is_nowhere_sure_is_no_lesion():
    image, lungs = graded_lungs(right=CORE - 0.05, left=CORE + 0.1)
    stage = segment_ct_lesions(image, lungs, graded(opacity=0.1))
    assert not found_at(stage, 13)
    assert found_at(stage, 34)


def test_a_threshold_above_the_core_is_the_only_one():
    image, lungs = graded_lungs(right=0.55, left=0.75)
    stage = segment_ct_lesions(image, lungs, graded(opacity=0.65))
    assert not found_at(stage, 13)
    assert found_at(stage, 34)


@pytest.mark.parametrize(("share", "edge"), [(0.35, 0.14), (0.5, 0.2), (0.7, 0.28), (0.9, CORE)])
def test_edges_are_drawn_higher_where_much_is_sure(share, edge):
    image, lungs = graded_lungs(right=share, left=share)
    stage = segment_ct_lesions(image, lungs, graded(opacity=0.1))
    assert stage.lesions.origin.settings["thresholds"]["opacity"] == pytest.approx(edge, abs=0.02)

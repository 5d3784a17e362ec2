"""The way from a volume to its looks and back, and morphology in three dimensions."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, LabelMap
from hilum.preprocessing.ct import whole_slice_window
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.segmentation.hounsfield import hounsfield_opacity
from hilum.segmentation.slices import Stack, looked_at, mean_step, put_back
from hilum.segmentation.solids import closed, opened, shared_out, shrunken, solids_of_at_least, swollen, voxels_of

from .volumes import CT, boxes, ct, lesion_network, lung_network


@given(st.integers(1, 400), st.floats(0.4, 10.0), st.floats(1.0, 6.0))
def test_looks_are_evenly_apart_and_hold_both_ends(count, spacing, apart):
    places = looked_at(VolumeGrid.of_spacing((count, 7, 11), (spacing, 1.0, 1.0)), apart)
    assert places[0] == 0
    assert places[-1] == count - 1
    steps = np.diff(places)
    assert (steps[:-1] == steps[:1]).all()
    if len(steps) > 1 and steps[0] > 1:
        assert abs(steps[0] * spacing - apart) <= spacing / 2 + 1e-9
    assert mean_step(places) == (pytest.approx((count - 1) / (len(places) - 1)) if count > 1 else 1.0)


def test_between_looks_maps_are_linear():
    grid = VolumeGrid.of_spacing((9, 8, 8), (1.0, 1.0, 1.0))
    stack = Stack(grid, whole_slice_window(grid), 8, np.array([1, 5, 7]))
    maps = np.zeros((1, 3, 8, 8), np.uint8)
    maps[0, 0], maps[0, 1], maps[0, 2] = 40, 200, 0
    made = put_back(maps, stack, lambda _, planes: planes[0])
    assert made[:, 4, 4].tolist() == [0, 40, 80, 120, 160, 200, 100, 0, 0]


def test_no_stage_holds_a_volume_of_floats():
    hounsfield, labels, grid = boxes((96, 256, 256), (1.25, 1.2, 1.2))
    image, lungs = ct(hounsfield, grid), LabelMap(labels, grid, LUNGS, CT)
    stages = (
        lambda: segment_ct_lungs(image, lung_network()),
        lambda: segment_ct_lesions(image, lungs, lesion_network()),
        lambda: hounsfield_opacity(image, lungs),
    )
    for stage in stages:
        tracemalloc.start()
        stage()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * hounsfield.size


masks = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((7, 11, 13)) < 0.3)
STEP = (3.0, 2.0, 2.0)


class TestSolids:
    @settings(max_examples=20, deadline=None)
    @given(masks, st.floats(0.0, 7.0))
    def test_opening_takes_closing_gives_and_shrinking_mirrors_swelling(self, mask, radius):
        assert not (opened(mask, radius, STEP) & ~mask).any()
        assert not (mask & ~closed(mask, radius, STEP)).any()
        np.testing.assert_array_equal(shrunken(mask, radius, STEP), ~swollen(~mask, radius, STEP))

    @pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (5.0, 1.0, 1.0), (1.0, 3.0, 3.0)])
    @pytest.mark.parametrize("radius", [4.0, 8.0, 12.0])
    def test_a_swollen_voxel_is_about_a_ball(self, spacing, radius):
        shape = tuple(2 * round(20 / step) + 1 for step in spacing)
        seed = np.ones(shape, bool)
        seed[tuple(side // 2 for side in shape)] = False
        distance = ndimage.distance_transform_edt(seed, sampling=spacing)
        made = swollen(~seed, radius, spacing)
        slack = max(spacing) + 0.3 * radius
        assert made[distance <= radius - slack].all()
        assert not made[distance > radius * 1.3 + slack].any()

    def test_small_parts_go(self):
        mask = np.zeros((5, 7, 9), bool)
        mask[1:3, 1:3, 1:3] = mask[4, 6, 8] = True
        assert np.count_nonzero(solids_of_at_least(mask, 2)) == 8
        assert not solids_of_at_least(mask, 9).any()

    def test_a_region_is_shared_by_nearness_within_it(self):
        region = np.zeros((1, 3, 11), bool)
        region[0, 1] = True
        first, second = np.zeros((2, 1, 3, 11), bool)
        first[0, 1, 0] = second[0, 1, 8] = True
        one, two = shared_out(region, first, second)
        assert np.flatnonzero(one[0, 1]).tolist() == [0, 1, 2, 3, 4]
        assert np.flatnonzero(two[0, 1]).tolist() == [5, 6, 7, 8, 9, 10]

    def test_least_volumes_become_areas_in_thin_stacks(self):
        assert voxels_of(1.0, 100.0, 200, (2.0, 1.0, 1.0)) == 500
        assert voxels_of(1.0, 100.0, 1, (2.0, 1.0, 1.0)) == 100

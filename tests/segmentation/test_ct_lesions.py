"""Lesions of a CT by a network: classes, thresholds, noise, orientation."""

import numpy as np
import pytest

from hilum.datasets.open import SPACING_ASSUMED
from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.segmentation import ct_lesions
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.segmentation.hounsfield import hounsfield_opacity

from .volumes import CT, ORDERS, boxes, ct, lesion_network, turned

PLANTED = {
    1: (slice(6, 12), slice(10, 20), slice(8, 18)),
    2: (slice(12, 18), slice(12, 24), slice(30, 40)),
    3: (slice(4, 8), slice(24, 31), slice(30, 40)),
}
DENSITY = {1: -600, 2: -310, 3: 0}


def of_lungs(labels, grid):
    return LabelMap(labels, grid, LUNGS, CT)


@pytest.fixture(scope="module")
def scan():
    hounsfield, labels, grid = boxes()
    truth = np.zeros_like(labels)
    for number, place in PLANTED.items():
        truth[place] = number
        hounsfield[place] = DENSITY[number]
    truth[labels == 0] = 0
    return ct(hounsfield, grid), of_lungs(labels, grid), truth


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def test_each_kind_is_found_where_it_is(scan):
    image, lungs, truth = scan
    found = segment_ct_lesions(image, lungs, lesion_network()).lesions
    least = {1: 0.8, 2: 0.65, 3: 0.8}  # the rim of a consolidation is less dense than what is inside
    for number in PLANTED:
        assert dice(found.array == number, truth == number) > least[number], number
    assert not (found.mask() & ~lungs.mask()).any()
    assert found.grid is image.grid


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_lesions_are_the_same_however_the_axes_lie(scan, order, flips):
    image, lungs, _ = scan
    plain = segment_ct_lesions(image, lungs, lesion_network()).lesions
    other = turned(image, order, flips)
    labels = other.volume.orientation.from_axial(lungs.array)
    found = segment_ct_lesions(other, of_lungs(labels, other.grid), lesion_network()).lesions
    np.testing.assert_array_equal(found.axial().array, plain.array)


@pytest.mark.parametrize(("threshold", "absent"), [("opacity", (1, 2)), ("consolidation", (2,)), ("effusion", (3,))])
def test_thresholds_are_the_cards(scan, threshold, absent):
    image, lungs, _ = scan
    found = segment_ct_lesions(image, lungs, lesion_network(**{threshold: 0.99})).lesions
    assert set(np.unique(found.array).tolist()) == {0, 1, 2, 3} - set(absent)


def test_the_maps_that_were_decided_upon_can_be_had(scan):
    image, lungs, _ = scan
    stage = segment_ct_lesions(image, lungs, lesion_network(), keep_probability=True)
    opacity = (stage.probability["opacity"] >= 128) & lungs.mask()
    effusion = (stage.probability["effusion"] >= 128) & lungs.mask()
    np.testing.assert_array_equal(opacity | effusion, stage.lesions.mask())
    assert segment_ct_lesions(image, lungs, lesion_network()).probability == {}


def test_specks_are_noise():
    hounsfield, labels, _ = boxes()
    grid = VolumeGrid.of_spacing(hounsfield.shape, (1.0, 1.5, 1.5))
    hounsfield[10, 15:17, 10:12] = -600  # 9 cubic millimetres
    hounsfield[12:18, 18:25, 32:39] = -600
    lesions = segment_ct_lesions(ct(hounsfield, grid), of_lungs(labels, grid), lesion_network()).lesions
    assert not lesions.array[:, 12:18, 8:14].any()
    assert lesions.array[15, 20, 35] == 1


def test_slices_without_lungs_are_not_looked_at():
    hounsfield, labels, grid = boxes()
    labels[:10] = 0
    network = lesion_network()
    segment_ct_lesions(ct(hounsfield, grid), of_lungs(labels, grid), network, preset="fast")
    assert network.runtime.shown == 24 - 10 - 3


def test_standard_looks_at_mirror_images_too_and_takes_the_mean(scan):
    image, lungs, _ = scan
    network = lesion_network()
    chances = np.where(np.arange(64) < 32, 0.9, 0.1)  # opacity in the left half of whatever it is shown

    def lopsided(slices):
        opacity = np.broadcast_to(chances, slices.shape)
        nothing = np.zeros_like(opacity)
        return np.stack([1 - opacity, opacity, nothing, nothing], axis=1)

    network.runtime.answer = lopsided
    once = segment_ct_lesions(image, lungs, network, preset="fast", keep_probability=True)
    shown = network.runtime.shown
    twice = segment_ct_lesions(image, lungs, network, keep_probability=True)
    assert network.runtime.shown - shown == 2 * shown
    both = [stage.probability["opacity"][10][lungs.array[10] > 0] for stage in (once, twice)]
    assert both[0].min() < 30
    assert both[0].max() > 225
    assert np.abs(both[1].astype(int) - 128).max() <= 2


def test_a_threshold_may_be_another_one_in_hounsfield_units(scan):
    image, lungs, truth = scan
    network = lesion_network(**{"opacity-hounsfield": 0.97})
    assert not segment_ct_lesions(image, lungs, network).lesions.mask("ground-glass", "consolidation").any()
    grey = np.clip((image.array.astype(float) + 1000) * 255 / 1300, 0, 255).astype(np.uint8)
    found = segment_ct_lesions(ct(grey, image.grid, Quantity.WINDOWED_CT), lungs, network).lesions
    inner = np.s_[:, 9:-9, 7:-7]  # the outermost voxels are half tissue, which this network takes for ground-glass
    assert dice(found.array[inner] == 1, truth[inner] == 1) > 0.8
    step = segment_ct_lesions(image, lungs, network).lesions.origin
    assert step.settings["thresholds"] == {"opacity": 0.97, "consolidation": 0.5, "effusion": 0.5}


def test_a_slice_alone_has_lesions(scan):
    image, lungs, truth = scan
    grid = VolumeGrid.of_spacing((1, *image.array.shape[1:]), (1.0, 5.0, 5.0))
    one = slice(8, 9)
    found = segment_ct_lesions(ct(image.array[one], grid), of_lungs(lungs.array[one], grid), lesion_network()).lesions
    assert dice(found.array == 1, truth[one] == 1) > 0.8


def test_no_lungs_no_lesions_to_look_for(scan):
    image, lungs, _ = scan
    with pytest.raises(ValueError, match="no lungs"):
        segment_ct_lesions(image, of_lungs(np.zeros_like(lungs.array), image.grid), lesion_network())


def test_lungs_of_another_grid_are_refused(scan):
    image, lungs, _ = scan
    with pytest.raises(GridMismatch):
        segment_ct_lesions(image, of_lungs(lungs.array, image.grid.flipped(0)), lesion_network())


def test_attenuation_is_no_ct(scan):
    image, lungs, _ = scan
    with pytest.raises(WrongQuantity, match="attenuation"):
        segment_ct_lesions(ct(image.array, image.grid, Quantity.ATTENUATION), lungs, lesion_network())


def test_smoothing_takes_what_is_on_one_look_only_and_keeps_what_is_on_three():
    maps = np.zeros((3, 7, 5, 5), dtype=np.uint8)
    maps[0, 3, 1, 1] = 255  # one look
    maps[0, 2:5, 3, 3] = 255  # three
    maps[1, 2:5, 3, 3] = 200
    ct_lesions._smooth(maps)
    assert maps[0, :, 1, 1].tolist() == [0, 0, 64, 128, 64, 0, 0]
    assert maps[0, :, 3, 3].tolist() == [0, 64, 191, 255, 191, 64, 0]
    assert np.abs(maps[1, 1:6, 3, 3].astype(int) - 200).max() <= 4
    assert not maps[2].any()


def test_smoothing_does_not_know_which_way_the_slices_run():
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 256, (3, 9, 7, 7), dtype=np.uint8)
    turned = maps[:, ::-1].copy()
    ct_lesions._smooth(maps)
    ct_lesions._smooth(turned)
    assert np.array_equal(maps, turned[:, ::-1])


class TestHeight:
    """What is flat where looks are near is no lesion."""

    def found(self, thick, spacing, slices=24):
        hounsfield, labels, grid = boxes(shape=(slices, 40, 48), spacing=(spacing, 5.0, 5.0))
        hounsfield[10 : 10 + thick, 10:20, 8:18] = -600
        image = ct(hounsfield, grid)
        return segment_ct_lesions(image, of_lungs(labels, grid), lesion_network()).lesions.mask("ground-glass")

    @pytest.mark.parametrize(("thick", "spacing", "is_there"), [(2, 1.5, False), (5, 1.5, True), (1, 5.0, True)])
    def test_a_flat_lesion_goes_where_that_can_be_told(self, thick, spacing, is_there):
        assert self.found(thick, spacing)[10 : 10 + thick].any() == is_there

    def test_a_part_counts_as_a_whole(self):
        lesion = np.zeros((9, 9, 9), bool)
        lesion[2:7, 2:4, 2:4] = True  # tall
        lesion[2, 2:8, 2:8] = True  # and flat beside it
        lesion[7:, 7:, 7:] = True  # two high
        kept = ct_lesions._large(lesion, lesion, 1, 3)
        assert kept.sum() == lesion.sum() - 8
        assert not kept[7:, 7:, 7:].any()
        assert ct_lesions._large(lesion, lesion, 1, 1).sum() == lesion.sum()
        assert ct_lesions._large(lesion, lesion, 20, 1).sum() == lesion.sum() - 8


@pytest.mark.parametrize("step", [0.05, 1.0, 40.0])
def test_a_picture_without_spacing_keeps_lesions_whatever_was_assumed(scan, step):
    image, lungs, truth = scan
    grid = VolumeGrid.of_spacing((1, *truth.shape[1:]), (1.0, step, step))
    picture = Image(image.array[10:11], grid, Quantity.HOUNSFIELD, CT, findings=(SPACING_ASSUMED,))
    found = segment_ct_lesions(picture, of_lungs(lungs.array[10:11], grid), lesion_network()).lesions
    assert dice(found.array == 1, truth[10:11] == 1) > 0.8
    by_density = hounsfield_opacity(picture, of_lungs(lungs.array[10:11], grid))
    assert dice(by_density.array > 0, truth[10:11] > 0) > 0.6

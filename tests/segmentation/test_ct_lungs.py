"""Lungs of a CT by a network: sides, stray parts, presets, orientation."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.datasets.open import SPACING_ASSUMED
from hilum.errors import ModelError, WrongQuantity
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import Image, Quantity
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.segmentation.scale import APART_MM, FIELD_MM, to_judge_by, usual_grid
from hilum.segmentation.two_lungs import tidy, without_holes

from .volumes import CT, ORDERS, boxes, ct, lung_network, turned


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.fixture(scope="module")
def scan():
    hounsfield, labels, grid = boxes()
    return ct(hounsfield, grid), labels


def test_each_lung_has_its_side(scan):
    image, labels = scan
    stage = segment_ct_lungs(image, lung_network())
    assert dice(stage.lungs.mask("right-lung"), labels == 1) > 0.93
    assert dice(stage.lungs.mask("left-lung"), labels == 2) > 0.93
    assert stage.lungs.grid is image.grid
    assert stage.probability is None


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_lungs_are_the_same_however_the_axes_lie(scan, order, flips):
    image, _ = scan
    plain = segment_ct_lungs(image, lung_network()).lungs
    found = segment_ct_lungs(turned(image, order, flips), lung_network()).lungs
    assert found.array.shape == tuple(image.array.shape[axis] for axis in order)
    np.testing.assert_array_equal(found.axial().array, plain.array)
    assert found.volume.axial.same_as(image.volume)


def test_the_map_that_was_decided_upon_can_be_had(scan):
    image, _ = scan
    stage = segment_ct_lungs(turned(image, (2, 1, 0), (True, False, True)), lung_network(), keep_probability=True)
    np.testing.assert_array_equal(stage.probability >= 128, stage.lungs.mask())


def in_a_block(spacing):
    """Two lungs in a block of tissue: nothing else is dark."""
    hounsfield, labels, grid = boxes(spacing=(spacing, 5.0, 5.0))
    return np.where(labels > 0, hounsfield, np.int16(30)), labels, grid


@pytest.mark.parametrize(
    ("preset", "spacing", "first", "second"),
    [
        ("standard", 4.0, 24, 20),
        ("fast", 4.0, 24, 20),
        ("fast", 1.0, 6, 6),
        ("standard", 1.0, 6, 13),
        ("standard", 0.5, 4, 9),
    ],
)
def test_presets_look_at_slices_so_far_apart(preset, spacing, first, second):
    hounsfield, _, grid = in_a_block(spacing)
    network = lung_network()
    segment_ct_lungs(ct(hounsfield, grid), network, preset=preset)
    assert network.runtime.shown == first + second


def shown_to(network):
    """What the network is shown, as it is shown."""
    seen, answer = [], network.runtime.answer

    def watched(slices):
        seen.extend(slices)
        return answer(slices)

    network.runtime.answer = watched
    return seen


def test_the_second_look_is_nearer_to_the_lungs():
    hounsfield, labels, grid = in_a_block(4.0)
    network = lung_network()
    seen = shown_to(network)
    found = segment_ct_lungs(ct(hounsfield, grid), network).lungs
    dark = [np.count_nonzero((look > 0.05) & (look < 0.4)) for look in seen]
    assert max(dark[24:]) > 1.2 * max(dark[:24])
    assert dice(found.mask(), labels > 0) > 0.95


def test_lungs_that_the_second_look_does_not_find_are_those_of_the_first():
    hounsfield, labels, grid = in_a_block(4.0)
    network = lung_network()
    answer = network.runtime.answer
    network.runtime.answer = lambda slices: answer(slices if network.runtime.shown <= 24 else np.ones_like(slices))
    found = segment_ct_lungs(ct(hounsfield, grid), network).lungs
    assert network.runtime.shown == 24 + 20
    assert dice(found.mask(), labels > 0) > 0.9


def test_the_second_look_is_no_nearer_than_the_network_knows():
    hounsfield, labels, grid = in_a_block(4.0)
    labels[:, :, :18], labels[:, :, 31:] = 0, 0
    labels[:, 24:] = 0
    hounsfield[labels == 0] = 30
    network = lung_network()
    seen = shown_to(network)
    segment_ct_lungs(ct(hounsfield, grid), network)
    dark = [np.count_nonzero((look > 0.05) & (look < 0.4)) for look in seen]
    assert max(dark[:24]) < max(dark[24:]) < 4 * max(dark[:24])


def test_where_one_lung_alone_is_found_the_second_look_is_as_wide_as_the_first():
    hounsfield, labels, grid = in_a_block(4.0)
    hounsfield[labels == 2] = 30
    network = lung_network()
    seen = shown_to(network)
    found = segment_ct_lungs(ct(hounsfield, grid), network).lungs
    dark = [np.count_nonzero((look > 0.05) & (look < 0.4)) for look in seen]
    assert max(dark[24:]) == max(dark[:24])
    assert dice(found.mask(), labels == 1) > 0.9


def test_between_looks_outlines_are_interpolated():
    hounsfield, labels, grid = boxes(shape=(48, 40, 48), spacing=(1.0, 5.0, 5.0))
    found = segment_ct_lungs(ct(hounsfield, grid), lung_network(), preset="fast").lungs
    assert dice(found.mask(), labels > 0) > 0.9
    assert (found.array[10:40].any(axis=(1, 2))).all()


def test_a_single_slice_has_lungs():
    hounsfield, labels, _ = boxes()
    grid = VolumeGrid.of_spacing((1, *hounsfield.shape[1:]), (1.0, 5.0, 5.0))
    found = segment_ct_lungs(ct(hounsfield[10:11], grid), lung_network()).lungs
    assert dice(found.mask("left-lung"), labels[10:11] == 2) > 0.93


def test_pictures_of_ct_are_seen_as_they_are(scan):
    image, labels = scan
    grey = np.clip((image.array.astype(float) + 1000) * 255 / 1300, 0, 255).astype(np.uint8)
    found = segment_ct_lungs(ct(grey, image.grid, Quantity.WINDOWED_CT), lung_network()).lungs
    assert dice(found.mask(), labels > 0) > 0.93


def test_no_lungs_are_an_empty_map_and_not_looked_for_twice(scan):
    image, _ = scan
    network, told = lung_network(), []
    nothing = ct(np.full(image.array.shape, 40, np.int16), image.grid)
    found = segment_ct_lungs(nothing, network, progress=lambda *each: told.append(each)).lungs
    assert not found.array.any()
    assert network.runtime.shown == len(image.array)
    assert told == [("lungs", 1, 1)]


def test_a_film_is_no_ct():
    film = Image(np.zeros((7, 11), np.uint8), PlaneGrid((7, 11)), Quantity.RADIOGRAPH, CT)
    with pytest.raises(WrongQuantity, match="radiograph"):
        segment_ct_lungs(film, lung_network())


def test_pictures_have_no_classical_lungs(scan):
    image, _ = scan
    grey = ct(np.zeros(image.array.shape, np.uint8), image.grid, Quantity.WINDOWED_CT)
    with pytest.raises(WrongQuantity, match="hounsfield"):
        segment_ct_lungs(grey, method="classical")


def test_a_failing_network_fails_the_stage(scan):
    network = lung_network()
    network.runtime.answer = lambda _: (_ for _ in ()).throw(ModelError("It is broken."))
    with pytest.raises(ModelError, match="broken"):
        segment_ct_lungs(scan[0], network)


def test_progress_is_told_to_the_end(scan):
    told = []
    segment_ct_lungs(scan[0], lung_network(), progress=lambda *each: told.append(each))
    assert told[-1] == ("lungs", 6, 6)
    assert [done for _, done, _ in told] == list(range(1, 7))


STEP = (5.0, 4.0, 4.0)


def seen(labels):
    return np.stack([labels == 1, labels == 2]).astype(np.uint8) * np.uint8(250)


class TestTidy:
    def test_stray_parts_go_and_bits_join_the_lung_they_touch(self):
        _, labels, _ = boxes()
        wrong = labels.copy()
        wrong[0:2, 1:4, 40:46] = 1  # stray
        wrong[10:13, 12:16, 10:14] = 2  # left within the right lung
        chance, right = tidy(seen(wrong), STEP)
        assert not chance[0:2, 1:4, 40:46].any()
        lung = chance >= 128
        np.testing.assert_array_equal(lung & (right >= 128), labels == 1)
        np.testing.assert_array_equal(lung & (right < 128), labels == 2)

    def test_the_right_lung_is_the_one_at_the_patients_right(self):
        _, labels, _ = boxes()
        crossed = np.where(labels > 0, 3 - labels, 0)
        chance, right = tidy(seen(crossed), STEP)
        np.testing.assert_array_equal((chance >= 128) & (right >= 128), labels == 1)

    def test_one_lung_alone_keeps_its_side(self):
        _, labels, _ = boxes()
        chance, right = tidy(seen(np.where(labels == 2, labels, 0)), STEP)
        np.testing.assert_array_equal(chance >= 128, labels == 2)
        assert not (right[labels == 2] >= 128).any()

    @pytest.mark.parametrize("side", [1, 2])
    def test_a_scrap_within_one_lung_is_not_the_other_one(self, side):
        labels = np.zeros((12, 40, 60), np.uint8)
        labels[1:11, 4:36, 4:40] = side
        labels[3:9, 12:24, 30:38] = 3 - side  # within it, near its inner border
        lung, right = tidy(seen(labels), STEP)
        assert (lung[labels > 0] >= 128).all()
        assert set(np.unique(right[labels > 0])) == {255 if side == 1 else 0}

    def test_a_fifth_of_one_lung_along_its_border_is_not_the_other_one(self):
        labels = np.zeros((12, 40, 60), np.uint8)
        labels[1:11, 4:36, 4:40] = 1
        labels[1:11, 4:36, 33:40] = 2
        assert 0.2 < np.count_nonzero(labels == 2) / np.count_nonzero(labels == 1) < 0.3
        _, right = tidy(seen(labels), STEP)
        assert (right[labels > 0] == 255).all()

    def test_a_small_lung_that_only_touches_the_other_one_stays(self):
        labels = np.zeros((12, 40, 60), np.uint8)
        labels[:, 2:38, 2:38] = 1
        labels[:, 10:22, 40:54] = 2
        labels[5:7, 10:12, 38:40] = 2
        assert np.count_nonzero(labels == 2) < 0.15 * np.count_nonzero(labels == 1)
        _, right = tidy(seen(labels), STEP)
        assert (right[labels == 2] == 0).all()

    def test_vessels_are_filled_and_the_liver_is_not(self):
        lung = np.zeros((12, 60, 60), bool)
        lung[1:-1, 5:-5, 5:-5] = True
        lung[4, 10:13, 10:13] = False  # enclosed
        lung[:, 30:33, 30:33] = False  # a vessel that runs through
        lung[:5, 36:50, 36:50] = False  # a dome open below
        made = without_holes(lung, STEP)
        assert made[4, 10:13, 10:13].all()
        assert made[5, 30:33, 30:33].all()
        assert not made[2, 38:48, 38:48].any()


def unscaled(hounsfield, step):
    """A picture of one slice, of which nobody knows the spacing: ``step`` is what was assumed."""
    plane = hounsfield[12:13]
    grid = VolumeGrid.of_spacing(plane.shape, (1.0, step, step))
    return Image(plane, grid, Quantity.HOUNSFIELD, CT, findings=(SPACING_ASSUMED,))


@pytest.mark.parametrize("step", [0.01, 0.3, 1.0, 40.0])
@pytest.mark.parametrize("method", ["network", "classical"])
def test_a_picture_without_spacing_is_not_judged_by_the_spacing_that_was_assumed(method, step):
    hounsfield, labels, _ = boxes()
    network = lung_network() if method == "network" else None
    found = segment_ct_lungs(unscaled(hounsfield, step), network, method=method).lungs
    assert dice(found.mask("right-lung"), labels[12:13] == 1) > 0.9
    assert dice(found.mask("left-lung"), labels[12:13] == 2) > 0.9
    assert found.volume.spacing_mm == pytest.approx((1.0, step, step))


def test_a_stated_spacing_is_judged_by():
    hounsfield, _, _ = boxes()
    image = replace(unscaled(hounsfield, 0.3), findings=())
    assert not segment_ct_lungs(image, lung_network()).lungs.mask().any()


@pytest.mark.parametrize("shape", [(1, 7, 11), (13, 11, 7), (2, 512, 512)])
def test_the_grid_to_judge_by_is_as_large_as_a_chest(shape):
    grid = VolumeGrid.of_spacing(shape, (1.0, 2.0, 3.0))
    made = usual_grid(grid)
    deep, high, wide = made.spacing_mm
    assert made.shape == shape
    assert deep == APART_MM
    assert high / wide == pytest.approx(2 / 3)
    assert max(high * shape[1], wide * shape[2]) == pytest.approx(FIELD_MM)


def test_an_image_to_scale_is_judged_by_its_own_grid():
    hounsfield, _, grid = boxes()
    image = ct(hounsfield, grid)
    assert to_judge_by(image) is image
    assert image.is_to_scale

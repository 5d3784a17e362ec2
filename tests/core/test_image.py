"""Images and label maps: pixels that keep their grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.errors import WrongQuantity
from hilum.geometry import PlaneGrid, PlaneOrientation, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import Source

SOURCE = Source("film.png", "0" * 64)
TURNED = PlaneGrid((7, 11), (0.2, 0.3), orientation=PlaneOrientation("F", "R"))


def image(array, grid=None, quantity=Quantity.RADIOGRAPH, **fields):
    return Image(array, grid or PlaneGrid(array.shape), quantity, SOURCE, **fields)


def labels(array, grid=None, names=LUNGS):
    array = np.asarray(array, dtype=np.uint8)
    return LabelMap(array, grid or PlaneGrid(array.shape), names, SOURCE)


def volume_grid(shape=(3, 7, 11)):
    return VolumeGrid.of_spacing(shape, (2.5, 0.7, 0.8))


def test_pixels_are_read_only_and_the_callers_array_is_not():
    array = np.zeros((7, 11))
    made = image(array)
    with pytest.raises(ValueError, match=r"read-only"):
        made.array[0, 0] = 1
    array[0, 0] = 1
    assert array.flags.writeable


@pytest.mark.parametrize("shape", [(7, 11), (11, 7, 1), (7,)])
def test_pixels_that_do_not_fit_the_grid(shape):
    with pytest.raises(ValueError, match=r"does not fit a grid of shape \(11, 7\)"):
        image(np.zeros(shape), PlaneGrid((11, 7)))


def test_a_quantity_is_required():
    made = image(np.zeros((7, 11)))
    assert made.require(Quantity.RADIOGRAPH) is None
    with pytest.raises(
        WrongQuantity, match=r"An image of hounsfield values is needed here, and this one holds radiograph"
    ):
        made.require(Quantity.HOUNSFIELD)


def test_a_film_is_no_volume():
    assert image(np.zeros((7, 11))).plane == PlaneGrid((7, 11))
    with pytest.raises(WrongQuantity, match=r"A film is needed here, and this is a volume"):
        _ = image(np.zeros((3, 7, 11)), volume_grid()).plane


def test_upright_turns_pixels_and_grid_together_and_keeps_the_rest():
    finding = Finding("not-a-film", Gravity.ERROR, "It is not.")
    array = np.arange(77).reshape(7, 11)
    made = image(array, TURNED, view="PA", findings=(finding,))
    turned = made.upright()
    assert turned.array.shape == turned.grid.shape == (11, 7)
    assert np.array_equal(TURNED.orientation.from_upright(turned.array), array)
    assert (turned.view, turned.findings, turned.origin) == ("PA", (finding,), SOURCE)
    assert np.array_equal(turned.upright().array, turned.array)


def test_a_copy_with_other_pixels_is_checked_again():
    with pytest.raises(ValueError, match=r"does not fit"):
        replace(image(np.zeros((7, 11))), array=np.zeros((7, 12)))


# Label maps


def test_pixels_are_counted():
    made = labels([[0, 1, 1], [2, 2, 2]])
    assert made.pixels("right-lung") == 2
    assert made.pixels("left-lung") == 3


@given(hnp.arrays(np.uint8, (3, 7, 11), elements=st.integers(0, 3)))
def test_counts_and_masks_agree(array):
    made = labels(array, volume_grid(), LESIONS)
    for number, label in LESIONS.items():
        assert made.number(label.name) == number
        assert made.pixels(label.name) == np.count_nonzero(array == number) == made.mask(label.name).sum()
    assert np.array_equal(made.mask(), array > 0)
    assert np.array_equal(made.mask("ground-glass", "consolidation"), (array == 1) | (array == 2))


def test_a_number_without_a_name():
    with pytest.raises(ValueError, match=r"holds \[3, 9\], and its labels name \[1, 2\]"):
        labels([[0, 1, 3, 9]])


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, bool, np.float32])
def test_labels_are_bytes(dtype):
    with pytest.raises(ValueError, match=r"holds uint8 numbers, not"):
        LabelMap(np.zeros((7, 11), dtype), PlaneGrid((7, 11)), LUNGS, SOURCE)


def test_labels_that_do_not_fit_the_grid():
    with pytest.raises(ValueError, match=r"does not fit"):
        labels(np.zeros((7, 11)), PlaneGrid((11, 7)))


def test_an_unknown_structure():
    with pytest.raises(ValueError, match=r"no structure 'heart' here, only \['right-lung', 'left-lung'\]"):
        labels([[1]]).mask("heart")


def test_labels_cannot_be_changed():
    names = dict(LUNGS)
    made = labels([[0, 1]], names=names)
    names.clear()
    assert made.number("right-lung") == 1
    with pytest.raises(TypeError):
        made.labels[3] = made.labels[1]
    with pytest.raises(ValueError, match=r"read-only"):
        made.array[0, 0] = 1


def test_upright_labels_keep_their_counts():
    array = np.zeros((7, 11), np.uint8)
    array[0, :4], array[5:, 10] = 1, 2
    turned = labels(array, TURNED).upright()
    assert turned.grid == TURNED.upright
    assert (turned.pixels("right-lung"), turned.pixels("left-lung")) == (4, 2)
    assert np.array_equal(turned.array, TURNED.orientation.to_upright(array))


def test_labels_that_are_upright_come_back_as_they_are():
    made = labels([[0, 1], [2, 0]])
    assert made.upright() is made


def test_upright_is_for_films():
    with pytest.raises(WrongQuantity, match=r"this is a volume"):
        labels(np.zeros((3, 7, 11)), volume_grid()).upright()


@pytest.mark.parametrize("names", [LUNGS, LESIONS])
def test_structures_have_distinct_names_codes_and_colours(names):
    assert len({label.name for label in names.values()}) == len(names)
    assert len({label.code.value for label in names.values()}) == len(names)
    assert len({label.colour for label in names.values()}) == len(names)
    assert all(label.code.scheme in ("SCT", "DCM") for label in names.values())


def test_numbers_that_outputs_rely_on():
    assert {number: label.name for number, label in LUNGS.items()} == {1: "right-lung", 2: "left-lung"}
    assert [LESIONS[number].name for number in (1, 2, 3)] == ["ground-glass", "consolidation", "effusion"]

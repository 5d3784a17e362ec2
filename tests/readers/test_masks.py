"""Masks of other tools: every number is known, or named in the refusal."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from hilum.errors import ReadError, UnsupportedFormat
from hilum.image import LOBES, LUNGS
from hilum.readers import read, read_labels


@pytest.fixture
def mask(put):
    """A maker of NIfTI masks with the given numbers along the first axis."""

    def make(*numbers: float, kind=np.uint8, slope: float = 1.0) -> object:
        array = np.zeros((7, 5, 3), dtype=kind)
        array[: len(numbers)] = np.array(numbers, dtype=kind)[:, None, None]
        image = nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 2.0, 1.0]), dtype=kind)
        image.header.set_slope_inter(slope, 0)
        return put("mask.nii", image.to_bytes())

    return make


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_numbers_of_any_kind(mask, kind):
    made = read_labels(mask(0, 1, 2, kind=kind), LUNGS)
    assert made.array.dtype == np.uint8
    assert made.array[0, 0].tolist() == [0, 1, 2, 0, 0, 0, 0]
    assert (made.pixels("right-lung"), made.pixels("left-lung")) == (15, 15)


def test_lies_where_the_volume_lies(mask):
    path = mask(0, 1, 2)
    assert read_labels(path, LUNGS).volume.same_as(read(path).volume)


def test_a_mapping_renames_merges_and_leaves_out(mask):
    made = read_labels(mask(10, 11, 12, 40, -3, kind=np.int16), LUNGS, {10: 2, 11: 2, 12: 1, 40: 0, -3: 1})
    assert made.array[0, 0].tolist() == [2, 2, 1, 0, 1, 0, 0]


def test_unknown_numbers_are_named_with_the_nearest(mask):
    with pytest.raises(ReadError) as caught:
        read_labels(mask(1, 6, 9), LOBES)
    assert str(caught.value).endswith(
        "it holds the numbers 6, 9, which mean nothing here; the nearest that do: 5; all that do: 0, 1, 2, 3, 4, 5. "
        "Say what they mean."
    )


def test_many_unknown_numbers_are_counted(mask, put):
    image = nibabel.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4))
    with pytest.raises(ReadError, match="the numbers 3, 4, 5, 6, 7, 8, 9, 10 and 16 more, which"):
        read_labels(put("a.nii", image.to_bytes()), LUNGS)


def test_fractions_are_no_mask(mask):
    with pytest.raises(UnsupportedFormat, match="it holds fractions, as maps of probability do"):
        read_labels(mask(0.5, 1, kind=np.float32), LUNGS)


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_numbers_that_are_none(mask, number):
    with pytest.raises(ReadError, match="it is no mask"):
        read_labels(mask(number, 1, kind=np.float32), LUNGS)


def test_scaled_masks(mask):
    assert read_labels(mask(2, 4, kind=np.int16, slope=0.5), LUNGS).array[0, 0, :2].tolist() == [1, 2]


def test_scaled_fractions_are_no_mask(mask):
    with pytest.raises(UnsupportedFormat, match="it holds fractions"):
        read_labels(mask(100, 255, kind=np.uint8, slope=1 / 255), LUNGS)


def test_numbers_rounded_by_arithmetic_are_whole(mask):
    made = read_labels(mask(0, 0.99999, 2.00001, kind=np.float32), LUNGS)
    assert made.array[0, 0, :3].tolist() == [0, 1, 2]


def test_a_mapping_to_what_is_no_structure(mask):
    with pytest.raises(ValueError, match=r"the mapping leads to \[7\], and the labels are \[1, 2\]"):
        read_labels(mask(1), LUNGS, {1: 7})


def test_the_mask_of_a_film(put, made):
    picture = np.zeros((6, 8), np.uint8)
    picture[:, :4], picture[:, 5:] = 1, 2
    film = read_labels(put("a.png", made.saved(picture, "PNG")), LUNGS)
    assert np.array_equal(film.array, picture)
    assert film.plane.shape == (6, 8)


def test_a_colour_picture_is_no_mask(put, made):
    picture = np.random.default_rng(1).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    with pytest.raises(UnsupportedFormat, match="it is a colour picture"):
        read_labels(put("a.png", made.saved(picture, "PNG")), LUNGS)


def test_other_files_are_no_masks(put, made):
    with pytest.raises(UnsupportedFormat, match="Masks are read from NIfTI, NRRD, MetaImage, PNG, TIFF, BMP"):
        read_labels(put("a.jpg", made.saved(made.ramp(), "JPEG")), LUNGS)


def test_the_mapping_is_remembered(mask):
    origin = read_labels(mask(5, 5), LUNGS, {5: 1}).origin
    assert (origin.operation, dict(origin.settings)) == ("read-labels", {"0": 0, "5": 1})

"""Folders of 8-bit slices: a CT that says that it is none of Hounsfield units."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.image import Quantity
from hilum.readers import read_slices, slice_folders
from hilum.settings import ReadSettings

STEP = (5.0, 0.7, 0.8)


@pytest.fixture
def folder(put, made, tmp_path):
    """Eleven slices whose names sort otherwise as text; each holds its own number."""
    for number in range(1, 12):
        put(f"ct/slice{number}.png", made.saved(np.full((6, 8), number, np.uint8), "PNG"))
    put("ct/notes.txt", b"passed over")
    return tmp_path / "ct"


@pytest.mark.parametrize(
    ("first", "numbers"), [("head", range(11, 0, -1)), ("feet", range(1, 12)), (None, range(11, 0, -1))]
)
def test_slices_run_towards_the_head(folder, first, numbers):
    scan = read_slices(folder, spacing_mm=STEP, first=first)
    assert scan.quantity is Quantity.WINDOWED_CT
    assert scan.array[:, 0, 0].tolist() == list(numbers)
    assert scan.volume.spacing_mm == STEP
    assert scan.volume.orientation.is_axial


def test_the_assumed_direction_is_told_unless_it_was_given(folder):
    assert [f.code for f in read_slices(folder, spacing_mm=STEP).findings] == [
        "orientation-assumed",
        "contrast-unknown",
    ]
    assert [f.code for f in read_slices(folder, spacing_mm=STEP, first="head").findings] == ["contrast-unknown"]


def test_remembers_every_slice(folder):
    origin = read_slices(folder, spacing_mm=STEP).origin
    assert [source.name for source in origin.inputs] == [f"slice{n}.png" for n in range(1, 12)]


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, -1, 1), (1, np.nan, 1)])
def test_a_spacing_must_be_one(folder, spacing):
    with pytest.raises(ValueError, match="three positive numbers"):
        read_slices(folder, spacing_mm=spacing)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (np.zeros((6, 9), np.uint8), "it has 9x6 pixels, and the first slice 8x6"),
        (np.zeros((6, 8), np.uint16), "its values are uint16, and slices are read with 8 bits"),
        (np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8), "it is a colour picture"),
    ],
)
def test_a_slice_that_does_not_belong(folder, put, made, picture, sentence):
    put("ct/slice12.png", made.saved(picture, "PNG"))
    with pytest.raises(UnsupportedFormat, match=sentence):
        read_slices(folder, spacing_mm=STEP)


def test_a_file_that_is_no_picture(folder, put):
    put("ct/slice12.png", b"words")
    with pytest.raises(NotAnImage, match="it is no PNG, JPEG, TIFF or BMP picture"):
        read_slices(folder, spacing_mm=STEP)


def test_a_stack_over_the_limit(folder):
    with pytest.raises(ReadError, match=r"states 8x6x11 voxels .* limit is 0 megavoxels"):
        read_slices(folder, spacing_mm=STEP, settings=ReadSettings(max_megavoxels=0))


def test_folders_without_pictures_or_none(tmp_path):
    with pytest.raises(NotAnImage, match="holds no PNG, JPEG, TIFF or BMP files to stack"):
        read_slices(tmp_path, spacing_mm=STEP)
    with pytest.raises(ReadError, match="Cannot list the folder"):
        read_slices(tmp_path / "gone", spacing_mm=STEP)


def test_entries_are_named_like_their_folders(folder):
    entry = slice_folders([folder], spacing_mm=STEP)[0]
    assert entry.name == "ct"
    assert entry.open().array.shape == (11, 6, 8)
    with pytest.raises(ReadError, match="is no folder; --slices takes folders of pictures"):
        slice_folders([folder / "notes.txt"], spacing_mm=STEP)

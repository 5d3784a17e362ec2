"""TIFF in all depths, compressions and interpretations."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings


def load(made, data):
    return read_content(made.content(data), ReadSettings())


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_keeps_its_depth(made, dtype, order, compression):
    picture = made.ramp(top=np.iinfo(dtype).max, dtype=dtype)
    film = load(made, made.tiff(picture, byteorder=order, compression=compression))
    assert film.array.dtype == np.dtype(dtype)
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        ("1", "group4"),
        *((mode, name) for mode in ("L", "I;16") for name in ("tiff_lzw", "packbits", "tiff_adobe_deflate")),
    ],
)
def test_compressions_through_pillow(made, mode, compression):
    picture = {"1": made.ramp() > 99, "L": made.ramp(), "I;16": made.ramp(top=60000, dtype=np.uint16)}[mode]
    film = load(made, made.saved(picture, "TIFF", compression=compression))
    expected = picture.astype(np.uint8) * 255 if mode == "1" else picture
    assert np.array_equal(film.array, expected)


def test_jpeg_inside_tiff(made):
    film = load(made, made.saved(made.ramp(), "TIFF", "RGB", compression="jpeg", quality=98))
    assert np.abs(film.array.astype(int) - made.ramp()).max() <= 4


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.int16([[-5, 3], [7, 300]]), np.float32([[-5, 3], [7, 300]])),
        (np.int16([[5, 3], [7, 300]]), np.uint16([[5, 3], [7, 300]])),
        (np.uint32([[5, 3], [7, 90_000]]), np.float32([[5, 3], [7, 90_000]])),
        (np.float32([[0.5, np.nan], [-2, np.inf]]), np.float32([[0.5, -2], [-2, -2]])),
        (np.float64([[0.5, 1], [2, 4]]), np.float32([[0.5, 1], [2, 4]])),
    ],
)
def test_other_numbers_become_the_nearest_type(made, samples, expected):
    film = load(made, made.tiff(samples))
    assert film.array.dtype == expected.dtype
    assert np.array_equal(film.array, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero_is_turned_over(made, dtype, compression):
    picture = made.ramp(top=200, dtype=dtype)
    film = load(made, made.tiff(picture, photometric="miniswhite", compression=compression))
    assert np.array_equal(film.array, np.iinfo(dtype).max - picture)


def test_white_is_zero_of_sixteen_bits_through_pillow(made):
    picture = made.ramp(top=4095, dtype=np.uint16)
    data = made.saved(picture, "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    assert np.array_equal(load(made, data).array, 65535 - picture)


def test_white_is_zero_of_floats(made):
    film = load(made, made.tiff(np.float32([[0, 1], [2, 5]]), photometric="miniswhite"))
    assert np.array_equal(film.array, [[5, 4], [3, 0]])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_sixteen_bit_colour_keeps_its_depth(made, planar):
    grey = made.ramp(top=4095, dtype=np.uint16)
    stacked = np.dstack([grey] * 3) if planar == "contig" else np.stack([grey] * 3)
    film = load(made, made.tiff(stacked, photometric="rgb", planarconfig=planar))
    assert np.array_equal(film.array, grey)


@pytest.mark.parametrize(("kind", "expected"), [("unassalpha", 50), ("assocalpha", 100), ("unspecified", 100)])
def test_opacity_is_multiplied_in_unless_it_has_been(made, kind, expected):
    samples = np.zeros((7, 11, 4), np.uint8)
    samples[..., :3], samples[..., 3] = 100, 128
    film = load(made, made.tiff(samples, photometric="rgb", extrasamples=[kind]))
    assert set(film.array.ravel().tolist()) == {expected}


def test_palette(made):
    colours = np.repeat(np.arange(255, -1, -1, dtype=np.uint16)[None] * 257, 3, axis=0)
    film = load(made, made.tiff(made.ramp(), photometric="palette", colormap=colours))
    assert np.array_equal(film.array, (255 - made.ramp().astype(np.uint16)) * 257)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_turns_the_grid_and_not_the_pixels(made, orientation, compression):
    picture = made.ramp((35, 21))
    film = load(made, made.saved(picture, "TIFF", compression=compression, tiffinfo={274: orientation}))
    assert np.array_equal(film.array, picture)
    assert not film.plane.orientation.is_upright


def test_several_pages_are_refused(made):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for _ in range(3):
            writer.write(made.ramp(), contiguous=False)
    with pytest.raises(UnsupportedFormat, match=r"TIFF file holds several pictures, and a film is one"):
        load(made, buffer.getvalue())


@pytest.mark.parametrize("options", [{"imagej": True}, {"volumetric": True, "tile": (16, 16, 16)}])
def test_a_stack_under_one_page_is_refused(made, options):
    stack = np.stack([made.ramp((32, 48))] * 16)
    with pytest.raises(UnsupportedFormat, match=r"several pictures"):
        load(made, made.tiff(stack, **options))


def test_a_preview_beside_the_picture_does_not_count(made):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(made.ramp()[::4, ::4], subfiletype=1, contiguous=False)
        writer.write(made.ramp(), contiguous=False)
    assert np.array_equal(load(made, buffer.getvalue()).array, made.ramp())


def test_previews_alone_are_no_picture(made):
    with pytest.raises(NotAnImage, match=r"holds no picture"):
        load(made, made.tiff(made.ramp(), subfiletype=1))


def test_compressed_sixteen_bit_colour_is_refused_with_a_way_out(made):
    data = bytearray(made.tiff(np.zeros((5, 7, 3), np.uint16), photometric="rgb"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages[0].tags[259].valueoffset
    data[place : place + 2] = (5).to_bytes(2, "little")
    with pytest.raises(UnsupportedFormat, match=r"16-bit colour samples are compressed \(TIFF compression 5\)"):
        load(made, bytes(data))


def test_thousands_of_samples_a_pixel_are_damage(made):
    with pytest.raises(NotAnImage, match=r"40 samples a pixel"):
        load(made, made.tiff(np.zeros((5, 7, 40), np.uint8), photometric="minisblack", planarconfig="contig"))


def test_a_deflate_bomb_is_found_out(made):
    data = bytearray(made.tiff(np.zeros((3000, 3000), np.uint8), compression="zlib", rowsperstrip=3000))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages[0].tags
        places = [tags[number].valueoffset for number in (257, 278)]
    for place in places:
        data[place : place + 2] = (30).to_bytes(2, "little")
    with pytest.raises(NotAnImage, match=r"unpack to more than they state"):
        load(made, bytes(data))


def test_the_limit_holds_for_what_pillow_decodes_too(made):
    data = made.saved(made.ramp((1200, 1200)), "TIFF", compression="tiff_lzw")
    with pytest.raises(ReadError, match=r"states 1200x1200 pixels"):
        read_content(made.content(data), ReadSettings(max_megapixels=1))
    assert Pillow.open(io.BytesIO(data)).size == (1200, 1200)

"""PNG, JPEG and BMP in all depths and kinds of colour."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings


def load(made, data):
    return read_content(made.content(data), ReadSettings())


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_png_of_eight_bits_in_every_mode(made, mode):
    picture = made.ramp()
    film = load(made, made.saved(picture, "PNG", mode))
    assert film.array.dtype == np.uint8
    assert np.array_equal(film.array, picture)
    assert film.findings == ()


def test_grey_of_eight_bits_is_not_copied(made):
    film = load(made, made.saved(made.ramp(), "PNG"))
    assert film.array.dtype == np.uint8
    assert not film.array.flags.owndata


def test_png_of_sixteen_bits_keeps_every_step(made):
    picture = made.ramp(top=4095, dtype=np.uint16)
    film = load(made, made.saved(picture, "PNG"))
    assert film.array.dtype == np.uint16
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_bmp(made, mode):
    assert np.array_equal(load(made, made.saved(made.ramp(), "BMP", mode)).array, made.ramp())


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(made, mode):
    film = load(made, made.saved(made.ramp(), "JPEG", mode, quality=98))
    assert np.abs(film.array.astype(int) - made.ramp()).max() <= 4
    assert film.findings == ()


def test_one_bit_is_black_and_white(made):
    picture = made.ramp() > 127
    film = load(made, made.saved(picture, "PNG"))
    assert np.array_equal(film.array, np.where(picture, 255, 0))


def test_transparent_pixels_are_black(made):
    picture = np.dstack([made.ramp()] * 4)
    picture[..., 3] = 255
    picture[:10, :, 3] = 0
    film = load(made, made.saved(picture, "PNG"))
    assert not film.array[:10].any()
    assert np.array_equal(film.array[10:], made.ramp()[10:])


def test_half_opaque_pixels_are_half_as_bright(made):
    picture = np.dstack([np.full((7, 11), 200, np.uint8), np.full((7, 11), 51, np.uint8)])
    film = load(made, made.saved(picture, "PNG"))
    assert set(film.array.ravel().tolist()) == {40}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation_turns_the_grid_and_not_the_pixels(made, kind, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"quality": 98} if kind == "JPEG" else {}
    data = made.saved(made.ramp((35, 21)), kind, exif=exif, **options)
    film = load(made, data)
    shown = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))))
    assert film.array.shape == film.plane.shape == (35, 21)
    assert np.array_equal(film.upright().array, shown)


def test_an_orientation_that_does_not_exist_counts_as_none(made):
    exif = Pillow.Exif()
    exif[0x0112] = 9
    assert load(made, made.saved(made.ramp(), "PNG", exif=exif)).plane.orientation.is_upright


def test_an_animation_is_refused(made):
    buffer = io.BytesIO()
    frames = [Pillow.fromarray(made.ramp()), Pillow.fromarray(255 - made.ramp())]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedFormat, match=r"PNG file holds 2 pictures, and a film is one"):
        load(made, buffer.getvalue())


def test_a_large_film_within_the_limit_brings_no_warning_of_pillow(made):
    chunk = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + b"IHDR" + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + chunk))
    with pytest.raises(NotAnImage, match=r"damaged or cut short"):
        read_content(made.content(b"\x89PNG\r\n\x1a\n" + header), ReadSettings(max_megapixels=400))

"""What every reader of films promises, held against each of them; readers of volumes have a contract of their own."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import NotAnImage, ReadError
from hilum.image import Quantity
from hilum.readers import READERS, read
from hilum.readers.content import HEAD_BYTES
from hilum.readers.formats import VOLUME_READERS, read_content
from hilum.settings import ReadSettings

LIMITS = ReadSettings(max_megapixels=1)


@pytest.fixture(scope="session")
def samples(made):
    """One lossless file (JPEG: nearly) of the same picture for each reader."""
    picture = made.ramp((37, 53))
    return {
        "png": made.saved(picture, "PNG"),
        "jpeg": made.saved(picture, "JPEG", quality=98),
        "tiff": made.tiff(picture),
        "bmp": made.saved(picture, "BMP"),
        "dicom": made.dicom(picture),
    }


FILMS = [name for name in READERS if name not in VOLUME_READERS]


@pytest.fixture(params=FILMS)
def name(request):
    return request.param


def test_there_is_a_sample_for_every_reader(samples):
    assert set(samples) == set(FILMS)


def test_knows_its_own_files_and_no_other(name, samples):
    assert [other for other in READERS if READERS[other].looks_like(samples[name][:HEAD_BYTES])] == [name]


@pytest.mark.parametrize(
    "head", [b"", b"\0", b"BM", b"BM is how this letter begins, and it goes on for long", b"\x89PN"]
)
def test_does_not_know_what_is_too_short_or_something_else(name, head):
    assert not READERS[name].looks_like(head)


def test_gives_the_picture_on_its_own_grid(name, samples, made):
    film = read_content(made.content(samples[name]), LIMITS)
    assert film.plane.shape == film.array.shape == (37, 53)
    assert film.array.dtype == np.uint8
    tolerance = 4 if name == "jpeg" else 0
    assert np.abs(film.array.astype(int) - made.ramp((37, 53))).max() <= tolerance


def test_gives_a_radiograph_that_cannot_be_changed(name, samples, made):
    film = read_content(made.content(samples[name]), LIMITS)
    assert film.quantity is Quantity.RADIOGRAPH
    assert not film.array.flags.writeable
    assert film.findings == ()


def test_remembers_the_file_by_name_and_hash(name, samples, made):
    film = read_content(made.content(samples[name], name="a.xyz"), LIMITS)
    assert film.origin.name == "a.xyz"
    assert film.origin.sha256 == hashlib.sha256(samples[name]).hexdigest()


def test_goes_by_content_and_not_by_the_ending(name, samples, put):
    assert read(put("film.csv", samples[name])).array.shape == (37, 53)


def test_refuses_more_pixels_than_the_limit_before_decoding(name, samples, made):
    with pytest.raises(ReadError, match=r"states 53x37 pixels .* limit is 0 megapixels.*read\.max_megapixels"):
        read_content(made.content(samples[name][: len(samples[name]) // 2 + 800]), ReadSettings(max_megapixels=0))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_says_which_file_is_cut_short(name, samples, share, put):
    path = put("film.bin", samples[name][: int(share * len(samples[name]))])
    with pytest.raises(NotAnImage, match=r"damaged|cut short") as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert caught.value.path == path


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_a_film_or_an_error_of_ours(name, samples, made, data):
    broken = bytearray(samples[name])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken), 900) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(len(broken) // 2, len(broken)))]
    try:
        film = read_content(made.content(bytes(broken)), LIMITS)
    except ReadError as error:
        told = str(error)
    else:
        told = str(film.origin)
        assert film.array.dtype in (np.uint8, np.uint16, np.float32)
    assert "'film'" in told

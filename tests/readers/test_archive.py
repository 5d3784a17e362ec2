"""Zip files: limits, paths, damage."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from hilum.errors import NotAnImage, ReadError, UnsafeArchive
from hilum.readers import archive, find, read
from hilum.settings import ReadSettings

LIMITS = ReadSettings()


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return buffer.getvalue()


def forged(data, name, **sizes):
    """The archive with other numbers in its directory: ``file_size`` or ``compress_size`` of one entry."""
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    changed = bytearray(data)
    for key, value in sizes.items():
        struct.pack_into("<I", changed, place + {"compress_size": 20, "file_size": 24}[key], value)
    return bytes(changed)


@pytest.fixture
def film(made):
    return made.saved(made.ramp(), "PNG")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_film_in_a_zip_file(made, put, film, compression):
    path = put("films.zip", zipped({"a/b.png": film}, compression))
    (entry,) = find([path])
    assert (entry.path, entry.member) == (path, "a/b.png")
    image = entry.open()
    assert np.array_equal(image.array, made.ramp())
    assert image.origin.name == "b.png"


def test_names_come_in_order_and_without_folders(put, film):
    path = put("films.zip", zipped({"b/": b"", "b/2.png": film, "a.png": film}))
    assert archive.members(path, LIMITS) == ("a.png", "b/2.png")


def test_nothing_is_written_to_the_disk(put, film, tmp_path):
    path = put("films.zip", zipped({"a.png": film}))
    read(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["../a.png", "a/../../b.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "C:/a.png", "a\\..\\b.png"]
)
def test_a_path_that_leaves_the_archive(put, film, name):
    path = put("films.zip", zipped({"good.png": film, name: film}))
    with pytest.raises(UnsafeArchive, match=r"has a path that leaves the archive. Nothing was unpacked") as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["a..b.png", "a/..b.png", "ab:c.png", "ä/ö.png"])
def test_a_path_that_only_looks_strange(put, film, name):
    assert archive.members(put("films.zip", zipped({name: film})), LIMITS) == (name,)


def test_a_zip_bomb_by_ratio(put):
    path = put("bomb.zip", zipped({"a.png": bytes(10_000_000)}))
    with pytest.raises(UnsafeArchive, match=r"'a.png' unpacks to [\d,]+ times its size, and the limit is 200 times"):
        read(path)


def test_a_zip_bomb_by_size(put):
    draw = np.random.default_rng(0)
    path = put("bomb.zip", zipped({f"{n}.png": draw.bytes(600_000) for n in range(2)}))
    with pytest.raises(UnsafeArchive, match=r"unpacks to 1 MB, and the limit is 1 MB \(read.zip_max_mb\)"):
        read(path, ReadSettings(zip_max_mb=1))


def test_too_many_files(put):
    path = put("many.zip", zipped({f"{n}.png": b"x" for n in range(4)}))
    with pytest.raises(UnsafeArchive, match=r"holds 4 files, and the limit is 3 \(read.zip_max_files\)"):
        read(path, ReadSettings(zip_max_files=3))


def test_an_entry_that_is_larger_than_stated(put):
    data = forged(zipped({"a.png": bytes(300_000)}), "a.png", file_size=400)
    with pytest.raises(
        UnsafeArchive, match=r"'a.png' in .* unpacks to more than the 400 bytes that the archive states"
    ):
        read(put("liar.zip", data))


def test_an_entry_that_is_smaller_than_stated(made, put, film):
    data = forged(zipped({"a.png": film}), "a.png", file_size=len(film) + 9)
    assert np.array_equal(read(put("liar.zip", data)).array, made.ramp())


def test_entries_that_overlap(put, film):
    data = forged(zipped({"a.png": film}), "a.png", compress_size=1_000_000)
    with pytest.raises(UnsafeArchive, match=r"entries overlap, as those of a zip bomb do"):
        read(put("overlap.zip", data))


def test_a_zip_file_in_a_zip_file(put, film):
    path = put("outer.zip", zipped({"inner.zip": zipped({"a.png": film})}))
    with pytest.raises(UnsafeArchive, match=r"zip file inside a zip file. Unpack the outer one"):
        read(path)


def test_a_damaged_entry(put, film):
    data = bytearray(zipped({"a.png": film}, zipfile.ZIP_STORED))
    data[data.index(b"IDAT") + 9] ^= 255
    with pytest.raises(UnsafeArchive, match=r"does not unpack to what the archive states.*CRC"):
        read(put("films.zip", bytes(data)))


def test_a_damaged_archive(put, film):
    data = zipped({"a.png": film})
    with pytest.raises(ReadError, match=r"Cannot read the zip file .*Copy or pack it again"):
        archive.members(put("films.zip", data[:-30]), LIMITS)


def test_an_encrypted_entry(put, film):
    data = bytearray(zipped({"a.png": film}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ReadError, match=r"'a.png' in .* is encrypted. Unpack it with its password"):
        read(put("films.zip", bytes(data)))


def test_an_unknown_compression(put, film):
    data = bytearray(zipped({"a.png": film}))
    for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        struct.pack_into("<H", data, data.index(mark) + offset, 97)
    with pytest.raises(ReadError, match=r"does not unpack"):
        read(put("films.zip", bytes(data)))


def test_a_member_that_is_not_there(put, film):
    path = put("films.zip", zipped({"a.png": film}))
    with pytest.raises(ReadError, match=r"There is no 'b.png' in"):
        archive.load(path, "b.png", LIMITS)


def test_an_empty_entry(put):
    with pytest.raises(NotAnImage, match=r"'a.png' in '.*films.zip': the file is empty"):
        read(put("films.zip", zipped({"a.png": b""})))


@pytest.mark.parametrize("entries", [{}, {"notes.txt": b"no film"}, {"__MACOSX/._a.png": b"x", ".hidden.png": b"x"}])
def test_no_images_in_it(put, entries):
    with pytest.raises(NotAnImage, match=r"The zip file '.*films.zip' holds no images"):
        read(put("films.zip", zipped(entries)))

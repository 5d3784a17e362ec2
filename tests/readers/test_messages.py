"""What people read when a file is no film: word for word, since they have to act on it."""

from __future__ import annotations

import pytest

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.readers import read

FORMATS = (
    "Images are read from PNG, JPEG, TIFF, BMP, DICOM, NIfTI, NRRD, MetaImage, and from folders and zip files of these."
)


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        (b"This is a letter, not a film.\n", "text, not an image"),
        ("Grüße".encode(), "text, not an image"),
        (bytes(range(256)), "of no known image format"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"GIF89a...", "a GIF picture"),
        (b"\x1f\x8b\x08\0....", "compressed with gzip, and no volume"),
        (b"\x5c\x01\0\0" + bytes(344), "an ANALYZE header, which does not say where right and left are"),
        (b"NRRD1234\n", "an NRRD file of a version that is not read"),
        (b"ObjectType = Tube\n", "a MetaImage object that is no image"),
        (b"\0\0\0\x18ftypheic....", "a HEIC or AVIF picture"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    ],
)
def test_another_format(put, data, phrase):
    path = put("film.png", data)
    with pytest.raises(UnsupportedFormat) as caught:
        read(path)
    assert str(caught.value) == f"Cannot read '{path}': it is {phrase}. {FORMATS}"


def test_an_empty_file(put):
    path = put("film.png", b"")
    with pytest.raises(NotAnImage) as caught:
        read(path)
    assert str(caught.value) == f"Cannot read '{path}': the file is empty (0 bytes). Copy or export it again."


def test_no_file(tmp_path):
    with pytest.raises(ReadError) as caught:
        read(tmp_path / "film.png")
    assert str(caught.value) == f"There is no file '{tmp_path / 'film.png'}'. Check the path."


def test_a_truncated_png(put, made):
    data = made.saved(made.ramp((300, 300)), "PNG")[:500]
    path = put("film.png", data)
    with pytest.raises(NotAnImage) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(
        f"Cannot read '{path}': it begins as a PNG file, but it is damaged or cut short after 500 bytes ("
    )
    assert message.endswith("). Copy, download or export it again.")


def test_a_dicom_file_without_pixels(put, made):
    path = put("report.dcm", made.dicom(None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"))
    with pytest.raises(NotAnImage) as caught:
        read(path)
    assert str(caught.value) == (
        f"Cannot read '{path}': this DICOM object (Basic Text SR Storage) holds no pixels, or was cut short before "
        "them. Choose the image object itself."
    )


def test_a_dicom_file_of_several_frames(put, made):
    path = put("cine.dcm", made.dicom(made.ramp(), NumberOfFrames=30))
    with pytest.raises(UnsupportedFormat) as caught:
        read(path)
    assert str(caught.value) == (
        f"Cannot read '{path}': this DICOM object (Digital X-Ray Image Storage - For Presentation) holds 30 frames, "
        "and a film is one. Export the frame that is meant as an image of its own."
    )


def test_a_picture_over_the_limit(put, made):
    from hilum.settings import ReadSettings

    path = put("film.png", made.saved(made.ramp((1100, 1000)), "PNG"))
    with pytest.raises(ReadError) as caught:
        read(path, ReadSettings(max_megapixels=1))
    assert str(caught.value) == (
        f"Cannot read '{path}': it states 1000x1100 pixels (1 megapixels), and the limit is 1 megapixels. If it is a "
        "real film, raise the setting read.max_megapixels."
    )

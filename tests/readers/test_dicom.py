"""DICOM pixels: photometric interpretations, depths, tables, windows and transfer syntaxes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hilum.errors import NotAnImage, ReadError, UnsafeArchive, UnsupportedFormat
from hilum.measurement import Gravity
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings


def load(made, data, **limits):
    return read_content(made.content(data), ReadSettings(**limits))


def codes(film):
    return [finding.code for finding in film.findings]


# Photometric interpretation and depth


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 10), (np.uint16, 12), (np.uint16, 16)])
def test_monochrome2_is_as_stored(made, dtype, bits):
    picture = made.ramp(top=(1 << bits) - 1, dtype=dtype)
    film = load(made, made.dicom(picture, bits=bits))
    assert film.array.dtype == dtype
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)])
def test_monochrome1_is_turned_over(made, dtype, bits):
    top = (1 << bits) - 1
    picture = made.ramp(top=top, dtype=dtype)
    film = load(made, made.dicom(picture, bits=bits, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(film.array, top - picture)


@pytest.mark.parametrize("bits", [12, 16])
def test_signed_values_keep_their_sign(made, bits):
    picture = (made.ramp(top=3000, dtype=np.int16) - 1000).astype(np.int16)
    film = load(made, made.dicom(picture, bits=bits))
    assert film.array.dtype == np.float32
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_what_lies_in_unused_bits_is_left_out(made, dtype):
    picture = made.ramp(top=2000, dtype=dtype)
    dirty = picture | dtype(0x5000)
    film = load(made, made.dicom(dirty, bits=12))
    assert np.array_equal(film.array, picture)


def test_bits_stored_high_in_the_word(made):
    picture = made.ramp(top=4095, dtype=np.uint16)
    film = load(made, made.dicom(picture << 4, bits=12, HighBit=15))
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_of_equal_channels_is_grey(made, photometric):
    grey = made.ramp()
    planes = [grey] * 3 if photometric == "RGB" else [grey, np.full_like(grey, 128), np.full_like(grey, 128)]
    film = load(made, made.dicom(np.dstack(planes), PhotometricInterpretation=photometric))
    assert film.array.dtype == np.uint8
    assert np.abs(film.array.astype(int) - grey).max() <= 1
    assert codes(film) == []


def test_strong_colours_are_no_film(made):
    samples = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert codes(load(made, made.dicom(samples))) == ["not-a-film"]


def test_palette(made):
    grey = made.ramp()
    table = np.arange(255, -1, -1, dtype=np.uint16).astype("<u2") * 257
    tags = {f"{colour}PaletteColorLookupTableDescriptor": [256, 0, 16] for colour in ("Red", "Green", "Blue")}
    tags |= {f"{colour}PaletteColorLookupTableData": table.tobytes() for colour in ("Red", "Green", "Blue")}
    film = load(made, made.dicom(grey, PhotometricInterpretation="PALETTE COLOR", **tags))
    assert np.array_equal(film.array, (255 - grey.astype(np.uint16)) * 257)


def test_an_unknown_interpretation_is_refused(made):
    with pytest.raises(UnsupportedFormat, match=r"its pixels are HSV.*grey or RGB"):
        load(made, made.dicom(np.zeros((5, 7, 3), np.uint8), PhotometricInterpretation="HSV"))


# Modality table, window and VOI table


def reference(data):
    """What pydicom's own functions make of a file, turned so that larger is brighter."""
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    dataset = pydicom.dcmread(io.BytesIO(data))
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(float)
    return -shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


def same_up_to_scale(array, expected):
    """Whether two pictures differ by nothing but a positive factor and an offset."""
    mine, theirs = array.astype(float).ravel(), expected.astype(float).ravel()
    slope, offset = np.polyfit(mine, theirs, 1)
    return slope > 0 and np.abs(slope * mine + offset - theirs).max() <= 2e-4 * np.ptp(theirs)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": "2.5", "RescaleIntercept": "-1000"}])
def test_windows_agree_with_pydicom(made, photometric, function, signed, rescale):
    picture = made.ramp(top=4000, dtype=np.int16) - 1500 if signed else made.ramp(top=4000, dtype=np.uint16)
    tags = {"VOILUTFunction": function} if function else {}
    data = made.dicom(
        picture.astype(np.int16 if signed else np.uint16),
        bits=13,
        PhotometricInterpretation=photometric,
        WindowCenter="1500",
        WindowWidth="2200",
        **tags,
        **rescale,
    )
    film = load(made, data)
    assert film.array.dtype == np.uint16
    assert same_up_to_scale(film.array, reference(data))


def test_a_window_after_a_negative_slope(made):
    picture = made.ramp(top=4000, dtype=np.uint16)
    tags = {"RescaleSlope": "-1", "RescaleIntercept": "4095", "VOILUTFunction": "LINEAR_EXACT"}
    film = load(made, made.dicom(picture, bits=12, WindowCenter="1500", WindowWidth="2000", **tags))
    expected = np.clip((4095 - picture.astype(float) - 500) / 2000, 0, 1) * 65535
    assert np.abs(film.array - expected).max() <= 0.5


def lut(first, entries, bits=12, signed=False):
    from pydicom import Dataset

    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(entries) % 65536, first, bits])
    item.LUTData = np.asarray(entries, dtype="<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


@pytest.mark.parametrize("syntax", ["EXPLICIT", "IMPLICIT", "BIG_ENDIAN"])
@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
def test_tables_are_looked_up(made, keyword, syntax):
    picture = made.ramp(top=255, dtype=np.uint8)
    entries = np.linspace(0, 63, 100).astype(np.uint16) ** 2
    item = lut(50, entries)
    if syntax == "BIG_ENDIAN":
        item.LUTData = entries.astype(">u2").tobytes()
    film = load(made, made.dicom(picture, syntax=getattr(made, syntax), **{keyword: [item]}))
    expected = entries[np.clip(picture.astype(int) - 50, 0, 99)]
    assert np.array_equal(film.array, expected)


def test_a_table_that_begins_below_zero(made):
    picture = (made.ramp(top=200, dtype=np.int16) - 100).astype(np.int16)
    film = load(made, made.dicom(picture, VOILUTSequence=[lut(-100, np.arange(201)[::-1], signed=True)]))
    assert np.array_equal(film.array, 100 - picture)


def test_a_table_that_begins_below_zero_without_saying_so(made):
    picture = (made.ramp(top=200, dtype=np.int16) - 100).astype(np.int16)
    film = load(made, made.dicom(picture, VOILUTSequence=[lut(65536 - 100, np.arange(201))]))
    assert np.array_equal(film.array, picture + 100)


def test_a_table_of_numbers(made):
    item = lut(0, [0])
    item.LUTDescriptor = [256, 0, 16]
    item.add_new("LUTData", "US", list(range(255, -1, -1)))
    film = load(made, made.dicom(made.ramp(), VOILUTSequence=[item]))
    assert np.array_equal(film.array, 255 - made.ramp())


def test_a_table_of_bytes(made):
    item = lut(0, [0])
    item.LUTDescriptor, item.LUTData = [256, 0, 8], bytes(range(255, -1, -1))
    film = load(made, made.dicom(made.ramp(), VOILUTSequence=[item]))
    assert np.array_equal(film.array, 255 - made.ramp())


def test_a_table_wins_over_a_window(made):
    film = load(
        made, made.dicom(made.ramp(), VOILUTSequence=[lut(0, np.arange(256) * 3)], WindowCenter=9, WindowWidth=9)
    )
    assert np.array_equal(film.array, made.ramp().astype(int) * 3)


def test_a_table_that_is_cut_short_is_damage(made):
    item = lut(0, np.arange(256))
    item.LUTData = item.LUTData[:100]
    with pytest.raises(NotAnImage, match=r"its VOILUTSequence has 50 entries where 256 are stated\. Export it again"):
        load(made, made.dicom(made.ramp(), VOILUTSequence=[item]))


def test_the_first_of_several_windows_counts(made):
    picture = made.ramp(top=4095, dtype=np.uint16)
    both = load(made, made.dicom(picture, WindowCenter=["2000", "9"], WindowWidth=["3000", "9"]))
    first = load(made, made.dicom(picture, WindowCenter="2000", WindowWidth="3000"))
    assert np.array_equal(both.array, first.array)


@pytest.mark.parametrize(("centre", "width"), [("60000", "100"), ("-500", "10"), ("2000", "1")])
def test_a_window_beside_the_picture_is_ignored_with_a_note(made, centre, width):
    picture = made.ramp(top=4095, dtype=np.uint16)
    film = load(made, made.dicom(picture, WindowCenter=centre, WindowWidth=width))
    assert np.array_equal(film.array, picture)
    assert [(finding.code, finding.gravity) for finding in film.findings] == [("window-ignored", Gravity.NOTE)]


@pytest.mark.parametrize(
    "tags",
    [{"WindowCenter": "9"}, {"WindowCenter": "9", "WindowWidth": "0.5"}, {"WindowCenter": "9", "WindowWidth": ""}],
)
def test_half_a_window_is_none(made, tags):
    assert np.array_equal(load(made, made.dicom(made.ramp(), **tags)).array, made.ramp())


def test_fractions_after_rescaling_are_floats(made):
    film = load(made, made.dicom(made.ramp(), RescaleSlope="0.5", RescaleIntercept="0"))
    assert film.array.dtype == np.float32
    assert np.array_equal(film.array, made.ramp() / np.float32(2))


def test_padding_is_black_on_a_monochrome1_film(made):
    picture = made.ramp(top=4000, dtype=np.uint16)
    picture[:5] = 0
    film = load(made, made.dicom(picture, bits=12, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0))
    assert not film.array[:5].any()
    assert np.array_equal(film.array[5:], np.where(picture[5:] == 0, 0, 4095 - picture[5:]))


def test_a_range_of_padding(made):
    picture = made.ramp(top=4095, dtype=np.uint16)
    film = load(made, made.dicom(picture, bits=12, PixelPaddingValue=4000, PixelPaddingRangeLimit=4095))
    assert np.array_equal(film.array, np.where(picture >= 4000, 0, picture))


# Transfer syntaxes


@pytest.mark.parametrize("has_preamble", [True, False])
@pytest.mark.parametrize("syntax", ["EXPLICIT", "IMPLICIT"])
def test_with_and_without_preamble(made, syntax, has_preamble):
    picture = made.ramp(top=4095, dtype=np.uint16)
    film = load(made, made.dicom(picture, bits=12, syntax=getattr(made, syntax), has_preamble=has_preamble))
    assert np.array_equal(film.array, picture)


@pytest.mark.parametrize("syntax", ["BIG_ENDIAN", "DEFLATED"])
def test_rare_plain_syntaxes(made, syntax):
    picture = made.ramp(top=4095, dtype=np.uint16)
    assert np.array_equal(load(made, made.dicom(picture, syntax=getattr(made, syntax))).array, picture)


def jpeg2000(made, picture, bits, **tags):
    from PIL import Image
    from pydicom.encaps import encapsulate

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    dataset = made.dataset(picture, bits=bits, syntax="1.2.840.10008.1.2.4.90", **tags)
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    return made.written(dataset)


def gdcm_transcoded(made, picture, bits, target, folder):
    """Through GDCM, which writes files only."""
    import gdcm

    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    plain.write_bytes(made.dicom(picture, bits=bits))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(target))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(packed))
    assert writer.Write()
    return packed.read_bytes()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
def test_jpeg_2000_lossless(made, dtype, bits, photometric):
    picture = made.ramp(top=(1 << bits) - 1, dtype=dtype)
    film = load(made, jpeg2000(made, picture, bits, PhotometricInterpretation=photometric))
    expected = picture if photometric == "MONOCHROME2" else (1 << bits) - 1 - picture
    assert np.array_equal(film.array, expected)


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLSLossless"])
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16), (np.int16, 12)])
def test_rle_and_jpeg_ls(made, syntax, dtype, bits):
    from pydicom import uid

    low = -1000 if dtype is np.int16 else 0
    picture = (made.ramp(top=min((1 << bits) - 1, 3000), dtype=np.int32) + low).astype(dtype)
    dataset = made.dataset(picture, bits=bits)
    encoder = {"RLELossless": "pydicom", "JPEGLSLossless": "pyjpegls"}[syntax]
    dataset.compress(getattr(uid, syntax), encoding_plugin=encoder, generate_instance_uid=False)
    assert np.array_equal(load(made, made.written(dataset)).array, picture)


@pytest.mark.parametrize("target", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless"])
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12)])
def test_what_another_library_has_packed(made, tmp_path, target, dtype, bits):
    gdcm = pytest.importorskip("gdcm", reason="python-gdcm has no wheel for this platform")
    picture = made.ramp((36, 52), top=(1 << bits) - 1, dtype=dtype)
    data = gdcm_transcoded(made, picture, bits, getattr(gdcm.TransferSyntax, target), tmp_path)
    assert np.array_equal(load(made, data).array, picture)


def test_jpeg_baseline(made):
    from pydicom.encaps import encapsulate

    dataset = made.dataset(made.ramp(), syntax="1.2.840.10008.1.2.4.50")
    dataset.PixelData = encapsulate([made.saved(made.ramp(), "JPEG", quality=98)])
    dataset["PixelData"].is_undefined_length = True
    assert np.abs(load(made, made.written(dataset)).array.astype(int) - made.ramp()).max() <= 4


@pytest.mark.parametrize(
    ("syntax", "words"), [("1.2.840.10008.1.2.4.102", "MPEG-4"), ("1.2.840.10008.1.2.4.100", "MPEG2")]
)
def test_a_syntax_that_nothing_decodes_is_named(made, syntax, words):
    from pydicom.encaps import encapsulate

    dataset = made.dataset(made.ramp(), syntax=syntax)
    dataset.PixelData = encapsulate([b"\0" * 100])
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(UnsupportedFormat, match=rf"nothing that is installed decodes.*{words}.*Export it uncompressed"):
        load(made, made.written(dataset))


def test_twelve_bit_lossy_jpeg_is_refused_and_not_taken_for_damage(made):
    from pydicom.encaps import encapsulate

    dataset = made.dataset(made.ramp(top=4095, dtype=np.uint16), bits=12, syntax="1.2.840.10008.1.2.4.51")
    dataset.PixelData = encapsulate([b"\xff\xd8" * 50])
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(UnsupportedFormat, match=r"nothing that is installed decodes.*JPEG Extended"):
        load(made, made.written(dataset))


def test_a_deflate_bomb_is_found_out(made):
    data = made.dicom(np.zeros((3000, 3000), np.uint8), syntax=made.DEFLATED)
    assert load(made, data, zip_max_ratio=5000).array.shape == (3000, 3000)
    with pytest.raises(UnsafeArchive, match=r"deflated content unpacks to more than 200 times its size"):
        load(made, data)


# What is no film


def test_no_pixels(made):
    data = made.dicom(None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11") + bytes(200)
    with pytest.raises(NotAnImage, match=r"DICOM object \(Basic Text SR Storage\) holds no pixels"):
        load(made, data)


def test_floating_point_pixels(made):
    dataset = made.dataset(None)
    dataset.FloatPixelData = bytes(16)
    with pytest.raises(UnsupportedFormat, match=r"floating-point pixels"):
        load(made, made.written(dataset))


def test_several_frames(made):
    dataset = made.dataset(made.ramp(), NumberOfFrames=3)
    dataset.PixelData = dataset.PixelData * 3 + b"\0"
    with pytest.raises(UnsupportedFormat, match=r"holds 3 frames, and a film is one.*Export the frame"):
        load(made, made.written(dataset))


def test_one_frame_of_a_kind_with_frames_is_a_film(made):
    assert load(made, made.dicom(made.ramp(), NumberOfFrames=1)).array.shape == (37, 53)


def test_more_than_sixteen_bits(made):
    with pytest.raises(UnsupportedFormat, match=r"has 32 bits a pixel"):
        load(made, made.dicom(np.zeros((5, 7), np.uint32)))


def test_no_rows(made):
    with pytest.raises(NotAnImage, match=r"states 0 rows and 53 columns"):
        load(made, made.dicom(made.ramp(), Rows=0))


def test_dicomdir(made):
    dataset = made.dataset(None, SOPClassUID="1.2.840.10008.1.3.10")
    with pytest.raises(NotAnImage, match=r"DICOMDIR, an index of other files. Give the folder"):
        load(made, made.written(dataset))


def test_pixels_that_are_too_few_are_damage(made):
    dataset = made.dataset(made.ramp())
    dataset.PixelData = dataset.PixelData[:500]
    with pytest.raises(NotAnImage, match=r"Explicit VR Little Endian, cannot be decoded: they are damaged, cut short"):
        load(made, made.written(dataset))


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_damaged_header_is_told_without_quoting_it(made, length):
    data = bytearray(made.dicom(made.ramp(), PatientName="Nobody^Known"))
    data[138:140] = length.to_bytes(2, "little")  # of the first element, the length of its group
    with pytest.raises(NotAnImage, match=r"begins as a DICOM file, but it is damaged or cut short \(\w+\)") as caught:
        load(made, bytes(data))
    assert "Nobody" not in str(caught.value)


def test_the_size_is_checked_before_decoding(made):
    with pytest.raises(ReadError, match=r"states 53x9000 pixels"):
        load(made, made.dicom(made.ramp(), Rows=9000), max_megapixels=0)

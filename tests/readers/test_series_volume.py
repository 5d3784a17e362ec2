"""The pixels of a series: Hounsfield units, in every way in which they are stored."""

from __future__ import annotations

import hashlib
import zipfile

import numpy as np
import pydicom
import pytest

from hilum.errors import IncompleteSeries, NotAnImage, ReadError, Refused, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.measurement import Gravity
from hilum.phantom import write_series
from hilum.phantom.dicom import TRANSFER_SYNTAXES
from hilum.provenance import Source
from hilum.readers import find, read
from hilum.settings import ReadSettings

SHAPE = (7, 11, 13)


def ct(grid=None):
    """A small CT of values that tell each voxel from its neighbours."""
    slices, rows, columns = np.indices(SHAPE)
    array = (slices * 190 + rows * 17 - columns * 3 - 980).astype(np.int16)
    grid = grid or VolumeGrid.of_spacing(SHAPE, (2.5, 0.7, 0.8), (-5.0, -3.5, 11.25))
    return Image(array, grid, Quantity.HOUNSFIELD, Source("ct", "0" * 64))


def codes(image):
    return [finding.code for finding in image.findings]


def changed(paths, **elements):
    """Set elements of files; a callable value gets the data set."""
    for path in paths:
        dataset = pydicom.dcmread(path)
        for keyword, value in elements.items():
            setattr(dataset, keyword, value(dataset) if callable(value) else value)
        dataset.save_as(path)


@pytest.mark.parametrize("is_enhanced", [False, True])
@pytest.mark.parametrize("transfer_syntax", list(TRANSFER_SYNTAXES))
def test_what_is_written_is_read(tmp_path, transfer_syntax, is_enhanced):
    source = ct()
    write_series(source, tmp_path, transfer_syntax=transfer_syntax, is_enhanced=is_enhanced)
    image = read(tmp_path)
    assert image.quantity is Quantity.HOUNSFIELD
    assert image.array.dtype == np.int16
    assert np.array_equal(image.array, source.array)
    assert image.volume.difference(source.volume) is None
    assert image.findings == ()


@pytest.mark.parametrize("is_enhanced", [False, True])
def test_a_tilted_gantry_stays_sheared(tmp_path, is_enhanced):
    affine = VolumeGrid.of_spacing(SHAPE, (2.5, 0.7, 0.8)).affine.copy()
    affine[1, 0] = 1.2
    source = ct(VolumeGrid(SHAPE, affine))
    write_series(source, tmp_path, is_enhanced=is_enhanced)
    image = read(tmp_path)
    assert codes(image) == ["gantry-tilt"]
    assert image.volume.difference(source.volume) is None
    assert np.array_equal(image.array, source.array)


@pytest.mark.parametrize("axes", [(2, 1, 0), (0, 2, 1), (1, 0, 2)])
def test_coronal_sagittal_and_turned_slices_lie_where_they_lay(tmp_path, axes):
    affine = np.eye(4)
    affine[:3, :3] = np.diag([0.8, 0.7, 2.5])[:, [axes[2], axes[1], axes[0]]]
    source = ct(VolumeGrid(SHAPE, affine))
    write_series(source, tmp_path)
    image = read(tmp_path).axial()
    assert image.volume.same_as(source.axial().volume)
    assert np.array_equal(image.array, source.axial().array)


def test_each_slice_has_its_own_slope_and_intercept(tmp_path):
    paths = write_series(ct(), tmp_path)
    changed(paths[2:3], RescaleIntercept=-1000, RescaleSlope=2)
    image = read(tmp_path)
    expected = ct().array.astype(int)
    expected[2] = (expected[2] + 1024) * 2 - 1000
    assert np.array_equal(image.array, expected)


def test_fractions_are_rounded_and_the_range_is_kept(tmp_path):
    paths = write_series(ct(), tmp_path)
    changed(paths, RescaleSlope="0.5", RescaleIntercept="-1000.25")
    assert np.array_equal(read(tmp_path).array, np.rint((ct().array.astype(int) + 1024) * 0.5 - 1000.25))
    changed(paths, RescaleSlope=100, RescaleIntercept=0)
    assert read(tmp_path).array.max() == 32767


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_a_file_without_a_scale_is_taken_as_it_is_and_said(tmp_path, keyword):
    write_series(ct(), tmp_path, elements={keyword: None})
    image = read(tmp_path)
    assert codes(image) == ["rescale-missing"]
    assert image.findings[0].gravity is Gravity.WARNING
    assert np.array_equal(image.array, ct().array + 1024)


@pytest.mark.parametrize(
    ("padding", "stored", "is_air"),
    [(0, 0, True), (-2000, 63536, True), (63536, 63536, True), (1024, 1024, False)],
)
def test_padding_becomes_air_unless_it_is_tissue(tmp_path, padding, stored, is_air):
    paths = write_series(ct(), tmp_path)

    def pixels(dataset):
        array = dataset.pixel_array.copy()
        array[:2] = stored
        return array.tobytes()

    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PixelData = pixels(dataset)
        dataset.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
        dataset.save_as(path)
    array = read(tmp_path).array
    assert (array[:, :2] == (-1024 if is_air else 0)).all()
    assert np.array_equal(array[:, 2:], ct().array[:, 2:])


def test_a_range_of_padding(tmp_path):
    write_series(ct(), tmp_path, elements={"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 40})
    expected = np.where(ct().array <= 40 - 1024, -1024, ct().array)
    assert (expected != ct().array).any()
    assert np.array_equal(read(tmp_path).array, expected)


def test_signed_pixels(tmp_path):
    paths = write_series(ct(), tmp_path)
    for path, plane in zip(paths, ct().array, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.PixelRepresentation, dataset.RescaleIntercept = 1, 0
        dataset.PixelData = plane.astype("<i2").tobytes()
        dataset.save_as(path)
    assert np.array_equal(read(tmp_path).array, ct().array)


def test_padding_of_signed_pixels_may_be_written_unsigned(tmp_path):
    paths = write_series(ct(), tmp_path)
    for path, plane in zip(paths, ct().array, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.PixelRepresentation, dataset.RescaleIntercept = 1, 0
        padded = plane.astype("<i2")
        padded[:, 0] = -3000
        dataset.PixelData = padded.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 65536 - 3000)
        dataset.save_as(path)
    array = read(tmp_path).array
    assert (array[:, :, 0] == -1024).all()
    assert np.array_equal(array[:, :, 1:], ct().array[:, :, 1:])


def test_compression_with_losses_is_noted(tmp_path):
    write_series(ct(), tmp_path, elements={"LossyImageCompression": "01"})
    assert codes(read(tmp_path)) == ["lossy-compression"]


def test_files_as_old_archives_export_them(tmp_path):
    for path in write_series(ct(), tmp_path, transfer_syntax="implicit-little"):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(read(tmp_path).array, ct().array)


def test_a_kernel_that_is_not_stated(tmp_path):
    write_series(ct(), tmp_path, elements={"ConvolutionKernel": None})
    (entry,) = find([tmp_path])
    assert entry.study.taken.kernel == ""


def test_several_names_of_a_kernel_are_one(tmp_path):
    write_series(ct(), tmp_path, elements={"ConvolutionKernel": ["Br40d", "3"]})
    (entry,) = find([tmp_path])
    assert entry.study.taken.kernel == "Br40d\\3"


def test_a_missing_slice_is_filled_from_its_neighbours(tmp_path):
    paths = write_series(ct(), tmp_path)
    paths[3].unlink()
    image = read(tmp_path)
    assert codes(image) == ["missing-slices"]
    assert image.volume.same_as(VolumeGrid(SHAPE, ct().volume.affine, image.volume.frame))
    assert np.array_equal(image.array, ct().array)  # slices of the source change linearly


def test_a_slice_that_is_there_twice_is_taken_once(tmp_path):
    paths = write_series(ct(), tmp_path)
    (tmp_path / "again.dcm").write_bytes(paths[3].read_bytes())
    image = read(tmp_path)
    assert codes(image) == ["duplicate-slices"]
    assert np.array_equal(image.array, ct().array)


def test_of_two_slices_at_one_place_the_lower_number_is_taken(tmp_path):
    paths = write_series(ct(), tmp_path)
    dataset = pydicom.dcmread(paths[3])
    dataset.InstanceNumber, dataset.SOPInstanceUID, dataset.RescaleIntercept = 99, "1.2.3", 500
    dataset.save_as(tmp_path / "0.dcm")
    assert np.array_equal(read(tmp_path).array, ct().array)


@pytest.mark.parametrize("is_zip", [False, True])
def test_the_history_names_the_files_whatever_they_are_called(tmp_path, is_zip):
    paths = write_series(ct(), tmp_path / "a" / "ct")
    place = tmp_path / "a" / "ct.zip" if is_zip else tmp_path / "b" / "ct"
    if is_zip:
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
            for index, path in enumerate(reversed(paths)):
                file.writestr(f"x/{index}.dcm", path.read_bytes())
    else:
        place.mkdir(parents=True)
        for index, path in enumerate(reversed(paths)):
            (place / str(index)).write_bytes(path.read_bytes())
    one, other = read(tmp_path / "a" / "ct"), read(place)
    assert np.array_equal(one.array, other.array)
    assert one.origin.sha256 == other.origin.sha256
    hashes = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert one.origin.sha256 == hashlib.sha256(hashes.encode()).hexdigest()
    assert one.origin.name == "ct"
    assert one.origin.uids.instances == tuple(str(pydicom.dcmread(path).SOPInstanceUID) for path in paths)


def test_an_enhanced_file_is_itself_in_the_history(tmp_path):
    (path,) = write_series(ct(), tmp_path, is_enhanced=True)
    image = read(path)
    assert image.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert image.origin.name == path.name
    assert len(image.origin.uids.instances) == 1


def test_values_of_a_frame_come_before_those_of_all_frames(tmp_path):
    (path,) = write_series(ct(), tmp_path, is_enhanced=True)
    dataset = pydicom.dcmread(path)
    own = pydicom.Dataset()
    own.RescaleSlope, own.RescaleIntercept, own.RescaleType = 1, -1000, "HU"
    dataset.PerFrameFunctionalGroupsSequence[0].PixelValueTransformationSequence = [own]
    dataset.save_as(path)
    expected = ct().array.copy()
    expected[-1] += 24  # the first frame is the topmost slice
    assert np.array_equal(read(path).array, expected)


# What is refused


@pytest.mark.parametrize("is_enhanced", [False, True])
def test_more_voxels_than_the_limit_are_refused_before_they_are_allocated(tmp_path, is_enhanced, monkeypatch):
    write_series(ct(), tmp_path, is_enhanced=is_enhanced, elements={"Rows": 20000, "Columns": 20000})
    (entry,) = find([tmp_path])
    monkeypatch.setattr("hilum.readers.dicom_volume.np.empty", lambda *_, **__: pytest.fail("allocated"))
    with pytest.raises(
        ReadError, match=r"states 20000x20000x7 voxels \(2800 megavoxels\).*limit is 700.*max_megavoxels"
    ):
        entry.open()


def test_the_limit_is_a_setting(tmp_path):
    write_series(ct(), tmp_path)
    with pytest.raises(ReadError, match=r"limit is 0 megavoxels"):
        read(tmp_path, ReadSettings(max_megavoxels=0))


def test_a_header_that_states_another_size_than_the_pixels_have(tmp_path):
    write_series(ct(), tmp_path, elements={"Rows": 200})
    with pytest.raises(IncompleteSeries, match=r"cannot be decoded.*a slice of the series is missing"):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore:End of file reached before delimiter")
@pytest.mark.parametrize("transfer_syntax", ["explicit-little", "jpeg-lossless", "jpeg2000", "rle"])
def test_a_slice_that_is_cut_short(tmp_path, transfer_syntax):
    paths = write_series(ct(), tmp_path, transfer_syntax=transfer_syntax)
    data = paths[4].read_bytes()
    paths[4].write_bytes(data[: data.rindex(b"\xe0\x7f\x10\x00") + 40])
    with pytest.raises(ReadError, match=paths[4].name):
        read(tmp_path)


class PanicException(BaseException):
    """What decoders written in Rust raise."""


def test_a_decoder_that_panics_does_not_end_the_run(tmp_path, monkeypatch):
    def panic(*_, **__):
        raise PanicException("index out of bounds")

    write_series(ct(), tmp_path)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.as_array", panic)
    with pytest.raises(IncompleteSeries, match=r"cannot be decoded"):
        read(tmp_path)


def test_an_interruption_is_no_damage(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    write_series(ct(), tmp_path)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.as_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path)


def test_one_slice(tmp_path):
    paths = write_series(ct(), tmp_path)
    with pytest.raises(IncompleteSeries) as caught:
        read(paths[0])
    assert str(caught.value) == (
        f"Cannot build a volume from series 1 (1 slice) in '{paths[0]}': it has one slice, and a volume has "
        "several. Give all files of the series, or export it again."
    )


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_slices_of_no_place(tmp_path, keyword):
    write_series(ct(), tmp_path, elements={keyword: None})
    with pytest.raises(IncompleteSeries, match=r"its files do not say where the slices lie"):
        read(tmp_path)


def test_a_wide_gap(tmp_path):
    paths = write_series(ct(VolumeGrid.of_spacing(SHAPE, (5, 0.7, 0.8))), tmp_path)
    paths[3].unlink()
    paths[4].unlink()
    with pytest.raises(IncompleteSeries, match=r"slices are missing \(15.00 mm between slices 3 and 4 of 5, 5.00 mm"):
        read(tmp_path)


def test_magnetic_resonance(tmp_path):
    write_series(ct(), tmp_path, elements={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "Modality": "MR"})
    (entry,) = find([tmp_path])
    with pytest.raises(Refused, match=r"it is magnetic resonance \(modality MR\), and CT is wanted") as caught:
        entry.open()
    assert caught.value.code == "not-a-ct"


def test_other_numbers_than_hounsfield_units(tmp_path):
    write_series(ct(), tmp_path, elements={"RescaleType": "Z_EFF"})
    with pytest.raises(IncompleteSeries, match=r"its numbers are no Hounsfield units \(Z_EFF\)"):
        read(tmp_path)


def test_colours(tmp_path):
    paths = write_series(ct(), tmp_path)
    changed(paths, SamplesPerPixel=3)
    with pytest.raises(UnsupportedFormat, match=r"it has 3 samples of 16 bits a pixel"):
        read(tmp_path)


def test_a_file_that_vanishes(tmp_path):
    paths = write_series(ct(), tmp_path)
    (entry,) = find([tmp_path])
    paths[3].unlink()
    with pytest.raises(ReadError, match=r"There is no file"):
        entry.open()


def test_a_file_that_is_no_longer_dicom(tmp_path):
    paths = write_series(ct(), tmp_path)
    (entry,) = find([tmp_path])
    paths[3].write_bytes(paths[3].read_bytes()[:200])
    with pytest.raises((NotAnImage, IncompleteSeries), match=paths[3].name):
        entry.open()


def test_a_file_that_is_cut_short_after_it_was_found(tmp_path):
    paths = write_series(ct(), tmp_path, transfer_syntax="deflated")
    (entry,) = find([tmp_path])
    paths[3].write_bytes(paths[3].read_bytes()[:-90])
    with pytest.raises(NotAnImage, match=rf"{paths[3].name}': it is damaged or cut short \(error\)"):
        entry.open()


def test_a_file_that_changed_its_size(tmp_path):
    paths = write_series(ct(), tmp_path)
    (entry,) = find([tmp_path])
    changed(paths[3:4], Rows=13, Columns=11)
    with pytest.raises(IncompleteSeries, match=r"its slice has the shape \(13, 11\), not \(11, 13\)"):
        entry.open()


def test_floating_point_pixels(tmp_path):
    for path in write_series(ct(), tmp_path):
        dataset = pydicom.dcmread(path)
        del dataset.PixelData
        dataset.FloatPixelData = np.zeros((11, 13), np.float32).tobytes()
        dataset.save_as(path)
    with pytest.raises(UnsupportedFormat, match=r"it holds floating-point pixels. CT has integers"):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore:Value length")
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", ["0", "1"]),
        ("ImagePositionPatient", ["0", "0", "1e9"]),
        ("PixelSpacing", ["0", "1"]),
        ("PixelSpacing", ["1e-5", "1"]),
        ("ImageOrientationPatient", ["1", "0", "0"]),
    ],
)
def test_geometry_that_is_none(tmp_path, keyword, value):
    write_series(ct(), tmp_path, elements={keyword: value})
    with pytest.raises(IncompleteSeries, match=r"its files do not say where the slices lie"):
        read(tmp_path)


# Real data


def test_the_sample_of_a_scanner_is_the_volume_that_others_made_of_it(data):
    nibabel = pytest.importorskip("nibabel")
    folder = data / "ct" / "covid-ct-md"
    image = read(folder / "dicom_sample_normal001")
    assert image.array.shape == (31, 512, 512)
    assert image.volume.spacing_mm == pytest.approx((10, 0.634765625, 0.634765625))
    assert codes(image) == ["sparse-slices"]
    other = nibabel.load(folder / "normal001_ct.nii.gz")
    affine = np.diag([-1, -1, 1, 1]) @ other.affine
    first = np.linalg.inv(affine) @ [*image.volume.position_mm(np.array([0, 0.5, 0.5])), 1]
    assert first[:2] == pytest.approx([0, 0], abs=1e-3)
    step = 10 / np.linalg.norm(affine[:3, 2])
    for index in (0, 13, 30):
        wanted = np.asarray(other.dataobj[:, :, round(first[2] + index * step)], dtype=np.float64).T
        made = np.clip(image.array[index], -1024, 3071).reshape(256, 2, 256, 2).mean(axis=(1, 3))
        assert np.abs(made - wanted).max() <= 1


def test_some_slices_with_a_scale_and_some_without_are_refused(tmp_path):
    paths = write_series(ct(), tmp_path)
    dataset = pydicom.dcmread(paths[3])
    del dataset.RescaleSlope
    dataset.save_as(paths[3])
    with pytest.raises(IncompleteSeries, match=r"does not say how its numbers become Hounsfield units .* other slices"):
        read(tmp_path)


@pytest.mark.parametrize("slope", ["0", "1e300", "-1e-9"])
def test_a_slope_that_is_none_is_told(tmp_path, slope):
    write_series(ct(), tmp_path, elements={"RescaleSlope": slope})
    assert codes(read(tmp_path)) == ["rescale-missing"]


def test_an_unspecified_scale_is_one(tmp_path):
    write_series(ct(), tmp_path, elements={"RescaleType": "UNSPECIFIED"})
    assert np.array_equal(read(tmp_path).array, ct().array)


def test_frames_that_the_header_does_not_describe_are_told(tmp_path):
    (path,) = write_series(ct(), tmp_path, is_enhanced=True)
    changed([path], PerFrameFunctionalGroupsSequence=lambda data: list(data.PerFrameFunctionalGroupsSequence)[:-2])
    image = read(path)
    assert np.array_equal(image.array, ct().array[2:])
    assert codes(image) == ["mixed-series"]

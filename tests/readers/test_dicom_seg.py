"""DICOM Segmentations of other tools: every order, gaps, overlaps, types; and what is wrong with some."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from hilum.errors import GridMismatch, NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import LESIONS, LUNGS
from hilum.readers import read_labels
from hilum.readers.structures import read_structures
from hilum.settings import ReadSettings

highdicom = pytest.importorskip("highdicom")

SHAPE = (7, 11, 13)
FRAME = "1.2.3.99"
RIGHT, LEFT = ("3341006", "Right lung"), ("44029006", "Left lung")


def grid():
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 0.8], [0, 0.7, 0], [2.5, 0, 0]])
    affine[:3, 3] = (-11.0, 23.5, 105.25)
    return VolumeGrid(SHAPE, affine, FRAME)


def sources(place):
    """Headers of the slices of a CT on a grid."""
    for index in range(place.shape[0]):
        made = pydicom.Dataset()
        made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{index + 1}"
        made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = "1.2.3", "1.2.3.0", FRAME
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(made, keyword, "")
        made.StudyDate, made.StudyTime, made.Modality, made.Manufacturer = "", "", "CT", ""
        made.Rows, made.Columns = place.shape[1:]
        made.ImagePositionPatient = [round(float(each), 6) for each in place.position_mm(np.array([index, 0.0, 0.0]))]
        made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        made.PixelSpacing, made.SliceThickness = [0.7, 0.8], 2.5
        yield made


def described(number, code, meaning, scheme="SCT"):
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=meaning,
        segmented_property_category=highdicom.sr.CodedConcept("91723000", "SCT", "Anatomical Structure"),
        segmented_property_type=highdicom.sr.CodedConcept(code, scheme, meaning),
        algorithm_type="MANUAL",
    )


def made_by_highdicom(pixels, segments, kind="BINARY", edit=None, **options):
    """A Segmentation as highdicom makes it: ``segments`` are codes and meanings."""
    made = highdicom.seg.Segmentation(
        source_images=list(sources(grid())),
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[described(number, *each) for number, each in enumerate(segments, 1)],
        series_instance_uid="1.2.3.50",
        series_number=1,
        sop_instance_uid="1.2.3.51",
        instance_number=1,
        manufacturer="Other",
        manufacturer_model_name="Other",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
    if edit is not None:
        edit(made)
    return made


def lungs(seed=3):
    """1 in the right half of the columns' side, 2 in the left; slices 0 and 3 empty."""
    array = np.zeros(SHAPE, dtype=np.uint8)
    rng = np.random.default_rng(seed)
    array[:, :, :6] = rng.integers(0, 2, (7, 11, 6))
    array[:, :, 7:] = 2 * rng.integers(0, 2, (7, 11, 6))
    array[[0, 3]] = 0
    return array


@pytest.fixture
def save(tmp_path):
    def write(dataset, name="mask.dcm"):
        dataset.save_as(tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_types(save, kind):
    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT], kind))
    made = read_structures(path, "lungs", on=grid())
    assert np.array_equal(made.array, lungs())
    assert made.volume.same_as(grid())


@pytest.mark.parametrize(
    ("syntax", "plugin"), [("1.2.840.10008.1.2.5", "pydicom"), ("1.2.840.10008.1.2.4.80", "pyjpegls")]
)
def test_compressed_label_maps(save, syntax, plugin):
    dataset = made_by_highdicom(lungs(), [RIGHT, LEFT], "LABELMAP")
    dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    assert np.array_equal(read_structures(save(dataset), "lungs", on=grid()).array, lungs())


def test_without_an_image_the_frames_make_the_lattice(save):
    made = read_structures(save(made_by_highdicom(lungs(), [RIGHT, LEFT])), "lungs")
    assert made.volume.same_as(grid().cropped((1, 0, 0), (6, 11, 13)))
    assert np.array_equal(made.array, lungs()[1:])
    assert made.volume.frame == FRAME


def shuffled(dataset):
    """The same frames in another order, as some tools write them."""
    order = np.random.default_rng(4).permutation(int(dataset.NumberOfFrames))
    pixels = dataset.pixel_array[order]
    items = [dataset.PerFrameFunctionalGroupsSequence[index] for index in order]
    dataset.PerFrameFunctionalGroupsSequence = items
    packed = np.packbits(pixels.reshape(-1), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)


def test_frames_in_any_order(save):
    dataset = made_by_highdicom(lungs(), [RIGHT, LEFT])
    before = dataset.PixelData
    shuffled(dataset)
    assert dataset.PixelData != before
    assert np.array_equal(read_structures(save(dataset), "lungs", on=grid()).array, lungs())


def test_overlapping_segments_keep_the_last_of_the_mapping(save):
    stacked = np.zeros((*SHAPE, 2), dtype=np.uint8)
    stacked[2, 2:8, 2:8, 0] = stacked[2, 4:10, 4:10, 1] = 1
    consolidation, glass = ("95436008", "Lung consolidation"), ("112120", "Ground glass opacity", "DCM")
    dataset = made_by_highdicom(stacked, [consolidation, glass])
    assert dataset.SegmentsOverlap == "YES"
    made = read_structures(save(dataset), "lesions", on=grid())
    assert np.array_equal(made.mask("consolidation"), stacked[..., 0] == 1)
    assert np.array_equal(made.mask("ground-glass"), (stacked[..., 1] == 1) & (stacked[..., 0] == 0))


def test_half_a_fraction_counts(save):
    fractions = np.zeros((*SHAPE, 1), dtype=np.float32)
    fractions[1, 1, :3, 0] = (0.49, 0.51, 1.0)
    path = save(made_by_highdicom(fractions, [RIGHT], "FRACTIONAL", max_fractional_value=200))
    assert np.argwhere(read_structures(path, "lungs", on=grid()).array).tolist() == [[1, 1, 1], [1, 1, 2]]


@pytest.mark.parametrize("way", ["type", "region"])
def test_a_lung_whose_side_is_a_modifier(save, way):
    def edit(dataset):
        for item, code in zip(dataset.SegmentSequence, ("G-A100", "7771000"), strict=True):
            modifier = pydicom.Dataset()
            modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = code, "SRT", "Side"
            (concept,) = item.SegmentedPropertyTypeCodeSequence
            if way == "type":
                concept.SegmentedPropertyTypeModifierCodeSequence = [modifier]
            else:
                region = pydicom.Dataset()
                region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "T-28000", "SRT", "Lung"
                region.AnatomicRegionModifierSequence = [modifier]
                item.AnatomicRegionSequence = [region]

    path = save(made_by_highdicom(lungs(), [("T-28000", "Lung", "SRT")] * 2, edit=edit))
    assert np.array_equal(read_structures(path, "lungs", on=grid()).array, lungs())


def test_names_of_a_mapping_of_one_s_own(save, tmp_path):
    from hilum.readers.label_mapping import label_mapping

    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\n[lungs]\nright-lung = { names = ["Pulmo dexter"] }\n'
        'left-lung = { names = ["pulmo sinister"] }\n'
    )
    path = save(made_by_highdicom(lungs(), [("1", "Pulmo dexter", "99X"), ("2", "Pulmo sinister", "99X")]))
    made = read_structures(path, "lungs", label_mapping(str(tmp_path / "mine.toml")), on=grid())
    assert np.array_equal(made.array, lungs())
    with pytest.raises(ReadError, match=r"nothing that is known.*'Pulmo dexter', 'Pulmo sinister'.*Name the tool"):
        read_structures(path, "lungs", on=grid())


def test_a_segmentation_of_a_film(save, made):
    film = made.dataset(made.ramp((11, 13)))
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(film, keyword, "")
    film.StudyDate, film.StudyTime = "", ""
    pixels = lungs()[1]
    dataset = highdicom.seg.Segmentation(
        source_images=[film],
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[described(1, *RIGHT), described(2, *LEFT)],
        series_instance_uid="1.2.3.50",
        series_number=1,
        sop_instance_uid="1.2.3.51",
        instance_number=1,
        manufacturer="Other",
        manufacturer_model_name="Other",
        software_versions="1",
        device_serial_number="1",
    )
    place = PlaneGrid((11, 13), (0.2, 0.2))
    found = read_structures(save(dataset), "lungs", on=place)
    assert np.array_equal(found.array, pixels)
    assert found.plane == place


def test_another_grid_is_refused(save):
    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT]))
    other = VolumeGrid(SHAPE, grid().affine + np.outer([0, 0, 1.2, 0], [0, 0, 0, 1]), FRAME)
    with pytest.raises(GridMismatch, match="does not lie on the voxels of the image"):
        read_structures(path, "lungs", on=other)


def test_mirrored_sides_are_refused(save):
    path = save(made_by_highdicom(lungs(), [LEFT, RIGHT]))
    with pytest.raises(ReadError, match="what it calls right lies on the patient's left"):
        read_structures(path, "lungs", on=grid())


def test_uneven_frames_take_the_image_s_slices(save):
    def edit(dataset):
        for item in dataset.PerFrameFunctionalGroupsSequence:
            x, y, z = (float(each) for each in item.PlanePositionSequence[0].ImagePositionPatient)
            index = round((z - 105.25) / 2.5)  # frames of one slice share their place, and it is moved once
            item.PlanePositionSequence[0].ImagePositionPatient = [x, y, 105.25 + 2.5 * index + 0.9 * (index > 3)]

    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT], edit=edit))
    with pytest.raises(UnsupportedFormat, match=r"stand unevenly.*--image"):
        read_structures(path, "lungs")
    assert np.array_equal(read_structures(path, "lungs", on=grid()).array, lungs())


def test_limits(save):
    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT], edit=far))
    with pytest.raises(ReadError, match=r"its frames span 4000\d slices.*read.max_megavoxels"):
        read_structures(path, "lungs", settings=ReadSettings(max_megavoxels=1))


def far(dataset):
    """The last frame lies 100 m away."""
    place = dataset.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
    x, y, z = (float(each) for each in place.ImagePositionPatient)
    place.ImagePositionPatient = [x, y, round(z + 100_000.0, 6)]


def cut_short(dataset):
    dataset.PixelData = dataset.PixelData[:20]


def without_frames(dataset):
    dataset.PerFrameFunctionalGroupsSequence = []


def turned(dataset):
    for index, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        axes = pydicom.Dataset()
        axes.ImageOrientationPatient = [1, 0, 0, 0, 1, 0] if index else [0, 1, 0, 0, 0, -1]
        item.PlaneOrientationSequence = [axes]


@pytest.mark.parametrize(
    ("edit", "kind", "words"),
    [
        (cut_short, NotAnImage, "its frame [0-9]+ cannot be decoded"),
        (without_frames, NotAnImage, "2 segments and 0 frames"),
        (turned, UnsupportedFormat, "its frames are not parallel"),
    ],
)
def test_what_is_wrong_is_said(save, edit, kind, words):
    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT], edit=edit))
    with pytest.raises(kind, match=words):
        read_structures(path, "lungs", on=grid())


@pytest.mark.parametrize("read", [lambda path: read_structures(path, "lungs"), lambda path: read_labels(path, LUNGS)])
def test_another_object_is_refused(save, made, read):
    path = save(made.dataset(made.ramp()))
    with pytest.raises(UnsupportedFormat, match=r"Digital X-Ray.*masks are read from Segmentations and RT Structure"):
        read(path)


def test_labels_by_code_and_by_number(save):
    path = save(made_by_highdicom(lungs(), [RIGHT, LEFT]))
    assert np.array_equal(read_labels(path, LUNGS).array, lungs()[1:])
    swapped = read_labels(path, LUNGS, {1: 2, 2: 1})
    assert np.array_equal(swapped.array, np.array([0, 2, 1], dtype=np.uint8)[lungs()[1:]])
    with pytest.raises(ReadError, match=r"nothing that is known.*'Right lung', 'Left lung'"):
        read_labels(path, LESIONS)

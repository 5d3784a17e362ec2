"""Segmentations, read back by highdicom and laid over the source by SimpleITK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from hilum.errors import WriteError
from hilum.geometry import PlaneOrientation, VolumeGrid
from hilum.image import LabelMap
from hilum.readers.dicom_source import dicom_source
from hilum.writers.dicom import write_dicom

highdicom = pytest.importorskip("highdicom")
sitk = pytest.importorskip("SimpleITK")


def written(made, folder, **options):
    return {path.name: path for path in write_dicom(made.case, made.entry, folder, objects=("seg",), **options)}


def points(mask, affine):
    """LPS positions in hundredths of a mm of all voxels in a mask."""
    places = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return set(map(tuple, np.rint(100 * places).astype(int).tolist()))


def volume_of(path):
    """Segment numbers and the affine of (slice, row, column) to LPS, as highdicom sees them."""
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True, allow_missing_positions=True)
    return volume.array, volume.affine


def require_same_points(made, path, labels):
    """Every segment has the voxels of its structure, wherever they are in the patient."""
    array, affine = volume_of(path)
    names = [item.SegmentLabel for item in pydicom.dcmread(path).SegmentSequence if item.SegmentNumber]
    present = [number for number, label in labels.labels.items() if labels.pixels(label.name)]
    assert names == [labels.labels[number].code.meaning for number in present]
    for place, number in enumerate(present, 1):
        assert points(array == place, affine) == points(labels.array == number, labels.volume.affine)


@pytest.mark.parametrize("segments", ["binary", "labelmap"])
@pytest.mark.parametrize("is_enhanced", [False, True])
def test_ct(make_ct, tmp_path, is_enhanced, segments):
    made = make_ct(is_enhanced=is_enhanced)
    files = written(made, tmp_path, segments=segments)
    assert list(files) == ["seg-lungs.dcm", "seg-lesions.dcm"]
    require_same_points(made, files["seg-lungs.dcm"], made.case.lungs)
    require_same_points(made, files["seg-lesions.dcm"], made.case.lesions)


def oblique(grid):
    angle = np.deg2rad(17)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return VolumeGrid(grid.shape, turn @ grid.affine)


def tilted(grid):
    affine = grid.affine.copy()
    affine[1, 0] = affine[2, 0] * np.tan(np.deg2rad(12))
    return VolumeGrid(grid.shape, affine)


GRIDS = {
    "oblique": oblique,
    "tilted": tilted,
    "feet first": lambda grid: grid.flipped(0),
    "rows upward": lambda grid: grid.flipped(1),
    "prone": lambda grid: grid.flipped(1).flipped(2),
}


@pytest.mark.parametrize("way", GRIDS)
def test_a_ct_lies_where_its_source_lies(make_ct, phantom_ct, tmp_path, way):
    made = make_ct(grid=GRIDS[way](phantom_ct.ct.volume))
    path = written(made, tmp_path)["seg-lungs.dcm"]
    if way == "tilted":  # highdicom takes no volume from a sheared lattice: frame by frame
        require_frames_on_source(path, made)
    else:
        require_same_points(made, path, made.case.lungs)


def frames(path):
    """Of each frame: its segment, the position of its first pixel, and the UID and the frame of its source."""
    dataset = pydicom.dcmread(path)
    (shared,) = dataset.SharedFunctionalGroupsSequence
    for item in dataset.PerFrameFunctionalGroupsSequence:
        identified = item if "SegmentIdentificationSequence" in item else shared
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        yield (
            identified.SegmentIdentificationSequence[0].ReferencedSegmentNumber,
            tuple(float(each) for each in item.PlanePositionSequence[0].ImagePositionPatient),
            source.ReferencedSOPInstanceUID,
            source.get("ReferencedFrameNumber"),
        )


def require_frames_on_source(path, made):
    """Each frame has the place of the image that it names, and the pixels of the mask there."""
    stored = pydicom.dcmread(path).pixel_array
    headers = {header.SOPInstanceUID: header for header in map(pydicom.dcmread, made.files)}
    inverse = np.linalg.inv(made.case.lungs.volume.affine)
    seen = 0
    for pixels, (number, position, uid, _) in zip(stored, frames(path), strict=True):
        source = headers[uid]
        assert np.allclose(position, [float(each) for each in source.ImagePositionPatient], atol=1e-6)
        index = (inverse @ [*position, 1.0])[0]
        assert np.array_equal(pixels, made.case.lungs.array[round(index)] == number)
        seen += int(pixels.sum())
    assert seen > 0
    return len(stored)


def test_frames_are_those_of_the_source_and_in_its_study(ct, tmp_path):
    path = written(ct, tmp_path)["seg-lungs.dcm"]
    count = require_frames_on_source(path, ct)
    assert count == sum(int((ct.case.lungs.array == n).any(axis=(1, 2)).sum()) for n in (1, 2))  # no empty ones
    made, source = pydicom.dcmread(path), pydicom.dcmread(ct.files[0])
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "PatientSex"):
        assert made.get(keyword) == source.get(keyword)
    assert made.SeriesInstanceUID != source.SeriesInstanceUID


def test_frames_of_an_enhanced_ct_name_its_frames(make_ct, tmp_path):
    made = make_ct(is_enhanced=True)
    path = written(made, tmp_path)["seg-lungs.dcm"]
    source = pydicom.dcmread(made.files[0])
    for _, position, uid, number in frames(path):
        assert uid == source.SOPInstanceUID
        there = source.PerFrameFunctionalGroupsSequence[number - 1].PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(position, [float(each) for each in there], atol=1e-6)


def test_a_slice_that_was_filled_in_has_no_frame(make_ct, tmp_path):
    made = make_ct(drop=(9,))
    assert made.case.image.grid.shape == (len(made.files) + 1, *made.case.image.grid.shape[1:])
    path = written(made, tmp_path)["seg-lungs.dcm"]
    require_frames_on_source(path, made)
    heights = {round(position[2], 3) for _, position, _, _ in frames(path)}
    filled = made.case.image.volume.position_mm(np.array([9.0, 0, 0]))[2]
    assert made.case.lungs.array[9].any()
    assert round(float(filled), 3) not in heights


def uneven(dataset):
    """Slices above the middle stand 3 mm higher."""
    x, y, z = (float(each) for each in dataset.ImagePositionPatient)
    dataset.ImagePositionPatient = [x, y, z + (3.0 if z > 0 else 0.0)]


def nearest(labels, grid, _):
    """Masks on a lattice of other slices."""
    heights = grid.position_mm(np.column_stack([np.arange(grid.shape[0]), np.zeros((grid.shape[0], 2))]))[:, 2]
    own = labels.volume.position_mm(
        np.column_stack([np.arange(labels.array.shape[0]), np.zeros((len(labels.array), 2))])
    )
    moved = own[:, 2] + np.where(own[:, 2] > 0, 3.0, 0.0)
    array = labels.array[np.abs(heights[:, None] - moved).argmin(axis=1)]
    return LabelMap(array, grid, labels.labels, labels.origin)


def test_a_series_that_was_resampled_has_frames_on_its_own_slices(make_ct, tmp_path):
    made = make_ct(edit=uneven, truth=nearest)
    assert "irregular-spacing" in [finding.code for finding in made.case.image.findings]
    require_frames_on_source(written(made, tmp_path)["seg-lungs.dcm"], made)


def test_simpleitk_finds_the_source_s_pixels_under_the_mask(ct, tmp_path):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(ct.files[0].parent)))
    image = reader.Execute()
    array, affine = volume_of(written(ct, tmp_path)["seg-lungs.dcm"])
    inverse = np.linalg.inv(ct.case.image.volume.affine)
    for place in np.argwhere(array > 0)[::97]:
        position = affine @ [*place, 1.0]
        z, y, x = np.rint(inverse @ position)[:3].astype(int)
        index = image.TransformPhysicalPointToIndex(position[:3].tolist())
        assert image[index] == ct.case.image.array[z, y, x]
        assert ct.case.lungs.array[z, y, x] == array[tuple(place)]


@pytest.mark.parametrize("orientation", [PlaneOrientation(), PlaneOrientation("R", "F"), PlaneOrientation("F", "R")])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_film_s_segments_are_on_its_stored_pixels(make_film, tmp_path, orientation, photometric):
    made = make_film(orientation=orientation, photometric=photometric)
    files = written(made, tmp_path)
    for name, labels in (("seg-lungs.dcm", made.case.lungs), ("seg-lesions.dcm", made.case.lesions)):
        dataset = pydicom.dcmread(files[name])
        assert dataset.PatientOrientation == [orientation.columns, orientation.rows]
        assert "FrameOfReferenceUID" not in dataset
        combined = highdicom.seg.segread(files[name]).get_pixels_by_source_instance(
            dicom_source(made.entry).instances, combine_segments=True
        )[0]
        present = [number for number, label in labels.labels.items() if labels.pixels(label.name)]
        assert np.array_equal(np.array([0, *present])[combined], labels.array)


def test_what_the_segments_say_of_themselves(ct, tmp_path):
    dataset = pydicom.dcmread(written(ct, tmp_path)["seg-lesions.dcm"])
    assert [item.SegmentNumber for item in dataset.SegmentSequence] == [1, 2, 3]
    assert dataset.SegmentationType == "BINARY"
    assert dataset.SegmentsOverlap == "NO"
    first = dataset.SegmentSequence[0]
    types = [item.SegmentedPropertyTypeCodeSequence[0] for item in dataset.SegmentSequence]
    assert [(each.CodeValue, each.CodingSchemeDesignator) for each in types] == [
        ("112120", "DCM"),
        ("95436008", "SCT"),
        ("60046008", "SCT"),
    ]
    (algorithm,) = first.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("lesion-network", "2.1")
    assert first.SegmentAlgorithmType == "AUTOMATIC"
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"


def without(labels, *names):
    numbers = [labels.number(name) for name in names]
    return replace(labels, array=np.where(np.isin(labels.array, numbers), 0, labels.array).astype(np.uint8))


def test_a_structure_that_is_not_there_has_no_segment(ct, tmp_path):
    made = replace(ct, case=replace(ct.case, lesions=without(ct.case.lesions, "ground-glass")))
    path = written(made, tmp_path)["seg-lesions.dcm"]
    assert [(item.SegmentNumber, item.SegmentLabel) for item in pydicom.dcmread(path).SegmentSequence] == [
        (1, "Lung consolidation"),
        (2, "Pleural effusion"),
    ]
    require_same_points(made, path, made.case.lesions)


def test_without_lesions_there_is_no_segmentation_of_them(film, tmp_path):
    healthy = without(film.case.lesions, "ground-glass", "consolidation")
    made = replace(film, case=replace(film.case, lesions=healthy))
    assert list(written(made, tmp_path)) == ["seg-lungs.dcm"]


def test_several_enhanced_files_are_refused(make_ct, tmp_path):
    made = make_ct(is_enhanced=True)
    headers = dicom_source(made.entry)
    half = len(headers.frames) // 2
    frames = (*((0, place) for place in range(half)), *((1, place) for place in range(len(headers.frames) - half)))
    two = replace(headers, headers=headers.headers * 2, frames=frames)
    with pytest.raises(WriteError, match="2 files of several frames each"):
        write_dicom(made.case, two, tmp_path, objects=("seg",))

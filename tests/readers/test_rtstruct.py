"""Contours become masks: against another way to tell whether a point is inside."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from hilum.errors import GridMismatch, NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.readers.rtstruct import fill
from hilum.readers.structures import read_structures

SHAPE = (5, 31, 37)
FRAME = "1.2.3.4"


def grid(flips=(), frame=FRAME):
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 0.8], [0, 0.7, 0], [2.5, 0, 0]])
    affine[:3, 3] = (-14.0, -10.0, 50.0)
    made = VolumeGrid(SHAPE, affine, frame)
    for axis in flips:
        made = made.flipped(axis)
    return made


def inside(points, contours):
    """Whether each point is inside an odd number of polygons, by the sum of the angles that it sees."""
    odd = np.zeros(len(points), dtype=bool)
    for contour in contours:
        toward = contour[None] - points[:, None]
        following = np.roll(toward, -1, axis=1)
        cross = toward[..., 0] * following[..., 1] - toward[..., 1] * following[..., 0]
        angles = np.arctan2(cross, (toward * following).sum(axis=-1))
        odd ^= np.rint(angles.sum(axis=1) / (2 * np.pi)).astype(int) % 2 == 1
    return odd


def ring(centre, radii, points=24):
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False) + 0.1
    return np.column_stack([centre[0] + radii[0] * np.sin(angles), centre[1] + radii[1] * np.cos(angles)])


CONTOURS = {
    "outside and hole": [ring((14.3, 12.2), (9.1, 8.3)), ring((13.1, 11.4), (3.2, 4.7))],
    "two parts": [ring((8.2, 9.1), (4.4, 5.2)), ring((21.7, 26.3), (5.1, 6.6))],
    "over the edge": [ring((2.2, 35.1), (9.4, 7.7))],
}


@pytest.mark.parametrize("name", CONTOURS)
def test_pixels_whose_centres_are_inside(name):
    centres = np.argwhere(np.ones(SHAPE[1:])).astype(float)
    expected = inside(centres, CONTOURS[name]).reshape(SHAPE[1:])
    assert expected.any()
    assert np.array_equal(fill(CONTOURS[name], SHAPE[1:]), expected)


@given(st.lists(st.tuples(st.integers(-40, 340), st.integers(-40, 400)), min_size=3, max_size=9))
def test_any_polygon_by_the_even_odd_rule(corners):
    """Corners in tenths of a pixel and off its centre; crossing lines too, for which windings are counted by parity."""
    contour = np.array(corners) / 10.0 + 0.0371
    made = fill([contour], (31, 37))
    rows, columns = np.indices((31, 37)).reshape(2, -1).astype(float)
    odd = np.zeros(rows.size, dtype=bool)
    for (row, column), (row_end, column_end) in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        if row != row_end:
            crosses = (row > rows) != (row_end > rows)
            odd ^= crosses & (columns < (column_end - column) * (rows - row) / (row_end - row) + column)
    assert np.count_nonzero(made.reshape(-1) != odd) == 0


def test_neighbours_share_no_pixel_and_leave_none_out():
    left = np.array([[2.0, 3.0], [2.0, 9.0], [8.0, 9.0], [8.0, 3.0]])
    right = np.array([[2.0, 9.0], [2.0, 14.0], [8.0, 14.0], [8.0, 9.0]])
    masks = fill([left], (12, 17)), fill([right], (12, 17))
    assert not (masks[0] & masks[1]).any()
    assert (masks[0] | masks[1]).sum() == 6 * 11


def structure_set(regions, place=None, kind="CLOSED_PLANAR", codes=()):
    """An RT Structure Set: by name, the slices of a region and its contours in rows and columns of the grid."""
    place = place or grid()
    made = Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.5"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = "1.2.3", "1.2.3.6", "RTSTRUCT"
    made.StructureSetROISequence, made.ROIContourSequence, made.RTROIObservationsSequence = [], [], []
    for number, (name, slices) in enumerate(regions.items(), 7):
        roi, contours, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, FRAME
        contours.ReferencedROINumber, contours.ContourSequence = number, []
        for index, outlines in slices.items():
            for outline in outlines:
                contour = Dataset()
                contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(outline)
                points = place.position_mm(np.column_stack([np.full(len(outline), float(index)), outline]))
                contour.ContourData = [f"{each:.6f}" for each in points.reshape(-1)]
                contours.ContourSequence.append(contour)
        observation.ObservationNumber, observation.ReferencedROINumber = number, number
        for code in codes[number - 7 : number - 6]:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "Something"
            observation.RTROIIdentificationCodeSequence = [item]
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(contours)
        made.RTROIObservationsSequence.append(observation)
    return made


RIGHT = {1: [ring((12.3, 8.2), (6.1, 5.3)), ring((12.1, 8.4), (2.2, 2.7))], 2: [ring((12.3, 8.2), (7.1, 5.3))]}
LEFT = {1: [ring((12.3, 27.2), (6.1, 5.3))], 4: [ring((11.3, 27.2), (4.1, 5.3))]}


def expected():
    made = np.zeros(SHAPE, dtype=np.uint8)
    for label, slices in ((1, RIGHT), (2, LEFT)):
        for index, outlines in slices.items():
            made[index][fill(outlines, SHAPE[1:])] = label
    return made


@pytest.fixture
def save(tmp_path):
    def write(dataset):
        dataset.save_as(tmp_path / "structures.dcm", enforce_file_format=True)
        return tmp_path / "structures.dcm"

    return write


@pytest.mark.parametrize("flips", [(), (0,), (0, 2), (1,)])
@pytest.mark.parametrize("names", [("Lung_R", "Lung_L"), ("right-lung", "left-lung"), ("Right Lung", "LEFT LUNG")])
def test_lungs_on_a_grid_that_lies_either_way(save, flips, names):
    path = save(structure_set(dict(zip(names, (RIGHT, LEFT), strict=True))))
    made = read_structures(path, "lungs", on=grid(flips)).array
    assert np.array_equal(np.flip(made, flips), expected())


def test_by_codes(save):
    path = save(structure_set({"A": RIGHT, "B": LEFT}, codes=("3341006", "44029006")))
    assert np.array_equal(read_structures(path, "lungs", on=grid()).array, expected())


@pytest.mark.parametrize("on", [None, "film"])
def test_the_image_is_needed(save, on):
    from hilum.geometry import PlaneGrid

    path = save(structure_set({"Lung_R": RIGHT}))
    with pytest.raises(UnsupportedFormat, match=r"it holds contours.*Give the CT as well \(--image\)"):
        read_structures(path, "lungs", on=on and PlaneGrid((31, 37)))


def test_another_frame_of_reference_is_refused(save):
    path = save(structure_set({"Lung_R": RIGHT}))
    with pytest.raises(GridMismatch, match="another frame of reference"):
        read_structures(path, "lungs", on=grid(frame="1.2.3.77"))


def test_contours_outside_are_refused(save):
    path = save(structure_set({"Lung_R": {40: RIGHT[1]}}))
    with pytest.raises(GridMismatch, match="lie outside the image"):
        read_structures(path, "lungs", on=grid())


def test_contours_across_slices_are_refused(save):
    upright = VolumeGrid(SHAPE, grid().affine[:, [1, 0, 2, 3]], FRAME)
    path = save(structure_set({"Lung_R": {1: [ring((3.0, 12.0), (2.0, 5.0))]}}, upright))
    with pytest.raises(UnsupportedFormat, match="do not lie on a transverse slice"):
        read_structures(path, "lungs", on=grid())


def test_points_are_no_regions(save):
    path = save(structure_set({"Lung_R": {1: [ring((3.0, 12.0), (2.0, 5.0))]}}, kind="POINT"))
    assert not read_structures(path, "lungs", on=grid()).array.any()


def test_unknown_names_are_listed(save):
    path = save(structure_set({"Heart": RIGHT}))
    with pytest.raises(ReadError, match=r"nothing that is known.*it has 'Heart'"):
        read_structures(path, "lungs", on=grid())


def test_damaged_contours(save):
    dataset = structure_set({"Lung_R": RIGHT})
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2", "3", "4"]
    with pytest.raises(NotAnImage, match="its contours are damaged"):
        read_structures(save(dataset), "lungs", on=grid())


def test_no_regions(save):
    with pytest.raises(NotAnImage, match="a structure set without regions"):
        read_structures(save(structure_set({})), "lungs", on=grid())

"""What Hilum writes as DICOM it reads back: masks for scores on anyone's masks, by the command line too."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.measurement import NotMeasured
from hilum.readers.structures import read_structures
from hilum.writers.dicom import write_dicom

pytest.importorskip("highdicom")


@pytest.mark.parametrize("segments", ["binary", "labelmap"])
@pytest.mark.parametrize("which", ["film", "ct"])
def test_masks_come_back(request, tmp_path, which, segments):
    made = request.getfixturevalue(which)
    write_dicom(made.case, made.entry, tmp_path, objects=("seg",), segments=segments)
    for role, labels in (("lungs", made.case.lungs), ("lesions", made.case.lesions)):
        found = read_structures(tmp_path / f"seg-{role}.dcm", role, on=made.case.image.grid)
        assert np.array_equal(found.array, labels.array)


def test_frames_of_the_whole_chest_come_back_from_a_tilted_gantry(make_ct, phantom_ct, tmp_path):
    affine = phantom_ct.ct.volume.affine.copy()
    affine[1, 0] = affine[2, 0] * np.tan(np.deg2rad(12))
    made = make_ct(grid=type(phantom_ct.ct.volume)(phantom_ct.ct.volume.shape, affine))
    write_dicom(made.case, made.entry, tmp_path, objects=("seg",))
    found = read_structures(tmp_path / "seg-lungs.dcm", "lungs", on=made.case.image.grid)
    assert np.array_equal(found.array, made.case.lungs.array)


@pytest.mark.parametrize("which", ["film", "ct"])
def test_scores_of_the_segmentations_are_those_of_the_masks(request, tmp_path, which):
    made = request.getfixturevalue(which)
    write_dicom(made.case, made.entry, tmp_path, objects=("seg",))
    image = made.files[0] if which == "film" else made.files[0].parent
    roles = ["--lungs", tmp_path / "seg-lungs.dcm", "--lesions", tmp_path / "seg-lesions.dcm"]
    done = CliRunner().invoke(app, ["score", "--image", str(image), *map(str, roles), "--json"])
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    for name, score in made.case.scores.items():
        expected = {"not_measured": score.value.reason} if isinstance(score.value, NotMeasured) else score.value
        assert scores[name]["value"] == pytest.approx(expected, abs=1e-4) if isinstance(expected, float) else expected


def test_contours_of_a_ct(ct, tmp_path):
    """Boxes round the lungs, as a planning system would save them."""
    place, dataset = ct.case.image.volume, pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.5"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    boxes = {"Lung_R": (4.5, 9.5, 6.5, 14.5), "Lung_L": (4.5, 9.5, 25.5, 33.5)}
    for number, (name, (top, bottom, left, right)) in enumerate(boxes.items(), 1):
        roi, contours, contour = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, place.frame
        corners = np.array([[8, top, left], [8, top, right], [8, bottom, right], [8, bottom, left]], dtype=float)
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        contour.ContourData = [f"{each:.5f}" for each in place.position_mm(corners).reshape(-1)]
        contours.ReferencedROINumber, contours.ContourSequence = number, [contour]
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(contours)
    dataset.save_as(tmp_path / "plan.dcm", enforce_file_format=True)
    found = read_structures(tmp_path / "plan.dcm", "lungs", on=place)
    expected = np.zeros(place.shape, dtype=np.uint8)
    expected[8, 5:10, 7:15], expected[8, 5:10, 26:34] = 1, 2
    assert np.array_equal(found.array, expected)

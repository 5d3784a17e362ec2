"""What DICOM headers say of geometry, view and film."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.geometry import SpacingAt
from hilum.measurement import Gravity
from hilum.readers import dicom_tags
from hilum.readers.formats import read_content
from hilum.settings import ReadSettings

lower_case = pytest.mark.filterwarnings("ignore:Invalid value for VR CS")


@pytest.fixture
def header(made):
    return lambda **tags: made.dataset(None, **tags)


@pytest.mark.parametrize(
    ("tags", "spacing", "at"),
    [
        ({}, None, SpacingAt.UNKNOWN),
        ({"PixelSpacing": [0.2, 0.3]}, (0.2, 0.3), SpacingAt.UNKNOWN),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), SpacingAt.DETECTOR),
        ({"NominalScannedPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), SpacingAt.DETECTOR),
        ({"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), SpacingAt.DETECTOR),
        ({"PixelSpacing": [0.18, 0.27], "ImagerPixelSpacing": [0.2, 0.3]}, (0.18, 0.27), SpacingAt.PATIENT),
        ({"PixelSpacing": [0.2, 0.3], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.2, 0.3), SpacingAt.PATIENT),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "GEOMETRY"},
            (0.2, 0.2),
            SpacingAt.PATIENT,
        ),
        (
            {"ImagerPixelSpacing": [0.22, 0.33], "EstimatedRadiographicMagnificationFactor": "1.1"},
            (0.2, 0.3),
            SpacingAt.PATIENT,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.3], "EstimatedRadiographicMagnificationFactor": "1"},
            (0.2, 0.3),
            SpacingAt.DETECTOR,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.3], "EstimatedRadiographicMagnificationFactor": "50"},
            (0.2, 0.3),
            SpacingAt.DETECTOR,
        ),
    ],
)
def test_spacing_and_where_it_holds(header, tags, spacing, at):
    found, found_at = dicom_tags.spacing(header(**tags))
    assert found == (None if spacing is None else pytest.approx(spacing))
    assert found_at is at


@pytest.mark.parametrize("value", [[0, 0.3], [-1, 1], [40, 40], [0.2], [0.1, 0.2, 0.3], None, "", "0.2"])
def test_a_spacing_that_cannot_be_is_none(header, value):
    dataset = header()
    dataset.PixelSpacing = value
    assert dicom_tags.spacing(dataset) == (None, SpacingAt.UNKNOWN)


@pytest.mark.filterwarnings("ignore")
def test_a_spacing_with_decimal_commas_is_none_and_no_failure(made):
    data = made.dicom(made.ramp(), PixelSpacing=[0.143, 0.143]).replace(b"0.143\\0.143", b"0,143\\0,143")
    film = read_content(made.content(data), ReadSettings())
    assert film.plane.spacing_mm is None


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        (["L", "F"], "L", "F"),
        (["R", "F"], "R", "F"),
        (["L", "FR"], "L", "F"),
        (["LH", "FL"], "L", "F"),
        (["H", "R"], "H", "R"),
        ([" l", "f "], "L", "F"),
    ],
)
@lower_case
def test_orientation(header, value, columns, rows):
    found, findings = dicom_tags.orientation(header(PatientOrientation=value))
    assert (found.columns, found.rows) == (columns, rows)
    assert findings == ()


@pytest.mark.parametrize("value", [None, "", "L", ["L", "R"], ["X", "F"], ["L", ""], ["L", "F", "A"][:1]])
def test_an_orientation_that_does_not_tell_is_upright_with_a_note(header, value):
    dataset = header()
    dataset.PatientOrientation = value
    found, findings = dicom_tags.orientation(dataset)
    assert found.is_upright
    assert [(finding.code, finding.gravity) for finding in findings] == [("orientation-assumed", Gravity.NOTE)]


def test_a_lateral_film_stays_as_it_is_without_a_note(header):
    found, findings = dicom_tags.orientation(header(PatientOrientation=["A", "F"]))
    assert found.is_upright
    assert findings == ()


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "PA"}, "PA"),
        ({"ViewPosition": "ap"}, "AP"),
        ({"ViewPosition": "LL"}, "LATERAL"),
        ({"ViewPosition": "RL"}, "LATERAL"),
        ({"ViewPosition": "XX"}, ""),
        ({"ViewPosition": None}, ""),
        ({"ViewPosition": "", "PatientOrientation": ["A", "F"]}, "LATERAL"),
        ({"ViewPosition": "", "PatientOrientation": ["PH", "F"]}, "LATERAL"),
        ({"ViewPosition": "PA", "PatientOrientation": ["A", "F"]}, "PA"),
    ],
)
@lower_case
def test_view(header, tags, view):
    assert dicom_tags.view(header(**tags)) == view


@pytest.mark.parametrize(
    ("code", "scheme", "view"),
    [
        ("399348003", "SCT", "AP"),
        ("272479007", "SCT", "PA"),
        ("399067008", "SCT", "LATERAL"),
        ("R-10214", "SRT", "PA"),
        ("399182000", "SCT", ""),
    ],
)
def test_view_by_code(header, code, scheme, view):
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code, scheme
    assert dicom_tags.view(header(ViewPosition=None, ViewCodeSequence=[item])) == view


def test_view_codes_are_those_of_the_standard():
    from pydicom.sr.codedict import codes

    known = {getattr(codes.CID4010, name).value: getattr(codes.CID4010, name).meaning for name in codes.CID4010.dir()}
    views = {"antero-posterior": "AP", "postero-anterior": "PA", "lateral": "LATERAL"}
    views |= {"left lateral": "LATERAL", "right lateral": "LATERAL"}
    for code, view in dicom_tags.VIEW_CODES.items():
        if not code.startswith("R-"):
            assert views[known[code]] == view


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_uids_are_all_or_none(header, missing):
    assert dicom_tags.uids(header()).instances == ("1.2.3.4",)
    assert (dicom_tags.uids(header()).study, dicom_tags.uids(header()).series) == ("1.2", "1.2.3")
    assert dicom_tags.uids(header(**{missing: None})) is None


@pytest.mark.parametrize(
    ("tags", "code", "gravity"),
    [
        ({"Modality": "CT"}, "not-a-film", Gravity.ERROR),
        ({"Modality": "MR"}, "not-a-film", Gravity.ERROR),
        ({"BodyPartExamined": "KNEE"}, "other-body-part", Gravity.WARNING),
        ({"ViewPosition": "LAO"}, "oblique-view", Gravity.WARNING),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for-processing", Gravity.WARNING),
        ({"BurnedInAnnotation": "YES"}, "burned-in-annotation", Gravity.NOTE),
    ],
)
def test_findings(header, tags, code, gravity):
    assert [(finding.code, finding.gravity) for finding in dicom_tags.findings(header(**tags))] == [(code, gravity)]


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"Modality": "CR", "BodyPartExamined": "CHEST"},
        {"Modality": "OT", "BodyPartExamined": "Thorax"},
        {"Modality": None, "BodyPartExamined": ""},
        {"Modality": "VENDOR", "PresentationIntentType": "FOR PRESENTATION", "BurnedInAnnotation": "NO"},
    ],
)
@lower_case
def test_an_ordinary_film_has_no_findings(header, tags):
    assert list(dicom_tags.findings(header(**tags))) == []


def test_everything_arrives_on_the_image(made):
    data = made.dicom(
        made.ramp(), PatientOrientation=["R", "F"], ViewPosition="AP", ImagerPixelSpacing=[0.2, 0.3], Modality="CT"
    )
    film = read_content(made.content(data), ReadSettings())
    assert film.view == "AP"
    assert film.origin.uids.study == "1.2"
    assert film.plane.spacing_mm == (0.2, 0.3)
    assert film.plane.spacing_at is SpacingAt.DETECTOR
    assert [finding.code for finding in film.findings] == ["not-a-film"]


def test_a_mirrored_film_is_turned_by_upright(made):
    film = read_content(made.content(made.dicom(made.ramp(), PatientOrientation=["R", "F"])), ReadSettings())
    assert np.array_equal(film.array, made.ramp())
    assert np.array_equal(film.upright().array, made.ramp()[:, ::-1])


def test_a_film_on_its_side_swaps_its_spacing(made):
    data = made.dicom(made.ramp(), PatientOrientation=["F", "L"], PixelSpacing=[0.2, 0.3])
    film = read_content(made.content(data), ReadSettings())
    assert film.upright().plane.spacing_mm == (0.3, 0.2)
    assert np.array_equal(film.upright().array, made.ramp().T)


def test_an_element_that_breaks_the_rules_of_its_kind_is_none(made):
    import io

    import pydicom

    data = made.dicom(made.ramp())
    broken = data.replace(b"\x28\0\0\1US\2\0", b"\x28\0\0\1UL\2\0")
    assert dicom_tags.value(pydicom.dcmread(io.BytesIO(data)), "BitsAllocated") == 8
    assert dicom_tags.value(pydicom.dcmread(io.BytesIO(broken)), "BitsAllocated") is None


@pytest.mark.parametrize(("value", "expected"), [("7", 7), (None, 4), ("", 4), (["1", "2"], 4)])
def test_whole_numbers(header, value, expected):
    assert (
        dicom_tags.whole(header(NumberOfFrames=value) if value is not None else header(), "NumberOfFrames", 4)
        == expected
    )

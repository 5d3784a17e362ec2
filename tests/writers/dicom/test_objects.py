"""All objects of a case: valid, the same from run to run, with the patient or without."""

from __future__ import annotations

import errno
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from hilum.errors import MissingExtra, UnsupportedFormat, WriteError
from hilum.measurement import NotMeasured
from hilum.readers import find
from hilum.readers.dicom_source import dicom_source
from hilum.settings import OutputSettings
from hilum.writers import write_case
from hilum.writers.dicom import OBJECTS, write_dicom
from hilum.writers.overlay import render

pytest.importorskip("highdicom")
pytest.importorskip("reportlab")

NAMES = ["seg-lungs.dcm", "seg-lesions.dcm", "sr.dcm", "overlay.dcm", "report.dcm"]


@pytest.mark.parametrize(
    ("which", "deidentify"), [("film", False), ("film", True), ("ct", False), ("ct", True), ("enhanced", True)]
)
def test_a_validator_finds_no_errors(request, make_ct, errors_of, tmp_path, which, deidentify):
    made = make_ct(is_enhanced=True) if which == "enhanced" else request.getfixturevalue(which)
    files = write_dicom(made.case, made.entry, tmp_path, deidentify=deidentify)
    assert [path.name for path in files] == NAMES
    assert {path.name: errors_of(path) for path in files} == {name: [] for name in NAMES}


@pytest.mark.parametrize("which", ["film", "ct"])
def test_dicom_validator_finds_no_errors(request, tmp_path, which):
    edition = find_standard()
    validator = pytest.importorskip("dicom_validator.validator.dicom_file_validator")
    made = request.getfixturevalue(which)
    for path in write_dicom(made.case, made.entry, tmp_path):
        results = validator.DicomFileValidator(edition, suppress_vr_warnings=True).validate(path)
        assert {result.errors for result in results.values()} == {0}


def find_standard():
    """What dicom-validator reads the standard from; it downloads it, and the tests do not."""
    pytest.importorskip("dicom_validator")
    from dicom_validator.spec_reader.edition_reader import EditionReader

    folders = sorted((Path.home() / "dicom-validator").glob("*/json/iod_info.json"))
    if not folders:
        pytest.skip("the DICOM standard is not in ~/dicom-validator; 'validate_iods' downloads it there")
    return EditionReader().load_dicom_info(folders[-1].parent.parent.name)


@pytest.mark.parametrize("which", ["film", "ct"])
def test_the_same_case_gives_the_same_bytes(request, tmp_path, which):
    made = request.getfixturevalue(which)
    once = write_dicom(made.case, made.entry, tmp_path / "a")
    again = write_dicom(made.case, dicom_source(made.files[0].parent), tmp_path / "b")
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_an_object_that_the_disk_does_not_take_leaves_the_one_before_as_it_was(film, tmp_path, monkeypatch):
    (path,) = write_dicom(film.case, film.entry, tmp_path, objects=("sr",))
    before = path.read_bytes()

    def half(self, place, **_):
        Path(place).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(pydicom.Dataset, "save_as", half)
    with pytest.raises(WriteError, match=rf"{path.name}.*disk is full"):
        write_dicom(film.case, film.entry, tmp_path, objects=("sr",))
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def uids(files):
    return {pydicom.dcmread(path).SOPInstanceUID for path in files}


def test_another_result_has_other_identifiers(film, tmp_path):
    first = uids(write_dicom(film.case, film.entry, tmp_path))
    assert len(first) == len(NAMES)
    healthier = replace(film.case.lesions, array=np.where(film.case.lesions.array == 1, 2, 0).astype(np.uint8))
    others = (
        (replace(film.case, lesions=healthier), {}),
        (replace(film.case, disease=NotMeasured("nobody asked")), {}),
        (film.case, {"deidentify": True}),
        (film.case, {"segments": "labelmap"}),
    )
    for place, (case, options) in enumerate(others):
        assert not first & uids(write_dicom(case, film.entry, tmp_path / str(place), **options))


def test_a_report_without_links_is_another_object_than_one_with(film, tmp_path):
    linked = uids(write_dicom(film.case, film.entry, tmp_path / "a", objects=("seg", "sr")))
    alone = uids(write_dicom(film.case, film.entry, tmp_path / "b", objects=("sr",)))
    assert not linked & alone


SECRET = "Zebedee"
PLACES = {
    "PatientName": f"{SECRET}^Name",
    "PatientID": f"{SECRET}-1",
    "OtherPatientIDs": f"{SECRET}-2",
    "PatientBirthDate": "19340217",
    "PatientAddress": SECRET,
    "PatientComments": SECRET,
    "InstitutionName": SECRET,
    "InstitutionAddress": SECRET,
    "ReferringPhysicianName": f"{SECRET}^Doctor",
    "OperatorsName": f"{SECRET}^Operator",
    "StationName": SECRET,
    "DeviceSerialNumber": SECRET,
    "AccessionNumber": SECRET,
    "StudyID": SECRET,
    "StudyDescription": SECRET,
    "SeriesDescription": SECRET,
    "ProtocolName": SECRET,
    "StudyDate": "20210304",
    "StudyTime": "050607",
    "AcquisitionDate": "20210305",
    "ContentDate": "20210306",
    "PatientAge": "087Y",
    "PatientWeight": "81.5",
}
DATES = ("19340217", "1934-02-17", "20210304", "2021-03-04", "20210305", "20210306", "050607", "087Y", "81.5")


def with_secrets(dataset):
    for keyword, value in PLACES.items():
        setattr(dataset, keyword, value)
    request = Dataset()
    request.RequestedProcedureDescription = SECRET
    dataset.RequestAttributesSequence = [request]
    dataset.add_new(0x00091001, "LO", SECRET)


def texts(dataset):
    """Every value of every element, of sequences too, as text; pixels left out."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from texts(item)
        elif element.tag.group != 0x7FE0:
            yield element.keyword, repr(element.value)


@pytest.mark.parametrize("which", ["make_film", "make_ct"])
def test_nothing_tells_who_the_patient_is(request, tmp_path, which):
    pypdf = pytest.importorskip("pypdf")
    made = request.getfixturevalue(which)(edit=with_secrets, called=f"{SECRET}-scan")
    named = replace(made, case=replace(made.case, name=f"{SECRET}-case"))
    source = pydicom.dcmread(made.files[0])
    known = {str(source.get(k)) for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    words = (SECRET, *DATES, *known)
    for path in write_dicom(named.case, named.entry, tmp_path / "without", deidentify=True):
        dataset = pydicom.dcmread(path)
        found = [pair for pair in texts(dataset) if any(word in pair[1] for word in words)]
        assert found == []
        assert SECRET.encode() not in path.read_bytes()
        assert (dataset.PatientIdentityRemoved, dataset.PatientName) == ("YES", "")
        if path.name == "report.dcm":
            assert not any(word in page for page in pages(dataset, pypdf, tmp_path) for word in words)
    kept = write_dicom(named.case, named.entry, tmp_path / "with")
    for path in kept:  # the negative twin: the same scan finds the patient where it may be
        dataset = pydicom.dcmread(path)
        assert dataset.PatientName == f"{SECRET}^Name"
        assert dataset.StudyDate == "20210304"
        assert dataset.ContentDate == "20210305"
        assert sum(SECRET in value for _, value in texts(dataset)) >= 5
        assert "PatientIdentityRemoved" not in dataset
    assert any(SECRET in page for page in pages(pydicom.dcmread(kept[-1]), pypdf, tmp_path))


def pages(dataset, pypdf, folder):
    path = folder / "report.pdf"
    path.write_bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])
    with pypdf.PdfReader(path) as reader:
        return [page.extract_text() for page in reader.pages]


def test_pictures_of_burnt_in_text_are_not_made_without_the_patient(make_film, tmp_path):
    made = make_film(edit=lambda dataset: setattr(dataset, "BurnedInAnnotation", "YES"))
    with pytest.raises(WriteError, match=r"burnt into the picture.* Ask for seg and sr only"):
        write_dicom(made.case, made.entry, tmp_path, deidentify=True)
    assert write_dicom(made.case, made.entry, tmp_path, deidentify=True, objects=("seg", "sr"))
    assert len(write_dicom(made.case, made.entry, tmp_path)) == len(NAMES)


def bare(dataset):
    """Only what makes it a DICOM image; what is left of the patient breaks the rules of its elements."""
    needed = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")
    for element in list(dataset):
        is_pixel = element.tag.group in (0x0028, 0x7FE0)
        is_place = element.keyword in ("ImagePositionPatient", "ImageOrientationPatient", "SliceThickness")
        if not (is_pixel or is_place or element.keyword in needed):
            del dataset[element.tag]


def malformed(dataset):
    bare(dataset)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "ÉMILIE"
    dataset.add_new("StudyDate", "LO", "yesterday")
    dataset.add_new("PatientSex", "LO", "unknown")


@pytest.mark.parametrize(
    ("which", "edit"),
    [("make_film", bare), ("make_film", malformed), ("make_ct", bare)],
    ids=lambda each: str(each)[:14],
)
def test_headers_with_hardly_anything(request, errors_of, tmp_path, which, edit):
    made = request.getfixturevalue(which)(edit=edit)
    files = write_dicom(made.case, made.entry, tmp_path)
    assert [path.name for path in files] == NAMES
    assert [error for path in files for error in errors_of(path)] == []
    dataset = pydicom.dcmread(files[0])
    assert (dataset.StudyDate, dataset.PatientSex) == ("", "")
    assert str(dataset.PatientName) == ("ÉMILIE" if edit is malformed else "")


def test_what_is_no_dicom_is_refused(film, tmp_path):
    path = tmp_path / "film.png"
    from PIL import Image as Picture

    Picture.fromarray(render(film.case)).save(path)
    with pytest.raises(UnsupportedFormat, match=r"it is no DICOM file.*Give the DICOM original"):
        write_dicom(film.case, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_without_identifiers_is_refused(make_film, tmp_path):
    made = make_film(edit=lambda dataset: delattr(dataset, "StudyInstanceUID"))
    with pytest.raises(UnsupportedFormat, match="states no StudyInstanceUID"):
        write_dicom(made.case, made.entry, tmp_path)


def test_headers_of_another_image_are_refused(film, ct, tmp_path):
    with pytest.raises(WriteError, match="it was not made from the DICOM files that were given"):
        write_dicom(film.case, ct.entry, tmp_path)


def test_an_unknown_object_is_named(film, tmp_path):
    with pytest.raises(ValueError, match=r"'sg'.*'seg'"):
        write_dicom(film.case, film.entry, tmp_path, objects=("sg",))


@pytest.mark.parametrize("package", ["highdicom", "reportlab"])
def test_the_extra_is_named_where_it_is_missing(film, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"hilum\[dicom\]"):
        write_dicom(film.case, film.entry, tmp_path)


def test_an_input_in_a_zip_file(film, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "films"), "zip", film.files[0].parent)
    (entry,) = find([archive])
    files = write_dicom(film.case, entry, tmp_path / "out", objects=("seg",))
    assert pydicom.dcmread(files[0]).StudyInstanceUID == pydicom.dcmread(film.files[0]).StudyInstanceUID


def test_the_overlay(film, tmp_path):
    (path,) = write_dicom(film.case, film.entry, tmp_path, objects=("sc",))
    dataset = pydicom.dcmread(path)
    assert np.array_equal(dataset.pixel_array, render(film.case))
    assert (dataset.PatientOrientation, dataset.Modality) == (["L", "F"], "OT")
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == pydicom.dcmread(film.files[0]).SOPInstanceUID


def test_a_case_s_folder_has_the_objects_that_were_asked_for(film, tmp_path):
    settings = OutputSettings(overlay=False, report=False, dicom=("sr", "seg"))
    folder = write_case(film.case, tmp_path, settings, source=dicom_source(film.entry))
    assert {path.name for path in folder.glob("*.dcm")} == {"seg-lungs.dcm", "seg-lesions.dcm", "sr.dcm"}
    with pytest.raises(WriteError, match="they need the DICOM files that it was read from"):
        write_case(film.case, tmp_path / "other", settings)
    assert set(OBJECTS) == {"seg", "sr", "sc", "pdf"}

"""The structured report says what the result says, and links to the segments; read back by Hilum and by highdicom."""

from __future__ import annotations

from dataclasses import replace

import pydicom
import pytest

from hilum.measurement import NotMeasured
from hilum.readers.dicom_sr import read_sr
from hilum.writers.dicom import write_dicom
from hilum.writers.dicom.content import groups
from hilum.writers.result_json import rounded

highdicom = pytest.importorskip("highdicom")


@pytest.fixture(scope="module", params=["film", "ct"])
def reported(request, tmp_path_factory):
    """A case, and the folder with its segmentations and its report."""
    made = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("sr")
    write_dicom(made.case, made.entry, folder, objects=("seg", "sr"))
    return made, folder


def expected(case):
    """Every number of a case as a reader would find it."""
    for score in case.scores.values():
        for region, value in {"both": score.value, **score.parts}.items():
            yield score.definition.id, region, "", "", score.definition.unit, value
    for row in case.measures.table:
        if not row.region.endswith("-lobe"):
            yield row.id, row.region, row.structure, row.method, row.unit, row.value


def test_every_score_and_measure_is_in_it(reported):
    made, folder = reported
    found = {
        (row.id, row.region, row.structure, row.method): row
        for row in read_sr(folder / "sr.dcm")
        if row.method != "single-lesion"
    }
    count = 0
    for name, region, structure, method, unit, value in expected(made.case):
        row = found[name, region, structure, method]
        if isinstance(value, NotMeasured):
            assert row.value == value
        else:
            assert (row.value, row.unit) == (rounded(value), unit)
        count += 1
    assert count > 20


def test_uncertainties_and_single_lesions(ct, tmp_path):
    write_dicom(ct.case, ct.entry, tmp_path, objects=("sr",))
    rows = read_sr(tmp_path / "sr.dcm")
    found = {(row.id, row.region, row.structure, row.method): row.uncertainty for row in rows}
    stated = [row for row in ct.case.measures.table if row.uncertainty is not None]
    assert len(stated) > 20
    for row in stated:
        assert found[row.id, row.region, row.structure, row.method] == rounded(row.uncertainty)
    lesions = [row for row in rows if row.method == "single-lesion" and row.id == "volume"]
    assert [row.value for row in lesions] == [rounded(each.volume_ml) for each in ct.case.measures.instances]
    assert len(lesions) >= 2


def test_groups_are_linked_to_their_segments(reported):
    made, folder = reported
    segments = {}
    for name in ("seg-lungs.dcm", "seg-lesions.dcm"):
        dataset = pydicom.dcmread(folder / name)
        for item in dataset.SegmentSequence:
            segments[item.TrackingID] = (dataset.SOPInstanceUID, item.SegmentNumber)
    linked = {row.group: row.segment for row in read_sr(folder / "sr.dcm") if row.segment is not None}
    assert linked == segments
    dataset = pydicom.dcmread(folder / "sr.dcm")
    (study,) = dataset.CurrentRequestedProcedureEvidenceSequence
    evidence = {
        item.ReferencedSOPInstanceUID for each in study.ReferencedSeriesSequence for item in each.ReferencedSOPSequence
    }
    assert evidence == {uid for uid, _ in segments.values()} | {
        pydicom.dcmread(path).SOPInstanceUID for path in made.files
    }


def test_without_segmentations_there_are_no_links(film, tmp_path):
    write_dicom(film.case, film.entry, tmp_path, objects=("sr",))
    assert {row.segment for row in read_sr(tmp_path / "sr.dcm")} == {None}


def test_highdicom_reads_the_groups(reported):
    made, folder = reported
    report = highdicom.sr.srread(folder / "sr.dcm").content
    is_film = not made.case.measures.table
    linked = report.get_planar_roi_measurement_groups() if is_film else report.get_volumetric_roi_measurement_groups()
    assert len(linked) == (4 if is_film else 5)
    assert {group.tracking_identifier for group in linked} >= {"right-lung", "left-lung", "ground-glass"}


def texts(item):
    for each in item.get("ContentSequence") or ():
        if each.ValueType == "TEXT":
            yield each.TextValue
        yield from texts(each)


def test_what_is_not_measured_says_why(film, tmp_path):
    lost = NotMeasured("the left lung was not found")
    score = replace(film.case.scores["six-zone"], value=lost)
    case = replace(film.case, scores={**film.case.scores, "six-zone": score})
    write_dicom(case, film.entry, tmp_path, objects=("sr",))
    (row,) = [row for row in read_sr(tmp_path / "sr.dcm") if (row.id, row.region) == ("six-zone", "both")]
    assert row.value == lost
    dataset = pydicom.dcmread(tmp_path / "sr.dcm")
    assert all(len(item.MeasuredValueSequence) == 1 for item in numbers(dataset))


def numbers(item):
    for each in item.get("ContentSequence") or ():
        if each.ValueType == "NUM":
            yield each
        yield from numbers(each)


def test_words(reported):
    made, folder = reported
    words = list(texts(pydicom.dcmread(folder / "sr.dcm")))
    assert any(text.startswith("For research only") for text in words)
    assert any(made.case.findings[0].message in text for text in words)


def test_private_codes_are_short_and_their_scheme_is_named(reported):
    _, folder = reported
    dataset = pydicom.dcmread(folder / "sr.dcm")
    (scheme,) = dataset.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99HILUM"
    for element in dataset.iterall():
        if element.keyword == "CodeValue":
            assert 0 < len(element.value) <= 16


def test_groups_have_names_of_their_own(ct):
    names = [group.id for group in groups(ct.case)]
    assert len(names) == len(set(names)) > 50

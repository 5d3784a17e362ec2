"""What an upload becomes: studies with their own files."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import nibabel
import numpy as np
import pytest

from hilum.phantom import default_grid, sample_film, thorax, write_dicom, write_series
from hilum.settings import Settings, WebSettings
from hilum.web.intake import entry_of, take_in
from hilum.worklist.store import Store


@pytest.fixture(scope="module")
def film():
    return sample_film(3, shape=(64, 48))


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return Store(Path("reader"))  # as the setting's default: relative


@pytest.fixture
def tree(store):
    with store.incoming() as part:
        yield part


def files_of(store: Store, study: str) -> list[str]:
    upload = store.upload(study)
    return sorted(path.relative_to(upload).as_posix() for path in upload.rglob("*") if path.is_file())


def test_a_header_takes_its_pixels_along(store, tree):
    (tree / "scan").mkdir()
    (tree / "scan" / "ct.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n"
        "ElementDataFile = ct.raw\n"
    )
    (tree / "scan" / "ct.raw").write_bytes(np.zeros(60, np.int16).tobytes())
    (found,) = take_in(tree, store, Settings())
    assert files_of(store, found.id) == ["scan/ct.mhd", "scan/ct.raw"]
    assert entry_of(store.upload(found.id), Settings().read).open().array.shape == (3, 4, 5)


def test_films_and_a_series_in_one_folder_are_studies_of_their_own(store, tree, film):
    source = thorax(5, grid=default_grid(5, spacing_mm=(20.0, 12.0, 12.0)))
    series = write_series(source, tree / "visit" / "ct")
    path = write_dicom(film, tree / "visit" / "film.dcm")
    (tree / "visit" / "notes.txt").write_text("not looked at")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), tree / "visit" / "ct.nii.gz")
    found = {each.name: each for each in take_in(tree, store, Settings())}
    assert len(found) == 3
    sizes = sorted(len(files_of(store, each.id)) for each in found.values())
    assert sizes == [1, 1, len(series)]
    assert not path.exists()
    assert not any(each.code for each in found.values())


def test_a_member_that_does_not_unpack_refuses_its_study_only(store, tree):
    path = tree / "films.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("good.png", b"g" * 50)
        archive.writestr("bad.png", b"b" * 50)
    packed = bytearray(path.read_bytes())
    packed[packed.index(b"b" * 50)] = 0  # its checksum no longer holds
    path.write_bytes(packed)
    found = {each.name: each for each in take_in(tree, store, Settings())}
    assert (found["good"].code, found["bad"].code) == ("", "unsafe-archive")
    assert str(store.folder) not in found["bad"].message
    assert files_of(store, found["good"].id) == ["films/good.png"]
    assert files_of(store, found["bad"].id) == []


def test_what_holds_no_image_is_one_refused_study(store, tree):
    for name in ("a.txt", "b.csv"):
        (tree / name).write_text("x")
    (found,) = take_in(tree, store, Settings())
    assert (found.name, found.code) == ("2 files", "read-error")
    assert files_of(store, found.id) == ["a.txt", "b.csv"]
    assert str(store.folder) not in found.message


@pytest.mark.parametrize("identities", [False, True])
def test_who_it_is_goes_into_the_worklist_only_if_wanted(store, tree, film, identities):
    import pydicom

    path = write_dicom(film, tree / "film.dcm")
    header = pydicom.dcmread(path)
    header.PatientID, header.StudyDate = "4711", "20260301"
    header.save_as(path)
    (found,) = take_in(tree, store, Settings(web=WebSettings(identities=identities)))
    if identities:
        assert (found.patient, found.date) == ("4711", date(2026, 3, 1))
    else:
        assert found.patient.startswith("P-")
        assert "4711" not in found.patient
        assert found.date is None

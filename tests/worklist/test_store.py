"""The reader's folder: names that lead nowhere but down, studies that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import WriteError
from hilum.worklist.store import SafePaths, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "reader")


def received(folder: Path, name: str = "film.png", content: bytes = b"pixels") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        ("film.png", "film.png"),
        ("a/b.dcm", "a/b.dcm"),
        ("..\\..\\windows\\x.dcm", "windows/x.dcm"),
        ("../../../etc/passwd", "etc/passwd"),
        ("/home/reader/.ssh/key", "home/reader/ssh/key"),
        ("C:\\films\\a.png", "C_/films/a.png"),
        ("a\r\nSet-Cookie: x.png", "a_Set-Cookie_x.png"),
        ("-rf.png", "rf.png"),
        ("..", "file"),
        ("", "file"),
        ("Müller/é.png", "Müller/é.png"),
    ],
)
def test_a_strangers_path_becomes_a_plain_one(given_, made):
    assert SafePaths().add(given_) == made


def test_no_two_paths_are_one_nor_lead_through_each_other():
    paths = SafePaths()
    made = [paths.add(each) for each in ("a.png", "A.png", "a.png", "a.png/b.png", "x/y.png", "x", "x/y.png/z")]
    assert made == ["a.png", "A-2.png", "a-3.png", "a.png_b.png", "x/y.png", "x-2", "x_y.png_z"]


@given(st.lists(st.text(alphabet=st.sampled_from("ab./\\\x00ü:-_ \ud800"), max_size=12), max_size=8))
def test_whatever_is_given_stays_inside_and_apart(names):
    paths = SafePaths()
    made = [PurePosixPath(paths.add(name)) for name in names]
    assert len({path.as_posix().casefold() for path in made}) == len(made)
    for path in made:
        assert not path.is_absolute()
        assert not any(part.startswith(".") for part in path.parts)
        assert not any(other != path and other in path.parents for other in made)


def test_a_very_long_name_keeps_its_ending():
    made = SafePaths().add("é" * 400 + ".nii.gz")
    assert made.endswith(".nii.gz")
    assert len(made.encode()) <= 120


def test_admitted_files_are_moved_below_upload(store, tmp_path):
    source = received(tmp_path)
    study = store.admit({"deep/film.png": source})
    assert (store.upload(study) / "deep" / "film.png").read_bytes() == b"pixels"
    assert not source.exists()


def test_incoming_is_empty_afterwards_and_what_is_old_in_it_cleared(store):
    with store.incoming() as part:
        (part / "x").write_bytes(b"x")
    assert not part.exists()
    killed, young = store.folder / "incoming" / "killed", store.folder / "incoming" / "young"
    killed.mkdir()
    young.mkdir()
    os.utime(killed, (1e9, 1e9))
    store.clear()
    assert young.exists()
    assert not killed.exists()


@pytest.mark.parametrize("study", ["", "..", "a" * 31, "A" * 32, "a" * 32 + "/..", "../" * 11])
def test_what_is_no_id_names_no_folder(store, study):
    with pytest.raises(ValueError, match="no id of a study"):
        store.path(study)


def test_a_version_counts_when_its_result_is_there(store, tmp_path):
    study = store.admit({"film.png": received(tmp_path)})
    with store.incoming() as part:
        (part / "made").mkdir()
        (part / "made" / "result.json").write_text("{}")
        (part / "made" / "layers").mkdir()
        store.put_version(study, 2, part / "made")
    store.version(study, 3).mkdir()
    assert store.versions(study) == [2]
    assert list(store.files(study, 2)) == ["result.json"]


def test_a_version_of_a_study_that_is_gone_is_not_put(store, tmp_path):
    study = store.admit({"film.png": received(tmp_path)})
    store.remove(study)
    store.remove(study)
    with store.incoming() as part:
        (part / "made").mkdir()
        with pytest.raises(WriteError, match="Cannot write"):
            store.put_version(study, 0, part / "made")
    assert not store.path(study).exists()


def test_bytes_in_use_are_counted_with_what_was_added(store, tmp_path):
    store.admit({"film.png": received(tmp_path, content=b"x" * 1000)})
    assert store.used_bytes() == 1000
    assert store.used_bytes(500) == 1500


def test_the_salt_is_made_once_and_for_the_owner_only(store):
    salt = store.salt()
    assert len(salt) == 32
    assert Store(store.folder).salt() == salt
    assert (store.folder / "salt").stat().st_mode & 0o777 == 0o600

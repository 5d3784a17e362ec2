"""Downloads from a server on this machine: checked, resumed, and told what is wrong."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pooch
import pytest

from hilum.datasets.catalogue import CatalogueEntry
from hilum.datasets.fetch import MANIFEST, PIECE, RemoteFile, fetch, unpack
from hilum.errors import FetchError, MissingExtra, ReadError

from .server import Archive, serving

CONTENT = bytes(range(256)) * 4096 + b"the end"
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Archive({"a.bin": CONTENT})) as served:
        yield served


def entry(archive: Archive, checksum: str = SHA, **facts: object) -> CatalogueEntry:
    files = (RemoteFile("a.bin", f"{archive.url}/a.bin", checksum),)
    return replace(CatalogueEntry("some", "Some", ("CT",), "1", (), "Ask.", home="https://home", files=files), **facts)


def test_a_file_is_fetched_and_remembered(archive: Archive, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    (path,) = fetch(entry(archive), tmp_path / "new" / "folder", progress=lambda *told: seen.append(told))
    assert path == tmp_path / "new" / "folder" / "a.bin"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    assert json.loads((path.parent / MANIFEST).read_text(encoding="utf-8")) == {"files": {"a.bin": SHA}}
    assert {each.name for each in path.parent.iterdir()} == {"a.bin", MANIFEST}


def test_what_is_there_is_not_fetched_again(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    fetch(entry(archive), tmp_path)
    assert archive.asked == []


def test_a_damaged_file_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1])
    (path,) = fetch(entry(archive), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("has_tags", [True, False])
def test_a_broken_download_goes_on_where_it_was(archive: Archive, tmp_path: Path, has_tags: bool) -> None:
    archive.has_tags, archive.breaks_after = has_tags, 100_000
    for run in (1, 2):
        with pytest.raises(FetchError, match="run the same command again") as caught:
            fetch(entry(archive), tmp_path)
        assert f"The {run * PIECE:,} bytes" in str(caught.value)
        assert not (tmp_path / "a.bin").exists()
    archive.breaks_after = None
    (path,) = fetch(entry(archive), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in archive.asked] == ["", f"bytes={PIECE}-", f"bytes={2 * PIECE}-"]
    assert {each.name for each in tmp_path.iterdir()} == {"a.bin", MANIFEST}


def test_a_file_that_changed_meanwhile_is_begun_anew(archive: Archive, tmp_path: Path) -> None:
    archive.breaks_after = 100_000
    with pytest.raises(FetchError):
        fetch(entry(archive, checksum=""), tmp_path)
    archive.files["a.bin"], archive.breaks_after = b"another" * 50_000, None
    (path,) = fetch(entry(archive, checksum=""), tmp_path)
    assert path.read_bytes() == b"another" * 50_000


def test_nothing_is_resumed_that_could_be_another_file(archive: Archive, tmp_path: Path) -> None:
    archive.has_tags, archive.breaks_after = False, 100_000
    with pytest.raises(FetchError):
        fetch(entry(archive, checksum=""), tmp_path)
    archive.breaks_after = None
    fetch(entry(archive, checksum=""), tmp_path)
    assert [wanted for _, wanted in archive.asked] == ["", ""]


def test_a_server_without_ranges_sends_it_all_again(archive: Archive, tmp_path: Path) -> None:
    archive.breaks_after = 100_000
    with pytest.raises(FetchError):
        fetch(entry(archive), tmp_path)
    archive.breaks_after, archive.has_ranges = None, False
    (path,) = fetch(entry(archive), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_taken(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / ".a.bin.part").write_bytes(CONTENT)
    (path,) = fetch(entry(archive), tmp_path)
    assert path.read_bytes() == CONTENT
    assert archive.asked == [("a.bin", f"bytes={len(CONTENT)}-")]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / ".a.bin.part").write_bytes(CONTENT + b"more")
    (path,) = fetch(entry(archive), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_is_told_and_nothing_kept(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="its checksum is not sha256:00"):
        fetch(entry(archive, checksum=f"sha256:{'00' * 32}"), tmp_path)
    assert not (tmp_path / "a.bin").exists()


def test_the_first_download_of_a_file_without_checksum_is_remembered(archive: Archive, tmp_path: Path) -> None:
    fetch(entry(archive, checksum=""), tmp_path)
    (tmp_path / "a.bin").write_bytes(b"changed")
    (path,) = fetch(entry(archive, checksum=""), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_file_that_is_gone_is_told(archive: Archive, tmp_path: Path) -> None:
    archive.files.clear()
    with pytest.raises(FetchError, match=r"/a\.bin answers 404"):
        fetch(entry(archive), tmp_path)


def test_off_line_it_is_told_what_to_do(archive: Archive, tmp_path: Path) -> None:
    nowhere = RemoteFile("a.bin", "http://127.0.0.1:9/a.bin", SHA)
    with pytest.raises(FetchError, match="there is no connection") as caught:
        fetch(entry(archive, files=(nowhere,)), tmp_path)
    for word in ("http://127.0.0.1:9/a.bin", "HTTPS_PROXY", "put it into the folder"):
        assert word in str(caught.value)


def test_a_set_without_public_files_tells_where_it_is(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"Hilum cannot fetch it\. Ask\. \(home: https://home\)"):
        fetch(entry(archive, files=()), tmp_path)


@pytest.fixture
def zenodo(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """The archive stands in for Zenodo."""
    monkeypatch.setattr(pooch.downloaders, "doi_to_url", lambda doi, **_: f"https://zenodo.org/records/{doi[-1]}")
    monkeypatch.setattr(pooch.downloaders.ZenodoRepository, "base_api_url", f"{archive.url}/api")
    archive.files["b.bin"] = b"b"
    return archive


def test_files_of_a_doi_come_with_the_checksums_of_the_archive(zenodo: Archive, tmp_path: Path) -> None:
    paths = fetch(entry(zenodo, files=(), archive_doi="10.5281/zenodo.1"), tmp_path)
    assert [path.read_bytes() for path in paths] == [CONTENT, b"b"]
    zenodo.asked.clear()
    fetch(entry(zenodo, files=(), archive_doi="10.5281/zenodo.1"), tmp_path)
    assert zenodo.asked == [("api/1", "")]


def test_some_files_of_a_doi(zenodo: Archive, tmp_path: Path) -> None:
    (path,) = fetch(entry(zenodo, files=(), archive_doi="10.5281/zenodo.1", archive_files=("b.bin",)), tmp_path)
    assert path.name == "b.bin"
    with pytest.raises(FetchError, match="answers otherwise"):
        fetch(entry(zenodo, files=(), archive_doi="10.5281/zenodo.1", archive_files=("c.bin",)), tmp_path)


def test_a_doi_off_line(zenodo: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooch.downloaders.ZenodoRepository, "base_api_url", "http://127.0.0.1:9/api")
    with pytest.raises(FetchError, match=r"Cannot fetch https://doi\.org/10\.5281/zenodo\.1: there is no connection"):
        fetch(entry(zenodo, files=(), archive_doi="10.5281/zenodo.1"), tmp_path)


@pytest.mark.parametrize("name", ["../a", "a/b", "", "..", "a\\b"])
def test_no_file_leaves_its_folder(name: str) -> None:
    with pytest.raises(ReadError, match="not the name of a file"):
        RemoteFile(name, "https://x")


def test_a_folder_that_is_a_file(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    with pytest.raises(FetchError, match="Cannot write"):
        fetch(entry(archive), tmp_path / "here")


def test_what_is_remembered_may_be_damaged(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("[]", encoding="utf-8")
    with pytest.raises(ReadError, match="Remove it to fetch anew"):
        fetch(entry(archive), tmp_path)


def test_without_the_extra(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtra, match=r"hilum\[data\]"):
        fetch(entry(archive), tmp_path)


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_zip_files_are_unpacked_once(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(**{"in/x.txt": "x", "../../out.txt": "y"}))
    (tmp_path / "b.bin").touch()
    assert unpack([tmp_path / "a.zip", tmp_path / "b.bin"]) == (tmp_path / "a",)
    assert (tmp_path / "a" / "in" / "x.txt").read_text(encoding="utf-8") == "x"
    assert not (tmp_path.parent / "out.txt").exists()
    (tmp_path / "a" / "in" / "x.txt").write_text("mine", encoding="utf-8")
    unpack([tmp_path / "a.zip"])
    assert (tmp_path / "a" / "in" / "x.txt").read_text(encoding="utf-8") == "mine"


def test_a_broken_zip_file_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(x="x" * 1000)[:-10])
    with pytest.raises(FetchError, match="Cannot unpack"):
        unpack([tmp_path / "a.zip"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]

"""Cases behind URLs: found, fetched when they are worked on, gone from this disk after."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hilum.batch import local, remote
from hilum.batch.inputs import cohort_of, place_of, stamp_of
from hilum.batch.local import Outcome, each_outcome
from hilum.batch.remote import RemoteEntry, fetched, is_url
from hilum.batch.sizing import is_likely_volume
from hilum.errors import MissingExtra, NotAnImage, ReadError
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom.dicom_series import write_series
from hilum.provenance import Source
from hilum.settings import ReadSettings, RuntimeSettings, Settings
from hilum.writers.png import encode_png

fsspec: Any = pytest.importorskip("fsspec", reason="needs the extra 'cluster'")

SETTINGS = Settings(runtime=RuntimeSettings(workers=2))
FILM = encode_png(np.arange(91 * 97, dtype=np.uint16).reshape(91, 97), is_picture=False)


@pytest.fixture
def store() -> Iterator[Any]:
    """A storage in memory, with films, a table and results in a folder."""
    made = fsspec.filesystem("memory")
    made.pipe({f"/films/{name}": FILM for name in ("a.png", "deep/b.png", "deep/c.jpg", "notes.txt")})
    made.pipe({"/films/done/result.json": b"{}", "/films/done/overlay.png": FILM})
    yield made
    made.store.clear()
    made.pseudo_dirs[:] = [""]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where cases are fetched to."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def urls(*given: object) -> list[str]:
    return [place_of(entry) for entry in cohort_of(list(map(str, given)), SETTINGS).entries]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("s3://bucket/a.png", True),
        ("gs://bucket/*", True),
        ("films/a.png", False),
        ("C:\\films", False),
        ("c://films", False),
        ("://a", False),
    ],
)
def test_what_is_a_url(given: str, expected: bool) -> None:
    assert is_url(given) is expected


def test_folders_files_and_patterns(store: Any) -> None:
    cohort = cohort_of(["memory://films"], SETTINGS)
    found = {entry.name: place_of(entry) for entry in cohort.entries}
    assert found == {name: f"memory:///films/{path}" for name, path in zip("abc", PATHS, strict=True)}
    assert cohort.left_out == 2
    assert urls("memory://films/deep/*.png", "memory:///films/a.png") == [
        "memory:///films/a.png",
        "memory:///films/deep/b.png",
    ]


PATHS = ("a.png", "deep/b.png", "deep/c.jpg")


def test_urls_and_paths_in_one_list(store: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(FILM)
    table = tmp_path / "list.csv"
    table.write_text("path,site\na.png,Ulm\nmemory://films/a.png,Bonn\nmemory://films/gone.png,Jena\n")
    cohort = cohort_of([table], SETTINGS)
    sites = {place_of(entry): cohort.groups[entry.name]["site"] for entry in cohort.entries}
    assert sites == {str(tmp_path / "a.png"): "Ulm", "memory://films/a.png": "Bonn", "memory://films/gone.png": "Jena"}
    assert len({entry.name for entry in cohort.entries}) == 3
    assert stamp_of(cohort.entries[2]) == ""


def test_no_url_of_a_list_leads_out_of_its_temporary_folder(store: Any, tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "films" / "deep").mkdir(parents=True)
    (tmp_path / "films" / "a.png").write_bytes(FILM)
    table = tmp_path / "list.csv"
    table.write_text(f"path\nfile://{tmp_path}/films/deep/../\nmemory://\n")
    up, nothing = sorted(cohort_of([table], SETTINGS).entries, key=place_of)
    with fetched(up) as here:
        assert here.path.read_bytes() == FILM
        assert [len(path.relative_to(temporary).parts) for path in temporary.rglob("*.png")] == [3]
    with pytest.raises(ReadError, match="holds 4 films or scans"), fetched(nothing):
        pass
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("by_content", [False, True])
def test_the_stamp_changes_with_the_file(store: Any, by_content: bool) -> None:
    def stamp() -> str:
        (entry,) = cohort_of(["memory://films/a.png"], SETTINGS).entries
        return stamp_of(entry, by_content=by_content)

    before = stamp()
    assert before == stamp() != ""
    store.pipe("/films/a.png", FILM[:-1] + b"x")
    assert stamp() != before


def test_a_file_is_there_while_it_is_worked_on(store: Any, temporary: Path) -> None:
    (entry,) = cohort_of(["memory://films/deep/b.png"], SETTINGS).entries
    with fetched(entry) as here:
        assert here.name == entry.name
        assert here.path.name == "b.png"
        assert here.open().array.shape == (91, 97)
        assert [path.name for path in temporary.rglob("*.png")] == ["b.png"]
    assert not list(temporary.iterdir())


def test_the_other_ways_to_storages(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(FILM)
    (entry,) = cohort_of([f"file://{tmp_path}/films"], SETTINGS).entries
    assert (entry.name, place_of(entry)) == ("a", f"file://{tmp_path}/films/a.png")
    with fetched(entry) as here:
        assert here.path.parent != tmp_path / "films"
        assert here.path.read_bytes() == FILM


def write_ct(folder: Path) -> Image:
    grid = VolumeGrid.of_spacing((7, 64, 65), (2, 3, 3))
    noise = np.random.default_rng(7).integers(-1000, 400, grid.shape).astype(np.float32)
    image = Image(noise, grid, Quantity.HOUNSFIELD, Source("phantom", "0" * 64))
    write_series(image, folder)
    return image


def test_a_folder_or_a_zip_file_of_slices_is_one_case(store: Any, tmp_path: Path) -> None:
    image = write_ct(tmp_path / "ct")
    store.put(str(tmp_path / "ct"), "/cts/first/", recursive=True)
    with zipfile.ZipFile(tmp_path / "second.zip", "w") as file:
        for path in (tmp_path / "ct").iterdir():
            file.write(path, path.name)
    store.put(str(tmp_path / "second.zip"), "/cts/second.zip")
    entries = cohort_of(["memory://cts/*/", "memory://cts/*.zip"], SETTINGS).entries
    assert [place_of(entry) for entry in entries] == ["memory:///cts/first/", "memory:///cts/second.zip"]
    assert [is_likely_volume(entry) for entry in entries] == [True, False]
    for entry in entries:
        with fetched(entry) as here:
            assert np.array_equal(here.open().array, image.array)
    assert stamp_of(entries[0], by_content=True) == stamp_of(entries[0], by_content=True) != stamp_of(entries[0])


def test_messages_speak_of_the_url(store: Any) -> None:
    store.pipe({"/films/a.png": FILM[:200], "/films/two.zip": b""})
    with store.open("/films/two.zip", "wb") as file, zipfile.ZipFile(file, "w") as made:
        made.writestr("a.png", FILM)
        made.writestr("b.png", FILM)
    entries = cohort_of(["memory://films/a.png", "memory://films/two.zip"], SETTINGS).entries
    with pytest.raises(NotAnImage, match=r"Cannot read 'memory:///?films/a\.png'"), fetched(entries[0]) as here:
        here.open()
    with pytest.raises(ReadError, match=r"'memory:///?films/two\.zip' holds 2 films"), fetched(entries[1]):
        pass


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://films/none.png", "There is nothing at 'memory://films/none.png'"),
        ("memory://films/*.gif", "There is nothing at"),
        ("memorie://films", "Did you mean 'memory'"),
        ("gdrive://films", "its package is not installed"),
    ],
)
def test_what_cannot_be_read(store: Any, url: str, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        urls(url)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtra, match=r"hilum\[cluster\]"):
        urls("memory://films")


def test_a_storage_that_fails_is_an_error_of_the_case(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = cohort_of(["memory://films/a.png"], SETTINGS).entries

    def get_file(*_: object) -> None:
        raise RuntimeError("SlowDown: reduce your request rate")

    monkeypatch.setattr(type(store), "get_file", get_file)
    with pytest.raises(ReadError, match="SlowDown"), fetched(entry):
        pass


def test_a_full_disk_is_found_out_before(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = cohort_of(["memory://films/a.png"], SETTINGS).entries
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=7))
    with pytest.raises(ReadError, match="free for temporary files"), fetched(entry):
        pass


def test_a_file_that_leads_out_of_its_folder_is_not_written(store: Any) -> None:
    entry = RemoteEntry("a", "memory://films/", "1", ReadSettings())
    with pytest.raises(ReadError, match="leads out"):
        remote._inside(entry, "/deep/../../up.png")


def test_some_fetch_while_the_others_compute_and_the_disk_stays_small(
    store: Any, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.pipe({f"/many/{number:02}.png": FILM for number in range(23)})
    lock, computing, most, on_disk = threading.Lock(), 0, 0, 0
    together, numbers, until = threading.Barrier(2), itertools.count(), time.monotonic() + 60

    def analyse(image: Any, **_: object) -> Any:
        nonlocal computing, most, on_disk
        with lock:
            computing += 1
            most = max(most, computing)
        if next(numbers) < 2:  # the first two compute until a third is fetched
            together.wait(60)
            while len(list(temporary.iterdir())) <= 2 and time.monotonic() < until:
                time.sleep(0.002)
        with lock:
            on_disk = max(on_disk, len(list(temporary.iterdir())))
            computing -= 1
        return SimpleNamespace(scores={}, findings=())

    monkeypatch.setattr(local, "open_networks", lambda settings, many: None)
    monkeypatch.setattr(local, "analyse", analyse)
    monkeypatch.setattr(local, "write_case", lambda *_, source: tmp_path)
    entries = cohort_of(["memory://many"], SETTINGS).entries
    assert isinstance(entries[0], RemoteEntry)
    found: dict[int, Outcome] = {}
    outcomes = list(each_outcome(entries, tmp_path, SETTINGS, record=found.__setitem__))
    assert [outcome.source for outcome in outcomes] == [f"memory:///many/{number:02}.png" for number in range(23)]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert most == 2
    assert 2 < on_disk <= 2 * local.AHEAD
    assert not list(temporary.iterdir())

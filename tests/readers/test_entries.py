"""What is found below paths, and how cases are named."""

from __future__ import annotations

import io
import os
import pickle
import random
import string
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import NotAnImage, ReadError, UnsafeArchive, UnsupportedFormat
from hilum.readers import Entry, find, read
from hilum.readers.spots import Spot, _safe
from hilum.readers.spots import names as names_of


def names(paths):
    return [entry.name for entry in find(paths)]


def zipped(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def film(made):
    return made.saved(made.ramp(), "PNG")


@pytest.fixture
def tree(put, film, tmp_path):
    """A folder as people keep them."""
    for name in ("b/2.png", "b/1.png", "a.dcm", "IM0001", "masks/a.png", "mask/a.png", "odd.xyz"):
        put(f"films/{name}", film)
    for name in (".hidden.png", ".git/x.png", "__MACOSX/._a.png", "cases.csv", "notes.TXT", "DICOMDIR", "Thumbs.db"):
        put(f"films/{name}", b"not a film")
    put("films/pack.zip", zipped({"c/3.png": film, "__MACOSX/._3.png": b"x", "read.me.md": b"x"}))
    return tmp_path / "films"


def test_a_folder_is_searched_to_the_bottom(tree):
    assert names([tree]) == ["IM0001", "a", "odd.xyz", "pack-c-3", "b-1", "b-2", "mask-a", "masks-a"]


def test_entries_open(tree, made):
    for entry in find([tree]):
        assert np.array_equal(entry.open().array, made.ramp())


def test_what_is_given_by_name_is_always_an_entry(put):
    path = put("notes.txt", b"not a film")
    (entry,) = find([path])
    with pytest.raises(UnsupportedFormat, match=r"text, not an image"):
        entry.open()


def test_the_order_is_that_of_the_paths_and_names_do_not_depend_on_it(tree, put, film):
    single = put("films2/z.png", film)
    there, back = list(find([tree, single])), list(find([single, tree]))
    assert there[-1].path == back[0].path == single
    assert {entry.path: entry.name for entry in there if not entry.member} == {
        entry.path: entry.name for entry in back if not entry.member
    }


def test_a_file_that_is_reached_twice_is_one_entry(tree):
    once = names([tree])
    assert names([tree, tree]) == once
    assert names([tree, tree / "b"]) == once
    assert sorted(names([tree / "b" / "1.png", tree])) == sorted(once)


def test_a_link_to_a_file_is_that_file(tree):
    (tree / "again.png").symlink_to(tree / "a.dcm")
    assert len(names([tree])) == 8


def test_a_link_that_leads_nowhere_is_reported(tree):
    (tree / "gone.png").symlink_to(tree / "nothing.png")
    (entry,) = [entry for entry in find([tree]) if entry.name == "gone"]
    with pytest.raises(ReadError, match=r"There is no file"):
        entry.open()


def test_links_to_folders_are_followed_once(put, film, tmp_path):
    put("far/study/a.png", film)
    put("here/b.png", film)
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "far" / "study")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "far" / "study")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    (tmp_path / "far" / "study" / "back").symlink_to(tmp_path / "here")
    assert names([tmp_path / "here"]) == ["b", "again-a"]


def test_a_pipe_does_not_keep_us_waiting(tree):
    os.mkfifo(tree / "pipe.png")
    assert "pipe" not in names([tree])


def test_entries_can_be_sent_to_another_process(tree):
    entries = list(find([tree]))
    assert pickle.loads(pickle.dumps(entries)) == entries


@pytest.mark.parametrize("kind", ["broken", "bomb", "empty"])
def test_a_zip_file_that_may_not_be_opened_is_an_entry_that_says_so(put, film, tmp_path, kind):
    put("films/a.png", film)
    data = {
        "broken": zipped({"a.png": film})[:-40],
        "bomb": zipped({"../a.png": film}),
        "empty": zipped({"a.txt": b""}),
    }
    put("films/pack.zip", data[kind])
    good, bad = find([tmp_path / "films"])
    assert good.open().array.shape == (37, 53)
    assert bad.member is None
    with pytest.raises({"broken": ReadError, "bomb": UnsafeArchive, "empty": NotAnImage}[kind], match=r"pack.zip"):
        bad.open()


def test_paths_that_do_not_exist(tree):
    with pytest.raises(ReadError, match=r"There is no file or folder '.*nowhere'. Check the path") as caught:
        find([tree, tree / "nowhere"])
    assert caught.value.path == tree / "nowhere"


def test_one_path_in_place_of_several(tree):
    with pytest.raises(TypeError, match=r"takes a list of paths"):
        find(str(tree))
    with pytest.raises(TypeError, match=r"takes a list of paths"):
        find(tree)


@pytest.mark.parametrize("content", [{}, {"cases.csv": b"x"}, {".hidden.png": b"x"}])
def test_a_folder_without_images(put, tmp_path, content):
    (tmp_path / "films").mkdir()
    for name, data in content.items():
        put(f"films/{name}", data)
    with pytest.raises(ReadError, match=r"The folder '.*films' holds no images. Films are read from PNG, JPEG, TIFF"):
        find([tmp_path / "films"])


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tree, monkeypatch):
    real = os.scandir

    def scandir(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ReadError, match=r"Cannot list the folder '.*b': Permission denied"):
        find([tree])


# Reading one film


def test_read_takes_a_file_a_folder_or_a_zip_file_with_one_film(put, film, made, tmp_path):
    path = put("one/a.png", film)
    pack = put("pack.zip", zipped({"x/a.png": film}))
    for way in (path, str(path), tmp_path / "one", pack):
        assert np.array_equal(read(way).array, made.ramp())


def test_read_does_not_choose(put, film, tmp_path):
    put("two/a.png", film)
    put("two/b.png", film)
    with pytest.raises(ReadError, match=r"'.*two' holds 2 films or scans, and one is wanted. Name one of them"):
        read(tmp_path / "two")
    with pytest.raises(ReadError, match=r"holds 2 films or scans"):
        read(put("two.zip", zipped({"a.png": film, "b.png": film})))


def test_a_file_that_may_not_be_read(put, film, monkeypatch):
    def refuse(self, *arguments):
        raise PermissionError(13, "Permission denied", str(self))

    path = put("a.png", film)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ReadError, match=r"Cannot open '.*a.png': Permission denied. Check that you may read it"):
        read(path)


# Names


def spots(*paths):
    return [Spot(Path("/data") / root / path, None, root, tuple(path.split("/"))) for root, path in paths]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([("r", "a.png"), ("r", "b.png")], ["a", "b"]),
        ([("r", "a.png"), ("r", "a.jpg")], ["a-png", "a-jpg"]),
        ([("r", "a.png"), ("s", "a.png")], ["r-a", "s-a"]),
        ([("r", "x/a.png"), ("s", "x/a.png")], ["r-x-a", "s-x-a"]),
        ([("r", "a/b.png"), ("r", "c/b.png")], ["a-b", "c-b"]),
        ([("r", "1.2.840.113619")], ["1.2.840.113619"]),
        ([("r", "1.2.840.113619.dcm")], ["1.2.840.113619"]),
        ([("r", "con.png"), ("r", "lpt1")], ["film-con", "film-lpt1"]),
        ([("r", "a b (1).png"), ("r", "...png")], ["a_b_1", "film"]),
        ([("r", "größe.png")], ["größe"]),
        ([("r", "film \udcff.png")], ["film"]),
    ],
)
def test_the_plainest_name_that_is_free(paths, expected):
    assert names_of(spots(*paths)) == expected


def test_names_that_differ_by_case_alone_differ_by_more():
    made = names_of(spots(("r", "A.png"), ("r", "a.png")))
    assert len({name.casefold() for name in made}) == 2


PART = st.text(alphabet=string.ascii_letters[:6] + "-_. ü", min_size=1, max_size=4)
PATH = st.tuples(
    st.sampled_from(["r", "s"]),
    st.lists(PART, min_size=1, max_size=3).map("/".join),
    st.sampled_from([".png", ".jpg", ""]),
)


@settings(max_examples=80)
@given(st.lists(PATH.map(lambda parts: (parts[0], parts[1] + parts[2])), unique=True, max_size=12), st.randoms())
def test_names_are_unique_safe_and_independent_of_order(paths, shuffler: random.Random):
    paths = [(root, path) for root, path in paths if not set(path.split("/")) & {".", "..", ""}]
    made = dict(zip(paths, names_of(spots(*paths)), strict=True))
    assert len({name.casefold() for name in made.values()}) == len(made)
    for name in made.values():
        assert name
        assert not set(name) & set('/\\:*?"<>| ')
        assert not name.startswith(".")
    shuffled = list(paths)
    shuffler.shuffle(shuffled)
    assert dict(zip(shuffled, names_of(spots(*shuffled)), strict=True)) == made


@given(st.text(max_size=300))
def test_safe_names_are_short_and_stay_as_they_are(text):
    name = _safe(text)
    assert 0 < len(name.encode()) <= 125
    assert "/" not in name
    assert name not in (".", "..")


def test_long_names_that_begin_alike_stay_apart():
    assert _safe("x" * 200 + "a") != _safe("x" * 200 + "b")


def test_an_entry_shows_what_it_is():
    assert repr(Entry("a", Path("a.png"))) == f"Entry(name='a', path={Path('a.png')!r}, member=None)"

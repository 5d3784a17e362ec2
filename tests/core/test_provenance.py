"""What made what from what, and its digest."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.provenance import DicomUids, ModelRef, Source, Step, digest, hash_file, sources, walk

FILM = Source("film.png", "a" * 64)
MODEL = ModelRef("lungs", "1.0", "b" * 64)
LUNGS = Step("segment-lungs", {"threshold": 0.5}, (FILM,), MODEL)
LESIONS = Step("segment-lesions", {}, (FILM, LUNGS))
SCORE = Step("score", {"rule": "area"}, (LUNGS, LESIONS))


def test_json_holds_everything():
    assert LUNGS.as_json() == {
        "operation": "segment-lungs",
        "settings": {"threshold": 0.5},
        "inputs": [{"name": "film.png", "sha256": "a" * 64}],
        "model": {"name": "lungs", "version": "1.0", "sha256": "b" * 64},
    }
    assert "model" not in SCORE.as_json()
    assert json.loads(json.dumps(SCORE.as_json())) == SCORE.as_json()


def test_json_of_a_dicom_source():
    source = Source("a.dcm", "c" * 64, DicomUids("1", "1.2", ("1.2.3",)))
    assert source.as_json()["dicom"] == {"study": "1", "series": "1.2", "instances": ["1.2.3"]}


def test_each_node_comes_once_and_after_what_it_was_made_from():
    nodes = list(walk(SCORE))
    assert nodes == [FILM, LUNGS, LESIONS, SCORE]


def test_equal_nodes_that_are_not_one_object_come_once():
    twin = Source("film.png", "a" * 64)
    assert list(walk(Step("compare", {}, (FILM, twin)))) == [FILM, Step("compare", {}, (FILM, twin))]


def test_sources():
    other = Source("other.png", "d" * 64)
    assert sources(Step("compare", {}, (SCORE, other))) == (FILM, other)
    assert sources(FILM) == (FILM,)


CHANGED = [
    Step("segment-lung", {"threshold": 0.5}, (FILM,), MODEL),
    Step("segment-lungs", {"threshold": 0.6}, (FILM,), MODEL),
    Step("segment-lungs", {"threshold": 0.5}, (FILM, FILM), MODEL),
    Step("segment-lungs", {"threshold": 0.5}, (FILM,), ModelRef("lungs", "1.1", "b" * 64)),
    Step("segment-lungs", {"threshold": 0.5}, (Source("film.png", "e" * 64),), MODEL),
    Step("segment-lungs", {"threshold": 0.5}, (FILM,)),
]


@pytest.mark.parametrize("changed", CHANGED)
def test_the_digest_changes_with_anything(changed):
    assert digest(changed) != digest(LUNGS)


def test_the_digest_of_a_known_source_stays_the_same():
    canonical = '{"name":"film.png","sha256":"' + "a" * 64 + '"}'
    assert digest(FILM) == hashlib.sha256(canonical.encode()).hexdigest()


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=6), st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_settings(settings, shuffler):
    items = list(settings.items())
    shuffler.shuffle(items)
    assert digest(Step("a", dict(items))) == digest(Step("a", settings))


@given(st.binary(max_size=1000))
def test_a_files_hash_is_that_of_its_bytes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(data)
    assert hash_file(path) == hashlib.sha256(data).hexdigest()


def test_names_that_are_not_unicode_have_digests_of_their_own():
    names = (b"film-\xe9.png".decode(errors="surrogateescape"), b"film-\xe8.png".decode(errors="surrogateescape"))
    assert len({digest(Source(name, "a" * 64)) for name in names}) == 2
    assert (
        digest(Source("é.png", "a" * 64))
        == hashlib.sha256(('{"name":"é.png","sha256":"' + "a" * 64 + '"}').encode()).hexdigest()
    )
